"""Scenes in a pack, and batches made from it, beside those that are made from folders."""

from dataclasses import replace

import numpy as np
import pytest
from disc_scene import GREEN, disc_behind_bar

torch = pytest.importorskip("torch")

from segan_ros.commands.main import main  # noqa: E402
from segan_ros.model.segan import SPECS  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training.config import Augmentation, Config, Data, Stage  # noqa: E402
from segan_ros.training.data import Batch, Batches  # noqa: E402
from segan_ros.training.library import Library  # noqa: E402
from segan_ros.training.packed import PASTED, PackedBatches  # noqa: E402
from segan_ros.training.packs import is_pack, read_pack, write_pack  # noqa: E402

pytestmark = pytest.mark.torch

NONE = Augmentation(0, 0, 0, 0, 0, 0, (0.5, 0.5), depth=1, depth_noise=0)
CPU = torch.device("cpu")
CENTRES = (80, 60), (70, 50), (100, 70)


def deep(centre):
    """The bar is 0.7 m away, the discs 0.8 m, the ground 1 m."""
    scene = disc_behind_bar(centre=centre)
    labels = scene.frame.labels
    metres = np.select([labels == 2, labels > 0], [0.7, 0.8], 1.0).astype(np.float32)
    return replace(scene, frame=replace(scene.frame, depth=metres))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("scenes")
    for i, centre in enumerate(CENTRES):
        write_scene(place / f"{i:03d}", deep(centre))
    return place


@pytest.fixture(scope="module")
def path(folder):
    file = folder.with_suffix(".npz")
    write_pack(file, sorted(folder.iterdir()), variants=3)
    return file


def config_of(chances, batch=8, trains="segmentor", side=0, occluded=0.5):
    data = Data(("pack.npz",), "val", occluded=occluded)
    stage = Stage(trains, 5, batch, 1e-3, side=side)
    return Config("toy", "out", data, (stage,), augmentation=chances)


def made(path, chances=NONE, step=0, **options):
    batches = PackedBatches(
        read_pack(path), config_of(chances, **options), 0, SPECS["tabletop"], CPU
    )
    return Batch(*(part.numpy() for part in batches[step]))


def test_a_pack_holds_what_the_scenes_hold(path):
    pack = read_pack(path)
    for place, centre in enumerate(CENTRES):
        scene = deep(centre)
        assert np.array_equal(pack.labels[place, 0], scene.frame.labels)
        assert np.abs(pack.rgb[place].astype(int) - scene.frame.rgb).mean() < 3
        assert np.abs(pack.depth[place].astype(float) - scene.frame.depth).max() < 0.003
        assert pack.hides[place, 2, 1] and pack.hides[place].sum() == 1
    assert pack.scene.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert pack.number.tolist() == [1, 2, 3] * 3
    for n, i in enumerate(pack.number):
        whole = np.unpackbits(pack.whole[n])[: 120 * 160].reshape(120, 160) > 0
        assert np.array_equal(whole, deep(CENTRES[pack.scene[n]]).objects[i - 1].amodal)


def test_a_pack_knows_where_an_object_is_in_each_drawing_and_where_it_is_lost(path):
    pack = read_pack(path)
    lost = 0
    for n in range(len(pack.number)):
        for variant in range(4):
            mask = pack.labels[pack.scene[n], variant] == pack.number[n]
            x0, y0, x1, y1 = pack.boxes[n, variant]
            lost += x1 <= x0
            if x1 > x0:
                rows, columns = np.nonzero(mask)
                assert (x0, x1 - 1) == (columns.min(), columns.max())
                assert (y0, y1 - 1) == (rows.min(), rows.max())
    assert lost < 9 * 3


def test_without_augmentation_batches_are_those_of_the_folders(folder, path):
    """Pixel for pixel, but for JPEG and the steps of depth."""
    ours = made(path, batch=18)
    library = Library([str(folder)])
    theirs = Batches(library, config_of(NONE, 18), 0, SPECS["tabletop"], (96, 96))[0]
    theirs = Batch(*(part.numpy() for part in theirs))
    matched = set()
    for mine in range(18):
        masks = np.abs(theirs.planes[:, 3:5] - ours.planes[mine, 3:5]).mean((1, 2, 3))
        same = int(masks.argmin())
        matched.add(same)
        assert masks[same] < 0.01
        assert np.abs(ours.planes[mine, 5] - theirs.planes[same, 5]).mean() < 0.06  # a line each
        for name in ("whole", "visible"):
            assert np.abs(getattr(ours, name)[mine] - getattr(theirs, name)[same]).mean() < 0.01
        assert np.abs(ours.planes[mine, :3] - theirs.planes[same, :3]).mean() < 0.02
        assert np.abs(ours.planes[mine, 6:] - theirs.planes[same, 6:]).mean() < 0.01
        signs = np.sign(ours.order[mine]), np.sign(theirs.order[same])
        assert np.mean(signs[0] != signs[1]) < 0.03
        assert ours.order[mine].sum() == pytest.approx(theirs.order[same].sum(), abs=0.05)
    assert len(matched) > 3


def test_batches_are_functions_of_seed_and_step(path):
    wild = Augmentation(depth=1, warp=1, drawn_masks=0.5)
    first, again, other = made(path, wild), made(path, wild), made(path, wild, step=1)
    assert np.array_equal(first.planes, again.planes)
    assert not np.array_equal(first.planes, other.planes)


def test_truth_follows_the_picture_through_every_augmentation(path):
    """Green is where the visible discs are, and what is hidden lies beside it, not on it."""
    shapes = replace(NONE, flip=0.5, warp=1.0, margin=(0.4, 0.8))
    for step in range(4):
        batch = made(path, shapes, step, occluded=0.9, batch=10)
        seen = batch.visible[:, 0] > 0.99
        colours = batch.planes[:, :3].transpose(0, 2, 3, 1)
        for n in range(9):  # the last one is no disc behind the bar
            assert np.abs(colours[n][seen[n]] * 255 - GREEN).mean() < 12
        hidden = (batch.whole > batch.visible + 0.9)[:9, 0]
        assert hidden.any((1, 2)).all()
        assert (batch.planes[:9, 4][hidden] > 0.9).all()  # the bar is over all of it
        assert (batch.planes[:9, 6][hidden] > 0.52).all()  # and nearer


def test_what_is_pasted_hides_the_object_and_is_nearer(path):
    chances = replace(NONE, paste=1.0)
    plain, pasted = made(path, NONE, batch=32), made(path, chances, batch=32)
    covered = pasted.visible < plain.visible - 0.9
    assert covered.any((1, 2, 3)).sum() > 5
    assert np.array_equal(pasted.whole, plain.whole)
    over = covered[:, 0]
    assert (pasted.planes[:, 4][over] > 0.9).all() and (
        pasted.planes[:, 6][over] > 0.5
    ).mean() > 0.9
    unmasked = made(path, replace(chances, unlabelled=1.0), batch=32)
    assert (unmasked.planes[:, 4] <= plain.planes[:, 4] + 1e-6).all()
    assert read_pack(path).labels[:, 0].max() < PASTED


def test_depth_may_be_left_out(path):
    batch = made(path, replace(NONE, depth=0.0))
    assert (batch.planes[:, 6] == 0.5).all() and not batch.planes[:, 7].any()


def test_a_stage_may_be_smaller(path):
    assert made(path, side=64).planes.shape == (8, 8, 64, 64)


def test_only_segmentors_learn_from_packs(path):
    with pytest.raises(ValueError, match=r"stages\[0\] trains painter; from a pack of scenes only"):
        made(path, trains="painter")
    with pytest.raises(ValueError, match="must stand alone"):
        is_pack(("a.npz", "scenes"))


def test_what_is_no_pack_is_refused(tmp_path, folder):
    (tmp_path / "scenes.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ValueError, match="not a pack of scenes"):
        read_pack(tmp_path / "scenes.npz")
    np.savez(tmp_path / "other.npz", labels=np.zeros(3))
    with pytest.raises(ValueError, match="make one with `segan pack`"):
        read_pack(tmp_path / "other.npz")
    write_scene(tmp_path / "small", disc_behind_bar((90, 120), (60, 50)))
    with pytest.raises(ValueError, match=r"of \(120, 90\) pixels, the first scene of \(160, 120\)"):
        write_pack(tmp_path / "new.npz", [*sorted(folder.iterdir()), tmp_path / "small"])


@pytest.mark.slow
def test_a_model_is_trained_from_a_pack_and_scored(folder, path, tmp_path, capsys):
    """From the command line: what a machine with a GPU does in minutes, on a few scenes."""
    pack, out = tmp_path / "scenes.npz", tmp_path / "run"
    assert main(["pack", "--scenes", str(folder), "--out", str(pack), "--variants", "1"]) == 0
    assert "3 scenes with 9 objects" in capsys.readouterr().out
    (tmp_path / "run.yaml").write_text(
        "name: toy\nout: run\ndata: {train: pack, val: val, occluded: 0.5}\n"
        "model: {sizes: {segmentor: [8, 8, 8, 8], painter: 4, painter_most: 8, discriminator: 4}}\n"
        "augmentation: {drawn_masks: 0.5, warp: 0.4, unlabelled: 0.2, margin: [0.4, 0.8]}\n"
        "stages:\n"
        "  - {trains: segmentor, steps: 3, batch: 8, rate: 1.0e-3, side: 64}\n"
        "  - {trains: segmentor, steps: 2, batch: 8, rate: 1.0e-3}\n"
    )
    words = ["train", "--config", str(tmp_path / "run.yaml"), "--data", str(pack)]
    assert main([*words, "--val", str(folder), "--out", str(out)]) == 0
    saved = torch.load(out / "last.pt", weights_only=True)
    assert saved["scores"]["val"]["occluded"] == 6  # three, without depth and with it
    assert len((out / "curves.csv").read_text().splitlines()) == 1 + 5
