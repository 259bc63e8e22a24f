"""Where to take an object: the middle and the direction of what is seen of it."""

import numpy as np
import pytest

from segan_ros.geometry.surfaces import visible_surface


def grid(corner, along, across):
    steps = np.linspace(0, 1, 20)
    return np.array([corner + a * along + b * across for a in steps for b in steps])


@pytest.mark.parametrize("turn", [1, -1])
def test_plate_is_taken_at_its_middle_and_faces_the_camera(turn):
    along, across = np.array([0.1, 0, 0.02]), turn * np.array([0, 0.06, 0.03])
    surface = visible_surface(grid(np.array([0.1, 0.05, 0.6]), along, across))
    np.testing.assert_allclose(surface.centroid, [0.15, 0.05 + turn * 0.03, 0.61 + turn * 0.015])
    expected = np.cross(along, across)
    expected /= np.linalg.norm(expected)
    expected *= -np.sign(expected @ surface.centroid)
    np.testing.assert_allclose(surface.normal, expected, atol=1e-6)
    assert surface.normal @ surface.centroid < 0


def test_stray_depth_of_the_border_does_not_tilt_it():
    plate = grid(np.array([0, 0, 0.5]), np.array([0.1, 0, 0]), np.array([0, 0.1, 0]))
    plate[:6, 2] = 1.5
    surface = visible_surface(plate.astype(np.float32))
    np.testing.assert_allclose(surface.normal, [0, 0, -1], atol=1e-6)
    assert surface.centroid[2] == pytest.approx(0.5)


def test_too_few_points_make_no_surface():
    assert visible_surface(np.ones((15, 3))) is None
