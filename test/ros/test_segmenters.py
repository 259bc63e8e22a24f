"""Messages of popular segmenters come in over DDS and become objects with names and tracks."""

import pytest

pytest.importorskip("rclpy")
import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from ros_harness import (
    RELIABLE,
    SECOND,
    START,
    image_and_mask,
    image_message,
    level_and_text,
    listen,
    two_boxes,
)
from std_msgs.msg import String

from segan_ros.ros.parameters import PARAMETERS
from segan_ros.ros.peer import Peer
from segan_ros.ros.qos import LATCHED
from segan_ros.ros.segmenters import SegmenterError, message_class, role_problem
from segan_ros.ros.synchronizer import MASK
from segan_ros.srv import GetRemovalOrder

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


def detectron(header):
    package = pytest.importorskip("detectron2_msgs.msg")
    found = package.DetectResult(header=header, class_names=["box", "box"], scores=[0.5, 0.5])
    for x0, y0, x1, y1 in RECTANGLES.values():
        mask = np.zeros((60, 80), np.uint8)
        mask[y0 : y1 + 1, x0 : x1 + 1] = 255
        found.masks.append(image_message(mask, "mono8"))
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


def test_masks_without_tracks_are_numbered_and_have_names(start_node, robot):
    type_ = {"segmenter": "masks", "segmenter_type": "detectron2_msgs/msg/DetectResult"}
    _, objects, _ = answer(start_node, robot, detectron(picture().header), **type_)
    assert [(o.id, o.track_id, o.class_id) for o in objects] == [(1, "", "box"), (2, "", "box")]


@pytest.mark.parametrize(
    ("segmenter", "make", "ids"),
    [("colours", colours, [3, 7]), ("panoptic", panoptic, [0x50001, 0x50002])],
)
def test_coloured_images_become_objects(start_node, robot, segmenter, make, ids):
    _, objects, _ = answer(start_node, robot, make(picture().header), segmenter=segmenter)
    assert [(o.id, o.track_id) for o in objects] == [(i, "") for i in ids]


def test_what_is_left_out_is_counted(start_node, robot):
    message = polygons(picture().header)
    message.detections[0].class_name = "dining table"
    message.detections[1].mask.data = []
    node, objects, _ = answer(
        start_node, robot, message, segmenter="yolo_msgs", ignored_classes="dining table, person"
    )
    assert objects == [] and node.node.report().left_out == {"ignored class": 1, "no mask": 1}


def test_occluder_classes_hide_others_but_are_not_lifted(start_node, robot):
    message = polygons(picture().header)
    message.detections[1].class_name = "hand"
    _, objects, graph = answer(
        start_node, robot, message, segmenter="yolo_msgs", occluder_classes="arm, hand"
    )
    assert [(o.id, o.class_id, o.occluder_only) for o in objects] == [
        (3, "hand", True),
        (7, "box", False),
    ]
    assert objects[0].amodal_mask == objects[0].visible_mask
    assert list(graph.removal_order) == [7] and list(graph.object_ids) == [3, 7]
    assert {(e.occluder_id, e.blocks_lift) for e in graph.edges} == {(3, False)}
    assert list(graph.free_ids) == []


def test_occluder_ids_do_the_same_for_label_images_and_from_the_next_frame_on(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    for second, ids in enumerate(([0], [7])):
        values = [Parameter("occluder_ids", value=ids)]
        assert node.do(lambda v=values: node.node.set_parameters(v)[0]).successful
        robot.send(*image_and_mask(START + second * SECOND))
        robot.wait(lambda n=second: len(graphs) == n + 1, "a graph")
    assert [sorted(g.removal_order) for g in graphs] == [[3, 7], [3]]


def test_names_of_labels_come_in_beside_a_label_image(start_node, robot):
    """As Isaac Sim publishes them: JSON in a String."""
    node = start_node(occluder_classes="hand")
    objects, graphs = listen(robot, node, "objects", "occlusion_graph")
    names = robot.camera("label_names", String, RELIABLE)
    names.publish(String(data="no table"))
    robot.wait(lambda: "label_names is 'no table'; send" in node.node.report().camera_problem, "it")
    names.publish(String(data='{"3": {"class": "hand"}, "7": {"class": "cup"}}'))
    robot.wait(lambda: not node.node.report().camera_problem, "the table")
    robot.send(*image_and_mask())
    robot.wait(lambda: objects and graphs, "an answer")
    assert [(o.id, o.class_id) for o in objects[0].objects] == [(3, "hand"), (7, "cup")]
    assert list(graphs[0].removal_order) == [7]


def test_names_that_were_published_once_hold_until_cleanup(start_node, robot):
    """A hand stays a hand: no object to lift, after the node was deactivated for a while."""
    once = robot.node.create_publisher(String, "label_names", LATCHED)
    once.publish(String(data='{"3": "hand", "7": "cup"}'))
    node = start_node(occluder_classes="hand")
    robot.wait(lambda: node.node.names, "the table from before the node")
    robot.node.destroy_publisher(once)
    (graphs,) = listen(robot, node, "occlusion_graph")
    node.do(node.node.trigger_deactivate)
    robot.unplug()
    node.do(node.node.trigger_activate)
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")
    assert list(graphs[0].removal_order) == [7]
    node.do(node.node.trigger_deactivate)
    node.do(node.node.trigger_cleanup)
    assert node.node.names == {}


def test_roles_of_masks_without_classes_are_a_warning_also_where_nothing_is_subscribed(
    start_node, robot
):
    node = start_node(occluder_classes="hand", ignored_classes="tray")
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().dropped.get("no_subscriber"), "the frame")
    request = GetRemovalOrder.Request(target_id=3, max_age=Duration(sec=2**31 - 1))
    assert robot.ask(GetRemovalOrder, "/segan/removal_order", request).success
    level, text = level_and_text(node)
    assert level == b"\x01" and text == (
        "occluder_classes and ignored_classes are set, but the masks carry no classes: publish "
        "label_names, or set occluder_ids and ignore_ids"
    )


@pytest.mark.parametrize(
    ("values", "has_classes", "text"),
    [
        ({"occluder_classes": "hand"}, True, ""),
        ({"min_score": 0.5}, True, "masks of segmenter label_image carry no scores: set it to 0"),
        ({"min_score": 0.5, "segmenter": "yolo_msgs"}, True, ""),
        (
            {"ignored_classes": "tray", "segmenter": "colours"},
            False,
            "ignored_classes is set, but the masks carry no classes: set ignore_ids",
        ),
    ],
)
def test_roles_that_masks_cannot_get_name_the_remedy(values, has_classes, text):
    given = {p.name: p.default for p in PARAMETERS} | values
    problem = role_problem(given, has_classes)
    assert problem.endswith(text) and bool(problem) == bool(text)


def test_roles_are_heeded_where_the_last_result_is_used_again(start_node, robot):
    node = start_node(reuse_change=5.0)
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: graphs, "a graph")
    values = [Parameter("occluder_ids", value=[7])]
    node.do(lambda: node.node.set_parameters(values))
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: len(graphs) == 2, "another graph")
    assert list(graphs[1].removal_order) == [3]


def test_class_name_or_track_is_a_target(start_node, robot):
    message = polygons(picture().header)
    message.detections[0].class_name = "cup"
    answer(start_node, robot, message, segmenter="yolo_msgs")
    for wanted, target in (("cup", 7), ("box", 3), ("3", 3)):
        request = GetRemovalOrder.Request(target=wanted, max_age=Duration(sec=2**31 - 1))
        found = robot.ask(GetRemovalOrder, "/segan/removal_order", request)
        assert found.success and found.removal_order[-1] == target, found.message
    request = GetRemovalOrder.Request(target="fork", max_age=Duration(sec=2**31 - 1))
    found = robot.ask(GetRemovalOrder, "/segan/removal_order", request)
    expected = "target is 'fork', but the frame has 3 (box, track 3), 7 (cup, track 7)"
    assert not found.success and found.message == expected


def test_unknown_segmenter_keeps_the_node_unconfigured_and_names_those_there_are(start_node):
    node = start_node(segmenter="yolo")
    assert node.node.state == "unconfigured"
    problem = node.node.report().problem
    assert "segmenter is 'yolo'" in problem and "label_image, yolo_msgs, masks" in problem


def test_detections_that_are_stamped_anew_are_a_warning_with_the_remedy(start_node, robot):
    message = polygons(picture().header)
    message.header.stamp.sec += 1
    node = start_node(segmenter="yolo_msgs", sync_timeout=0.2)
    listen(robot, node, "objects")
    robot.camera("instance_mask", type(message), RELIABLE)
    robot.send(picture(), message)
    robot.wait(lambda: node.tally(MASK).dropped.get("no_partner"), "the drop")
    level, text = level_and_text(node)
    assert level == b"\x01" and "the segmenter must copy the header of its image" in text


def test_two_masks_of_one_track_are_a_warning(start_node, robot):
    message = polygons(picture().header)
    for found in message.detections:
        found.id = "4"
    node, objects, _ = answer(start_node, robot, message, segmenter="yolo_msgs")
    level, text = level_and_text(node)
    assert [o.id for o in objects] == [1, 2] and level == b"\x01"
    assert "/instance_mask: in 1 messages several masks have the same track id" in text


@pytest.mark.parametrize(("segmenter", "make"), [("yolo_msgs", polygons), ("masks", mask_images)])
def test_detections_without_a_mask_are_a_warning_with_the_remedy(
    start_node, robot, segmenter, make
):
    """As of a model that gives boxes alone."""
    message = make(picture().header)
    if segmenter == "masks":
        message.masks = []
    else:
        for found in message.detections:
            found.mask.data = []
    node, objects, _ = answer(start_node, robot, message, segmenter=segmenter)
    level, text = level_and_text(node)
    assert objects == [] and level == b"\x01"
    assert "/instance_mask: 2 of 2 detections were skipped (no mask): use a segmentation" in text


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
    ("topic", "kind", "text"),
    [
        (
            "instance_mask",
            "yolo_msgs.msg.DetectionArray",
            "/instance_mask carries yolo_msgs/msg/DetectionArray, not sensor_msgs/msg/Image: set "
            "segmenter to yolo_msgs",
        ),
        (
            "instance_mask",
            "detectron2_msgs.msg.DetectResult",
            "/instance_mask carries detectron2_msgs/msg/DetectResult, not sensor_msgs/msg/Image: "
            "set segmenter to masks and segmenter_type to detectron2_msgs/msg/DetectResult if",
        ),
        (
            "image",
            "sensor_msgs.msg.CompressedImage",
            "/image carries sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image: remap",
        ),
        (
            "label_names",
            "sensor_msgs.msg.Image",
            "/label_names carries sensor_msgs/msg/Image, not std_msgs/msg/String: remap",
        ),
    ],
)
def test_topic_of_another_type_is_a_warning_with_the_remedy(start_node, topic, kind, text):
    package, _, name = kind.rpartition(".")
    found = getattr(pytest.importorskip(package), name)
    node = start_node()
    # DDS refuses two types of one topic within a participant.
    with Peer("segmenter") as other:
        other.advertise(found, topic, QoSProfile(depth=1))
        assert other.wait(30, lambda: node.node.report().type_problems)
        level, said = level_and_text(node)
    assert said.startswith(text) and level == b"\x01"


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
