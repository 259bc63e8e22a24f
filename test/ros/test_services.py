"""Services answer, and say why where they cannot; the node lives on."""

import time

import pytest

pytest.importorskip("rclpy")
import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.parameter import Parameter
from ros_harness import (
    SECOND,
    START,
    Gate,
    image_and_mask,
    image_message,
    listen,
    two_boxes,
)
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import SetBool
from stopping import open_when_told_to_stop

from segan_ros.srv import CompleteObjects, GetRemovalOrder

pytestmark = pytest.mark.ros


ANY = Duration(sec=2**31 - 1)
"""The largest age that a request can allow."""


def complete(robot, **request):
    return robot.ask(CompleteObjects, "/segan/complete", CompleteObjects.Request(**request))


def removal_order(robot, **request):
    return robot.ask(GetRemovalOrder, "/segan/removal_order", GetRemovalOrder.Request(**request))


@pytest.fixture
def node(start_node):
    return start_node(request_max_age=3600.0)


@pytest.fixture
def stamp():
    return time.time_ns()


@pytest.fixture
def fed(node, robot, stamp):
    """The node, with a frame that nobody listened to."""
    return feed(node, robot, stamp)


def feed(node, robot, stamp):
    before = node.tally().lost
    robot.send(*image_and_mask(stamp))
    robot.wait(lambda: node.tally().lost > before, "the frame")
    return node


def test_images_of_a_request_are_completed(node, robot):
    rgb, labels = two_boxes()
    request = {
        "image": image_message(rgb, "rgb8", 0, "photo"),
        "labels": image_message(labels, "16UC1", 0),
    }
    answer = complete(robot, **request)
    assert answer.success, answer.message
    assert answer.objects.header.frame_id == "photo"
    assert [o.id for o in answer.objects.objects] == [3, 7]
    assert not answer.objects.objects[0].appearance.image.data
    answer = complete(robot, **request, object_ids=[7], with_appearance=True)
    assert [o.id for o in answer.objects.objects] == [7]
    assert answer.objects.objects[0].appearance.image.encoding == "rgba8"
    assert list(answer.graph.object_ids) == [3, 7]
    assert answer.message == "no boxes: the frame has no depth and no calibrated camera_info"


def test_latest_frame_is_completed_on_demand_though_nobody_listens(fed, robot, stamp):
    answer = complete(robot, use_latest=True)
    assert answer.success, answer.message
    assert answer.objects.header.stamp.sec == stamp // SECOND
    answer = removal_order(robot, target_id=3)
    assert answer.success and list(answer.removal_order)[-1] == 3
    assert answer.header == image_and_mask(stamp)[0].header


def test_removal_order_lists_occluders_first_and_the_edges_behind_it(fed, robot):
    graph = complete(robot, use_latest=True).graph
    target = graph.removal_order[-1]
    answer = removal_order(robot, target_id=target)
    assert list(answer.removal_order) == list(graph.removal_order)
    front, behind = graph.removal_order
    # The boxes hide each other: the edge that was set aside is no reason for this order.
    assert len(graph.edges) == 2
    assert [(e.occluder_id, e.occludee_id) for e in answer.edges] == [(front, behind)]
    assert [(e.occluder_id, e.set_aside) for e in answer.set_aside] == [(behind, True)]
    assert 0 < answer.lift_probability < 1
    first = removal_order(robot, target_id=front)
    assert list(first.removal_order) == [front]
    assert [(e.occluder_id, e.set_aside) for e in first.set_aside] == [(behind, True)]
    answer = removal_order(robot, target_id=target, min_score=1.0)
    assert list(answer.removal_order) == [target] and not answer.edges
    assert [(e.occluder_id, e.set_aside) for e in answer.set_aside] == [(front, False)]


def test_removal_order_takes_an_id_as_text(fed, robot):
    answer = removal_order(robot, target="7")
    assert answer.success and answer.removal_order[-1] == 7 and answer.message == ""


@pytest.mark.parametrize(
    "request_, text",
    [
        ({"use_latest": True}, "no frame yet"),
        ({}, "the request has no image; send image and labels, or set use_latest"),
        (
            {
                "image": image_message(two_boxes()[0], "rgb8"),
                "labels": image_message(two_boxes()[1][:9], "16UC1"),
            },
            "labels is 80x9 but the image is 80x60",
        ),
        (
            {"image": image_message(two_boxes()[0], "rgb8")},
            "labels has encoding ''; publish it as mono8, 8UC1",
        ),
        (
            {
                "image": image_message(two_boxes()[0], "rgb8"),
                "labels": image_message(two_boxes()[1], "16UC1"),
                "object_ids": [7, 9],
            },
            "object_ids has [9], but the frame has [3, 7]",
        ),
    ],
)
def test_request_that_cannot_be_answered_says_why(node, robot, request_, text):
    answer = complete(robot, **request_)
    assert not answer.success and text in answer.message
    assert not answer.objects.objects


@pytest.mark.parametrize(
    "request_, text",
    [
        ({"target_id": 5}, "target_id is 5, but the frame has 3, 7"),
        ({"target": "cup"}, "target is 'cup', but the frame has 3, 7"),
        ({}, "target_id is 0 and target is empty: set one; the frame has 3, 7"),
        ({"target_id": 3, "min_score": 2.0}, "min_score is 2; set it to a value in 0 .. 1"),
        ({"target_id": 3, "min_score": float("nan")}, "min_score is nan"),
        ({"target_id": 3, "max_age": Duration(nanosec=1)}, "s old, max_age is 1e-09 s"),
        ({"target_id": 3, "max_age": Duration(sec=-1)}, "max_age is -1 s; it must not be negative"),
    ],
)
def test_order_that_cannot_be_given_says_why(fed, robot, request_, text):
    answer = removal_order(robot, **request_)
    assert not answer.success and text in answer.message


def test_services_of_an_inactive_node_say_what_to_do(start_node, robot):
    node = start_node(active=False)
    commands = ["ros2 lifecycle set /segan configure", "ros2 lifecycle set /segan activate"]

    def assert_refused(state, commands):
        text = "; ".join([f"the node is {state}", *commands])
        for answer in (complete(robot, use_latest=True), removal_order(robot, target_id=3)):
            assert not answer.success and answer.message == text

    assert_refused("unconfigured", commands)
    node.do(node.node.trigger_configure)
    assert_refused("inactive", commands[1:])


def test_disabled_node_refuses_requests_and_says_what_to_do(fed, robot):
    rgb, labels = two_boxes()
    images = {"image": image_message(rgb, "rgb8"), "labels": image_message(labels, "16UC1")}
    assert robot.ask(SetBool, "/segan/enable", SetBool.Request(data=False)).success
    asked = (complete(robot, use_latest=True), complete(robot, **images))
    for answer in (*asked, removal_order(robot, target_id=3)):
        assert not answer.success
        assert answer.message.startswith("the node is disabled; ros2 service call /segan/enable ")
    assert robot.ask(SetBool, "/segan/enable", SetBool.Request(data=True)).success
    assert removal_order(robot, target_id=3).success


class TestAge:
    """Frames that no request says an age for must be fresh."""

    def test_old_frame_is_refused_unless_the_request_allows_it(self, start_node, robot):
        feed(start_node(), robot, time.time_ns() - 60 * SECOND)
        for ask in (
            lambda **age: complete(robot, use_latest=True, **age),
            lambda **age: removal_order(robot, target_id=3, **age),
        ):
            answer = ask()
            assert not answer.success and "s old, request_max_age is 2 s" in answer.message
            assert answer.message.endswith("; or set max_age in the request")
            assert "s old, max_age is 1 s" in ask(max_age=Duration(sec=1)).message
            assert ask(max_age=Duration(sec=600)).success
            assert ask(max_age=ANY).success

    def test_fresh_frame_needs_no_word_about_its_age(self, start_node, robot):
        node = start_node()

        def fresh():
            feed(node, robot, time.time_ns())
            return removal_order(robot, target_id=3).success

        robot.wait(fresh, "an answer within two seconds of the frame")

    def test_parameter_of_zero_accepts_any_age(self, start_node, robot):
        feed(start_node(request_max_age=0.0), robot, START)
        assert removal_order(robot, target_id=3).success
        assert not removal_order(robot, target_id=3, max_age=Duration(sec=1)).success


def test_error_in_a_request_is_an_answer(fed, robot):
    segmentor = Gate(fed)
    segmentor.error = RuntimeError("the network is on fire")
    answer = complete(robot, use_latest=True)
    assert not answer.success and "the network is on fire" in answer.message
    segmentor.error = None
    assert complete(robot, use_latest=True).success


def test_long_request_does_not_hold_up_the_node(fed, robot):
    segmentor = Gate(fed, is_open=False)
    client = robot.node.create_client(CompleteObjects, "/segan/complete")
    robot.wait(client.service_is_ready, "the service")
    future = client.call_async(CompleteObjects.Request(use_latest=True))
    robot.wait(segmentor.entered.is_set, "the request in work")
    assert robot.ask(SetBool, "/segan/enable", SetBool.Request(data=True)).success
    assert not future.done()
    segmentor.open.set()
    robot.wait(future.done, "the answer")
    assert future.result().success


def test_request_in_waiting_is_answered_when_the_node_is_deactivated(fed, robot):
    segmentor = Gate(fed, is_open=False)
    client = robot.node.create_client(CompleteObjects, "/segan/complete")
    robot.wait(client.service_is_ready, "the service")
    futures = [client.call_async(CompleteObjects.Request(use_latest=True)) for _ in range(2)]
    robot.wait(segmentor.entered.is_set, "the first request in work")
    robot.wait(lambda: fed.node.requests == (2, 0), "the second one in waiting")
    open_when_told_to_stop(fed.node.pipeline.stopping, segmentor.open)
    fed.do(fed.node.trigger_deactivate)
    robot.wait(lambda: all(f.done() for f in futures), "both answers")
    assert futures[0].result().success
    assert "the node was deactivated" in futures[1].result().message


def test_open_requests_are_answered_when_the_node_is_shut_down(fed, robot):
    segmentor = Gate(fed, is_open=False)
    client = robot.node.create_client(CompleteObjects, "/segan/complete")
    robot.wait(client.service_is_ready, "the service")
    futures = [client.call_async(CompleteObjects.Request(use_latest=True)) for _ in range(2)]
    robot.wait(segmentor.entered.is_set, "the first request in work")
    robot.wait(lambda: fed.node.requests == (2, 0), "the second one in waiting")
    open_when_told_to_stop(fed.node.pipeline.stopping, segmentor.open)
    fed.do(fed.node.trigger_shutdown)
    robot.wait(lambda: all(f.done() for f in futures), "both answers")
    assert futures[0].result().success
    assert "the node was deactivated" in futures[1].result().message
    assert fed.node.requests == (2, 2)
    assert "the node is finalized" in complete(robot, use_latest=True).message


def test_poll_and_then_appearance_of_one_frame_segment_it_once(fed, robot):
    segmentor = Gate(fed)
    assert removal_order(robot, target_id=3).success
    answer = complete(robot, use_latest=True, with_appearance=True)
    assert all(o.appearance.image.data for o in answer.objects.objects)
    assert segmentor.runs == 1


def test_appearances_of_one_frame_are_asked_for_one_by_one(fed, robot):
    for i in (3, 7):
        asked = complete(robot, use_latest=True, object_ids=[i], with_appearance=True)
        (item,) = asked.objects.objects
        assert item.id == i and item.appearance.image.data


def test_frame_from_the_future_is_not_called_fresh(fed, robot):
    """The clock stands at zero: nobody publishes it."""
    parameter = Parameter("use_sim_time", value=True)
    assert fed.do(lambda: fed.node.set_parameters([parameter]))[0].successful
    answer = removal_order(robot, target_id=3)
    assert not answer.success and "ahead of the node's clock" in answer.message
    assert "use_sim_time" in answer.message
    assert removal_order(robot, target_id=3, max_age=ANY).success


def test_published_score_is_reached_by_its_own_edge(fed, robot):
    graph = complete(robot, use_latest=True).graph
    front, behind = graph.removal_order
    (score,) = (e.score for e in graph.edges if (e.occluder_id, e.occludee_id) == (front, behind))
    answer = removal_order(robot, target_id=behind, min_score=score)
    assert list(answer.removal_order) == [front, behind]


def test_camera_info_that_gives_no_boxes_is_a_remark(node, robot):
    rgb, labels = two_boxes()
    k = [50.0, 0, 40, 0, 50, 30, 0, 0, 1]
    answer = complete(
        robot,
        image=image_message(rgb, "rgb8", 0),
        labels=image_message(labels, "16UC1", 0),
        depth=image_message(np.full((60, 80), 900, np.uint16), "16UC1", 0),
        camera_info=CameraInfo(width=1280, height=720, k=k),
    )
    assert answer.success and not answer.boxes.boxes
    assert "camera_info is for 1280x720 but the image is 80x60" in answer.message


def test_camera_info_of_the_latest_frame_that_gives_no_boxes_is_a_remark(node, robot, stamp):
    k = [50.0, 0, 40, 0, 50, 30, 0, 0, 1]
    robot.camera("camera_info", CameraInfo).publish(CameraInfo(width=1280, height=720, k=k))
    robot.wait(lambda: node.tally("camera_info").received, "camera_info")
    feed(node, robot, stamp)
    answer = complete(robot, use_latest=True)
    assert answer.success and "camera_info is for 1280x720" in answer.message


def test_disabled_node_drops_frames_until_it_is_enabled(node, robot):
    (graphs,) = listen(robot, node, "occlusion_graph")
    answer = robot.ask(SetBool, "/segan/enable", SetBool.Request(data=False))
    assert answer.success and "disabled" in answer.message
    robot.send(*image_and_mask(START))
    robot.wait(lambda: node.tally().dropped == {"disabled": 1}, "the frame to be dropped")
    assert robot.ask(SetBool, "/segan/enable", SetBool.Request(data=True)).success
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: graphs, "a graph")
