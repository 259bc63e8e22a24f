"""Box arithmetic against plain loops over pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segan_ros.boxes import (
    Roi,
    boxes_of,
    clip,
    crop,
    dilate,
    distinct,
    intersection,
    paste,
    relative,
    size_of,
    tight_box,
    touches_border,
    translate,
    union,
    whole_image,
)

SIZE = (12, 17)


@st.composite
def boxes(draw, low=-5, high=22):
    x0, y0 = draw(st.integers(low, high)), draw(st.integers(low, high))
    return x0, y0, draw(st.integers(x0, high)), draw(st.integers(y0, high))


def pixels(box):
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@given(boxes(), boxes())
def test_intersection_holds_the_pixels_of_both(a, b):
    both = intersection(a, b)
    assert pixels(both) == pixels(a) & pixels(b)
    assert min(size_of(both)) >= 0


@given(boxes())
def test_clip_keeps_what_lies_in_the_image(box):
    assert pixels(clip(box, SIZE)) == pixels(box) & pixels(whole_image(SIZE))


@given(st.lists(boxes(), min_size=1, max_size=4))
def test_union_is_the_smallest_box_around_all(several):
    around = union(*several)
    assert all(intersection(b, around) == b for b in several)
    assert around[:2] == tuple(np.min(several, axis=0)[:2])
    assert around[2:] == tuple(np.max(several, axis=0)[2:])


@given(boxes(), boxes(low=0, high=10))
def test_relative_box_names_the_same_pixels_of_a_crop(box, view):
    dx, dy = view[:2]
    assert pixels(relative(box, view)) == {(x - dx, y - dy) for x, y in pixels(box)}
    assert translate(relative(box, view), dx, dy) == box


def test_dilate_grows_every_side():
    assert dilate((5, 6, 7, 9), 2) == (3, 4, 9, 11)
    assert dilate((5, 6, 7, 9), 2, 0) == (3, 6, 9, 9)


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        ((1, 1, 16, 11), False),
        ((0, 1, 5, 5), True),
        ((1, 0, 5, 5), True),
        ((1, 1, 17, 5), True),
        ((1, 1, 5, 12), True),
    ],
)
def test_box_that_ends_with_the_image_touches_its_border(box, touches):
    assert touches_border(box, SIZE) == touches


@given(boxes(), st.booleans(), st.booleans())
def test_paste_writes_what_lies_in_the_image(box, masked, plain):
    rng = np.random.default_rng(0)
    patch = 7 if plain else rng.integers(1, 99, (*size_of(box), 2))
    mask = rng.random(size_of(box)) < 0.5 if masked else None
    target, expected = np.zeros((*SIZE, 2), int), np.zeros((*SIZE, 2), int)
    for x, y in pixels(box) & pixels(whole_image(SIZE)):
        row, column = y - box[1], x - box[0]
        if mask is None or mask[row, column]:
            expected[y, x] = 7 if plain else patch[row, column]
    paste(target, box, patch, mask)
    np.testing.assert_array_equal(target, expected)


def test_crop_is_a_view():
    image = np.zeros((4, 5), int)
    crop(image, (1, 2, 3, 4))[:] = 1
    assert tight_box(image > 0) == (1, 2, 3, 4)


def test_tight_box_of_nothing_is_empty():
    assert tight_box(np.zeros((5, 5), bool)) == (0, 0, 0, 0)


def test_boxes_are_tight():
    labels = np.zeros((60, 90), np.int32)
    labels[25:35, 10:80], labels[10:50, 40:50] = 4, 5
    assert boxes_of(labels) == {4: (10, 25, 80, 35), 5: (40, 10, 50, 50)}
    assert boxes_of(np.zeros((3, 3), np.int32)) == {}


@pytest.mark.parametrize("most", [2, 40, 2**31 - 1])
def test_boxes_of_noise_are_tight_too(most):
    rng = np.random.default_rng(0)
    labels = (rng.integers(-2, 3, (23, 31)) * (most // 2)).astype(np.int32)
    found = boxes_of(labels)
    assert list(found) == [i for i in np.unique(labels).tolist() if i > 0]
    for i, (x0, y0, x1, y1) in found.items():
        rows, columns = np.nonzero(labels == i)
        assert (x0, y0) == (columns.min(), rows.min())
        assert (x1, y1) == (columns.max() + 1, rows.max() + 1)


def test_roi_widens_each_side_by_its_own_length():
    assert Roi(0.2, "each_side").around((100, 100, 150, 110), (480, 640)) == (90, 98, 160, 112)


def test_roi_gives_a_sliver_room_across():
    assert Roi(0.2, "longest_side").around((100, 100, 150, 110), (480, 640)) == (90, 90, 160, 120)


def test_roi_ends_at_the_border():
    assert Roi(1.0).around((0, 0, 10, 10), (15, 12)) == (0, 0, 12, 15)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([[7, 7, 0], [-1, 7, 2**31 - 1]], np.int32),
        np.zeros((3, 0), np.int32),
        np.full((2, 2), 5, np.uint16),
        np.arange(24, dtype=np.int32).reshape(4, 6)[::-1, ::2],
    ],
)
def test_distinct_values_are_those_of_numpy(labels):
    found = distinct(labels)
    assert found == np.unique(labels).tolist() and all(type(i) is int for i in found)
