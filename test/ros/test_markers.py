"""Boxes and rotations reach RViz as ROS means them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")

from plates import plate  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from segan_ros.frame import CompletedScene, OcclusionGraph  # noqa: E402
from segan_ros.geometry.standing_boxes import standing_boxes  # noqa: E402
from segan_ros.messages.bridge import quaternion, quaternion_by_transforms3d  # noqa: E402
from segan_ros.ros.markers import to_markers  # noqa: E402

ROTATIONS = Rotation.random(20, rng=np.random.default_rng(0))


@pytest.mark.parametrize("rotation", list(ROTATIONS), ids=range(20))
def test_quaternion_is_x_y_z_w(rotation):
    expected = rotation.as_quat(canonical=True)
    np.testing.assert_allclose(quaternion(rotation.as_matrix()), expected, atol=1e-9)


def test_both_ways_to_a_quaternion_agree():
    pytest.importorskip("tf_transformations", reason="on a robot only")
    for rotation in ROTATIONS:
        matrix = rotation.as_matrix()
        np.testing.assert_allclose(quaternion(matrix), quaternion_by_transforms3d(matrix))


def test_marker_is_the_box_in_the_cameras_frame():
    frame, item = plate(np.full((240, 320), 2.0))
    scene = CompletedScene(frame.size, (item,), OcclusionGraph((1,), (0,), (), True, (1,)))
    clear, box, label = to_markers(
        standing_boxes(frame, scene), scene, Header(frame_id="camera")
    ).markers
    assert clear.action == Marker.DELETEALL
    assert (box.header.frame_id, box.type, box.id) == ("camera", Marker.CUBE, 1)
    assert box.pose.position.z == pytest.approx(2.0)
    assert (box.scale.x, box.scale.y) == pytest.approx((0.396, 0.156))
    assert box.scale.z > 0
    turned = Rotation.from_quat([getattr(box.pose.orientation, k) for k in "xyzw"])
    np.testing.assert_allclose(abs(turned.apply([1, 0, 0])), [1, 0, 0], atol=1e-6)
    assert label.text == "1 L0"


def test_objects_without_depth_have_no_marker():
    frame, item = plate(np.full((240, 320), np.nan))
    scene = CompletedScene(frame.size, (item,), OcclusionGraph((1,), (0,), (), True, (1,)))
    assert len(to_markers(standing_boxes(frame, scene), scene, Header()).markers) == 1
