"""Up from the background, and objects set upright: against planes whose tilt is known."""

from dataclasses import replace

import numpy as np
import pytest
from slab_on_a_table import looking_down

from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.rays import pixel_rays, rise
from segan_ros.geometry.up import find_up
from segan_ros.geometry.upright import raised, set_upright


def box_of(frame: Frame) -> AmodalObject:
    seen = frame.labels[90:150, 120:200] == 5
    return AmodalObject(5, (120, 90, 200, 150), seen, seen, seen.astype(np.float32))


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


def test_heights_are_above_the_ground():
    frame = looking_down(50)
    upright = set_upright(frame, [box_of(frame)], find_up(frame))
    assert upright.ground == pytest.approx(-0.6, abs=1e-3)
    np.testing.assert_allclose(upright.points[5][:, 2], -0.5, atol=1e-3)


def test_objects_without_depth_are_left_out():
    frame = looking_down(50)
    frame.depth[frame.labels == 5] = np.nan
    assert not set_upright(frame, [box_of(frame)], find_up(frame)).points
