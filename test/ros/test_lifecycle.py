"""In each state there is what belongs to it, and nothing is left of what came before."""

import threading
from dataclasses import replace

import pytest

pytest.importorskip("rclpy")
from lifecycle_msgs.srv import ChangeState, GetState
from ros_harness import SECOND, START, Gate, image_and_mask, listen
from sensor_msgs.msg import CameraInfo
from stopping import open_when_told_to_stop

from segan_ros.ros.interface import OUTPUTS

pytestmark = pytest.mark.ros


def belongings(node):
    """Counts of everything that a state could leave behind."""
    return {
        "threads": sorted(t.name for t in threading.enumerate() if t.name.startswith("segan")),
        "subscriptions": len(list(node.subscriptions)),
        "publishers": len(list(node.publishers)),
        "timers": len(list(node.timers)),
        "services": len(list(node.services)),
    }


def test_cycles_leave_nothing_behind(start_node):
    node = start_node(active=False)
    at_first = belongings(node.node)
    for _ in range(3):
        node.do(node.node.trigger_configure)
        configured = belongings(node.node)
        node.do(node.node.trigger_activate)
        active = belongings(node.node)
        assert active["threads"] == ["segan worker"]
        assert active["subscriptions"] == configured["subscriptions"] + 5
        node.do(node.node.trigger_deactivate)
        assert belongings(node.node) == configured
        node.do(node.node.trigger_cleanup)
        assert belongings(node.node) == at_first


def test_cleanup_gives_the_networks_back(start_node, robot):
    node = start_node()
    listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().done, "a frame")
    assert node.model is not None
    node.do(node.node.trigger_deactivate)
    node.do(node.node.trigger_cleanup)
    assert node.model is None


@pytest.mark.parametrize("steps", [[], ["configure"], ["configure", "activate"]])
def test_shutdown_from_every_state_leaves_nothing(start_node, steps):
    node = start_node(active=False)
    for step in steps:
        node.do(getattr(node.node, f"trigger_{step}"))
    node.do(node.node.trigger_shutdown)
    assert node.node.state == "finalized"
    left = belongings(node.node)
    assert left["threads"] == [] and left["subscriptions"] == 0 and left["timers"] == 0
    assert node.node.report().model == ""


def test_deactivation_waits_for_the_frame_in_work_and_accounts_for_all(start_node, robot):
    node = start_node()
    listen(robot, node, "occlusion_graph")
    segmentor = Gate(node, is_open=False)
    for n in range(3):
        robot.send(*image_and_mask(START + n * SECOND))
        robot.wait(segmentor.entered.is_set, "the first frame in work")
        robot.wait(lambda n=n: node.tally().received == n + 1, "the frame")
    robot.send(image_and_mask(START + 3 * SECOND)[0], None)
    robot.wait(lambda: node.tally().received == 4, "the image without a mask")
    open_when_told_to_stop(node.node.pipeline.stopping, segmentor.open)
    node.do(node.node.trigger_deactivate)
    tally = node.tally()
    assert tally.done == 1 and tally.in_flight == 0
    assert tally.dropped == {"superseded": 1, "deactivated": 2}


def test_nodes_manager_can_drive_it(start_node, robot):
    node = start_node(active=False, autostart=False)
    node.do(node.node.start)
    assert node.node.state == "unconfigured"
    for transition, state in (("configure", "inactive"), ("activate", "active")):
        request = ChangeState.Request()
        request.transition.label = transition
        assert robot.ask(ChangeState, "/segan/change_state", request).success
        answer = robot.ask(GetState, "/segan/get_state", GetState.Request())
        assert answer.current_state.label == state


def test_frames_are_answered_again_after_a_new_start(start_node, robot):
    node = start_node()
    node.do(node.node.trigger_deactivate)
    node.do(node.node.trigger_cleanup)
    node.do(node.node.start)
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")


def test_activation_that_cannot_subscribe_leaves_no_subscription_behind(start_node, robot):
    node = start_node(active=False)
    node.do(node.node.trigger_configure)
    before = belongings(node.node)
    # Fast DDS refuses a second type on a topic, as when somebody remaps depth to camera_info.
    other = robot.node.create_subscription(CameraInfo, "/depth", print, 1)
    node.do(node.node.trigger_activate)
    assert node.node.state == "inactive"
    assert "Failed to create subscription" in node.node.report().problem
    assert belongings(node.node) == before
    robot.node.destroy_subscription(other)
    node.do(node.node.trigger_activate)
    assert node.node.state == "active"


def test_configuration_that_fails_is_undone(start_node, monkeypatch):
    node = start_node(active=False)
    before = belongings(node.node)
    bad = replace(OUTPUTS[1], name="no name of a topic")
    monkeypatch.setattr("segan_ros.ros.outputs.OUTPUTS", (OUTPUTS[0], bad))
    node.do(node.node.trigger_configure)
    assert node.node.state == "unconfigured" and node.node.report().model == ""
    assert belongings(node.node) == before


def test_deactivation_that_fails_leads_to_unconfigured(start_node, monkeypatch):
    """Half of what active means is gone by then."""
    node = start_node(active=False)
    before = belongings(node.node)
    node.do(node.node.start)
    close, broken = node.node.pipeline.close, [OSError("no")]

    def once(*arguments):
        if broken:
            raise broken.pop()
        close(*arguments)

    monkeypatch.setattr(node.node.pipeline, "close", once)
    node.do(node.node.trigger_deactivate)
    assert node.node.state == "unconfigured"
    assert belongings(node.node) == before


def test_node_that_is_to_end_is_not_activated_any_more(start_node):
    node = start_node(active=False)
    node.do(lambda: node.node.start(lambda: True))
    assert node.node.state == "inactive"


def test_activation_that_fails_is_undone(start_node, monkeypatch):
    node = start_node(active=False)
    node.do(node.node.trigger_configure)
    before = belongings(node.node)

    def broken(*_, **__):
        raise ValueError("no such topic")

    monkeypatch.setattr("segan_ros.ros.node.Inputs", broken)
    node.do(node.node.trigger_activate)
    assert node.node.state == "inactive"
    assert "cannot activate: no such topic" in node.node.report().problem
    assert belongings(node.node) == before
