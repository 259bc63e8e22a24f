"""The node over frames: tracks in ~/objects, edges that are held, requests beside the stream."""

import pytest

pytest.importorskip("rclpy")
import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.parameter import Parameter
from ros_harness import SECOND, START, image_message, listen, two_boxes

from segan_ros.messages.images import to_labels
from segan_ros.srv import CompleteObjects, GetRemovalOrder
from segan_ros.tracks.steady import VANISHES

pytestmark = pytest.mark.ros

TENTH = SECOND // 10


def pictures(k, start=START, apart=False):
    """Image and mask of frame `k`, the ids of the two boxes drawn anew; and these ids."""
    rgb, labels = two_boxes()
    if apart:  # less of 7 is seen, and it no longer touches 3
        labels[30:55, 30:52] = np.where(labels[30:55, 30:52] == 7, 0, labels[30:55, 30:52])
        rgb[labels == 0] = 0
    ids = ((3, 7), (9, 2), (5, 11))[k % 3]
    permuted = np.zeros_like(labels)
    permuted[labels == 3], permuted[labels == 7] = ids
    stamp = start + k * TENTH
    return image_message(rgb, "rgb8", stamp), image_message(permuted, "16UC1", stamp), ids


def answered(robot, heard, *messages):
    """The next message of each topic."""
    before = [len(one) for one in heard]
    robot.send(*messages)
    robot.wait(lambda: all(len(o) > b for o, b in zip(heard, before, strict=True)), "an answer")
    return [one[-1] for one in heard]


def tracks(objects, ids):
    found = {o.id: o.track_id for o in objects.objects}
    return [found[i] for i in ids]


def test_objects_keep_their_tracks_whatever_their_ids(start_node, robot):
    node = start_node(track=True)
    heard = listen(robot, node, "objects")
    said = []
    for k in range(4):
        image, mask, ids = pictures(k)
        said.append(tracks(answered(robot, heard, image, mask)[0], ids))
    assert said in ([["1", "2"]] * 4, [["2", "1"]] * 4)
    request = GetRemovalOrder.Request(target=said[0][0], max_age=Duration(sec=2**31 - 1))
    order = robot.ask(GetRemovalOrder, "/segan/removal_order", request)
    assert order.success and order.removal_order[-1] == ids[0]


@pytest.mark.parametrize("segmenter", ["colours", "panoptic"])
def test_objects_whose_colours_change_keep_their_tracks(start_node, robot, segmenter):
    node = start_node(track=True, segmenter=segmenter)
    heard = listen(robot, node, "objects")
    said = []
    for k in range(4):
        image, mask, numbers = pictures(k)
        red = to_labels(mask)
        pixels = np.dstack([red, 0 * red, 5 * (red > 0)]).astype(np.uint8)
        coloured = image_message(pixels, "rgb8", START + k * TENTH)
        (objects,) = answered(robot, heard, image, coloured)
        high, low = (65536, 5) if segmenter == "colours" else (1, 5 * 65536)
        said.append(tracks(objects, [high * n + low for n in numbers]))
    assert said in ([["1", "2"]] * 4, [["2", "1"]] * 4)


def test_without_track_there_are_none(start_node, robot):
    node = start_node()
    heard = listen(robot, node, "objects")
    image, mask, ids = pictures(0)
    assert tracks(answered(robot, heard, image, mask)[0], ids) == ["", ""]


def test_tracks_start_anew_where_the_clock_jumps_back(start_node, robot):
    node = start_node(track=True)
    heard = listen(robot, node, "objects")
    image, mask, ids = pictures(0)
    first = tracks(answered(robot, heard, image, mask)[0], ids)
    image, mask, ids = pictures(1, START - 100 * SECOND)
    then = tracks(answered(robot, heard, image, mask)[0], ids)
    assert set(then).isdisjoint(first)


def test_edge_is_held_for_a_moment_and_let_go_when_it_stays_away(start_node, robot):
    node = start_node(track=True, steady="graph", edge_rule="coverage")
    heard = listen(robot, node, "occlusion_graph")

    def edges(k, apart):
        image, mask, (behind, front) = pictures(k, apart=apart)
        (graph,) = answered(robot, heard, image, mask)
        ends = [(e.occluder_id, e.occludee_id) for e in graph.edges]
        assert set(ends) <= {(behind, front), (front, behind)}
        return bool(ends)

    assert all(edges(k, apart=False) for k in range(3))
    away = [edges(k, apart=True) for k in range(3, 9)]
    held = VANISHES - 1
    assert away == [True] * held + [False] * (6 - held)


def test_request_with_its_own_images_is_no_frame_of_the_stream(start_node, robot):
    node = start_node(track=True)
    heard = listen(robot, node, "objects")
    image, mask, ids = pictures(0)
    first = tracks(answered(robot, heard, image, mask)[0], ids)
    other_image, other_mask, other_ids = pictures(1, START + 50 * SECOND, apart=True)
    request = CompleteObjects.Request(image=other_image, labels=other_mask)
    reply = robot.ask(CompleteObjects, "/segan/complete", request)
    assert reply.success, reply.message
    assert tracks(reply.objects, other_ids) == ["", ""]
    image, mask, ids = pictures(2)
    assert tracks(answered(robot, heard, image, mask)[0], ids) == first


def test_parameters_hold_from_the_next_frame_on(start_node, robot):
    node = start_node()
    heard = listen(robot, node, "objects")
    image, mask, ids = pictures(0)
    assert tracks(answered(robot, heard, image, mask)[0], ids) == ["", ""]
    (result,) = node.do(lambda: node.node.set_parameters([Parameter("track", value=True)]))
    assert result.successful
    image, mask, ids = pictures(1)
    assert sorted(tracks(answered(robot, heard, image, mask)[0], ids)) == ["1", "2"]
