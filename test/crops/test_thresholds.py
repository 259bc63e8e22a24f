"""The mask of highest expected IoU, against a search over all thresholds."""

import numpy as np
import pytest

from segan_ros.crops.thresholds import likeliest_threshold


def around(hidden):
    """Probabilities of 20x20 pixels of which the left half is seen, the right half as given."""
    probability = np.ones((20, 20), np.float32)
    probability[:, 10:] = hidden
    return probability


def expected_iou(probability, threshold):
    kept = probability > threshold
    return probability[kept].sum() / (kept.sum() + probability[~kept].sum())


@pytest.mark.parametrize("seed", range(5))
def test_likeliest_threshold_is_that_of_the_highest_expected_iou(seed):
    probability = around(np.random.default_rng(seed).beta(0.5, 1.5, (20, 10)))
    chosen = likeliest_threshold(probability)
    best = max(expected_iou(probability, t) for t in np.linspace(0.1, 0.95, 200))
    assert expected_iou(probability, chosen) > best - 0.005


def test_likeliest_threshold_takes_the_sure_and_leaves_the_doubtful():
    hidden = np.full((20, 10), 0.05)
    hidden[:10] = 0.9
    probability = around(hidden)
    assert np.array_equal(probability > likeliest_threshold(probability), probability > 0.5)


def test_likeliest_threshold_of_a_large_window_looks_at_some_of_its_pixels():
    probability = np.kron(around(np.linspace(0.05, 0.95, 10)), np.ones((40, 40), np.float32))
    small = likeliest_threshold(around(np.linspace(0.05, 0.95, 10)))
    assert likeliest_threshold(probability) == pytest.approx(small, abs=0.07)
