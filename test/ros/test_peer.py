"""What plays the other side of a node finds it, says what is missing, and waits no longer."""

import time

import pytest

pytest.importorskip("rclpy")
from rclpy.qos import QoSProfile
from ros_harness import RELIABLE
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from segan_ros.msg import OcclusionGraph
from segan_ros.ros.peer import Peer

pytestmark = pytest.mark.ros

QOS = QoSProfile(depth=5, reliability=RELIABLE)


@pytest.fixture
def peer(ros):
    with Peer("peer") as peer:
        yield peer


def test_topics_that_nobody_uses_are_named(peer):
    peer.advertise(Image, "image", QOS)
    peer.listen(OcclusionGraph, "/segan/occlusion_graph", lambda _: None, QOS)
    problem = peer.wait_for_others(0.1)
    assert problem == (
        "the node was not ready within 0.1 s (it does not use /image, /segan/occlusion_graph)"
    )


def test_node_is_found(peer, start_node):
    start_node()
    peer.advertise(Image, "image", QOS)
    peer.listen(OcclusionGraph, "/segan/occlusion_graph", lambda _: None, QOS)
    assert peer.wait_for_others(30) == ""


def test_node_that_cannot_start_is_quoted(peer, start_node):
    peer.follow("segan")
    peer.advertise(Image, "nobody", QOS)
    start_node(threshold=3.0, diagnostics_period=0.1)
    problem = peer.wait_for_others(30)
    assert problem.startswith("the node cannot start: ") and "threshold is 3" in problem


def test_wait_ends_with_its_condition_or_its_time(peer):
    begin = time.monotonic()
    assert peer.wait(30, lambda: "there") == "there"
    assert not peer.wait(0.2)
    assert 0.2 <= time.monotonic() - begin < 30


def test_waiting_that_has_become_pointless_ends(ros):
    def check():
        raise RuntimeError("the node is gone")

    with Peer("peer", check=check) as peer, pytest.raises(RuntimeError, match="is gone"):
        peer.wait(30)


def test_service_that_nobody_offers_gives_no_answer(peer):
    assert peer.ask(Trigger, "/segan/reload", Trigger.Request(), seconds=0.1) is None
