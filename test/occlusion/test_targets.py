"""The object that is wanted, by id, track or class."""

from dataclasses import replace

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, CompletedScene, OcclusionEdge
from segan_ros.occlusion.graph import build_graph
from segan_ros.occlusion.targets import UnknownTargetError, order_to

DOT = np.ones((1, 1), bool)


def item(object_id, name="", track_id="", occluder_only=False):
    return AmodalObject(
        object_id,
        (0, 0, 1, 1),
        DOT,
        DOT,
        DOT.astype(np.float32),
        name=name,
        track_id=track_id,
        occluder_only=occluder_only,
    )


OBJECTS = (
    item(1, "box"),
    item(2, "cup", "b7"),
    item(3, "cup", "4"),
    item(4, "plate"),
    item(9, "hand", occluder_only=True),
)
SAFETY = np.diag(np.log([0.9, 0.5, 0.8, 0.9]))
SAFETY[2, 0] = np.log(0.5)


def scene(safety=SAFETY):
    """Box 1 lies in front of cup 3, and hand 9 in front of everything."""
    edges = [OcclusionEdge(1, 3, 0.9), *(OcclusionEdge(9, i, 0.9) for i in (1, 2, 3, 4))]
    graph = build_graph([o.id for o in OBJECTS], edges, safety=safety, occluder_only={9})
    return CompletedScene((1, 1), OBJECTS, graph)


@pytest.mark.parametrize("wanted", [2, "2", "b7"])
def test_one_object_by_id_text_or_track(wanted):
    assert order_to(scene(), wanted) == ((2,), "")


def test_a_track_comes_before_an_id_of_the_same_text():
    assert order_to(scene(), "4") == ((1, 3), "")
    assert order_to(scene(), 4) == ((4,), "")


def test_of_a_class_the_safest_to_reach_is_taken_and_all_are_named():
    """Cup 3 has box 1 before it, and is reached at 0.9 * 0.8 against 0.5."""
    order, remark = order_to(scene(), "cup")
    assert order == (1, 3)
    assert remark == "2 objects are 'cup': 2, 3; 3 is the safest to reach"


def test_something_without_a_mask_on_what_is_to_be_lifted_is_told():
    objects = tuple(replace(o, occluded_by_unlabelled=o.id == 1) for o in OBJECTS)
    covered = replace(scene(), objects=objects)
    told = "something without a mask lies on or in front of 1 (box)"
    assert order_to(covered, "4") == ((1, 3), told)
    assert order_to(covered, "cup")[1].endswith(f"; {told}")
    assert order_to(covered, "plate") == ((4,), "")


def test_where_risks_are_not_known_the_shortest_sequence_is_taken():
    assert order_to(scene(None), "cup")[0] == (2,)


def test_least_score_applies_to_each_of_a_class():
    assert order_to(scene(), "cup", 0.95)[0] in [(2,), (3,)]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            7,
            r"target_id is 7, but the frame has 1 \(box\), 2 \(cup, track b7\), 3 \(cup, track 4\)",
        ),
        ("fork", r"target is 'fork', but the frame has 1 \(box\), "),
        ("", r"target_id is 0 and target is empty: set one; the frame has 1 \(box\), "),
        (9, r"9 \(hand\) is occluder-only, not to be lifted; the frame has 1 \(box\), "),
        ("hand", r"9 \(hand\) is occluder-only, not to be lifted; the frame has 1 \(box\), "),
    ],
)
def test_what_cannot_be_lifted_is_refused_with_what_can(wanted, message):
    with pytest.raises(UnknownTargetError, match=message):
        order_to(scene(), wanted)


def test_in_a_frame_without_objects_the_message_says_so():
    empty = CompletedScene((1, 1), (), build_graph([], []))
    with pytest.raises(UnknownTargetError, match="the frame has no object to lift"):
        order_to(empty, "cup")
