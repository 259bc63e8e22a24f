"""Up from the background, and objects set upright: against planes whose tilt is known."""

from dataclasses import replace

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.rays import pixel_rays, rise
from segan_ros.geometry.upright import find_up, raised, set_upright

CAMERA = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
SIZE = 240, 320


def looking_down(degrees: float, box_height: float = 0.1, noise: float = 0.0) -> Frame:
    """A table 0.6 m below a camera that looks down by `degrees`, a box on it with the label 5."""
    angle = np.radians(degrees)
    up = np.array([0, -np.cos(angle), -np.sin(angle)])
    rows, columns = np.indices(SIZE)
    rays = np.stack([(columns - 160) / 300, (rows - 120) / 300, np.ones(SIZE)], axis=2)
    drop = -(rays @ up)
    depth = np.where(drop > 0.05, 0.6 / np.maximum(drop, 0.05), np.nan)
    labels = np.zeros(SIZE, np.int32)
    labels[90:150, 120:200] = 5
    depth[labels == 5] = ((0.6 - box_height) / drop)[labels == 5]
    if noise:
        depth *= 1 + np.random.default_rng(3).normal(0, noise, SIZE)
    return Frame(np.zeros((*SIZE, 3), np.uint8), labels, depth.astype(np.float32), CAMERA, up=up)


def box_of(frame: Frame) -> AmodalObject:
    seen = frame.labels[90:150, 120:200] == 5
    return AmodalObject(5, (120, 90, 200, 150), seen, seen, seen.astype(np.float32))


def degrees_off(frame: Frame, direction: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(frame.up @ direction, -1, 1))))


@pytest.mark.parametrize("distortion", [None, np.array([-0.3, 0.1, 0.001, -0.002, 0.0])])
def test_rise_of_a_part_is_that_of_its_rays(distortion):
    frame = replace(looking_down(50), distortion=distortion)
    part = 40, 30, 90, 200
    rows, columns = (a.ravel() for a in np.mgrid[30:200, 40:90])
    expected = (pixel_rays(frame, rows, columns) @ frame.up).reshape(170, 50)
    np.testing.assert_allclose(rise(frame, frame.up, part), expected, atol=1e-5)


def test_what_rises_beside_an_object_without_a_label_is_raised():
    frame = looking_down(60)
    depth = frame.depth.copy()
    depth[100:140, 201:207] -= 0.08  # a hand beside the box
    frame = replace(frame, depth=depth)
    found = find_up(frame)
    ground = set_upright(frame, [box_of(frame)], found).ground
    above = raised(frame, found, ground)
    assert above[100:140, 201:207].mean() > 0.9
    above[100:140, 201:207] = False
    assert not above.any()


@pytest.mark.parametrize("tilt", [25, 60, 90])
def test_up_is_the_normal_of_the_table(tilt):
    frame = looking_down(tilt)
    found = find_up(replace(frame, up=None))
    assert degrees_off(frame, found.direction) < 0.1
    assert found.confidence > 0.95


def test_noise_and_a_wall_do_not_turn_up_over():
    frame = looking_down(50, noise=0.004)
    frame.depth[:60] = 0.9  # a wall behind, a quarter of the picture
    found = find_up(replace(frame, up=None))
    assert degrees_off(frame, found.direction) < 1.0
    assert 0.6 < found.confidence < 0.85


def test_up_that_is_given_is_kept():
    frame = looking_down(50)
    given = replace(frame, up=np.array([0.0, -1, 0]))
    assert find_up(given).direction.tolist() == [0, -1, 0]
    assert find_up(given).confidence == 1


def test_without_depth_camera_or_background_up_is_not_known():
    frame = replace(looking_down(50), up=None)
    assert find_up(replace(frame, depth=None)) is None
    assert find_up(replace(frame, camera_matrix=None)) is None
    assert find_up(replace(frame, labels=np.ones(SIZE, np.int32))) is None
    assert find_up(replace(frame, depth=np.full(SIZE, np.nan, np.float32))) is None


def test_points_in_one_line_are_no_plane():
    frame = replace(looking_down(50), up=None)
    depth = np.full(SIZE, np.nan, np.float32)
    depth[2::5] = np.where(np.arange(SIZE[1]) == 160, 0.7, np.nan)
    found = find_up(replace(frame, depth=depth))
    assert found is None


def test_heights_are_above_the_ground():
    frame = looking_down(50)
    upright = set_upright(frame, [box_of(frame)], find_up(frame))
    assert upright.ground == pytest.approx(-0.6, abs=1e-3)
    np.testing.assert_allclose(upright.points[5][:, 2], -0.5, atol=1e-3)


def test_objects_without_depth_are_left_out():
    frame = looking_down(50)
    frame.depth[frame.labels == 5] = np.nan
    assert not set_upright(frame, [box_of(frame)], find_up(frame)).points
