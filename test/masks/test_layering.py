"""Overlapping masks become one label image by the stated rule; what is left out is counted."""

import time

import numpy as np
import pytest

from segan_ros.instances import Instance, Instances
from segan_ros.masks.layering import (
    BACKGROUND,
    COVERED,
    IGNORED,
    PART,
    SMALL,
    TWICE,
    UNSURE,
    Choice,
    named,
    to_labels,
)

SIZE = 60, 80


def rectangle(x0, y0, x1, y1, **about):
    return Instance((x0, y0, x1, y1), np.ones((y1 - y0, x1 - x0), bool), **about)


def layered(*items, **choice):
    return to_labels(Instances(SIZE, items), Choice(**choice))


def boxes(found):
    return {i: item.box for i, item in found.instances.items()}


def test_separate_masks_are_numbered_in_order():
    found = layered(rectangle(0, 0, 10, 10), rectangle(20, 0, 40, 10))
    assert boxes(found) == {1: (0, 0, 10, 10), 2: (20, 0, 40, 10)}
    assert found.labels.dtype == np.int32 and (found.labels[:10, 20:40] == 2).all()
    assert np.count_nonzero(found.labels) == 300 and not found.left_out


def test_of_duplicates_the_surer_stays():
    found = layered(rectangle(0, 0, 20, 20, score=0.6), rectangle(0, 0, 20, 21, score=0.9))
    assert boxes(found) == {1: (0, 0, 20, 21)} and found.left_out == {TWICE: 1}


@pytest.mark.parametrize("names", [("", ""), ("cup", "cup"), ("cup", "")])
def test_part_of_another_is_left_out(names):
    found = layered(rectangle(0, 0, 40, 40, name=names[0]), rectangle(5, 5, 15, 15, name=names[1]))
    assert boxes(found) == {1: (0, 0, 40, 40)} and found.left_out == {PART: 1}


def test_object_of_another_class_inside_lies_in_front():
    found = layered(rectangle(5, 5, 15, 15, name="cup"), rectangle(0, 0, 40, 40, name="tray"))
    assert found.names == {1: "cup", 2: "tray"} and not found.left_out
    assert (found.labels[5:15, 5:15] == 1).all() and found.labels[0, 0] == 2


@pytest.mark.parametrize("background", [(0, 0, 80, 60), (0, 20, 80, 60), (0, 0, 60, 60)])
def test_mask_of_the_background_is_left_out_and_what_lies_in_it_stays(background):
    found = layered(
        rectangle(*background, score=0.9), *(rectangle(x, 30, x + 12, 50) for x in (5, 20, 40))
    )
    assert boxes(found) == {i: (x, 30, x + 12, 50) for i, x in enumerate((5, 20, 40), start=1)}
    assert found.left_out == {BACKGROUND: 1}


def test_table_and_room_are_both_background():
    cups = [rectangle(x, 30, x + 12, 50) for x in (5, 20, 40)]
    found = layered(rectangle(0, 0, 80, 60), *cups, rectangle(0, 15, 80, 60))
    assert len(found.instances) == 3 and found.left_out == {BACKGROUND: 2}


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ((5, 5, 60, 55), [(10, 10, 20, 20), (30, 10, 40, 20)]),  # two logos on a box
        ((0, 5, 60, 60), [(10, 10, 20, 20), (30, 10, 40, 20)]),  # in a corner of the picture
        ((0, 0, 80, 60), [(0, 0, 80, 50), (60, 52, 70, 60)]),  # a mug close up and its handle
        ((0, 0, 80, 60), [(10, 10, 40, 40), (15, 15, 30, 30)]),  # a logo on a label
    ],
)
def test_parts_of_an_object_are_left_out_wherever_it_lies(whole, parts):
    found = layered(rectangle(*whole), *(rectangle(*part) for part in parts))
    assert boxes(found) == {1: whole} and found.left_out == {PART: 2}


def test_small_masks_are_called_small_and_not_covered():
    found = layered(rectangle(5, 5, 9, 8), rectangle(30, 30, 50, 50))
    assert set(found.instances) == {2} and found.left_out == {SMALL: 1}


def test_contested_pixels_go_to_the_smaller_mask():
    found = layered(rectangle(0, 0, 40, 20), rectangle(30, 0, 50, 20))
    assert (found.labels[:20, 30:50] == 2).all() and (found.labels[:20, :30] == 1).all()


def test_occluder_classes_and_ids_are_told_and_hide_like_others():
    cup, hand = rectangle(0, 0, 40, 20, name="cup"), rectangle(30, 0, 50, 20, name="hand")
    found = layered(cup, hand, occluders=["hand", "arm"], occluder_ids=[7])
    assert found.occluder_only == {2, 7}
    assert (found.labels[:20, 30:50] == 2).all() and not found.left_out
    assert layered(cup, hand).occluder_only == frozenset()


def test_names_of_a_label_image_give_objects_their_classes_and_roles():
    labels = np.zeros(SIZE, np.int32)
    for object_id in (1, 2, 3, 4, 5):
        labels[10:20, 10 * object_id : 10 * object_id + 8] = object_id
    names = {1: "BACKGROUND", 2: "cup", 3: "table", 4: "hand", 9: "lamp"}
    found = named(labels, names, Choice(ignored=["table"], occluders=["hand"], occluder_ids=[5]))
    assert boxes(found) == {2: (20, 10, 28, 20), 4: (40, 10, 48, 20), 5: (50, 10, 58, 20)}
    assert found.names == {2: "cup", 4: "hand"} and found.occluder_only == {4, 5}
    assert found.left_out == {IGNORED: 2}
    assert set(np.unique(found.labels)) == {0, 2, 4, 5} and labels.max() == 5
    assert set(np.unique(named(labels, {}).labels)) == set(range(6))


def test_ignored_classes_and_low_scores_are_left_out():
    found = layered(
        rectangle(0, 0, 10, 10, score=0.9, name="dining table"),
        rectangle(20, 0, 30, 10, score=0.1, name="cup"),
        rectangle(40, 0, 50, 10, score=0.9, name="cup"),
        ignored=["dining table"],
        min_score=0.25,
    )
    assert found.left_out == {IGNORED: 1, UNSURE: 1} and boxes(found) == {1: (40, 0, 50, 10)}


def test_mask_that_others_cover_is_left_out():
    found = layered(
        rectangle(0, 0, 40, 10, name="tray"),
        rectangle(0, 0, 19, 10, name="cup"),
        rectangle(19, 0, 40, 10, name="can"),
    )
    assert found.left_out == {COVERED: 1} and set(found.names.values()) == {"cup", "can"}


def test_track_ids_are_the_ids_where_they_can_be():
    items = rectangle(0, 0, 10, 10, track_id="12"), rectangle(20, 0, 30, 10, track_id="7")
    assert set(layered(*items).instances) == {12, 7}
    for other in ("12", "", "cup", "0", str(2**31), "9" * 5000):
        mixed = items[0], rectangle(20, 0, 30, 10, track_id=other)
        assert set(layered(*mixed).instances) == {1, 2}


def test_nothing_found_is_an_empty_label_image():
    found = to_labels(Instances(SIZE, left_out={"no mask": 3}))
    assert not found.labels.any() and found.left_out == {"no mask": 3} and not found.instances


def test_two_masks_of_one_track_are_two_objects_and_told():
    found = layered(*(rectangle(x, 0, x + 9, 9, track_id=t) for x, t in ((0, "3"), (20, "3"))))
    assert set(found.instances) == {1, 2} and found.repeated == {"3"}
    assert not layered(*(rectangle(x, 0, x + 9, 9) for x in (0, 20))).repeated


def test_score_that_is_no_number_is_the_lowest():
    nan = float("nan")
    found = layered(rectangle(0, 0, 20, 20, score=nan), rectangle(0, 0, 20, 21, score=0.1))
    assert boxes(found) == {1: (0, 0, 20, 21)} and found.left_out == {TWICE: 1}
    assert layered(rectangle(0, 0, 9, 9, score=nan), min_score=0.1).left_out == {UNSURE: 1}


def test_a_thousand_masks_take_no_time():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 900, (1000, 2))
    items = tuple(rectangle(x, y, x + 60, y + 50, name=f"{x}") for x, y in corners.tolist())
    begin = time.process_time()
    found = to_labels(Instances((1000, 1000), items))
    assert len(found.instances) + found.left_out.total() == 1000
    assert time.process_time() - begin < 2.5
