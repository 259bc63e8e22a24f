"""Messages of popular segmenters come in over DDS and become objects with names and tracks."""

import pytest

pytest.importorskip("rclpy")
import numpy as np
from ros_harness import RELIABLE, image_message, listen, two_boxes

from segan_ros.ros.segmenters import SegmenterError, message_class

pytestmark = pytest.mark.ros

RECTANGLES = {"7": (30, 30, 69, 54), "3": (10, 20, 39, 44)}
"""Corners of the boxes of `two_boxes`, the front one first, last pixels included."""


def picture():
    return image_message(two_boxes()[0], "rgb8")


def polygons(header, **about):
    messages = pytest.importorskip("yolo_msgs.msg", reason="tools/build_interfaces.py makes it")
    found = messages.DetectionArray(header=header)
    for track, (x0, y0, x1, y1) in RECTANGLES.items():
        mask = messages.Mask(height=60, width=80)
        for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)):
            mask.data.append(messages.Point2D(x=float(x), y=float(y)))
        found.detections.append(
            messages.Detection(class_name="box", score=0.5, id=track, mask=mask, **about)
        )
    return found


def mask_images(header):
    ultralytics = pytest.importorskip("ultralytics_ros.msg")
    vision = pytest.importorskip("vision_msgs.msg")
    found = ultralytics.YoloResult(header=header)
    for track, (x0, y0, x1, y1) in RECTANGLES.items():
        mask = np.zeros((60, 80), np.uint8)
        mask[y0 : y1 + 1, x0 : x1 + 1] = 255
        found.masks.append(image_message(mask, "mono8"))
        guess = vision.ObjectHypothesisWithPose()
        guess.hypothesis = vision.ObjectHypothesis(class_id="box", score=0.5)
        found.detections.detections.append(vision.Detection2D(id=track, results=[guess]))
    return found


def colours(header):
    pixels = np.zeros((60, 80, 3), np.uint8)
    labels = two_boxes()[1]
    pixels[labels == 3], pixels[labels == 7] = (0, 0, 3), (0, 0, 7)
    return image_message(pixels, "rgb8")


def panoptic(header):
    pixels = np.zeros((60, 80, 3), np.uint8)
    labels = two_boxes()[1]
    pixels[labels == 3], pixels[labels == 7] = (1, 0, 5), (2, 0, 5)
    return image_message(pixels, "rgb8")


def answer(start_node, robot, message, **parameters):
    node = start_node(**parameters)
    objects, graphs = listen(robot, node, "objects", "occlusion_graph")
    robot.camera("instance_mask", type(message), RELIABLE)
    robot.send(picture(), message)
    robot.wait(lambda: objects and graphs, "an answer")
    return node, objects[0].objects, graphs[0]


@pytest.mark.parametrize(("segmenter", "make"), [("yolo_msgs", polygons), ("masks", mask_images)])
def test_detections_become_objects_with_names_and_tracks(start_node, robot, segmenter, make):
    message = make(picture().header)
    _, objects, graph = answer(start_node, robot, message, segmenter=segmenter)
    assert [(o.id, o.track_id, o.class_id) for o in objects] == [(3, "3", "box"), (7, "7", "box")]
    # The smaller visible mask lies in front: both are 25 x 30 here, but 7 is 40 wide.
    assert {o.id: o.visible_area for o in objects} == {3: 750, 7: 40 * 25 - 10 * 15}
    assert list(graph.object_ids) == [3, 7]


@pytest.mark.parametrize(
    ("segmenter", "make", "ids"),
    [("colours", colours, [3, 7]), ("panoptic", panoptic, [0x50001, 0x50002])],
)
def test_coloured_images_become_objects(start_node, robot, segmenter, make, ids):
    _, objects, _ = answer(start_node, robot, make(picture().header), segmenter=segmenter)
    assert [o.id for o in objects] == ids


def test_what_is_left_out_is_counted(start_node, robot):
    message = polygons(picture().header)
    message.detections[0].class_name = "dining table"
    message.detections[1].mask.data = []
    node, objects, _ = answer(
        start_node, robot, message, segmenter="yolo_msgs", ignored_classes="dining table, person"
    )
    assert objects == [] and node.node.report().left_out == {"ignored class": 1, "no mask": 1}


def test_bad_message_is_dropped_with_its_reason_and_the_next_one_answered(start_node, robot):
    bad, good = polygons(picture().header), polygons(picture().header)
    node = start_node(segmenter="yolo_msgs")
    (graphs,) = listen(robot, node, "occlusion_graph")
    for found in bad.detections:
        found.mask.height, found.mask.width = 100, 100
    robot.camera("instance_mask", type(good), RELIABLE)
    robot.send(picture(), bad)
    robot.wait(lambda: node.tally().dropped.get("size_mismatch"), "the drop")
    image = image_message(two_boxes()[0], "rgb8", stamp=1_700_000_001_000_000_000)
    good.header = image.header
    robot.send(image, good)
    robot.wait(lambda: graphs, "a graph")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"segmenter": "masks", "segmenter_type": "no_such_msgs/msg/Found"},
            "needs the messages of no_such_msgs .* install no_such_msgs, or source the workspace",
        ),
        (
            {"segmenter": "masks", "segmenter_type": "YoloResult"},
            "segmenter_type is 'YoloResult'; write it as package/msg/Type",
        ),
        (
            {"segmenter": "masks", "segmenter_type": "std_msgs/msg/Nothing"},
            "std_msgs has no message Nothing; `ros2 interface package std_msgs` lists them",
        ),
        (
            {"segmenter": "masks", "segmenter_type": "std_msgs/msg/Header"},
            r"has no field `sensor_msgs/Image\[\] masks`; it has stamp, frame_id",
        ),
    ],
)
def test_segmenter_that_cannot_be_heard_says_what_to_do(values, text):
    with pytest.raises(SegmenterError, match=text):
        message_class(values)


def test_node_says_which_package_is_missing_and_stays(start_node, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yolo_msgs.msg", None)
    node = start_node(segmenter="yolo_msgs")
    assert node.node.state == "inactive"
    assert "build yolo_ros" in node.node.report().problem
