"""Photographed cut-outs become scenes whose truth is exact."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from segan_ros.cli import main
from segan_ros.crops import cut
from segan_ros.scenes import iterate_scenes, read_scene, tight_box

pytest.importorskip("mujoco")

from segan_ros.synthesis.collage import PIECES, TENTHS, _tenth, read_cut_outs

KINDS = {"train": "tools", "val": "fruit", "test": "flowers"}


def cut_out(index, side=120):
    """A patterned polygon, different for each index, on transparent ground."""
    rng = np.random.default_rng(index)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7)) + np.linspace(0, 0.5, 7)
    points = side / 2 + side * 0.46 * np.stack([np.cos(angles), np.sin(angles)], -1)
    alpha = cv2.fillPoly(
        np.zeros((side, side), np.uint8), [cv2.convexHull(points.astype(int))], 255
    )
    bgr = rng.integers(0, 256, (side, side, 3), np.uint8)
    return np.dstack([cv2.GaussianBlur(bgr, (5, 5), 0), alpha])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Twelve cut-outs for each split, and two photographs."""
    root = tmp_path_factory.mktemp("photos")
    for split, kind in KINDS.items():
        (root / "cutouts" / kind).mkdir(parents=True)
        for i in range(PIECES[1] + 1):
            cv2.imwrite(str(root / "cutouts" / kind / f"{split}{i}.png"), cut_out(i))
    (root / "grounds").mkdir()
    for i in range(2):
        noise = np.random.default_rng(i).integers(0, 256, (300, 400, 3), np.uint8)
        cv2.imwrite(str(root / "grounds" / f"{i}.png"), noise)
    return root


def made(folders, out, *more, scenes=6, split="train"):
    command = ["collage", "--cutouts", str(folders / "cutouts"), "--out", str(out)]
    command += ["--grounds", str(folders / "grounds"), "--scenes", str(scenes), "--split", split]
    return main([*command, *more])


@pytest.fixture(scope="module")
def collages(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("collages") / "train"
    assert made(folders, out, scenes=20) == 0
    return [read_scene(path) for path in iterate_scenes(out)]


def test_kinds_of_the_tests_lie_in_their_splits():
    for split, kind in KINDS.items():
        assert _tenth(kind) in TENTHS[split]


def test_every_kind_belongs_to_one_split():
    assert sorted(t for tenths in TENTHS.values() for t in tenths) == list(range(10))


def test_visible_masks_are_parts_of_the_whole_ones(collages):
    for scene in collages:
        assert {o.id for o in scene.objects} == set(np.unique(scene.frame.labels)) - {0}
        for item in scene.objects:
            assert not np.any((scene.frame.labels == item.id) & ~item.amodal)


def test_what_was_pasted_later_hides_what_was_there(collages):
    hidden = 0
    for scene in collages:
        for below, above in combinations(scene.objects, 2):
            both = below.amodal & above.amodal
            assert below.id < above.id
            assert not np.any(scene.frame.labels[both] == below.id)
        occluders = {(a, b) for a, b, _ in scene.occlusions}
        assert all(a > b for a, b in occluders)
        hidden += len(occluders)
    assert hidden > 2 * len(collages)


def test_appearance_is_what_is_seen_where_nothing_lies_over_it(collages):
    """But for half pixels at borders, and the shadows of what lies over it."""
    compared = 0
    for scene in collages:
        last = scene.objects[-1]
        whole = last.amodal.astype(np.uint8)
        inner = cut(cv2.erode(whole, np.ones((5, 5)), borderValue=0) > 0, last.box)
        seen = cut(scene.frame.rgb, last.box).astype(int)
        assert np.abs(seen - last.appearance)[inner].max() <= 1
        compared += int(inner.sum())
    assert compared > 5000


def test_appearance_covers_the_box_of_the_whole_mask(collages):
    for scene in collages:
        for item in scene.objects:
            x0, y0, x1, y1 = tight_box(item.amodal)
            assert item.appearance.shape == (y1 - y0, x1 - x0, 3)


def test_same_seed_makes_the_same_bytes_and_a_stopped_run_goes_on(folders, tmp_path):
    assert made(folders, tmp_path / "a" / "x", scenes=4) == 0
    assert made(folders, tmp_path / "b" / "x", scenes=2) == 0
    assert made(folders, tmp_path / "b" / "x", scenes=4) == 0
    assert made(folders, tmp_path / "c" / "x", "--seed", "1", scenes=4) == 0
    a, b, c = (
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*.*")}
        for f in "abc"
    )
    assert a == b
    picture = Path("x/000000/rgb.png")
    assert a[picture] != c[picture]


def test_splits_share_no_cut_out(folders):
    names = {
        split: {c.name for c in read_cut_outs(folders / "cutouts", split)[0]} for split in KINDS
    }
    for split, found in names.items():
        assert found == {f"{split}{i}" for i in range(PIECES[1] + 1)}


def test_files_that_are_no_cut_outs_are_passed_over_and_counted(folders, tmp_path, capsys):
    kind = tmp_path / "cutouts" / KINDS["train"]
    kind.mkdir(parents=True)
    for i in range(PIECES[1]):
        cv2.imwrite(str(kind / f"{i}.png"), cut_out(i))
    good = cut_out(0)
    glass, two = good.copy(), np.zeros((100, 240, 4), np.uint8)
    glass[..., 3] = np.where(glass[..., 3], 90, 0)
    two[20:80, 10:80] = two[20:80, 160:230] = 255
    full = good.copy()
    full[..., 3] = 255
    for name, picture in {
        "grey": good[..., 0],
        "opaque": full,
        "small": cut_out(0, 40),
        "glass": glass,
        "two": two,
    }.items():
        cv2.imwrite(str(kind / f"{name}.png"), picture)
    cut_outs, passed_over = read_cut_outs(tmp_path / "cutouts", "train")
    assert len(cut_outs) == PIECES[1]
    assert sum(passed_over.values()) == 5
    assert set(passed_over) == {
        "not 8 bits of red, green, blue and alpha",
        "empty, or without a transparent ground",
        "a side below 48 pixels",
        "half transparent",
        "in several parts",
    }


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "all"], "--split is 'all'; known are train, val, test"),
        (["--scenes", "0"], "--scenes is 0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--size", "9x9"], "--size is 9x9; each side must lie in 64..2048 pixels"),
        (["--cutouts", "/nowhere"], "/nowhere: 0 cut-outs for split train"),
        (["--grounds", "/nowhere"], "/nowhere: no photograph"),
    ],
)
def test_wrong_arguments_are_named(folders, tmp_path, more, message, capsys):
    assert made(folders, tmp_path / "out", *more) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_folder_of_other_scenes_is_refused(folders, tmp_path, capsys):
    assert made(folders, tmp_path / "out", scenes=1) == 0
    assert made(folders, tmp_path / "out", "--seed", "5", scenes=1) == 2
    assert "holds seed 0, not seed 5; choose another --out" in capsys.readouterr().err
