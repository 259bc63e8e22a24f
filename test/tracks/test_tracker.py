"""Tracks: one name for one object, whatever the segmenter calls it in each frame."""

from dataclasses import replace

import numpy as np
import pytest
from streams import SIZE, moment, moved

from segan_ros.frame import SECOND, CompletedScene, Frame
from segan_ros.occlusion.graph import build_graph
from segan_ros.tracks.tracker import Tracker

PILE = {
    1: (20, 40, 90, 110),
    2: (70, 60, 150, 140),
    3: (180, 50, 260, 120),
    4: (200, 150, 280, 220),
}
"""2 lies over the corner of 1."""


def names(tracker, boxes, seconds, given=()):
    """Track by id after a frame."""
    frame, scene = moment(boxes, seconds)
    tracks = dict(given)
    objects = tuple(replace(o, track_id=tracks.get(o.id, "")) for o in scene.objects)
    found = tracker.track(frame, replace(scene, objects=objects))
    assert len({o.track_id for o in found.objects}) == len(found.objects)
    return {o.id: o.track_id for o in found.objects}


def test_objects_keep_their_tracks_while_ids_change_and_the_camera_moves():
    tracker, rng = Tracker(), np.random.default_rng(0)
    first = names(tracker, PILE, 0)
    assert set(first.values()) == {"1", "2", "3", "4"}
    for k in range(1, 30):
        ids = dict(zip(PILE, (10 * (1 + rng.permutation(4)) + list(PILE)).tolist(), strict=True))
        here = {
            ids[i]: moved(box, 4 * k if k < 15 else 60 - 4 * (k - 15)) for i, box in PILE.items()
        }
        found = names(tracker, here, k / 10)
        assert {i: found[ids[i]] for i in PILE if ids[i] in found} == {
            i: name for i, name in first.items() if ids[i] in found
        }


def test_two_that_look_alike_are_told_apart_by_their_places():
    tracker = Tracker()
    first = names(tracker, {1: (20, 40, 90, 110), 11: (120, 40, 190, 110)}, 0)
    then = names(tracker, {11: (25, 42, 95, 112), 1: (125, 42, 195, 112)}, 0.1)
    assert (then[11], then[1]) == (first[1], first[11])


@pytest.mark.parametrize(("memory", "stays"), [(5.0, True), (1.0, False)])
def test_hidden_object_keeps_its_track_for_its_time(memory, stays):
    tracker = Tracker(memory)
    before = names(tracker, PILE, 0)
    hand = {6: (150, 30, 300, 140)}
    for k in range(1, 16):
        assert 3 not in names(tracker, {**PILE, **hand}, k / 10)
    after = names(tracker, PILE, 1.7)
    assert (after[3] == before[3]) is stays
    assert {i: after[i] for i in (1, 2, 4)} == {i: before[i] for i in (1, 2, 4)}


def test_hidden_object_is_looked_for_where_the_camera_has_moved_it():
    tracker = Tracker()
    before = names(tracker, {**PILE, 13: (20, 150, 60, 190)}, 0)
    for k in range(1, 13):
        shown = {i: moved(box, 5 * k) for i, box in PILE.items() if i != 3}
        names(tracker, {**shown, 13: moved((20, 150, 60, 190), 5 * k)}, k / 10)
    # Of two objects of its colour, it is the one that comes back 60 pixels to the right.
    back = {i: moved(PILE[i], 65) for i in (1, 2)} | {
        23: moved(PILE[3], 65),
        3: moved((20, 150, 60, 190), 65),
    }
    after = names(tracker, back, 1.3)
    assert (after[23], after[3]) == (before[3], before[13])


def test_object_leaves_the_picture_and_comes_back():
    tracker = Tracker()
    before = names(tracker, PILE, 0)
    for n, k in enumerate((*range(1, 16), *range(14, -1, -1)), 1):
        found = names(tracker, {i: moved(b, 12 * k) for i, b in PILE.items()}, n / 10)
        assert {i: before[i] for i in found} == found
    assert found == before


def test_what_lies_beneath_does_not_inherit_the_track():
    tracker = Tracker()
    pile = {**PILE, 5: (195, 145, 285, 225)}  # hides 4
    before = names(tracker, pile, 0)
    assert 4 not in before
    after = names(tracker, PILE, 0.1)
    assert after[4] not in before.values()
    assert {i: after[i] for i in (1, 2, 3)} == {i: before[i] for i in (1, 2, 3)}


def test_pause_of_any_length_ends_no_track_of_what_was_seen_before_it():
    tracker = Tracker(memory=1.0)
    before = names(tracker, PILE, 0)
    names(tracker, {i: moved(b, 3) for i, b in PILE.items()}, 0.1)
    assert names(tracker, PILE, 60) == before


@pytest.mark.parametrize("change", ["clock", "size", "scene"])
def test_another_clock_size_or_scene_starts_anew(change):
    tracker = Tracker()
    before = names(tracker, PILE, 10)
    if change == "scene":
        other = {5: (5, 150, 60, 230), 6: (100, 10, 170, 50), 10: (120, 160, 190, 230)}
        after = names(tracker, {**other, 14: (225, 10, 300, 40)}, 10.1)
    elif change == "clock":
        after = names(tracker, PILE, 3)
    else:
        small, labels = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.int32)
        empty = CompletedScene((120, 160), (), build_graph((), ()))
        tracker.track(Frame(small, labels, stamp=1010 * SECOND), empty)
        after = names(tracker, PILE, 10.1)
    assert set(after.values()).isdisjoint(before.values())


def test_stamps_out_of_order_by_a_little_change_nothing():
    tracker = Tracker()
    before = names(tracker, PILE, 10)
    assert names(tracker, PILE, 9.8) == before == names(tracker, PILE, 10.1)


def test_segmenters_own_tracks_are_kept():
    tracker = Tracker()
    given = {1: "7", 2: "cup 3", 3: "1"}
    first = names(tracker, PILE, 0, given)
    assert {i: first[i] for i in given} == given
    assert first[4] not in given.values()
    # It loses one for a moment, and gives a new one a number that we had given.
    then = names(tracker, PILE, 0.1, {1: "7", 2: "cup 3"})
    assert then == first
    last = names(tracker, {**PILE, 5: (100, 180, 150, 230)}, 0.2, {**given, 5: first[4]})
    assert last == {**given, 5: first[4], 4: last[4]}


def test_frames_without_objects_are_passed_over():
    tracker = Tracker()
    before = names(tracker, PILE, 0)
    assert names(tracker, {}, 0.1) == {}
    assert names(tracker, PILE, 0.2) == before


def test_object_between_two_cells_of_the_grid_has_a_track():
    tracker = Tracker()
    speck = {1: (31, 31, 32, 32), 2: (SIZE[1] - 1, SIZE[0] - 1, SIZE[1], SIZE[0])}
    assert names(tracker, speck, 0) == names(tracker, speck, 0.1)


def test_segmenter_that_gives_two_objects_one_track_keeps_it():
    tracker = Tracker()
    for k in range(3):
        frame, scene = moment(PILE, k / 10)
        objects = tuple(replace(o, track_id="7") for o in scene.objects)
        found = tracker.track(frame, replace(scene, objects=objects))
        assert [o.track_id for o in found.objects] == ["7"] * 4
