"""The node under load: the graph before the painter, the newest frame, answers given again."""

from contextlib import ExitStack

import pytest

pytest.importorskip("rclpy")
import numpy as np
from rclpy.parameter import Parameter
from ros_harness import (
    RELIABLE,
    SECOND,
    START,
    TIMEOUT,
    Gate,
    image_and_mask,
    image_message,
    listen,
    settled,
    two_boxes,
)

from segan_ros.msg import OcclusionGraph
from segan_ros.replay.node_process import NodeProcess
from segan_ros.ros.diagnostics import values

pytestmark = pytest.mark.ros


def set_parameter(node, name, value):
    (result,) = node.do(lambda: node.node.set_parameters([Parameter(name, value=value)]))
    assert result.successful, result.reason


def stamps_of(messages):
    return [m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in messages]


def test_graph_does_not_wait_for_the_painter(start_node, robot):
    node = start_node()
    painter = Gate(node, "paint", is_open=False)
    soon = listen(robot, node, "occlusion_graph", "amodal_labels", "boxes", "points", "markers")
    (objects,), graphs = listen(robot, node, "objects"), soon[0]
    robot.send(*image_and_mask())
    robot.wait(lambda: all(soon), "everything that needs no appearance")
    assert painter.entered.wait(TIMEOUT)
    assert not objects and node.tally().done == 0
    painter.open.set()
    robot.wait(lambda: objects, "objects")
    assert objects[0].header == graphs[0].header
    assert [o.layer for o in objects[0].objects] == list(graphs[0].layers)
    robot.wait(lambda: node.tally().done == 1, "the frame in the account")


def test_newest_frame_waits_for_one_frame_alone(start_node, robot):
    node = start_node()
    segmentor = Gate(node, is_open=False)
    (graphs,) = listen(robot, node, "occlusion_graph")
    for topic in ("image", "instance_mask"):
        robot.camera(topic, reliability=RELIABLE)
    stamps = [START + n * SECOND // 30 for n in range(10)]
    robot.send(*image_and_mask(stamps[0]))
    assert segmentor.entered.wait(TIMEOUT)
    for n, stamp in enumerate(stamps[1:]):
        robot.send(*image_and_mask(stamp))
        robot.wait(lambda n=n: node.tally("instance_mask").done == n + 2, "the frame to come in")
        assert node.node.report().in_work <= 2
    assert node.tally().dropped == {"superseded": 8}
    segmentor.open.set()
    robot.wait(lambda: stamps[-1] in stamps_of(graphs), "the newest frame")
    # From the moment the newest came in: the rest of the frame in work, and its own work.
    assert segmentor.runs == 2
    robot.wait(lambda: settled(node), "the counters")
    assert stamps_of(graphs) == [stamps[0], stamps[-1]]
    assert node.tally().done == 2 and node.tally().received == 10


def shown(stamp, shift=0, brighter=0):
    rgb, labels = two_boxes()
    rgb = (np.roll(rgb, shift, axis=1) + brighter).astype(np.uint8)
    labels = np.roll(labels, shift, axis=1)
    return image_message(rgb, "rgb8", stamp), image_message(labels, "16UC1", stamp)


@pytest.mark.parametrize(
    ("reuse_change", "views", "runs"),
    [
        (0.0, [{}, {}, {}], 3),
        (2.0, [{}, {}, {}], 1),
        (2.0, [{}, {"brighter": 1}, {"brighter": 2}], 1),
        # Measured from what the networks saw: slow change adds up.
        (2.0, [{}, {"brighter": 2}, {"brighter": 4}, {"brighter": 6}], 2),
        (2.0, [{}, {"shift": 1}, {"shift": 1}], 2),
    ],
    ids=["off", "still", "flicker", "drift", "moved"],
)
def test_answers_are_given_again_while_nothing_changes(
    start_node, robot, reuse_change, views, runs
):
    node = start_node(reuse_change=reuse_change)
    segmentor = Gate(node)
    painter = Gate(node, "paint")
    graphs, objects = listen(robot, node, "occlusion_graph", "objects")
    for n, view in enumerate(views):
        image, mask = shown(START + n * SECOND, **view)
        robot.send(image, mask)
        robot.wait(lambda n=n: len(graphs) == len(objects) == n + 1, "an answer")
        assert graphs[-1].header == objects[-1].header == image.header
    assert segmentor.runs == painter.runs == runs
    robot.wait(lambda: node.tally().done == len(views), "the counters")
    assert values(node.node.report())["image.reused"] == str(len(views) - runs)


def test_depth_that_comes_or_goes_ends_the_reuse(start_node, robot):
    node = start_node(reuse_change=2.0, use_depth="auto", sync_timeout=1.0)
    segmentor = Gate(node)
    (objects,) = listen(robot, node, "objects")
    depth = robot.camera("depth", reliability=RELIABLE)
    came = 0
    for n, runs in enumerate((1, 1, 2, 2, 3)):
        stamp, has_depth = START + n * SECOND, n not in (2, 3)
        if has_depth:
            came += 1
            depth.publish(image_message(np.full((60, 80), 1.5, np.float32), "32FC1", stamp))
            robot.wait(lambda c=came: node.tally("depth").received == c, "the depth")
        robot.send(*shown(stamp))
        robot.wait(lambda n=n: len(objects) == n + 1, "an answer")
        assert segmentor.runs == runs
        assert (objects[-1].objects[0].depth_median == 1.5) == has_depth


def test_reused_answer_has_no_appearance_once_it_is_switched_off(start_node, robot):
    node = start_node(reuse_change=2.0)
    (objects,) = listen(robot, node, "objects")
    for n, painted in enumerate((True, False, True)):
        set_parameter(node, "publish_appearance", painted)
        robot.send(*shown(START + n * SECOND))
        robot.wait(lambda n=n: len(objects) == n + 1, "an answer")
        assert all(bool(o.appearance.image.data) == painted for o in objects[-1].objects)
    robot.wait(lambda: node.tally().done == 3, "the counters")
    assert values(node.node.report())["image.reused"] == "2"


def test_changed_setting_ends_the_reuse(start_node, robot):
    node = start_node(reuse_change=2.0)
    segmentor = Gate(node)
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*shown(START))
    robot.wait(lambda: len(graphs) == 1, "an answer")
    set_parameter(node, "threshold", 0.7)
    robot.send(*shown(START + SECOND))
    robot.wait(lambda: len(graphs) == 2, "another answer")
    assert segmentor.runs == 2


def test_every_stage_is_timed(start_node, robot):
    node = start_node()
    heard = listen(robot, node, "objects", "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: all(heard), "answers")
    robot.wait(lambda: node.tally().done, "the counters")
    times = node.node.counters.percentiles()
    stages = {"wait", "queue", "decode", "crop", "segment", "graph", "paint", "encode", "publish"}
    assert stages <= set(times)
    assert 0 < sum(times[s][0] for s in stages) <= times["total"][0]


@pytest.mark.slow
def test_two_cameras_have_a_node_each_by_namespace(ros, robot, dummy_model, tmp_path):
    sides = ("left", "right")
    graphs = {s: robot.hear(f"/{s}/segan/occlusion_graph", OcclusionGraph) for s in sides}
    stamps = {"left": START, "right": START + 1}
    parameters = {"model": str(dummy_model), "provider": "cpu"}
    with ExitStack() as stack:
        for side in sides:
            stack.enter_context(NodeProcess(parameters, {"__ns": f"/{side}"}, tmp_path / side))
        cameras = {
            (side, topic): robot.camera(f"/{side}/{topic}", reliability=RELIABLE)
            for side in sides
            for topic in ("image", "instance_mask")
        }

        def answered():
            for side in sides:
                stamps[side] += SECOND // 10
                for topic, message in zip(
                    ("image", "instance_mask"), image_and_mask(stamps[side]), strict=True
                ):
                    cameras[side, topic].publish(message)
            return all(graphs.values())

        robot.wait(answered, "a graph of both cameras")
    # The last digit of a stamp tells the cameras apart.
    assert {s % 10 for s in stamps_of(graphs["left"])} == {START % 10}
    assert {s % 10 for s in stamps_of(graphs["right"])} == {(START + 1) % 10}
