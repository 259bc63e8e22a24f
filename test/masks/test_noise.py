"""The errors of segmenters: each kind does what it says, by seed, and evaluation counts them."""

import json
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from samples import labelled_scene, many_objects

from segan_ros.commands import main as cli
from segan_ros.masks.noise import CALIBRATED, MaskNoise, corrupted, touching_pairs
from segan_ros.scoring.matching import count_masks, match_masks, relabelled
from segan_ros.scoring.predicted import noisy_masks
from segan_ros.storage.images import write_image
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject

NONE = CALIBRATED.only()
KINDS = ("ragged", "gaps", "slivers", "pieces", "merged", "split", "missing")


def tiles():
    """Twelve squares of 40 that touch, ids 10 .. 120, around a margin of background."""
    labels = np.zeros((140, 180), np.int32)
    for n in range(12):
        y, x = divmod(n, 4)
        labels[10 + 40 * y : 50 + 40 * y, 10 + 40 * x : 50 + 40 * x] = 10 * (n + 1)
    return labels


def drawn(noise, seed=0, labels=None):
    return corrupted(tiles() if labels is None else labels, np.random.default_rng(seed), noise)


def test_same_seed_same_masks():
    strong = CALIBRATED.scaled(3)
    assert np.array_equal(drawn(strong, 4), drawn(strong, 4))
    assert not np.array_equal(drawn(strong, 4), drawn(strong, 5))


def test_without_any_kind_nothing_changes():
    assert np.array_equal(drawn(NONE), tiles())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone_leaves_ids_their_meaning(kind):
    """Every mask of a known id still lies mostly on the object of that id."""
    before = tiles()
    strength = {"ragged": 0.05, "gaps": 0.05, "slivers": 1.0}.get(kind, 0.4)
    noise = replace(NONE, piece=0.2, **{kind: strength})
    changed = 0
    for seed in range(5):
        after = drawn(noise, seed)
        changed += np.count_nonzero(after != before)
        assert after.dtype == before.dtype and after.shape == before.shape
        known = set(np.unique(after)) & set(np.unique(before)) - {0}
        for i in known:
            inside = np.count_nonzero((after == i) & (before == i))
            assert inside > 0.5 * np.count_nonzero(before == i)
        if kind not in ("split",):
            assert set(np.unique(after)) <= set(np.unique(before))
    assert changed > 0


@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_all_kinds_together_fit_either_kind_of_label_image(dtype):
    labels = np.where(many_objects() == 3, 65535, many_objects()).astype(dtype)
    before = labels.copy()
    after = drawn(CALIBRATED.scaled(5), labels=labels)
    assert after.dtype == dtype and np.array_equal(labels, before)
    assert np.count_nonzero(after != labels) > 1000


def test_ragged_borders_are_displaced_by_the_stated_length():
    labels = np.zeros((300, 300), np.int32)
    labels[:, :150] = 1
    labels[:, 150:] = 2
    size = np.sqrt(300 * 150)
    moved = []
    for seed in range(40):
        after = drawn(replace(NONE, ragged=0.03), seed, labels)
        moved.append(np.count_nonzero(after == 1, axis=1) - 150)
    found = np.concatenate(moved) / size
    assert 0.02 < found.std() < 0.04
    assert abs(found.mean()) < 0.008


def test_gaps_open_where_masks_touch_and_nowhere_else():
    before, after = tiles(), drawn(replace(NONE, gaps=0.1))
    lost = (after == 0) & (before > 0)
    middle = np.zeros_like(lost)
    middle[44:96, 44:136] = True
    assert np.count_nonzero(lost & middle) > 400
    assert not lost[:38, :38].any()
    assert not np.any((after != before) & (after > 0))


def test_pieces_are_lost_and_slivers_are_won():
    before = tiles()
    after = drawn(replace(NONE, pieces=2.0, piece=0.2))
    assert np.all((after == before) | (after == 0)) and np.any(after != before)
    after = drawn(replace(NONE, slivers=2.0))
    won = (after != before) & (after > 0)
    assert 20 < np.count_nonzero(won) < 0.1 * np.count_nonzero(before)


def test_a_merged_mask_has_the_id_of_its_largest_object():
    labels = np.zeros((60, 100), np.int32)
    labels[10:50, 10:30] = 7
    labels[10:50, 30:80] = 4
    labels[0:5, 90:95] = 9
    after = drawn(replace(NONE, merged=1.0), labels=labels)
    assert np.array_equal(after, np.where(labels == 7, 4, labels))


def test_small_objects_together_do_not_outweigh_the_largest():
    labels = np.zeros((50, 150), np.int32)
    labels[:, :40], labels[:, 40:75], labels[:, 75:125] = 1, 2, 3
    after = drawn(replace(NONE, merged=1.0), labels=labels)
    assert np.array_equal(after, np.where(labels > 0, 3, 0))


def test_the_larger_part_of_a_split_mask_keeps_the_id():
    after = drawn(replace(NONE, split=1.0))
    before = tiles()
    for i in np.unique(before)[1:]:
        parts, counts = np.unique(after[before == i], return_counts=True)
        assert len(parts) == 2 and parts[counts.argmax()] == i
    new = set(np.unique(after)) - set(np.unique(before))
    assert new == {*range(1, 14)} - {10}


def test_small_objects_are_missed_more_often():
    labels = np.zeros((100, 100), np.int32)
    labels[:40, :40], labels[:40, 50:90], labels[50:54, 50:54] = 1, 2, 3
    noise = replace(NONE, missing=0.1)
    seen = [set(np.unique(drawn(noise, seed, labels))) for seed in range(300)]
    large, small = (np.mean([i not in s for s in seen]) for i in (1, 3))
    assert 0.05 < large < 0.16 and small > 0.6
    assert not drawn(replace(NONE, missing=1.0)).any()


def test_empty_and_tiny_label_images_pass():
    strong = CALIBRATED.scaled(10)
    for labels in (np.zeros((5, 7), np.int32), np.full((1, 1), 3, np.int32), -tiles()):
        for seed in range(5):
            assert drawn(strong, seed, labels).shape == labels.shape


def test_ids_beyond_label_images_are_refused():
    with pytest.raises(ValueError, match="id 65536"):
        drawn(NONE, labels=np.full((3, 3), 65536, np.int32))


@pytest.mark.parametrize("item", [f.name for f in fields(MaskNoise)])
def test_bad_strength_names_itself(item):
    with pytest.raises(ValueError, match=item):
        replace(CALIBRATED, **{item: -0.1})


def test_chances_above_one_are_refused_and_scaling_stops_there():
    with pytest.raises(ValueError, match=r"split is 1\.5; it must lie in"):
        MaskNoise(split=1.5)
    assert CALIBRATED.scaled(1e9).missing == 1


def test_touching_pairs_share_a_side_not_a_corner():
    labels = np.array([[1, 1, 0], [0, 2, 3], [-4, 0, 0]], np.int32)
    assert touching_pairs(labels) == [(1, 2), (2, 3)]


def test_every_fate_of_a_mask_is_told_apart():
    true = np.zeros((60, 120), np.int32)
    for i, x in enumerate((0, 20, 40, 60, 80), start=1):
        true[10:50, x : x + 20] = i
    true[10:22, 40:60] = 6  # small, above object 3
    seen = np.zeros_like(true)
    seen[10:50, 0:20] = 50  # object 1, whole
    seen[10:50, 20:33], seen[10:50, 33:40] = 60, 61  # object 2 in two
    seen[10:50, 40:60] = 70  # 3 with 6 in it
    seen[0:8, 100:120] = 80  # nothing
    matching = match_masks(true, seen)
    assert matching.found == {1: 50, 2: 60, 3: 70}
    assert matching.merged == (6,) and matching.missed == (4, 5)
    assert matching.split == (61,) and matching.spurious == (80,)
    assert matching.ious[1] == 1 and matching.ious[2] == pytest.approx(13 / 20)
    labels = relabelled(true, seen, matching)
    assert np.array_equal(labels == 3, seen == 70)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 81, 82}
    counts = count_masks([matching, matching])
    assert (counts.objects, counts.found, counts.missed, counts.merged) == (12, 6, 4, 2)


def test_masks_of_a_scene_depend_on_seed_and_name_alone():
    labels = tiles()
    objects = tuple(TrueObject(int(i), labels == i) for i in np.unique(labels)[1:])
    frame = labelled_scene().frame
    scene = LabelledScene(
        replace(frame, rgb=np.zeros((*labels.shape, 3), np.uint8), labels=labels, depth=None),
        objects,
    )
    assert np.array_equal(noisy_masks(1)("a", scene), noisy_masks(1)("a", scene))
    assert not np.array_equal(noisy_masks(1)("a", scene), noisy_masks(1)("b", scene))
    assert not np.array_equal(noisy_masks(1)("a", scene), noisy_masks(2)("a", scene))


@pytest.fixture
def scenes(tmp_path):
    """Two scenes of a square (1) over another (2)."""
    for name, shift in (("a", 0), ("b", 8)):
        front, behind = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
        front[10:50, 10 + shift : 40 + shift], behind[15:45, 32 + shift : 62 + shift] = True, True
        labels = np.where(front, 1, np.where(behind, 2, 0)).astype(np.int32)
        rgb = np.full((60, 80, 3), 128, np.uint8)
        frame = replace(labelled_scene().frame, rgb=rgb, labels=labels, depth=None)
        write_scene(
            tmp_path / "scenes" / name,
            LabelledScene(frame, (TrueObject(1, front), TrueObject(2, behind))),
        )
    return tmp_path / "scenes"


def evaluated(scenes, model, *more):
    out = scenes.parent / "out"
    where = ["--scenes", str(scenes), "--model", str(model), "--provider", "cpu"]
    code = cli.main(["evaluate", *where, "--out", str(out), *more])
    return code, json.loads((out / "scores.json").read_text()) if code == 0 else None


def test_evaluation_counts_a_lost_object_as_a_failure(scenes, dummy_model, capsys):
    masks = scenes.parent / "masks"
    masks.mkdir()
    for name in ("a", "b"):
        labels = cv2.imread(str(scenes / name / "labels.png"), cv2.IMREAD_UNCHANGED)
        labels = np.choose(labels, [0, 40, 30]).astype(np.uint8)  # ids of its own
        labels[(labels == 30) & (name == "b")] = 40
        write_image(masks / f"{name}.png", labels)
    code, scores = evaluated(scenes, dummy_model, "--masks", str(masks))
    assert code == 0
    found = scores["predicted_masks"]
    assert (found["objects"], found["found"], found["merged"], found["missed"]) == (4, 3, 1, 0)
    true = scores["methods"]["input mask"]["summary"]
    seen = found["methods"]["input mask"]
    front = 1200 / (1200 + 660)  # scene b: the front's mask with the other's visible part in it
    behind = 660 / 900
    assert true["sf"] == pytest.approx((2 + 2 * behind) / 4)
    assert seen["sf"] == pytest.approx((1 + behind + front + 0) / 4)
    said = capsys.readouterr().out
    assert "3 of 4 objects have a mask" in said and "input mask, predicted SV" in said


def test_noisy_masks_are_the_same_for_the_same_seed(scenes, dummy_model):
    first = evaluated(scenes, dummy_model, "--noisy-masks")[1]["predicted_masks"]
    again = evaluated(scenes, dummy_model, "--noisy-masks", "1")[1]["predicted_masks"]
    other = evaluated(scenes, dummy_model, "--noisy-masks", "2")[1]["predicted_masks"]
    assert first == again and first != other


@pytest.mark.parametrize(
    "more, message",
    [
        (("--noisy-masks", "-3"), "--noisy-masks is -3; it must be at least 0"),
        (("--masks", "nowhere"), "nowhere: no such folder"),
    ],
)
def test_bad_choice_of_masks_is_refused(scenes, dummy_model, capsys, more, message):
    assert evaluated(scenes, dummy_model, *more)[0] == 2
    assert message in capsys.readouterr().err


def test_missing_or_misfit_label_image_is_named(scenes, dummy_model, capsys):
    masks = scenes.parent / "masks"
    masks.mkdir()
    assert evaluated(scenes, dummy_model, "--masks", str(masks))[0] == 2
    assert "a.png: no such file; every scene needs a label image" in capsys.readouterr().err
    write_image(masks / "a.png", np.zeros((9, 9), np.uint8))
    assert evaluated(scenes, dummy_model, "--masks", str(masks))[0] == 2
    assert "shape (9, 9)" in capsys.readouterr().err
