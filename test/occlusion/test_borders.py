"""Depth on both sides of a common border, however long it is and wherever it runs."""

import numpy as np
import pytest

from segan_ros.boxes import boxes_of
from segan_ros.occlusion.borders import MOST_SAMPLES, find_borders


def side_by_side(length, near=1.0, far=1.05):
    """Object 1 left of 2, which is farther, with a border of `length` rows."""
    labels = np.zeros((length + 20, 60), np.int32)
    labels[10:-10, 10:30], labels[10:-10, 30:50] = 1, 2
    return labels, np.where(labels == 2, far, near).astype(np.float32)


def border(labels, depth):
    return find_borders(labels, depth, boxes_of(labels))[1, 2]


@pytest.mark.parametrize("turned", [False, True], ids=["vertical", "horizontal"])
@pytest.mark.parametrize("length", [20, 60, 97, 110, 128, 129, 250, 256, 400])
def test_long_borders_are_compared_on_both_sides(length, turned):
    labels, depth = side_by_side(length)
    depth[:, 30] = np.nan  # the camera's two lenses do not both see it
    if turned:
        labels, depth = np.ascontiguousarray(labels.T), np.ascontiguousarray(depth.T)
    found = border(labels, depth)
    assert found.length == length
    assert found.gap == pytest.approx(0.05, abs=1e-6) and found.front_share(0.01) == 1
    assert len(found.gaps) <= MOST_SAMPLES


@pytest.mark.parametrize("length", [150, 200, 333, 500, 777])
def test_which_share_of_a_long_border_is_nearer_is_kept(length):
    labels, depth = side_by_side(length)
    depth[: length // 4 + 10][labels[: length // 4 + 10] == 2] = 0.9
    assert border(labels, depth).front_share(0.01) == pytest.approx(0.75, abs=0.06)


def test_at_the_edge_of_the_image_only_what_lies_in_it_counts():
    labels, depth = side_by_side(30)
    rng = np.random.default_rng(0)
    depth += rng.normal(0, 0.01, depth.shape).astype(np.float32)
    inside = np.s_[10:-10, 10:50]  # the objects touch all edges
    cut = border(np.ascontiguousarray(labels[inside]), np.ascontiguousarray(depth[inside]))
    np.testing.assert_array_equal(cut.gaps, border(labels, depth).gaps)
