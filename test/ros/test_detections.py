"""The objects as vision_msgs, over DDS; and what is said where the package is missing."""

import sys

import pytest

pytest.importorskip("rclpy")
vision_msgs = pytest.importorskip("vision_msgs.msg", reason="tools/build_interfaces.py makes it")

import numpy as np  # noqa: E402
from ros_harness import image_and_mask, image_message  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(
        not hasattr(vision_msgs, "Detection3DArray"), reason="tools/build_interfaces.py makes it"
    ),
]


def hear(robot, node):
    flat = robot.hear("/segan/detections_2d", vision_msgs.Detection2DArray)
    solid = robot.hear("/segan/detections_3d", vision_msgs.Detection3DArray)
    names = {"detections_2d", "detections_3d"}
    robot.wait(lambda: names <= set(node.subscribed), "the listener")
    return flat, solid


def test_whole_masks_and_boxes_come_as_vision_msgs(start_node, robot):
    node = start_node(publish_detections=True, use_depth="always")
    flat, solid = hear(robot, node)
    image, mask = image_and_mask()
    k = [100.0, 0.0, 40.0, 0.0, 100.0, 30.0, 0.0, 0.0, 1.0]
    robot.publish("camera_info", CameraInfo(width=80, height=60, k=k))
    robot.wait(lambda: node.tally("camera_info").received, "camera_info")
    robot.publish("depth", image_message(np.full((60, 80), 900, np.uint16), "16UC1"))
    robot.send(image, mask)
    robot.wait(lambda: flat and solid, "detections")
    assert flat[0].header == solid[0].header == image.header
    assert [d.id for d in flat[0].detections] == [d.id for d in solid[0].detections] == ["3", "7"]
    seven = flat[0].detections[1]
    # Columns 30 to 69 and rows 30 to 54 are seen of it; the dummy model adds what 3 covers.
    assert seven.bbox.center.position.x == pytest.approx(49.5, abs=6)
    assert seven.bbox.size_x >= 40 and seven.bbox.size_y >= 25
    assert 0 < seven.results[0].hypothesis.score <= 1
    box = solid[0].detections[1]
    assert box.bbox.center.position.z == pytest.approx(0.9, abs=0.01)
    assert box.bbox.size.x >= box.bbox.size.y > 0
    assert box.results[0].pose.pose == box.bbox.center


def test_without_depth_there_are_boxes_in_the_image_alone(start_node, robot):
    node = start_node(publish_detections=True)
    flat, solid = hear(robot, node)
    robot.send(*image_and_mask())
    robot.wait(lambda: flat and solid, "detections")
    assert len(flat[0].detections) == 2 and not solid[0].detections


def test_missing_package_is_named_with_the_command(start_node, monkeypatch):
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", None)
    node = start_node(publish_detections=True)
    assert node.node.state == "unconfigured"
    problem = node.node.report().problem
    assert "publish_detections is true, which needs the messages of vision_msgs" in problem
    assert "sudo apt install ros-$ROS_DISTRO-vision-msgs" in problem


def test_they_are_not_offered_unless_asked_for(start_node, monkeypatch):
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", None)
    node = start_node().node
    assert node.state == "active"
    own = node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace())
    assert not any("detections" in name for name, _ in own)
