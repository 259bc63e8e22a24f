"""Photographed cut-outs become scenes whose truth is exact."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from segan_ros.boxes import crop, tight_box
from segan_ros.commands.main import main
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.synthesis.collage import (
    PIECES,
    TENTHS,
    CutOut,
    collage,
    longest_side,
    read_cut_outs,
    tenth,
)

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
        assert tenth(kind) in TENTHS[split]


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
        inner = crop(cv2.erode(whole, np.ones((5, 5)), borderValue=0) > 0, last.box)
        seen = crop(scene.frame.rgb, last.box).astype(int)
        assert np.abs(seen - last.appearance)[inner].max() <= 1
        compared += int(inner.sum())
    assert compared > 5000


def test_hidden_colours_are_those_of_the_object_and_go_on_around_it():
    """Each object has one colour of its own, that tints keep apart from black and from others."""
    cut_outs = []
    for i in range(PIECES[1]):
        alpha = cut_out(i)[..., 3:].astype(np.float32) / 255
        colour = np.float32([1, 0.1 + 0.05 * i, 0.5])
        cut_outs.append(CutOut(Path(f"{i}.png"), np.concatenate([alpha * colour, alpha], -1)))
    ground, rng = np.zeros((300, 400, 3), np.uint8), np.random.default_rng(0)
    hidden = around = 0
    for _ in range(5):
        scene = collage(cut_outs, ground, (240, 320), rng)
        for item in scene.objects:
            whole = crop(item.amodal, item.box)
            own = np.median(item.appearance[whole], axis=0)
            assert own[0] > 150
            over = whole & (crop(scene.frame.labels, item.box) != item.id)
            assert np.abs(item.appearance[over] - own).max(initial=0) <= 1
            rim = (cv2.dilate(whole.astype(np.uint8), np.ones((3, 3))) > 0) & ~whole
            assert np.abs(item.appearance[rim] - own).max(initial=0) <= 1
            hidden, around = hidden + over.sum(), around + rim.sum()
    assert min(hidden, around) > 1000


def test_long_thin_things_are_placed():
    thin = CutOut(Path("thin.png"), np.ones((4, 1980, 4), np.float32))
    ground, rng = np.zeros((300, 400, 3), np.uint8), np.random.default_rng(0)
    scenes = [collage([thin] * 4, ground, (64, 64), rng) for _ in range(20)]
    assert all(s.frame.size == (64, 64) for s in scenes)


def test_large_cut_outs_are_kept_small(tmp_path):
    for i in range(PIECES[1]):
        (tmp_path / KINDS["train"]).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / KINDS["train"] / f"{i}.png"), cut_out(i, 700))
    cut_outs, _ = read_cut_outs(str(tmp_path), "train", longest_side((240, 320)))
    assert max(max(c.rgba.shape[:2]) for c in cut_outs) == 148


def test_cut_out_in_no_folder_is_a_kind_of_its_own(tmp_path, monkeypatch):
    """Whatever the folder is called that is named to the command."""
    (tmp_path / "a").mkdir()
    for i in range(200):
        cv2.imwrite(str(tmp_path / "a" / f"thing{i}.png"), cut_out(i, 90))
    (tmp_path / "b").symlink_to("a")
    monkeypatch.chdir(tmp_path / "a")
    found = [
        {split: {c.path.name for c in read_cut_outs(name, split, 90)[0]} for split in TENTHS}
        for name in (".", str(tmp_path / "a"), str(tmp_path / "b"))
    ]
    assert found[0] == found[1] == found[2]
    assert (
        len(set.union(*found[0].values())) == sum(len(names) for names in found[0].values()) > 150
    )


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
    for split in KINDS:
        found = {c.path.stem for c in read_cut_outs(folders / "cutouts", split, 150)[0]}
        assert found == {f"{split}{i}" for i in range(PIECES[1] + 1)}


def test_files_that_are_no_cut_outs_are_passed_over_and_counted(folders, tmp_path, capsys):
    kind = tmp_path / "cutouts" / KINDS["train"]
    kind.mkdir(parents=True)
    for i in range(PIECES[1]):
        cv2.imwrite(str(kind / f"{i}.png"), cut_out(i))
    good = cut_out(0)
    two = np.zeros((100, 240, 4), np.uint8)
    two[20:80, 10:80] = two[20:80, 160:230] = 255
    full = good.copy()
    full[..., 3] = 255
    for name, picture in {
        "grey": good[..., 0],
        "opaque": full,
        "small": np.pad(cut_out(0, 40), ((50, 50), (50, 50), (0, 0))),
        "glass": good * np.array([1, 1, 1, 0.35]),
        "milk": good * np.array([1, 1, 1, 0.55]),
        "empty": np.zeros((100, 100, 4), np.uint8),
        "two": two,
    }.items():
        cv2.imwrite(str(kind / f"{name}.png"), np.asarray(picture, np.uint8))
    (kind / "broken.png").write_bytes(b"\x89PNG")
    (kind / "._hidden.png").write_bytes(b"")
    cut_outs, passed_over = read_cut_outs(tmp_path / "cutouts", "train", 150)
    assert len(cut_outs) == PIECES[1]
    assert passed_over == {
        "not 8 bits of red, green, blue and alpha": 1,
        "without a transparent ground": 1,
        "a side below 48 pixels": 2,
        "half transparent": 2,
        "in several parts": 1,
        "not a readable image": 1,
    }


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "all"], "--split is 'all'; choose from train, val, test"),
        (["--scenes", "0"], "--scenes is 0"),
        (["--seed", "-1"], "--seed is -1"),
        (["--size", "9x9"], "--size is 9x9; each side must lie in 64..2048 pixels"),
        (["--cutouts", "/nowhere"], "/nowhere: no such folder"),
        (["--grounds", "/nowhere"], "/nowhere: no photograph"),
    ],
)
def test_wrong_arguments_are_named(folders, tmp_path, more, message, capsys):
    assert made(folders, tmp_path / "out", *more) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("below", ["cutouts/x", "grounds"])
def test_out_within_what_is_read_is_refused(folders, below, capsys):
    assert made(folders, folders / below) == 2
    assert f"--out is {folders / below}, inside" in capsys.readouterr().err


def test_every_cut_out_is_used_where_the_user_splits_them(folders, tmp_path, capsys):
    assert made(folders, tmp_path / "out", "--every-cutout", scenes=1, split="test") == 0
    said = capsys.readouterr().out
    assert f"1 test scenes from {len(KINDS) * (PIECES[1] + 1)} cut-outs" in said
    assert "of another split" not in said


def test_folder_of_other_scenes_is_refused(folders, tmp_path, capsys):
    assert made(folders, tmp_path / "out", scenes=1) == 0
    assert made(folders, tmp_path / "out", "--seed", "5", scenes=1) == 2
    assert "holds seed 0, not seed 5; choose another --out" in capsys.readouterr().err
