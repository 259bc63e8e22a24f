"""Boxes in space, against scenes whose answer is known."""

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry import oriented_box

CAMERA = np.array([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]])


def plate(depth: np.ndarray, hidden: int = 0) -> tuple[Frame, AmodalObject]:
    """A 100x40 pixel plate around the picture's centre, its `hidden` right columns hidden."""
    labels = np.zeros((240, 320), np.int32)
    labels[100:140, 110 : 210 - hidden] = 1
    whole = np.ones((40, 100), bool)
    visible = labels[100:140, 110:210] == 1
    item = AmodalObject(1, (110, 100, 210, 140), visible, whole, whole.astype(np.float32))
    rgb = np.zeros((240, 320, 3), np.uint8)
    return Frame(rgb, labels, depth.astype(np.float32), CAMERA), item


@pytest.mark.parametrize("hidden", [0, 50])
def test_flat_plate_has_its_true_size_hidden_or_not(hidden):
    frame, item = plate(np.full((240, 320), 2.0), hidden)
    box = oriented_box(frame, item)
    # 99 and 39 pixel steps of 2 m / 500
    np.testing.assert_allclose(box.size, [0.396, 0.156, 0.0], atol=1e-6)
    np.testing.assert_allclose(box.centre, [-0.002, -0.002, 2.0], atol=1e-6)
    np.testing.assert_allclose(abs(box.rotation[:, 0]), [1, 0, 0], atol=1e-6)


def test_axes_are_right_handed_and_tilted_with_the_object():
    # a plane that comes 0.5 m nearer per metre to the right: z = 2 - 0.5 x, x = (u - 160) z / 500
    slope = (np.arange(320) - 160) / 500
    depth = np.broadcast_to(2 / (1 + 0.5 * slope), (240, 320))
    box = oriented_box(*plate(depth))
    np.testing.assert_allclose(np.linalg.det(box.rotation), 1, atol=1e-9)
    along = box.rotation[:, 0] * np.sign(box.rotation[0, 0])
    expected = np.array([1, 0, -0.5]) / np.sqrt(1.25)
    np.testing.assert_allclose(along, expected, atol=0.01)


def test_stray_depth_at_the_border_does_not_blow_up_the_box():
    depth = np.full((240, 320), 2.0)
    depth[100, 110:150] = 8.0
    assert oriented_box(*plate(depth)).size[2] < 0.01


def test_without_enough_depth_there_is_no_box():
    depth = np.full((240, 320), np.nan)
    depth[110, 110:120] = 1.0
    assert oriented_box(*plate(depth)) is None
    frame, item = plate(depth)
    assert oriented_box(Frame(frame.rgb, frame.labels), item) is None
