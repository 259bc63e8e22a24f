"""Compressed images, masks and depth, and what may be wrong with them."""

from array import array

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
from rclpy.parameter import Parameter
from ros_harness import (
    SECOND,
    START,
    image_and_mask,
    image_message,
    level_and_text,
    listen,
    two_boxes,
)
from sensor_msgs.msg import CompressedImage

pytestmark = pytest.mark.ros


class TestCompressed:
    """image_transport: compressed."""

    def message(self, kind, pixels, stamp):
        header = image_message(np.zeros((1, 1), np.uint8), "mono8", stamp).header
        data = array("B", cv2.imencode(f".{kind}", pixels)[1].tobytes())
        return CompressedImage(header=header, format=kind, data=data)

    @pytest.mark.parametrize("kind", ["png", "jpg"])
    def test_jpeg_and_png_are_answered_like_raw_ones(self, start_node, robot, kind):
        node = start_node(image_transport="compressed", use_depth="always")
        (heard,) = listen(robot, node, "objects")
        rgb, labels = two_boxes()
        topics = {
            "image/compressed": self.message(kind, rgb[:, :, ::-1], START),
            "instance_mask/compressed": self.message("png", labels, START),
            "depth/compressedDepth": self.message("png", np.full((60, 80), 1250, np.uint16), START),
        }
        for topic, message in topics.items():
            robot.camera(topic, CompressedImage).publish(message)
        robot.wait(lambda: heard, "objects")
        assert [o.id for o in heard[0].objects] == [3, 7]
        assert heard[0].objects[0].depth_median == 1.25
        assert heard[0].header == topics["image/compressed"].header

    def test_jpeg_masks_are_refused_with_the_remedy(self, start_node, robot):
        node = start_node(image_transport="compressed")
        mask = self.message("jpg", two_boxes()[1].astype(np.uint8), START)
        robot.camera("instance_mask/compressed", CompressedImage).publish(mask)
        robot.wait(lambda: node.tally("instance_mask").dropped.get("bad_encoding"), "the drop")
        level, text = level_and_text(node)
        assert level == b"\x01" and "other formats change the values, publish it as png" in text

    def test_damage_that_shows_when_it_is_decoded_is_counted(self, start_node, robot):
        node = start_node(image_transport="compressed")
        (graphs,) = listen(robot, node, "occlusion_graph")
        image = robot.camera("image/compressed", CompressedImage)
        mask = robot.camera("instance_mask/compressed", CompressedImage)
        for n in range(2):
            rgb, labels = two_boxes()
            picture = self.message("png", rgb, START + n * SECOND)
            if n == 0:
                picture.data[60:90] = array("B", bytes(30))
            image.publish(picture)
            mask.publish(self.message("png", labels, START + n * SECOND))
            if n == 0:
                robot.wait(lambda: node.tally().dropped == {"truncated": 1}, "the drop")
        robot.wait(lambda: graphs, "the next frame")

    def test_other_transport_on_the_network_is_named(self, start_node, robot):
        node = start_node()
        robot.node.create_publisher(CompressedImage, "image/compressed", 1)
        robot.wait(lambda: node.node.report().elsewhere, "the publisher")
        robot.wait(lambda: {"image", "instance_mask"} <= node.node.report().silent, "the silence")
        level, text = level_and_text(node)
        assert level == b"\x01"
        assert "/image/compressed has a publisher: set image_transport to compressed" in text

    def test_damaged_depth_costs_no_frame_that_can_do_without(self, start_node, robot):
        node = start_node(depth_transport="compressed")
        (graphs,) = listen(robot, node, "occlusion_graph")
        depth = self.message("png", np.arange(4800, dtype=np.uint16).reshape(60, 80), START)
        depth.data[len(depth.data) // 2] ^= 0xFF
        robot.camera("depth/compressedDepth", CompressedImage).publish(depth)
        robot.wait(lambda: node.tally("depth").received, "the depth")
        robot.send(*image_and_mask())
        robot.wait(lambda: graphs, "a graph")
        assert node.tally("depth").dropped == {"truncated": 1}

    def test_image_and_mask_may_come_in_different_ways(self, start_node, robot):
        node = start_node(image_transport="compressed", mask_transport="raw")
        (graphs,) = listen(robot, node, "occlusion_graph")
        rgb, labels = two_boxes()
        picture = self.message("jpg", rgb[:, :, ::-1], START)
        robot.camera("image/compressed", CompressedImage).publish(picture)
        robot.camera("instance_mask").publish(image_message(labels, "16UC1", START))
        robot.wait(lambda: graphs, "a graph")
        assert node.node.report().topics["depth"] == "/depth/compressedDepth"

    @pytest.mark.parametrize(
        ("transport", "expected"),
        [
            ("compressed", ("/cam/rgb/compressed", "/image/compressed", "/depth/compressedDepth")),
            ("raw", ("/cam/rgb", "/image", "/depth")),  # the second has a name that is remapped
        ],
    )
    def test_topics_follow_their_remapped_names(self, ros, dummy_model, transport, expected):
        from segan_ros.ros.node import SeganNode

        node = SeganNode(
            parameter_overrides=[
                Parameter("model", value=str(dummy_model)),
                Parameter("provider", value="cpu"),
                Parameter("image_transport", value=transport),
            ],
            cli_args=["--ros-args", "-r", "image:=/cam/rgb", "-r", "instance_mask:=/image"],
        )
        try:
            node.start()
            topics = node.report().topics
            assert tuple(topics[s] for s in ("image", "instance_mask", "depth")) == expected
            assert set(topics.values()) <= {s.topic_name for s in node.subscriptions}
        finally:
            node.trigger_shutdown()
            node.destroy_node()
