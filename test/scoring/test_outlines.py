"""Boundary F-scores against outlines that are worked out by hand."""

import math

import numpy as np
import pytest

from segan_ros.scoring.outlines import boundary_f

SIZE = 60, 80
NOTHING = np.zeros(SIZE, bool)


def rectangle(x0, y0, x1, y1):
    mask = NOTHING.copy()
    mask[y0:y1, x0:x1] = True
    return mask


TRUTH, SEEN = rectangle(10, 10, 50, 30), rectangle(10, 10, 30, 30)
"""40 wide; its right half is hidden: 20 + 18 + 20 pixels of outline."""


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_outline_within_two_pixels_counts_as_met(shift):
    assert boundary_f(rectangle(10, 10, 50 + shift, 30), TRUTH, SEEN) > 0.96


def test_outline_farther_away_is_missed():
    """Of the true outline the end at the right, of ours the end at the left."""
    ours = rectangle(10, 10, 40, 30)
    precision = (10 + 10 - 1) / (10 + 18 + 10)  # the first pixels of the end lie beside the sides
    recall = 2 * 12 / (20 + 18 + 20)
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f(ours, TRUTH, SEEN) == pytest.approx(expected, abs=0.06)


def test_outline_of_what_is_seen_is_given():
    assert boundary_f(TRUTH, TRUTH, SEEN) == 1
    assert math.isnan(boundary_f(SEEN, SEEN, SEEN))
    assert math.isnan(boundary_f(NOTHING, NOTHING, NOTHING))


def test_nothing_predicted_scores_zero_and_nothing_true_does_not_count():
    assert boundary_f(SEEN, TRUTH, SEEN) == 0
    assert math.isnan(boundary_f(TRUTH, SEEN, SEEN))


def test_hidden_part_inside_the_silhouette_has_no_outline_to_be_met():
    """Whether it is filled or not: no method gains by leaving it out."""
    ring = TRUTH & ~rectangle(20, 15, 40, 25)
    assert math.isnan(boundary_f(TRUTH, TRUTH, ring))
    assert math.isnan(boundary_f(ring, TRUTH, ring))


def test_rim_beside_what_is_seen_may_be_a_pixel_off():
    grown = rectangle(9, 9, 51, 31)
    assert boundary_f(grown, TRUTH, SEEN) == 1
    assert boundary_f(rectangle(6, 6, 54, 34), TRUTH, SEEN) < 0.1


def test_border_of_the_picture_is_no_outline():
    """What leaves the picture has no end there that could be met: the sides alone are outlines."""
    for turn in (lambda m: m, np.fliplr, np.flipud):
        truth, seen = turn(rectangle(60, 0, 80, 30)), turn(rectangle(60, 0, 70, 30))
        shorter = turn(rectangle(60, 0, 76, 30))
        assert boundary_f(truth, truth, seen) == 1
        assert 0 < boundary_f(shorter, truth, seen) < 0.6  # an end, and 6 + 2 of 10 pixels of side
