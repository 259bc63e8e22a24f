"""Objects on a plane are found, one mask each, and what is none is left alone."""

import numpy as np
import pytest
from boxes_on_a_table import Box, look

from segan_ros.depth_segmenter.segmenter import Settings, segment
from segan_ros.frame import Frame
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.matching import match_masks

RED, BLUE, GREEN, YELLOW = (200, 40, 40), (40, 60, 190), (40, 160, 60), (210, 190, 40)

SCENES = {
    "three faces of one box": [Box(0, 0, (0.12, 0.12, 0.12), RED, angle=40)],
    "apart": [
        Box(-0.12, 0, (0.08, 0.08, 0.06), RED, 20),
        Box(0.1, 0.02, (0.06, 0.1, 0.1), RED, -30),
    ],
    "one in front of the other, of one colour": [
        Box(0, -0.02, (0.1, 0.05, 0.08), RED),
        Box(0.03, 0.07, (0.1, 0.05, 0.16), RED),
    ],
    "a box on a larger box, of one colour": [
        Box(0, 0, (0.2, 0.2, 0.05), GREEN, 15),
        Box(0, 0, (0.08, 0.08, 0.06), GREEN, 40, bottom=0.05),
    ],
    "flush boxes of different colours": [
        Box(-0.05, 0, (0.1, 0.1, 0.08), RED),
        Box(0.05, 0, (0.1, 0.1, 0.08), BLUE),
    ],
    "a pile": [
        Box(-0.08, 0.05, (0.15, 0.1, 0.07), BLUE, 10),
        Box(-0.08, 0.05, (0.06, 0.06, 0.05), YELLOW, 35, bottom=0.07),
        Box(0.05, -0.04, (0.07, 0.07, 0.1), RED, 30),
        Box(0.13, 0.06, (0.08, 0.12, 0.04), GREEN, -20),
    ],
}


def found(boxes, settings=None, noise=0.0, **view):
    """How the masks fit the boxes, and the masks."""
    rgb, depth, labels, camera = look(boxes, **view)
    if noise:
        depth = noisy_depth(Frame(rgb, labels, depth), noise).depth
    seen = segment(rgb, depth, camera, settings)
    assert seen.shape == labels.shape and seen.dtype == np.int32
    return match_masks(labels, seen), seen


@pytest.mark.parametrize("noise", [0.0, 0.004])
@pytest.mark.parametrize("scene", SCENES)
def test_every_object_has_one_mask_and_nothing_else_has(scene, noise):
    matching, seen = found(SCENES[scene], noise=noise)
    assert sorted(matching.found) == list(range(1, len(SCENES[scene]) + 1))
    assert min(matching.ious.values()) > 0.75
    assert not matching.split and not matching.spurious
    assert sorted(np.unique(seen)) == list(range(len(SCENES[scene]) + 1))


def test_smaller_picture_of_the_same_pile():
    matching, _ = found(SCENES["a pile"], Settings(min_area=50), size=(240, 320))
    assert len(matching.found) == 4 and not matching.spurious


def test_width_that_is_no_multiple_is_filled_to_its_edges():
    boxes = [Box(0.45, 0, (0.3, 0.2, 0.1), RED)]
    _, seen = found(boxes, Settings(max_length=1), size=(361, 641))
    assert seen[180, -1] == 1


@pytest.mark.parametrize("tilt", [30.0, 85.0])
def test_camera_may_look_from_the_side_and_from_above(tilt):
    matching, _ = found(SCENES["apart"], tilt=tilt)
    assert len(matching.found) == 2 and not matching.spurious


def test_bare_table_and_the_edge_of_it_are_no_objects():
    _, depth, _, camera = look([])
    depth[:80] += 0.6  # the floor behind the table
    assert not segment(np.zeros((480, 640, 3), np.uint8), depth, camera).any()


def test_walls_of_a_bin_are_too_long_for_objects():
    walls = [
        Box(0, 0.22, (0.5, 0.02, 0.12), YELLOW),
        Box(-0.26, 0, (0.02, 0.46, 0.12), YELLOW),
        Box(0.26, 0, (0.02, 0.46, 0.12), YELLOW),
    ]
    things = [Box(0, 0, (0.08, 0.08, 0.06), RED, 20), *walls]
    matching, seen = found(things)
    assert list(matching.found) == [1] and seen.max() == 1
    _, with_walls = found(things, Settings(max_length=2))
    assert with_walls.max() > 1


def test_settings_say_what_is_an_object():
    low = [Box(0, 0, (0.1, 0.1, 0.006), RED)]
    assert found(low)[1].any()
    assert not found(low, Settings(min_height=0.01))[1].any()
    small = [Box(0, 0, (0.02, 0.02, 0.02), RED)]
    assert found(small)[1].any()
    assert not found(small, Settings(min_area=5000))[1].any()
    two = [Box(-0.1, -0.1, (0.08, 0.08, 0.08), RED), Box(0.1, 0.15, (0.08, 0.08, 0.08), RED)]
    assert len(found(two)[0].found) == 2
    assert list(found(two, Settings(max_distance=0.8))[0].found) == [1]
    flush = SCENES["flush boxes of different colours"]
    assert found(flush, Settings(colour_edge=0))[1].max() == 1


def test_cut_decides_between_more_and_fewer_masks():
    pile = SCENES["a pile"]
    counts = [found(pile, Settings(cut=cut))[1].max() for cut in (0.001, 0.45, 0.999)]
    assert counts[0] < counts[1] <= counts[2]


def test_same_picture_gives_the_same_masks():
    rgb, depth, _, camera = look(SCENES["a pile"])
    assert (segment(rgb, depth, camera) == segment(rgb, depth, camera)).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (30, 40), (480, 640)])
@pytest.mark.parametrize("value", [np.nan, 0.0, 0.7])
def test_picture_without_objects_or_without_depth_has_no_masks(size, value):
    depth = np.full(size, value, np.float32)
    rgb = np.zeros((*size, 3), np.uint8)
    assert not segment(rgb, depth, np.array([[50.0, 0, 20], [0, 50, 15], [0, 0, 1]])).any()


def test_holes_in_depth_cost_no_object():
    rgb, depth, labels, camera = look(SCENES["a pile"])
    depth[np.random.default_rng(0).random(depth.shape) < 0.3] = np.nan
    depth[:, :40] = np.nan
    matching = match_masks(labels, segment(rgb, depth, camera))
    assert len(matching.found) == 4
