"""Depth is metres where something was measured, and a range that cannot be is told."""

import numpy as np
import pytest

from segan_ros.depth import depth_problem, to_metres


def test_integers_are_steps_and_neither_0_nor_65535_is_a_measurement():
    steps = np.array([[0, 1, 700, 65534, 65535]], np.uint16)
    expected = [[np.nan, 0.001, 0.7, 65.534, np.nan]]
    np.testing.assert_allclose(to_metres(steps), expected, rtol=1e-6)
    np.testing.assert_allclose(to_metres(steps, 1e-4)[0, 2], 0.07, rtol=1e-6)


@pytest.mark.parametrize(
    "nothing", [0.0, -1.0, np.nan, np.inf, -np.inf, 65535.0, 3.4e38, np.float32(65535) * 0.001]
)
def test_floats_are_metres_and_sentinels_are_none(nothing):
    metres = np.array([[0.7, nothing]], np.float32)
    np.testing.assert_array_equal(to_metres(metres), np.array([[0.7, np.nan]], np.float32))


def of_objects(metres):
    depth = np.full((48, 64), 0.8, np.float32)
    labels = np.zeros((48, 64), np.int32)
    labels[10:30, 10:40] = 3
    depth[labels > 0] = metres
    return depth, labels


@pytest.mark.parametrize("metres", [0.051, 0.7, 9.9])
def test_plausible_depth_is_not_remarked_upon(metres):
    assert depth_problem(*of_objects(metres)) == ""


@pytest.mark.parametrize("metres, text", [(150.0, "is 150 m, exp"), (0.0007, "is 0.0007 m, exp")])
def test_implausible_depth_is_told_with_its_value_and_remedy(metres, text):
    problem = depth_problem(*of_objects(metres))
    assert text in problem and "expected 0.05 to 10 m; check the unit" in problem
    assert "set depth_scale to the metres per step" in problem


def test_background_and_unknown_pixels_say_nothing_of_the_range():
    depth, labels = of_objects(0.7)
    depth[labels == 0] = 40
    depth[12:28] = np.nan
    assert depth_problem(depth, labels) == ""


def test_depth_that_measured_no_object_is_told():
    depth, labels = of_objects(np.nan)
    assert depth_problem(depth, labels).startswith("no object has any depth measurement; check")
    assert depth_problem(depth, np.zeros_like(labels)) == ""
