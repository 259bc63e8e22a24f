"""A segmenter that looks at true masks, and what is read of its messages."""

from dataclasses import replace

import numpy as np
import pytest
from samples import overlapping
from streams import item, moment

from segan_ros.frame import CompletedScene
from segan_ros.masks.reading import mask_reader
from segan_ros.messages.images import decode, image_message
from segan_ros.messages.kinds import recorded_message
from segan_ros.occlusion.graph import build_graph
from segan_ros.scoring.matching import match_masks
from segan_ros.synthesis.segmenting import WRITERS, ObjectClass, Segmenter
from segan_ros.tracks.follower import Follower, FollowSettings

LABELS = overlapping()
CLASSES = {1: ObjectClass(2, "cup"), 7: ObjectClass(5, "box")}


def header():
    time = recorded_message("builtin_interfaces/msg/Time", sec=1, nanosec=0)
    return recorded_message("std_msgs/msg/Header", stamp=time, frame_id="camera")


def seen(segmenter, number=0, labels=LABELS):
    """What the node makes of its message."""
    message = segmenter.message(labels, CLASSES, number, header())
    rgb = np.zeros((*labels.shape, 3), np.uint8)
    picture = image_message(rgb, "rgb8", header(), recorded_message)
    return mask_reader(segmenter.output)(message, picture, decode)


@pytest.mark.parametrize("output", WRITERS)
def test_every_kind_of_message_holds_the_same_masks(output):
    found = seen(Segmenter(output=output))
    matching = match_masks(LABELS, found.labels)
    assert set(matching.found) == {1, 7} and min(matching.ious.values()) == 1
    names = {t: (found.names or {}).get(s, "") for t, s in matching.found.items()}
    numbers, words = {1: "2", 7: "5"}, {1: "cup", 7: "box"}
    none = {1: "", 7: ""}
    assert names == {"panoptic": numbers, "yolo_msgs": words, "masks": words}.get(output, none)


def test_ids_above_255_are_kept():
    labels = np.where(LABELS == 7, 300, LABELS)
    assert set(np.unique(seen(Segmenter(), labels=labels).labels)) == {0, 1, 300}


def test_ids_are_numbered_anew_in_each_frame_and_the_same_for_a_seed():
    many = np.repeat(np.arange(9, dtype=np.int32) * 3, 40).reshape(9, 40)
    orders = []
    for number in range(4):
        first, again = (seen(Segmenter(renumbers=True, seed=5), number, many) for _ in range(2))
        np.testing.assert_array_equal(first.labels, again.labels)
        orders.append(tuple(first.labels[1:, 0].tolist()))
        assert sorted(orders[-1]) == list(range(1, 9))
    assert len(set(orders)) == 4


@pytest.mark.parametrize("output", WRITERS)
def test_numbers_of_one_frame_are_no_tracks_which_a_tracker_then_gives(output):
    boxes = {1: (20, 30, 120, 130), 7: (100, 60, 200, 160), 12: (220, 20, 300, 90)}
    follow, ids, tracks = Follower(FollowSettings(track=True)), set(), set()
    for number in range(5):
        frame, _ = moment(boxes, number / 10)
        found = seen(Segmenter(renumbers=True, output=output, seed=5), number, frame.labels)
        assert not found.track_ids
        of = match_masks(frame.labels, found.labels).found
        objects = tuple(item(found.labels, i, found.labels == i) for i in sorted(of.values()))
        scene = CompletedScene(frame.size, objects, build_graph([o.id for o in objects], ()))
        followed = follow(replace(frame, labels=found.labels), scene)
        named = {o.id: o.track_id for o in followed.objects}
        ids.add(tuple(of[i] for i in boxes))
        tracks.add(tuple(named[of[i]] for i in boxes))
    assert len(ids) > 1 and len(tracks) == 1 and set(*tracks) == {"1", "2", "3"}


def test_ids_that_last_are_tracks_of_yolo():
    assert seen(Segmenter(output="yolo_msgs")).track_ids == {1: "1", 7: "7"}


def test_style_is_drawn_anew_in_each_frame():
    drawn = [seen(Segmenter("lost20"), number).labels for number in range(20)]
    assert len({tuple(np.unique(labels)) for labels in drawn}) > 1


@pytest.mark.parametrize(
    ("arguments", "said"), [({"style": "x"}, "--mask-style"), ({"output": "x"}, "--segmenter")]
)
def test_unknown_names_are_refused(arguments, said):
    with pytest.raises(ValueError, match=f"{said} is 'x'; choose from"):
        Segmenter(**arguments)
