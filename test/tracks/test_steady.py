"""What flickers is held; what really changes is shown."""

from dataclasses import replace

import numpy as np
import pytest
from streams import moment, moved

from segan_ros.frame import OcclusionEdge
from segan_ros.tracks.steady import APPEARS, LINGERS, VANISHES, Steady

PILE = {
    1: (20, 40, 90, 110),
    2: (70, 60, 150, 140),
    3: (130, 50, 260, 120),
    4: (200, 150, 280, 220),
}
WEAK = OcclusionEdge(2, 1, score=0.6, overlap_area=20, overlap_ratio=0.02)
PLAIN = OcclusionEdge(2, 1, score=0.9, overlap_area=400, overlap_ratio=0.1)


def edges(steady, found, seconds, boxes=None, names=None):
    """Edges after a frame, as pairs of ids."""
    _, scene = moment(boxes or PILE, seconds, found)
    objects = (replace(o, track_id=(names or {}).get(o.id, "")) for o in scene.objects)
    answer = steady(replace(scene, objects=tuple(objects)), round((1000 + seconds) * 1e9))
    assert {o.id: o.layer for o in answer.objects} == dict(
        zip(answer.graph.object_ids, answer.graph.layers, strict=True)
    )
    assert sorted(answer.graph.removal_order) == list(answer.graph.object_ids)
    return [(e.occluder_id, e.occludee_id) for e in answer.graph.edges]


def test_edge_that_is_missed_for_a_moment_stays():
    steady = Steady()
    said = [edges(steady, [] if k in (3, 4, 8) else [WEAK], k / 10) for k in range(12)]
    assert said == [[(2, 1)]] * 12


def test_weak_edge_of_a_single_frame_is_not_shown():
    steady = Steady()
    said = [edges(steady, [WEAK] if k in (3, 6, 9) else [], k / 10) for k in range(12)]
    assert said == [[]] * 12


def test_real_changes_are_shown_within_three_frames():
    beside = {**PILE, 1: (0, 40, 69, 110)}
    for edge, wait in ((WEAK, APPEARS - 1), (PLAIN, 0)):
        steady = Steady()
        said = [
            edges(steady, [edge], k / 10) if 5 <= k < 15 else edges(steady, [], k / 10, beside)
            for k in range(25)
        ]
        shown = [k for k, e in enumerate(said) if e]
        assert shown == list(range(5 + wait, 15 + VANISHES - 1))
        assert wait < 3 and VANISHES <= 3


@pytest.mark.parametrize(
    ("box", "waits"),
    [
        ((0, 60, 70, 130), VANISHES),  # beside the other one
        ((0, 0, 71, 64), VANISHES),  # 4 pixels behind it, less than 0.1 %
        ((0, 60, 71, 130), LINGERS),  # 1.4 %
        ((0, 60, 90, 130), LINGERS),
    ],
)
def test_edge_lingers_while_a_little_is_still_hidden(box, waits):
    steady, boxes = Steady(), {**PILE, 1: box}
    said = [edges(steady, [WEAK] if k < 5 else [], k / 10, boxes) for k in range(15)]
    assert [k for k, found in enumerate(said) if found] == list(range(4 + waits))


def test_what_an_object_leaves_behind_is_believed_at_once():
    steady = Steady()
    with_3 = OcclusionEdge(3, 2, score=0.9)
    for k in range(5):
        assert edges(steady, [with_3], k / 10) == [(3, 2)]
    rest = {i: box for i, box in PILE.items() if i != 3}
    assert edges(steady, [WEAK], 0.5, rest) == [(2, 1)]
    apart = OcclusionEdge(4, 1, score=0.6)
    assert edges(steady, [WEAK, apart], 0.6, {**rest, 5: (250, 5, 300, 30)}) == [(2, 1)]


def test_edges_follow_tracks_not_ids():
    steady = Steady()
    names = {1: "a", 2: "b", 3: "c", 4: "d"}
    assert edges(steady, [WEAK], 0, PILE, names) == [(2, 1)]
    turned = {12: PILE[1], 11: PILE[2], 3: PILE[3], 4: PILE[4]}
    assert edges(steady, [], 0.1, turned, {12: "a", 11: "b", 3: "c", 4: "d"}) == [(11, 12)]


def test_two_objects_of_one_track_are_told_apart():
    steady = Steady(masks=True)
    for k in range(4):
        found = edges(steady, [PLAIN], k / 10, PILE, {1: "7", 2: "7", 3: "c"})
        assert found == [(2, 1)]


@pytest.mark.parametrize("pause", [-20.0, -2.0, 1.5, 3600.0])
def test_another_clock_or_a_pause_starts_anew(pause):
    steady = Steady()
    for k in range(5):
        edges(steady, [WEAK], 30 + k / 10)
    assert edges(steady, [], 30.4 + pause) == []
    assert edges(steady, [WEAK], 30.5 + pause) == []


def test_another_scene_starts_anew():
    steady = Steady()
    for k in range(5):
        edges(steady, [WEAK], k / 10)
    other = {
        1: (250, 10, 310, 60),
        2: (240, 160, 300, 235),
        3: (5, 150, 60, 230),
        4: (90, 5, 130, 40),
    }
    assert edges(steady, [], 0.5, other) == []


def test_object_that_blinks_keeps_its_edges():
    steady = Steady()
    apart = {**PILE, 2: (75, 115, 120, 180)}
    for k in range(5):
        edges(steady, [WEAK], k / 10, apart)
    edges(steady, [], 0.5, {i: b for i, b in apart.items() if i != 2})
    assert edges(steady, [WEAK], 0.6, apart) == [(2, 1)]


def test_order_of_two_turns_only_when_it_lasts():
    steady, orders = Steady(), []
    for k in range(12):
        _, scene = moment(PILE, k / 10)
        flipped = k in (3, 5) or k >= 8
        order = (2, 1, 3, 4) if flipped else (1, 2, 3, 4)
        scene = replace(scene, graph=replace(scene.graph, removal_order=order))
        orders.append(steady(scene, round(k * 1e8)).graph.removal_order)
    assert orders == [(1, 2, 3, 4)] * 10 + [(2, 1, 3, 4)] * 2


def test_order_never_goes_against_an_edge_that_is_held():
    steady = Steady()
    for k, found in enumerate([[PLAIN]] * 3 + [[]]):
        _, scene = moment(PILE, k / 10, found)
        graph = steady(scene, round(k * 1e8)).graph
        order = graph.removal_order
        assert order.index(2) < order.index(1)
        assert [(e.occluder_id, e.occludee_id) for e in graph.edges] == [(2, 1)]
        assert graph.free == {2, 3, 4}


def test_whole_masks_of_what_rests_are_steadied_where_nothing_is_seen():
    areas = whole_areas([0] * 12, flickers=(4, 8))
    assert min(areas) > 0.97 * 70 * 70 and max(areas) <= 1.03 * 70 * 70


def test_what_is_behind_an_object_for_good_is_shown_after_some_frames():
    areas = whole_areas([0] * 12, flickers=range(4, 12))
    assert min(areas[:5]) == 70 * 70 and max(areas[8:]) < 70 * 70


def test_whole_masks_of_what_moves_are_those_of_its_frame():
    shifts = [5 * k for k in range(9)]
    by_itself = whole_areas(shifts, (4, 7), steady=lambda scene, _: scene)
    assert whole_areas(shifts, (4, 7)) == by_itself
    assert min(by_itself) < 70 * 70


def test_edge_that_turns_round_stays_beside_its_opposite_for_a_frame_at_most():
    steady, back = Steady(), OcclusionEdge(1, 2, score=0.9, overlap_area=400, overlap_ratio=0.1)
    said = [set(edges(steady, [PLAIN] if k < 5 else [back], k / 10)) for k in range(8)]
    assert said[:5] == [{(2, 1)}] * 5
    assert said[4 + VANISHES :] == [{(1, 2)}] * (4 - VANISHES) and VANISHES == 2


def test_another_size_of_the_picture_starts_anew():
    steady = Steady(masks=True)
    for k in range(5):
        edges(steady, [WEAK], k / 10)
    _, scene = moment(PILE, 0.5)
    answer = steady(replace(scene, size=(480, 640)), round(1000.5e9))
    assert answer.graph.edges == ()


def test_object_that_shrinks_in_place_is_not_resting():
    steady = Steady(masks=True)
    for k in range(6):
        half = 40 - 5 * k
        _, scene = moment({1: (100 - half, 100 - half, 100 + half, 100 + half)}, k / 10)
        (item,) = steady(scene, round(k * 1e8)).objects
        assert item.amodal_area == (2 * half) ** 2


def test_occluder_that_is_never_a_target_gets_no_hidden_part():
    steady, arm, cup = Steady(masks=True), (20, 20, 120, 120), (50, 50, 90, 90)
    for k in range(6):
        _, scene = moment({1: arm, 2: cup} if k > 3 else {1: arm}, k / 10)
        objects = tuple(
            replace(o, amodal=o.visible, occluder_only=True) if o.id == 1 else o
            for o in scene.objects
        )
        answer = steady(replace(scene, objects=objects), round(k * 1e8))
        assert not answer.object(1).invisible.any()


def whole_areas(shifts, flickers, steady=None):
    """Areas of the first object's whole mask while it moves right by `shifts`; in some frames
    nothing of its hidden part is found."""
    steady, areas = steady or Steady(masks=True), []
    for k, shift in enumerate(shifts):
        boxes = {i: moved(box, shift) for i, box in PILE.items()}
        _, scene = moment(boxes, k / 10)
        objects = tuple(
            replace(o, amodal=o.visible) if o.id == 1 and k in flickers else o
            for o in scene.objects
        )
        answer = steady(replace(scene, objects=objects), round(k * 1e8))
        for raw, item in zip(scene.objects, answer.objects, strict=True):
            np.testing.assert_array_equal(_seen(item, scene.size), _seen(raw, scene.size))
            assert not (item.visible & ~item.amodal).any()
            assert item.amodal.shape == item.probability.shape == item.visible.shape
        areas.append(answer.object(1).amodal_area)
    return areas


def _seen(item, size):
    full = np.zeros(size, bool)
    x0, y0, x1, y1 = item.box
    full[y0:y1, x0:x1] = item.visible
    return full
