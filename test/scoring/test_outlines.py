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


def test_nothing_predicted_and_nothing_true_score_zero():
    assert boundary_f(SEEN, TRUTH, SEEN) == 0
    assert boundary_f(TRUTH, SEEN, SEEN) == 0


def test_border_of_the_picture_is_no_outline():
    """What leaves the picture has no end there that could be met: the sides alone are outlines."""
    for turn in (lambda m: m, np.fliplr, np.flipud):
        truth, seen = turn(rectangle(60, 0, 80, 30)), turn(rectangle(60, 0, 70, 30))
        shorter = turn(rectangle(60, 0, 76, 30))
        assert boundary_f(truth, truth, seen) == 1
        assert 0 < boundary_f(shorter, truth, seen) < 0.6  # an end, and 6 + 2 of 10 pixels of side
