"""A completed scene in the package's own messages."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from segan_ros.frame import AmodalObject, CompletedScene, Evidence, OcclusionEdge, OcclusionGraph
from segan_ros.messages import bridge
from segan_ros.messages.answers import (
    amodal_labels_message,
    graph_message,
    objects_message,
    to_graph,
    to_scene,
)
from segan_ros.msg import AmodalObjectArray

pytestmark = pytest.mark.ros

HEADER = Header(stamp=Time(sec=7, nanosec=9), frame_id="camera_optical")
SIZE = (20, 30)


def item(object_id, amodal, visible=None, layer=0, appearance=False):
    """An object whose masks are boxes (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = amodal
    shape = (y1 - y0, x1 - x0)
    seen = np.zeros(shape, bool)
    vx0, vy0, vx1, vy1 = visible or amodal
    seen[vy0 - y0 : vy1 - y0, vx0 - x0 : vx1 - x0] = True
    colours = np.full((*shape, 3), 90, np.uint8) if appearance else None
    whole = np.ones(shape, bool)
    return AmodalObject(
        object_id, amodal, seen, whole, whole.astype(np.float32), colours, layer=layer
    )


FRONT = item(70, (10, 5, 20, 15))
BEHIND = item(2, (4, 8, 14, 12), visible=(4, 8, 10, 12), layer=1, appearance=True)
EDGE = OcclusionEdge(70, 2, 0.75, 16, 0.4, 0.03, Evidence.AMODAL | Evidence.DEPTH)
RESTS = OcclusionEdge(2, 70, 0.5, evidence=Evidence.SUPPORT, lift_risk=0.5)
GRAPH = OcclusionGraph((2, 70), (1, 0), (EDGE,), True, (70, 2), (RESTS,))
SCENE = CompletedScene(SIZE, (BEHIND, FRONT), GRAPH)


def test_objects_hold_crops_at_their_place():
    array = objects_message(SCENE, HEADER)
    assert array.header == HEADER
    assert (array.image_height, array.image_width) == SIZE
    behind, front = array.objects
    assert (behind.id, behind.layer, behind.visible_area, behind.amodal_area) == (2, 1, 24, 40)
    assert behind.occlusion_ratio == pytest.approx(0.4)
    assert (behind.amodal_mask.x, behind.amodal_mask.y) == (4, 8)
    assert bridge.decode(behind.amodal_mask.image).tolist() == [[255] * 10] * 4
    assert (behind.visible_mask.image.width, behind.visible_mask.image.height) == (6, 4)
    assert behind.visible_mask.image.encoding == "mono8"
    assert np.isnan(front.depth_median)


def test_appearance_is_rgba_with_the_mask_as_alpha_and_empty_when_not_painted():
    behind, front = objects_message(SCENE, HEADER).objects
    assert behind.appearance.image.encoding == "rgba8"
    assert bridge.decode(behind.appearance.image)[0, 0].tolist() == [90, 90, 90, 255]
    assert (front.appearance.image.width, front.appearance.image.height) == (0, 0)


def test_only_the_wanted_objects_are_sent():
    assert [o.id for o in objects_message(SCENE, HEADER, {70}).objects] == [70]


def test_objects_survive_serialisation():
    array = objects_message(SCENE, HEADER)
    again = deserialize_message(serialize_message(array), AmodalObjectArray)
    for sent, got in zip(array.objects, again.objects, strict=True):
        assert got.amodal_mask == sent.amodal_mask
        assert got.appearance == sent.appearance
        assert (got.id, got.score, got.layer) == (sent.id, sent.score, sent.layer)


def test_graph_holds_every_edge_with_its_evidence():
    graph = graph_message(GRAPH, HEADER)
    assert graph.header == HEADER
    assert list(graph.object_ids) == [2, 70] and list(graph.layers) == [1, 0]
    assert list(graph.removal_order) == [70, 2] and graph.is_acyclic
    (edge,) = graph.edges
    assert (edge.occluder_id, edge.occludee_id, edge.overlap_area) == (70, 2, 16)
    assert edge.evidence == edge.EVIDENCE_AMODAL | edge.EVIDENCE_DEPTH
    assert edge.depth_gap == pytest.approx(0.03)
    assert np.isnan(edge.lift_risk) and edge.blocks_lift
    (rests,) = graph.supports
    assert (rests.evidence, rests.lift_risk) == (rests.EVIDENCE_SUPPORT, 0.5)


def test_what_is_said_of_lifts_comes_back():
    safe = replace(FRONT, lift_probability=0.75)
    scene = replace(SCENE, objects=(BEHIND, safe))
    again = to_scene(objects_message(scene, HEADER), graph_message(GRAPH, HEADER))
    assert [o.lift_probability for o in again.objects][1] == 0.75
    assert np.isnan(again.objects[0].lift_probability)
    assert again.graph.supports[0].evidence == Evidence.SUPPORT
    assert again.graph.supports[0].lift_risk == 0.5 and again.graph.supports[0].blocks_lift


def test_what_is_free_set_aside_and_up_comes_back():
    hand = replace(FRONT, occluder_only=True, name="hand", track_id="h7")
    cup = replace(BEHIND, occluded_by_unlabelled=True)
    graph = replace(
        GRAPH,
        edges=(replace(EDGE, set_aside=True),),
        free=frozenset({70}),
        up=(0.0, -1.0, 0.0),
        up_confidence=0.5,
    )
    sent = graph_message(graph, HEADER)
    assert list(sent.free_ids) == [70] and sent.edges[0].set_aside
    again = to_scene(objects_message(replace(SCENE, objects=(cup, hand)), HEADER), sent)
    assert again.graph == graph
    assert [o.occluder_only for o in again.objects] == [False, True]
    assert [o.occluded_by_unlabelled for o in again.objects] == [True, False]
    assert again.object(70).label == "70 (hand, track h7)" and again.object(2).label == "2"


def test_answers_of_bags_from_before_the_fields_of_lifts_are_read():
    old = SimpleNamespace(
        occluder_id=70, occludee_id=2, score=0.5, overlap_area=3, overlap_ratio=0.1,
        depth_gap=0.1, evidence=1,
    )  # fmt: skip
    graph = SimpleNamespace(
        object_ids=[2, 70], layers=[1, 0], edges=[old], is_acyclic=True, removal_order=[70, 2]
    )
    found = to_graph(graph)
    assert found.supports == () and found.edges[0].blocks_lift and not found.edges[0].set_aside
    assert found.free == {70} and found.up is None and found.up_confidence == 0
    assert np.isnan(found.edges[0].lift_risk)


def test_front_most_object_wins_in_the_label_image():
    message = amodal_labels_message(SCENE, HEADER)
    assert message.encoding == "16UC1" and message.header == HEADER
    labels = bridge.decode(message)
    assert labels[9, 5] == 2 and labels[9, 12] == 70 and labels[0, 0] == 0


def test_lower_layer_wins_where_nothing_is_seen():
    near = item(9, (0, 0, 10, 4), visible=(0, 0, 5, 4), layer=1)
    far = item(3, (4, 0, 14, 4), visible=(12, 0, 14, 4), layer=2)
    labels = bridge.decode(amodal_labels_message(CompletedScene(SIZE, (far, near), GRAPH), HEADER))
    assert labels[1, 7] == 9 and labels[1, 11] == 3 and labels[1, 13] == 3


@pytest.mark.parametrize("object_id, encoding", [(65535, "16UC1"), (65536, "32SC1")])
def test_ids_beyond_16_bits_widen_the_label_image(object_id, encoding):
    scene = CompletedScene(SIZE, (item(object_id, (1, 1, 4, 4)),), GRAPH)
    message = amodal_labels_message(scene, HEADER)
    assert message.encoding == encoding
    assert bridge.decode(message)[2, 2] == object_id


def test_scene_without_objects_makes_empty_messages():
    scene = CompletedScene(SIZE, (), OcclusionGraph())
    assert objects_message(scene, HEADER).objects == []
    assert graph_message(scene.graph, HEADER).is_acyclic
    assert not bridge.decode(amodal_labels_message(scene, HEADER)).any()
