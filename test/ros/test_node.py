"""The node among others: real topics, real DDS, frames in and answers out."""

import pytest

pytest.importorskip("rclpy")
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from ros_harness import (
    BEST_EFFORT,
    KINDS,
    RELIABLE,
    SECOND,
    START,
    Gate,
    image_and_mask,
    image_message,
    level_and_text,
    listen,
    settled,
    two_boxes,
)

from segan_ros.messages import bridge
from segan_ros.ros.synchronizer import MASK

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("reliability", [BEST_EFFORT, RELIABLE])
def test_cameras_of_either_reliability_are_heard(start_node, robot, reliability):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    for topic in ("image", "instance_mask"):
        robot.camera(topic, reliability=reliability)
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")


@pytest.mark.parametrize("reliability", [BEST_EFFORT, RELIABLE])
def test_subscribers_of_either_reliability_hear_all_outputs(start_node, robot, reliability):
    node = start_node()
    heard = listen(robot, node, *KINDS, reliability=reliability)
    image, mask = image_and_mask(START + 123)
    robot.send(image, mask)
    robot.wait(lambda: all(heard), "all outputs")
    objects, graph, labels, picture, boxes, points, markers = (h[0] for h in heard)
    for message in (objects, graph, labels, picture, boxes, points, *markers.markers):
        assert message.header == image.header
    assert [o.id for o in objects.objects] == [3, 7]
    assert all(o.appearance.image.encoding == "rgba8" for o in objects.objects)
    assert list(graph.object_ids) == [3, 7] and sorted(graph.removal_order) == [3, 7]
    assert labels.encoding == "16UC1"
    np.testing.assert_array_equal(bridge.decode(labels)[two_boxes()[1] > 0][:5], [3] * 5)
    assert picture.encoding == "rgb8" and (picture.width, picture.height) == (80, 60)


def test_visible_pixels_stay_in_the_whole_mask(start_node, robot):
    node = start_node()
    (heard,) = listen(robot, node, "objects")
    robot.send(*image_and_mask())
    robot.wait(lambda: heard, "objects")
    _, labels = two_boxes()
    for item in heard[0].objects:
        part, crop = np.zeros(labels.shape, bool), item.amodal_mask
        mask = bridge.decode(crop.image) > 0
        part[crop.y : crop.y + crop.image.height, crop.x : crop.x + crop.image.width] = mask
        assert part[labels == item.id].all()
        assert item.amodal_area == part.sum()


def test_nothing_is_worked_out_while_nobody_listens(start_node, robot):
    node = start_node()
    segmentor = Gate(node)
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().lost, "the frame to be dropped")
    assert node.tally().dropped == {"no_subscriber": 1}
    assert node.tally(MASK).done == 1 and segmentor.runs == 0


@pytest.mark.parametrize("names, painted", [(["occlusion_graph"], False), (["objects"], True)])
def test_appearance_is_painted_only_for_listeners_of_objects(start_node, robot, names, painted):
    node = start_node()
    painter = Gate(node, "paint")
    (heard,) = listen(robot, node, *names)
    robot.send(*image_and_mask())
    robot.wait(lambda: heard, "an answer")
    assert bool(painter.runs) == painted


def test_appearance_is_not_painted_when_switched_off(start_node, robot):
    node = start_node(publish_appearance=False)
    (heard,) = listen(robot, node, "objects")
    robot.send(*image_and_mask())
    robot.wait(lambda: heard, "objects")
    assert all(not o.appearance.image.data for o in heard[0].objects)


def test_every_frame_is_accounted_for_under_overload(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    images, masks = (
        robot.camera("image", reliability=RELIABLE),
        robot.camera("instance_mask", reliability=RELIABLE),
    )
    for n in range(60):
        image, mask = image_and_mask(START + n * SECOND // 100)
        images.publish(image)
        if n % 7:
            masks.publish(mask)
        tally = node.tally()
        assert tally.received == tally.done + tally.lost + tally.in_flight
        assert 0 <= tally.in_flight <= 60
    last = START + 59 * SECOND // 100
    robot.wait(
        lambda: graphs and graphs[-1].header.stamp.nanosec == last % SECOND, "the newest frame"
    )
    robot.wait(lambda: settled(node), "the queue to empty")
    tally = node.tally()
    assert tally.received == tally.done + tally.lost
    assert tally.done == len(graphs) or robot.wait(lambda: tally.done == len(graphs), "all graphs")
    stamps = [g.header.stamp.sec * SECOND + g.header.stamp.nanosec for g in graphs]
    assert stamps == sorted(set(stamps))
    assert set(tally.dropped) <= {"superseded", "no_partner", "queue_full"}


def test_depth_gives_the_objects_a_distance(start_node, robot):
    node = start_node(use_depth="always")
    (heard,) = listen(robot, node, "objects")
    depth = robot.camera("depth")
    depth.publish(image_message(np.full((60, 80), 1250, np.uint16), "16UC1", START))
    robot.send(*image_and_mask(START))
    robot.wait(lambda: heard, "objects")
    assert [o.depth_median for o in heard[0].objects] == [1.25, 1.25]
    assert node.tally("depth").done == 1


def test_diagnostics_tell_what_runs_and_what_was_counted(start_node, robot):
    node = start_node(diagnostics_period=0.1)
    heard = robot.hear("/diagnostics", DiagnosticArray)
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")

    def counted():
        values = {v.key: v.value for m in heard[-1:] for v in m.status[0].values}
        return values if values.get("image.published") == "1" else None

    values = robot.wait(counted, "the frame in the diagnostics")
    assert values["provider"] == "cpu" and values["model"] == "dummy"
    assert values["state"] == "active" and values["image.in_flight"] == "0"
    assert float(values["ms.total.median"]) > 0
    assert heard[-1].status[0].name == "segan: amodal completion"


def test_silence_is_a_warning_that_names_the_topic(start_node, robot):
    node = start_node()
    robot.wait(lambda: {"image", "instance_mask"} <= node.node.report().silent, "the silence")
    level, text = level_and_text(node)
    assert level == b"\x01" and "nothing received on /image and /instance_mask" in text


def test_error_in_the_worker_is_counted_and_the_node_goes_on(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    segmentor = Gate(node)
    segmentor.error = RuntimeError("the network is on fire")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: node.tally().dropped.get("internal_error"), "the error to be counted")
    level, text = level_and_text(node)
    assert level == b"\x02" and "the network is on fire" in text
    segmentor.error = None
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: graphs, "the next frame")
