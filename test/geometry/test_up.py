"""Up, and the ground, from the background: against planes whose tilt is known."""

from dataclasses import replace

import numpy as np
import pytest
from slab_on_a_table import CAMERA, SIZE, looking_down

from segan_ros.boxes import whole_image
from segan_ros.frame import Frame
from segan_ros.geometry.rays import rise
from segan_ros.geometry.up import find_up


def degrees_off(frame: Frame, direction: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(frame.up @ direction, -1, 1))))


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


BOXES = ((-0.12, 0.08), (0.0, 0.06), (0.12, 0.03))
"""Where boxes stand on the table, to the right, and how high they are; metres."""


def in_a_room(
    degrees: float, drop: float, floor: float = np.inf, far: float = np.inf, wall: float = np.inf
) -> Frame:
    """Three boxes on a table `drop` below a camera that looks down by `degrees`.

    Args:
        degrees: below the horizon.
        drop: metres.
        floor: metres below the camera.
        far: metres ahead, measured level, at which the table ends.
        wall: metres ahead, measured level.
    """
    angle = np.radians(degrees)
    up = np.array([0, -np.cos(angle), -np.sin(angle)])
    ahead = np.array([0, -np.sin(angle), np.cos(angle)])
    rows, columns = np.indices(SIZE)
    rays = np.stack([(columns - 160) / 300, (rows - 120) / 300, np.ones(SIZE)], axis=2)
    down = np.maximum(-(rays @ up), 1e-6)

    def level(below):
        return below / down

    table = level(drop)
    depth = np.where(table * (rays @ ahead) < far, table, level(floor))
    depth = np.minimum(depth, wall / np.maximum(rays @ ahead, 1e-6))
    labels = np.zeros(SIZE, np.int32)
    middle = 0.8 * drop / np.tan(angle)
    for label, (right, height) in enumerate(BOXES, 1):
        for above in np.linspace(0, height, 20):
            z = level(drop - above)
            inside = np.abs(rays[..., 0] * z - right) < 0.05
            inside &= np.abs(rays @ ahead * z - middle) < 0.05
            nearer = inside & (z <= depth + 1e-6)
            labels[nearer], depth[nearer] = label, z[nearer]
    depth[depth > 20] = np.nan
    return Frame(np.zeros((*SIZE, 3), np.uint8), labels, depth.astype(np.float32), CAMERA, up=up)


@pytest.mark.parametrize("given", [True, False])
def test_ground_is_the_table_however_much_of_the_floor_is_seen(given):
    frame = in_a_room(30, 0.7, floor=1.3, far=1.05)
    heights = frame.depth * rise(frame, frame.up, whole_image(SIZE))
    assert (heights[frame.labels == 0] < -1.2).mean() > 0.5
    found = find_up(frame if given else replace(frame, up=None))
    assert found.ground == pytest.approx(-0.7, abs=2e-3)
    assert degrees_off(frame, found.direction) < 0.5


def test_a_wall_that_fills_half_of_the_background_is_not_the_ground():
    frame = in_a_room(25, 0.45, wall=0.9)
    heights = frame.depth * rise(frame, frame.up, whole_image(SIZE))
    assert (heights[frame.labels == 0] > -0.44).mean() > 0.5
    found = find_up(replace(frame, up=None))
    assert degrees_off(frame, found.direction) < 0.5
    assert found.ground == pytest.approx(-0.45, abs=2e-3)
    assert 0.3 < found.confidence < 0.5
