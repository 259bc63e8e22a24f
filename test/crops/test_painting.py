"""The painter's answer becomes the hidden pixels of its object, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from segan_ros.boxes import crop, size_of
from segan_ros.crops.painting import alone, colours_in, fill_in, shown
from segan_ros.crops.planes import resized
from segan_ros.crops.relighting import relit
from segan_ros.frame import AmodalObject

BLUE = np.array([0, 0, 1], np.float32)[:, None, None]


@pytest.mark.parametrize("size", [(90, 120), (300, 200)])
def test_painted_borders_carry_no_blue_of_the_ground(size):
    """The painter's picture of a green square over blue, brought back to the image's size."""
    whole = np.zeros((120, 160), np.float32)
    whole[31:85, 43:111] = 1
    covered = resized(whole, (64, 64))
    green = np.array([0.1, 0.8, 0.2], np.float32)[:, None, None]
    blue = np.array([0, 0, 1], np.float32)[:, None, None]
    painted = green * covered + blue * (1 - covered)
    part = (size[1] // 5, size[0] // 5, size[1], size[0])
    colours = colours_in(alone(painted, covered), (0, 0, size[1], size[0]), part, size_of(part))
    inside = crop(resized(whole, size), part) > 0.5
    assert colours.shape == (size[0] - part[1], size[1] - part[0], 3) and inside.any()
    assert np.abs(colours[inside].astype(int) - (26, 204, 51)).max() <= 2


@pytest.mark.parametrize("size", [(30, 40), (120, 160), (500, 400)])
def test_colours_of_a_part_are_those_of_the_whole_cut_to_it(size):
    rng = np.random.default_rng(0)
    whole = np.ones((64, 64, 4), np.float32)
    whole[..., :3] = resized(rng.random((6, 5, 3), np.float32), (64, 64))
    view = (7, 11, 7 + size[1], 11 + size[0])
    part = (view[0] + 9, view[1] + 4, view[2] - 13, view[3] - 5)
    found = colours_in(whole, view, part, size_of(part)).astype(int)
    everything = colours_in(whole, view, view, size).astype(int)
    assert np.abs(found - everything[4:-5, 9:-13]).max() <= 2
    half = (size_of(part)[0] // 2, size_of(part)[1] // 2)
    small = colours_in(whole, view, part, half).astype(int)
    assert np.abs(small - resized(found.astype(np.uint8), half)).max() <= 12


def bar(side):
    """A bar across a picture, its right half hidden; the picture is brighter on the left."""
    amodal = np.ones((side // 4, side), bool)
    visible = amodal.copy()
    visible[:, side // 2 :] = False
    box = (side // 8, side // 2, side // 8 + side, side // 2 + side // 4)
    rgb = np.full((2 * side, 2 * side, 3), 20, np.uint8)
    ramp = np.linspace(180, 90, side).astype(np.uint8)[:, None]
    crop(rgb, box)[:, : side // 2] = ramp[: side // 2]
    probability = amodal.astype(np.float32)
    return rgb, AmodalObject(3, box, visible, amodal, probability)


@pytest.mark.parametrize("side", [40, 400])
@pytest.mark.parametrize("relight", [True, False])
def test_hidden_pixels_alone_are_painted_in_the_light_of_the_others(side, relight):
    rgb, item = bar(side)
    view = (0, 0, rgb.shape[1], rgb.shape[0])
    canvas = np.empty((3, 64, 64), np.float32)
    covered = shown(rgb, item, view, canvas)
    answer = 0.8 * covered + BLUE * (1 - covered)  # light grey
    before = crop(rgb, item.box).copy()
    into = before.copy()
    fill_in(item, view, alone(answer.astype(np.float32), covered), into, relight)
    assert np.array_equal(into[item.visible], before[item.visible])
    painted = into[item.invisible].astype(int)
    if not relight:
        assert np.abs(painted - 204).max() <= 2
        return
    expected = relit(np.full_like(before, 204), before, item.visible)[item.invisible].astype(int)
    assert np.abs(painted - expected).mean() < 4
    border = into[:, side // 2 - 1 : side // 2 + 1].astype(int)
    assert np.abs(np.diff(border, axis=1)).max() <= 3


def test_paint_stays_as_it_is_where_nothing_of_the_object_is_seen():
    rgb, item = bar(40)
    item = replace(item, visible=np.zeros_like(item.visible))
    canvas = np.empty((3, 64, 64), np.float32)
    covered = shown(rgb, item, item.box, canvas)
    painted = alone(np.full((3, 64, 64), 0.4, np.float32), covered)
    into = crop(rgb, item.box).copy()
    fill_in(item, item.box, painted, into, relight=True)
    assert np.abs(into.astype(int) - 102).max() <= 1
