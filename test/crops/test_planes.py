"""What the networks are shown of an object: planes, borders, canvas."""

import cv2
import numpy as np
import pytest

from segan_ros.crops.planes import canvas, input_planes, labelled_area, unmarked


@pytest.mark.parametrize("gap_width", [1, 2, 5, 100])
def test_border_of_the_picture_is_no_neighbour(gap_width):
    labels = np.zeros((40, 60), np.int32)
    labels[2:30, 1:20], labels[5:30, 21:57] = 1, 2
    area = labelled_area(labels, gap_width)
    assert area[10, 20]
    assert not area[:, 0].any() and not area[:2].any() and not area[:, 57:].any()
    assert area[labels > 0].all()


@pytest.mark.parametrize("colour", [(255, 0, 0), (228, 25, 12), (0, 0, 255), (8, 3, 231)])
def test_no_visible_pixel_looks_like_a_mark_of_eq_1(colour):
    rgb = np.full((16, 16, 3), colour, np.uint8)
    visible = np.zeros((16, 16), bool)
    visible[:, :8] = True
    whole = np.ones((16, 16), np.float32)
    shown = canvas(rgb, visible, whole, (16, 16))
    for mark in ((1, 0, 0), (0, 0, 1)):
        distance = np.abs(shown[:, :, :8] - np.reshape(mark, (3, 1, 1))).sum(0)
        assert distance.min() > 0.1  # what painters go by
    assert (shown[:, :, 8:] == np.reshape((1, 0, 0), (3, 1, 1))).all()
    assert np.abs(shown[:, :, :8] * 255 - np.reshape(colour, (3, 1, 1))).max() <= 31.01


def test_other_colours_are_not_touched():
    rgb = np.random.default_rng(0).integers(0, 225, (16, 16, 3)).astype(np.uint8)
    assert unmarked(rgb) is rgb


@pytest.mark.parametrize("width", [1, 4, 5, 6])
def test_gaps_up_to_the_width_count_and_wider_ones_do_not(width):
    for gap in (width, width + 1):
        labels = np.zeros((40, 60), np.int32)
        labels[5:35, 5:20], labels[5:35, 20 + gap : 50] = 1, 2
        for way in (labels, labels.T):
            area = labelled_area(way, width)
            assert area[way > 0].all()
            closed = gap == width
            assert np.count_nonzero(area) == np.count_nonzero(way) + closed * 30 * gap


def test_arrays_given_for_planes_and_canvas_are_filled():
    rgb = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    labels = np.arange(63).reshape(9, 7).astype(np.int32) % 3
    batch = np.full((2, 5, 4, 4), np.nan, np.float32)
    for object_id, out in zip((1, 2), batch, strict=True):
        alone = input_planes(rgb, labels, object_id, (4, 4), ("rgb", "visible", "others"))
        given = input_planes(rgb, labels, object_id, (4, 4), ("rgb", "visible", "others"), out=out)
        assert given is out
        np.testing.assert_array_equal(out, alone)
    out = np.full((3, 4, 4), np.nan, np.float32)
    canvas(rgb, labels == 1, (labels > 0).astype(np.float32), (4, 4), out=out)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("side", [20, 90, 150, 385, 700, 1500])
@pytest.mark.parametrize("plane", ["visible", "others", "rgb"])
def test_planes_are_near_the_mean_over_the_area_of_their_pixels(side, plane):
    """Against OpenCV's exact area mean (bilinear where they are enlarged), at every reduction."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, (8, 9)).astype(np.int32)
    labels = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_NEAREST)
    rgb = rng.integers(0, 256, (side, side, 3), np.uint8)  # what is sampled too thinly shows
    (*given,) = input_planes(rgb, labels, 2, (96, 96), [plane])
    masks = {"visible": labels == 2, "others": (labels > 0) & (labels != 2)}
    exact = rgb / 255 if plane == "rgb" else masks[plane].astype(float)
    way = cv2.INTER_AREA if side > 96 else cv2.INTER_LINEAR
    exact = cv2.resize(exact, (96, 96), interpolation=way).reshape(96, 96, -1).transpose(2, 0, 1)
    assert np.abs(np.stack(given) - exact).mean() < (0.05 if plane == "rgb" else 0.01)


def test_borders_are_where_a_label_meets_another():
    labels = np.array([[1, 1, 2], [1, 1, 2], [0, 0, 2]], np.int32)
    (lines,) = input_planes(np.zeros((3, 3, 3), np.uint8), labels, 1, (3, 3), ["borders"])
    np.testing.assert_array_equal(lines, [[0, 0, 1], [0, 0, 1], [1, 1, 1]])


def test_all_values_below_1_are_one_background():
    labels = np.array([[1, 1, 2], [0, -1, 2], [-1, 0, 2]], np.int32)
    kinds = ("visible", "others", "borders")
    given, plain = (
        input_planes(np.zeros((3, 3, 3), np.uint8), values, 1, (3, 3), kinds)
        for values in (labels, labels.clip(0))
    )
    np.testing.assert_array_equal(given, plain)


NOWHERE = np.nan


@pytest.mark.parametrize(
    ("depth", "ahead", "known"),
    [
        # The object (label 1) is 1 m away, and the view as wide as the picture.
        ([[1.0, 0.8, 1.2, 0.4, 9.0]], [0.5, 0.7, 0.3, 1.0, 0.0], [1, 1, 1, 1, 1]),
        # In half the width, a step is twice as large.
        ([[1.0, 0.9, 1.1, NOWHERE, 1.0]], [0.5, 0.7, 0.3, 0.5, 0.5], [1, 1, 1, 0, 1]),
        # Nothing of the object was measured: nothing can be compared.
        ([[NOWHERE, 0.9, 1.1, 1.0, 1.0]], [0.5] * 5, [0] * 5),
        (None, [0.5] * 5, [0] * 5),
    ],
)
def test_depth_planes_compare_with_the_object(depth, ahead, known):
    labels = np.array([[1, 2, 0, 0, 0]], np.int32)
    rgb, reach = np.zeros((1, 5, 3), np.uint8), 0.5 if known[3] == 0 else 1.0
    given = None if depth is None else np.array(depth, np.float32)
    found = input_planes(rgb, labels, 1, (1, 5), ["depth"], depth=given, reach=reach)
    np.testing.assert_allclose(found[0], [ahead], atol=1e-6)
    np.testing.assert_array_equal(found[1], [known])


def test_canvas_is_equation_one():
    rgb = np.full((1, 3, 3), 51, np.uint8)
    visible = np.array([[True, False, False]])
    whole = np.array([[1.0, 1.0, 0.0]], np.float32)
    result = canvas(rgb, visible, whole, (1, 3))
    np.testing.assert_allclose(result[:, 0, 0], [0.2, 0.2, 0.2])  # I where visible
    np.testing.assert_allclose(result[:, 0, 1], [1, 0, 0])  # red where hidden
    np.testing.assert_allclose(result[:, 0, 2], [0, 0, 1])  # blue elsewhere


def test_planes_keep_their_order():
    labels = np.array([[1, 2], [0, 1]], np.int32)
    rgb = np.full((2, 2, 3), 255, np.uint8)
    planes = input_planes(rgb, labels, 1, (2, 2), ["others", "visible", "rgb"])
    np.testing.assert_array_equal(planes[0], [[0, 1], [0, 0]])
    np.testing.assert_array_equal(planes[1], [[1, 0], [0, 1]])
    assert planes[2:].shape == (3, 2, 2)
    assert planes.dtype == np.float32
