"""From scene folders to batches: truth that fits the picture, draws of seed and step alone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from disc_scene import GREEN, GREY, disc_behind_bar

torch = pytest.importorskip("torch")

from segan_ros.boxes import Roi  # noqa: E402
from segan_ros.masks.noise import MaskNoise  # noqa: E402
from segan_ros.model.segan import SPECS  # noqa: E402
from segan_ros.scoring.metrics import least_overlap  # noqa: E402
from segan_ros.storage.photographs import photograph_part, read_photographs  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training.augment import (  # noqa: E402
    PASTED,
    Cutout,
    View,
    augmented,
    on_photograph,
    with_depth_of_a_camera,
    with_errors,
)
from segan_ros.training.config import Augmentation, Config, Data, ModelChoice, Stage  # noqa: E402
from segan_ros.training.data import Batch, Batches, jittered, order  # noqa: E402
from segan_ros.training.library import Library  # noqa: E402

pytestmark = pytest.mark.torch

NONE = Augmentation(0, 0, 0, 0, 0, 0, (0.5, 0.5))


@pytest.fixture
def scenes(tmp_path):
    for i, centre in enumerate([(80, 60), (70, 50), (100, 70)]):
        write_scene(tmp_path / f"{i:03d}", disc_behind_bar(centre=centre))
    return tmp_path


def batches(folder, chances=NONE, size="tabletop", trains="joint", batch=4, *, photographs=""):
    config = Config(
        "toy",
        "out",
        Data((str(folder),), str(folder)),
        (Stage(trains, 5, batch, 1e-3),),
        model=ModelChoice(size),
        augmentation=chances,
    )
    side = 58 if size == "paper" else 96
    library = Library([str(folder)], photographs=photographs)
    return Batches(library, config, 0, SPECS[size], (side, side))


def arrays(dataset, step=0):
    return Batch(*(part.numpy() for part in dataset[step]))


def test_library_knows_what_is_hidden_and_what_has_neighbours(scenes):
    library = Library([str(scenes)])
    assert len(library.subjects) == 9
    assert {library.subjects[i].id for i in library.occluded} == {1}
    assert {library.subjects[i].id for i in library.clear} == {2}


def test_library_can_be_cut_to_the_first_scenes(scenes):
    assert len(Library([str(scenes)], limit=2).pictures) == 2


def test_objects_without_trusted_truth_are_not_learned_from(tmp_path):
    scene = disc_behind_bar()
    objects = (*scene.objects[:2], replace(scene.objects[2], scored=False))
    write_scene(tmp_path / "a", replace(scene, objects=objects))
    library = Library([str(tmp_path)])
    assert [s.id for s in library.subjects] == [1, 2]
    assert library.subjects[0].occluders == {2}


def test_folder_without_truth_is_refused(tmp_path):
    write_scene(tmp_path / "000", replace(disc_behind_bar(), objects=()))
    with pytest.raises(ValueError, match="no object with a true whole mask"):
        Library([str(tmp_path)])


def test_batch_is_a_function_of_seed_and_step(scenes):
    dataset = batches(scenes, Augmentation(warp=0.5))
    again = batches(scenes, Augmentation(warp=0.5))
    assert all(
        np.array_equal(a, b) for a, b in zip(arrays(dataset, 3), arrays(again, 3), strict=True)
    )
    assert not torch.equal(dataset[3].planes, dataset[4].planes)
    other = batches(scenes, Augmentation(warp=0.5))
    other.config = replace(other.config, seed=2)
    assert not torch.equal(dataset[3].planes, other[3].planes)


def test_segmentors_truth_lies_where_the_picture_shows_it(scenes):
    batch = arrays(batches(scenes))
    assert batch.planes.shape == (4, 8, 96, 96)
    assert batch.whole.shape == batch.visible.shape == batch.others.shape == (4, 1, 96, 96)
    assert np.abs(batch.planes[:, 3:4] - batch.visible).max() < 1e-6
    hidden = (batch.whole > 0.99) & (batch.visible < 0.01)
    assert hidden.sum() > 100
    assert batch.others[hidden].min() > 0.99
    colours = batch.planes[:, :3].transpose(0, 2, 3, 1)[batch.visible[:, 0] > 0.99]
    distance = np.abs(colours[:, None] * 255 - np.array([GREEN, GREY])).max(-1)
    assert distance.min(1).max() <= 1 and distance.min(0).max() <= 1


def test_order_tells_of_each_object_around_whether_it_hides_the_subject(scenes):
    """The bar hides the disc, nothing hides the bar; each weighs one, however large."""
    dataset = batches(scenes)
    for i, subject in enumerate(dataset.library.subjects):
        sample = Batch(*dataset.sample(i, np.random.default_rng(0)))
        over, other = sample.order[sample.order > 0], sample.order[sample.order < 0]
        assert subject.occluders == ({2} if subject.id == 1 else set())
        if subject.id == 1:
            assert over.sum() == pytest.approx(1) and (sample.others[sample.order > 0] > 0).all()
        elif subject.id == 2:
            around = -float(other.sum())
            assert len(over) == 0 and around >= 0.99 and around == pytest.approx(round(around))


def test_order_leaves_out_labels_that_a_segmenter_made_up():
    before = replace(view(), occluders=frozenset({2}))
    before.labels[:10, :10] = 77
    known = order(before, {1, 2, 3}, before.labels.shape)
    assert (known[:10, :10] == 0).all() and (known[before.labels == 1] == 0).all()
    assert (known[before.labels == 2] == np.float32(1 / (before.labels == 2).sum())).all()
    assert order(before, {1, 2, 3, 77}, before.labels.shape)[0, 0] == -np.float32(1 / 100)


def test_refiner_learns_the_mask_that_a_segmenter_should_have_given(scenes):
    spoil = replace(NONE, noisy_masks=1, mask_noise=MaskNoise().only("ragged").scaled(3))
    batch = arrays(batches(scenes, spoil, trains="refiner"))
    true = arrays(batches(scenes, NONE, trains="segmentor"))
    assert np.abs(batch.whole - batch.visible).max() == 1
    assert (np.abs(batch.visible - true.visible) > 0.5).sum() > 50  # the ROI alone stays alike
    assert batch.picture.size == 0
    clean = arrays(batches(scenes, NONE, trains="refiner"))
    assert np.array_equal(clean.whole, clean.visible)


def test_painters_target_is_the_whole_object_over_blue(scenes):
    batch = arrays(batches(scenes, trains="painter"))
    assert batch.target.shape == batch.picture.shape == (4, 3, *SPECS["tabletop"].painter.size)
    target = (batch.target * 255).round().astype(int).transpose(0, 2, 3, 1)
    assert set(map(tuple, target[batch.full[:, 0] == 1])) == {GREEN}
    assert set(map(tuple, target[batch.full[:, 0] == 0])) == {(0, 0, 255)}


def test_painters_may_learn_the_object_in_the_light_of_the_picture(scenes, tmp_path):
    """The lone render of the disc is twice as bright as the disc in the pile."""
    scene = disc_behind_bar()
    lone = tuple(replace(o, appearance=o.appearance // 2 * 3) for o in scene.objects)
    write_scene(tmp_path / "0", replace(scene, objects=lone))
    library = Library([str(tmp_path)], light="picture")
    whole, appearance = library.alone(library.subjects[0])
    assert np.abs(appearance[whole].astype(int) - GREEN).max() <= 2
    library = Library([str(tmp_path)])
    assert np.array_equal(library.alone(library.subjects[0])[1], lone[0].appearance)


def test_painters_target_has_no_colour_from_outside_at_its_border(scenes):
    """Colours at a border are the object's and the ground's of Eq. 1, by share, and no others."""
    for chances in (NONE, replace(NONE, warp=1.0)):
        batch = arrays(batches(scenes, chances, trains="painter"))
        full = batch.full[:, 0]
        border = (full > 0.2) & (full < 0.8)
        assert border.sum() > 100
        colours = batch.target.transpose(0, 2, 3, 1)[border]
        colours[:, 2] -= 1 - full[border]
        colours *= 255 / full[border][:, None]
        distance = np.abs(colours[:, None] - np.array([GREEN, GREY])).max(-1).min(1)
        assert np.percentile(distance, 90) < 12


def test_what_a_segmenter_adds_to_an_object_is_wanted_as_it_is_seen(scenes, monkeypatch):
    def widened(view, *_):
        labels = view.labels.copy()
        labels[cv2.dilate((labels == view.id).astype(np.uint8), np.ones((9, 9))) > 0] = view.id
        return replace(view, labels=labels)

    monkeypatch.setattr("segan_ros.training.data.with_errors", widened)
    batch = arrays(batches(scenes, trains="painter"))
    seen = (batch.seen[:, 0] > 0.999) & (np.abs(batch.picture - 120 / 255).max(1) > 0.01)
    wanted, picture = (a.transpose(0, 2, 3, 1)[seen] for a in (batch.target, batch.picture))
    added = np.abs(picture - 60 / 255).max(1) < 0.01
    assert np.count_nonzero(added) > 200
    assert np.abs(wanted - picture)[added].max() < 0.02


def test_what_an_unlabelled_occluder_hid_goes_when_a_photograph_takes_its_place():
    view = View(
        np.zeros((20, 20, 3), np.uint8),
        np.repeat([[1], [0]], 10, axis=0).repeat(20, axis=1).astype(np.uint16),
        np.ones((20, 20), bool),
        np.zeros((20, 20, 3), np.uint8),
        1,
    )
    changed = on_photograph(view, np.full((20, 20, 3), 99, np.uint8))
    assert changed.whole[:10].all() and not changed.whole[10:].any()


def test_order_is_not_taught_where_masks_do_not_lie_as_the_truth_has_them(scenes):
    dataset = batches(scenes)
    (index,) = [i for i, s in enumerate(dataset.library.subjects) if s.id == 1][:1]
    _, view, _ = dataset.drawn(index, np.random.default_rng(0))
    taught = order(view, {1, 2, 3}, (96, 96))
    assert taught.max() > 0
    # A segmenter gives the occluder's pixels to the disc far away.
    merged = replace(view, labels=np.where(view.labels == 2, 3, view.labels).astype(np.uint16))
    assert not order(merged, {1, 2, 3}, (96, 96)).any()
    # Something else lies over all that the occluder hid.
    labels = np.where(view.whole & (view.labels == 2), 3, view.labels).astype(np.uint16)
    covered = order(replace(view, labels=labels), {1, 2, 3}, (96, 96))
    assert not covered.any()


def test_painter_alone_gets_nothing_of_the_segmentors(scenes):
    batch = arrays(batches(scenes, trains="painter"))
    assert batch.planes.size == batch.whole.size == batch.order.size == 0
    assert batch.target.shape == (4, 3, *SPECS["tabletop"].painter.size)


def test_painter_alone_looks_at_the_whole_object_and_little_else(scenes):
    alone = arrays(batches(scenes, trains="painter"))
    both = arrays(batches(scenes, trains="joint"))
    assert alone.full.mean((1, 2, 3)).min() > 0.3
    assert both.full.mean((1, 2, 3)).max() < 0.3
    edges = [alone.full[:, 0, 0], alone.full[:, 0, -1], alone.full[:, 0, :, 0], alone.full[..., -1]]
    assert all((edge == 0).all() for edge in edges)


def test_gpu_gets_the_same_batch_in_half_the_bytes(scenes):
    full = batches(scenes)
    half = Batches(full.library, full.config, 0, full.spec, full.mask_size, half=True)
    for small, large in zip(half[1], full[1], strict=True):
        assert small.dtype == torch.float16
        assert torch.allclose(small.float(), large, atol=5e-4)


def test_papers_segmentor_sees_the_whole_picture_and_a_box(scenes):
    batch = arrays(batches(scenes, size="paper", trains="segmentor"))
    assert batch.planes.shape == (4, 4, 500, 500)
    assert batch.whole.shape == (4, 1, 58, 58)
    assert (batch.boxes[:, :2] < batch.boxes[:, 2:]).all()
    assert batch.boxes.min() >= 0 and batch.boxes.max() <= 1


def test_every_augmentation_keeps_shapes_and_ranges(scenes, photographs):
    everything = Augmentation(1, 1, 1, 1, 1, 1, (0.3, 0.7), 1, warp=1)
    dataset = batches(scenes, everything, photographs=str(photographs))
    for step in range(5):
        for name, values in arrays(dataset, step)._asdict().items():
            least = -1 if name == "order" else 0
            assert np.isfinite(values).all() and least <= values.min() and values.max() <= 1 + 1e-6
            assert values.dtype == np.float32


def view():
    scene = disc_behind_bar()
    truth = scene.objects[0]
    appearance = np.zeros_like(scene.frame.rgb)
    appearance[truth.amodal] = GREEN
    return View(scene.frame.rgb, scene.frame.labels.astype(np.uint16), truth.amodal, appearance, 1)


def test_flip_turns_picture_masks_and_truth_together():
    before = view()
    after = augmented(before, None, replace(NONE, flip=1), np.random.default_rng(0))
    for name in ("rgb", "labels", "whole", "appearance"):
        assert np.array_equal(getattr(after, name), getattr(before, name)[:, ::-1])


def test_warp_turns_picture_masks_and_truth_together():
    before = view()
    for seed in range(5):
        after = augmented(before, None, replace(NONE, warp=1), np.random.default_rng(seed))
        assert not np.array_equal(after.labels, before.labels)
        seen = cv2.erode((after.labels == 1).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert seen.any() and np.all(after.rgb[seen] == GREEN)
        assert np.all(after.whole[seen])
        colours = after.appearance[after.whole].astype(int)
        assert np.abs(colours - GREEN).max() <= 2  # to the border: nothing of what is around it
        assert np.count_nonzero(after.whole) == pytest.approx(before.whole.sum(), rel=0.05)


def test_warp_keeps_what_would_fall_between_pixels():
    labels = np.zeros((40, 40), np.uint16)
    labels[20, 20] = 1
    black = np.zeros((40, 40, 3), np.uint8)
    before = View(black, labels, labels > 0, black, 1)
    for seed in range(20):
        after = augmented(before, None, replace(NONE, warp=1), np.random.default_rng(seed))
        assert np.any(after.labels == 1)


def test_colours_of_picture_and_truth_change_alike():
    after = augmented(view(), None, replace(NONE, colour=1), np.random.default_rng(1))
    seen = after.labels == 1
    assert np.array_equal(after.rgb[seen], after.appearance[seen])
    assert tuple(after.rgb[seen][0]) != GREEN


def test_pasted_object_hides_the_subject_and_leaves_its_truth_alone():
    before = view()
    cutout = Cutout(np.ones((20, 20), bool), np.full((20, 20, 3), 255, np.uint8))
    hid = 0
    for seed in range(10):
        after = augmented(before, cutout, replace(NONE, paste=1), np.random.default_rng(seed))
        over = after.labels == PASTED
        assert np.array_equal(after.whole, before.whole)
        assert (after.rgb[over] == 255).all()
        assert np.array_equal(after.labels[~over], before.labels[~over])
        assert np.count_nonzero(after.labels == 1) >= 0.25 * np.count_nonzero(before.labels == 1)
        covered = np.count_nonzero(over & before.whole)
        assert (PASTED in after.occluders) == (covered >= least_overlap(before.whole.sum()))
        hid += bool(np.any(over & (before.labels == 1)))
    assert hid >= 3


def test_pasted_object_is_nearer_and_may_have_no_mask():
    """Depth shows it; the label image has a hole there."""
    before = replace(view(), depth=np.full((120, 160), 0.8, np.float32))
    cutout = Cutout(np.ones((20, 20), bool), np.full((20, 20, 3), 255, np.uint8))
    chances = replace(NONE, paste=1, unlabelled=1)
    pasted = 0
    for seed in range(10):
        after = augmented(before, cutout, chances, np.random.default_rng(seed))
        over = (after.rgb == 255).all(-1)
        assert (after.labels[over] == 0).all() and not after.occluders
        assert (after.depth[over] < 0.8).all() and (after.depth[~over] == 0.8).all()
        assert np.array_equal(after.whole, before.whole)
        pasted += over.any()
    assert pasted >= 3


def test_depth_follows_what_is_done_to_the_picture():
    """Where it tells the colours of the objects, it does so afterwards."""
    before = view()
    before = replace(before, depth=np.where(before.labels > 0, 0.5, 0.9).astype(np.float32))
    for chance in ("flip", "warp"):
        after = augmented(before, None, replace(NONE, **{chance: 1}), np.random.default_rng(2))
        assert not np.array_equal(after.depth, before.depth)
        assert np.array_equal(after.depth < 0.7, after.labels > 0)


def test_depth_is_shown_with_its_chance_and_with_a_cameras_noise():
    before = replace(view(), depth=np.full((120, 160), 0.8, np.float32))

    def shown(**chances):
        given = replace(NONE, **chances)
        return [
            with_depth_of_a_camera(before, given, np.random.default_rng(seed)).depth
            for seed in range(40)
        ]

    assert all(d is None for d in shown(depth=0))
    assert all(np.array_equal(d, before.depth) for d in shown(depth=1, depth_noise=0))
    assert 8 < sum(d is None for d in shown(depth=0.5)) < 32
    noisy = shown(depth=1, depth_noise=1)
    assert 0 < sum(np.isnan(d).any() for d in noisy) < 40  # blotches
    for depth in noisy:
        assert np.isnan(depth).mean() < 0.1
        assert 0 < np.nanstd(depth) < 0.01 * 0.8


def test_depth_of_the_scenes_reaches_the_networks(tmp_path):
    scene = disc_behind_bar()
    distance = np.select([scene.frame.labels == 2, scene.frame.labels == 1], [0.7, 0.8], 1.0)
    deep = replace(scene, frame=replace(scene.frame, depth=distance.astype(np.float32)))
    write_scene(tmp_path / "deep", deep)
    always = replace(NONE, depth=1, depth_noise=0)
    batch = arrays(batches(tmp_path, always, batch=8))
    ahead, known = batch.planes[:, 6], batch.planes[:, 7]
    assert (known == 1).all()
    seen = batch.planes[:, 3] > 0.99
    others = batch.planes[:, 4] > 0.99
    hidden = batch.whole[:, 0] > batch.visible[:, 0] + 0.9
    assert hidden.any() and (ahead[hidden] > 0.55).all()
    assert np.abs(ahead[seen] - 0.5).max() < 0.01 and others.any()
    never = arrays(batches(tmp_path, replace(NONE, depth=0), batch=8))
    assert not never.planes[:, 7].any() and (never.planes[:, 6] == 0.5).all()


def test_photograph_lies_behind_all_objects_and_nowhere_else():
    before, ground = view(), np.full((120, 160, 3), 255, np.uint8)
    after = on_photograph(before, ground)
    covered = (before.labels > 0).astype(np.uint8)
    inside = cv2.erode(covered, np.ones((3, 3))) > 0
    outside = cv2.dilate(covered, np.ones((3, 3))) == 0
    assert np.array_equal(after.rgb[inside], before.rgb[inside])
    assert (after.rgb[outside] == 255).all()
    for name in ("labels", "whole", "appearance"):
        assert np.array_equal(getattr(after, name), getattr(before, name))


@pytest.mark.parametrize("size", [(30, 40), (400, 100), (3, 3)])
def test_part_of_a_photograph_keeps_its_proportions(size):
    rows, columns = np.mgrid[:200, :250].astype(np.uint8)
    photograph = np.dstack([rows, columns, np.zeros_like(rows)])
    found = photograph_part(photograph, size, np.random.default_rng(0))
    assert found.shape == (*size, 3)
    down = float(found[-1, 0, 0]) - float(found[0, 0, 0])
    across = float(found[0, -1, 1]) - float(found[0, 0, 1])
    assert 10 < max(down, across) < 250
    assert down / across == pytest.approx(size[0] / size[1], rel=0.15)
    assert np.array_equal(found, photograph_part(photograph, size, np.random.default_rng(0)))


@pytest.fixture
def photographs(tmp_path):
    """A folder with a white one, deep inside."""
    folder = tmp_path / "photographs" / "nature"
    (folder / "folder.png").mkdir(parents=True)
    cv2.imwrite(str(folder / "white.png"), np.full((50, 50, 3), 255, np.uint8))
    (folder / ".hidden.png").write_bytes(b"no image")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "thumbnail.png").write_bytes(b"no image")
    return folder.parent


def test_photographs_are_behind_objects_and_in_what_is_pasted(scenes, photographs):
    chances = replace(NONE, photographs=1, paste=1)
    plain = batches(scenes, chances)[0]
    batch = batches(scenes, chances, photographs=str(photographs))[0]
    white, before = ((b.picture == 1).all(1) for b in (batch, plain))
    assert white.float().mean() > 0.2 and not before.any()
    # Some of it lies on the object.
    assert (white & (batch.full[:, 0] == 1)).any()


def test_photograph_is_kept_small_and_of_many_some(tmp_path, monkeypatch):
    monkeypatch.setattr("segan_ros.storage.photographs.MOST", 3)
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((4, 2000, 3), (0, 0, 50 * i), np.uint8))
    found = read_photographs(str(tmp_path))
    assert [p.shape for p in found] == [(3, 1280, 3)] * 3
    assert [tuple(p[0, 0]) for p in found] == [(0, 0, 0), (100, 0, 0), (200, 0, 0)]


@pytest.mark.parametrize("content", [None, b"no image"])
def test_photographs_that_do_not_serve_are_refused(scenes, tmp_path, content):
    folder = tmp_path / "photographs"
    folder.mkdir()
    if content:
        (folder / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"data\.photographs"):
        batches(scenes, photographs=str(folder))


def test_noisy_masks_change_labels_and_nothing_else():
    before = view()
    changed = 0
    for seed in range(5):
        after = with_errors(before, replace(NONE, noisy_masks=1), np.random.default_rng(seed))
        changed += np.count_nonzero(after.labels != before.labels)
        assert after.labels.dtype == np.uint16
        assert after.rgb is before.rgb and after.whole is before.whole
    assert changed > 50


def test_masks_drawn_in_a_style_are_fitted_as_on_the_robot():
    """Two boxes of different colours, drawn with a gap: the sample has them touch again."""
    labels = np.zeros((100, 100), np.uint16)
    labels[20:80, 10:50], labels[20:80, 50:90] = 1, PASTED
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[labels == 1], rgb[labels == PASTED] = (200, 40, 40), (40, 40, 200)
    before = View(rgb, labels, labels == 1, rgb, 1)
    for style, fits in (("gap2", True), ("dilate2", False)):
        chances = replace(NONE, drawn_masks=1.0, mask_styles=(style,))
        after = with_errors(before, chances, np.random.default_rng(0))
        assert after.labels.dtype == np.uint16
        assert np.array_equal(after.labels, labels) == fits
        assert set(np.unique(after.labels)) == {0, 1, PASTED}


@pytest.mark.parametrize("kind", ["missing", "merged"])
def test_an_object_that_a_segmenter_would_lose_is_learned_from_its_true_mask(kind):
    before = view()
    chances = replace(NONE, noisy_masks=1, mask_noise=replace(MaskNoise().only(), **{kind: 1.0}))
    after = with_errors(before, chances, np.random.default_rng(0))
    assert np.array_equal(after.labels, before.labels)


def test_each_side_of_the_box_is_widened_by_its_own_share_of_it():
    rng = np.random.default_rng(0)
    chances = replace(NONE, margin=(0.1, 0.3))
    found = [jittered((100, 100, 200, 150), (400, 400), Roi(), chances, rng) for _ in range(200)]
    x0, y0, x1, y1 = np.array(found).T
    for shares in ((100 - x0) / 100, (x1 - 200) / 100, (100 - y0) / 50, (y1 - 150) / 50):
        assert 0.09 <= shares.min() < 0.13 and 0.27 < shares.max() <= 0.31
    assert jittered((0, 0, 50, 50), (60, 60), Roi(), chances, rng)[:2] == (0, 0)


def test_a_stage_may_see_its_objects_smaller(scenes):
    config = Config(
        "toy", "out", Data((str(scenes),), str(scenes)), (Stage("segmentor", 5, 4, 1e-3, side=64),)
    )
    spec = SPECS["tabletop"]
    batch = Batches(Library([str(scenes)]), config, 0, spec, spec.segmentor.size)[0]
    assert batch.planes.shape == (4, 8, 64, 64)
    assert batch.whole.shape == batch.visible.shape == batch.others.shape == (4, 1, 64, 64)
