"""Mask styles: each draws what its line in docs/mask_styles.md says, and evaluation scores it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from samples import frame_of

from segan_ros.commands import main as cli
from segan_ros.masks.habits import runs_between
from segan_ros.masks.styles import STYLES, drawn
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject

ROOT = Path(__file__).parents[2]


def neighbours():
    """A box of 60x60 in front of one of 100x120, and a small one inside the large."""
    labels = np.zeros((200, 240), np.int32)
    labels[40:140, 30:150] = 7
    labels[60:120, 120:180] = 3
    labels[70:90, 60:80] = 500
    return labels


def style(name, labels=None, seed=0):
    return drawn(neighbours() if labels is None else labels, name, np.random.default_rng(seed))


@pytest.mark.parametrize("name", STYLES)
def test_a_style_keeps_ids_shape_and_input_and_is_the_same_for_the_same_seed(name):
    before = neighbours()
    labels = before.copy()
    after = style(name, labels, 5)
    assert np.array_equal(labels, before)
    assert after.dtype == np.int32 and after.shape == before.shape
    assert np.array_equal(after, style(name, labels, 5))
    for i in set(np.unique(after)) & {3, 7, 500}:
        together, either = (
            ((after == i) & (before == i)).sum(),
            ((after == i) | (before == i)).sum(),
        )
        assert together > (0.4 if name == "merge10" else 0.6) * either


@pytest.mark.parametrize("name, width", [("gap2", 2), ("gap4", 4)])
def test_gaps_have_their_width_and_outer_borders_stay(name, width):
    before, after = neighbours(), style(name)
    runs = runs_between(after.astype(np.uint16))
    assert runs.touching == 0 and runs.widths.min() == np.median(runs.widths) == width
    assert np.array_equal(after[:38], before[:38])
    assert (after[100, 30] == 7) and (after[139, 80] == 7)


def test_eroded_and_dilated_masks_move_every_border_by_two():
    eroded, dilated = style("erode2"), style("dilate2")
    assert not eroded[100, 31] and eroded[100, 32] == 7
    assert dilated[100, 28] == 7 and not dilated[100, 27]
    # Small masks over large ones.
    assert dilated[80, 118] == 3 and dilated[80, 58] == 500


def test_a_polygon_fills_holes_and_drops_small_pieces():
    labels = np.zeros((100, 100), np.int32)
    cv2.circle(labels, (50, 50), 40, 4, -1)
    labels[45:55, 45:55] = 0
    labels[2:5, 2:5] = 4
    after = style("polygon", labels)
    assert after[50, 50] == 4 and not after[:6, :6].any()


@pytest.mark.parametrize("name", ["proto160", "box28"])
def test_low_resolution_rounds_corners_and_stays_in_the_box(name):
    labels = np.zeros((480, 640), np.int32)
    cv2.fillPoly(labels, [np.array([[100, 100], [300, 140], [180, 400]])], 9)
    after = style(name, labels)
    y, x = np.nonzero(after)
    assert 0 < np.count_nonzero(after != labels) < 0.1 * len(y)
    assert y.min() >= 100 and y.max() <= 400 and x.min() >= 100 and x.max() <= 300


def test_a_fifth_is_lost_and_a_tenth_of_the_touching_pairs_merged():
    labels = np.kron(np.arange(1, 401).reshape(20, 20), np.ones((8, 8), int)).astype(np.int32)
    assert 280 <= len(np.unique(style("lost20", labels))) - 1 <= 360
    merged = style("merge10", labels)
    assert 280 <= len(np.unique(merged)) <= 380 and (merged > 0).all()


def test_overlapping_instances_are_layered_without_duplicates_and_parts():
    found = [set(np.unique(style("overlap", seed=seed))) for seed in range(20)]
    assert all(ids >= {0, 3, 7, 500} for ids in found)
    # A part whose edge the whole does not reach is left now and then.
    assert sum(len(ids) for ids in found) <= 20 * 4 + 2


def test_an_unknown_style_is_refused_by_name():
    with pytest.raises(ValueError, match="mask style 'gap3' is unknown; choose from gap2, gap4"):
        style("gap3")


def test_every_style_is_documented():
    text = (ROOT / "docs" / "mask_styles.md").read_text()
    assert [name for name in STYLES if f"| `{name}` |" not in text] == []


@pytest.fixture
def scenes(tmp_path):
    for name in ("a", "b"):
        labels = neighbours()
        wholes = {i: labels == i for i in (3, 7, 500)}
        wholes[7][60:120, 120:150] = True
        objects = tuple(TrueObject(i, mask) for i, mask in wholes.items())
        write_scene(tmp_path / "scenes" / name, LabelledScene(frame_of(labels), objects))
    return tmp_path / "scenes"


def test_evaluation_prints_a_row_for_each_style_and_method(scenes, dummy_model, capsys):
    out = scenes.parent / "out"
    options = ["--scenes", str(scenes), "--model", str(dummy_model), "--provider", "cpu"]
    assert cli.main(["evaluate", *options, "--mask-style", "all", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")] for line in said.splitlines()]
    for name in STYLES:
        for method in ("segan", "convex hull", "input mask"):
            assert [r[1:3] for r in rows].count([name, method]) == 1
    styles = json.loads((out / "scores.json").read_text())["mask_styles"]
    assert list(styles) == list(STYLES)
    lost = styles["lost20"]
    assert lost["methods"]["segan"]["objects"] + lost["lost"] == 6
    # True visible pixels decide what is hidden: what is drawn too small is no hidden part.
    assert styles["erode2"]["methods"]["input mask"]["si"] == 0
    assert styles["erode2"]["methods"]["input mask"]["hallucination"] == 0
    assert styles["dilate2"]["methods"]["input mask"]["hallucination"] > 0.05
