"""Frames on /tf and /tf_static, as other packages send them over DDS."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy")
tf2_msgs = pytest.importorskip("tf2_msgs.msg", reason="tools/build_interfaces.py makes it")

from builtin_interfaces.msg import Time  # noqa: E402
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from ros_harness import SECOND, START  # noqa: E402

from segan_ros.ros.transforms import TransformError, Transforms  # noqa: E402

pytestmark = pytest.mark.ros

TURN = Rotation.from_euler("xyz", [0.3, -0.8, 2.1])
STATIC = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def stamped(parent, child, place, turn=TURN, stamp=START):
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id = parent
    found.header.stamp = Time(sec=stamp // SECOND, nanosec=stamp % SECOND)
    found.transform.translation = Vector3(**dict(zip("xyz", map(float, place), strict=True)))
    found.transform.rotation = Quaternion(**dict(zip("xyzw", turn.as_quat(), strict=True)))
    return tf2_msgs.TFMessage(transforms=[found])


@pytest.fixture
def heard(robot):
    """What hears the frames, and a publisher of moving and one of fixed frames."""
    node = Node("hears_frames")
    robot.node.executor.add_node(node)
    moving = robot.node.create_publisher(tf2_msgs.TFMessage, "/tf", 10)
    fixed = robot.node.create_publisher(tf2_msgs.TFMessage, "/tf_static", STATIC)
    fixed.publish(stamped("base", "camera_link", (1, 2, 3), stamp=0))
    transforms = Transforms(node)
    robot.wait(moving.get_subscription_count, "the listener")
    yield transforms, moving, fixed
    node.destroy_node()


def known(transforms, target, source, stamp=START):
    try:
        return transforms.between(target, source, stamp)
    except TransformError:
        return None


def test_points_go_up_and_down_the_tree(heard, robot):
    transforms, moving, _ = heard
    moving.publish(stamped("base", "gripper", (0, 0, 1), Rotation.identity()))
    way = robot.wait(lambda: known(transforms, "gripper", "camera_link"), "the frames")
    point = np.array([0.1, 0.2, 0.5])
    expected = TURN.apply(point) + np.array([1, 2, 3 - 1])
    np.testing.assert_allclose(way.rotation @ point + way.translation, expected, atol=1e-12)
    back = transforms.between("camera_link", "gripper", START)
    np.testing.assert_allclose(back.rotation @ expected + back.translation, point, atol=1e-12)
    same = transforms.between("base", "base", START)
    np.testing.assert_array_equal(same.rotation, np.eye(3))


def test_of_a_moving_frame_the_transform_nearest_to_the_stamp_counts(heard, robot):
    transforms, moving, _ = heard
    for tenth in (0, 1, 2):
        stamp = START + tenth * SECOND // 10
        moving.publish(stamped("base", "arm", (tenth, 0, 0), Rotation.identity(), stamp))

    def last_is_known():
        way = known(transforms, "base", "arm", START + 2 * SECOND // 10)
        return way is not None and way.translation[0] == 2

    robot.wait(last_is_known, "the last")
    at = [transforms.between("base", "arm", START + ms * 1_000_000) for ms in (-100, 40, 60, 350)]
    assert [way.translation[0] for way in at] == [0, 0, 1, 2]
    with pytest.raises(
        TransformError, match=r"no transform of 'arm' within .* \(the nearest is 0\.50 s away\)"
    ):
        transforms.between("base", "arm", START + 700_000_000)


def test_frames_that_are_not_connected_are_named(heard, robot):
    transforms, _, _ = heard
    robot.wait(lambda: known(transforms, "base", "camera_link"), "the frames")
    with pytest.raises(TransformError, match=r"from 'lidar' to 'base'; .* base, camera_link"):
        transforms.between("base", "lidar", START)


def test_frames_that_follow_each_other_in_a_circle_end(heard, robot):
    transforms, _, fixed = heard
    fixed.publish(stamped("b", "a", (0, 0, 0)))
    fixed.publish(stamped("a", "b", (0, 0, 0)))
    robot.wait(lambda: known(transforms, "a", "b"), "both")
    assert known(transforms, "base", "a") is None


def test_missing_package_is_named_with_the_command(robot, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tf2_msgs.msg", None)
    with pytest.raises(TransformError, match=r"tf2_msgs .* sudo apt install ros-\$ROS_DISTRO-tf2"):
        Transforms(robot.node)
