"""Probabilities against what they foretold, on cases worked by hand."""

from xml.etree import ElementTree

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, CompletedScene, Frame, OcclusionGraph
from segan_ros.scoring.reliability import (
    BINS,
    decided_pixels,
    rank_correlation,
    reliability,
    reliability_svg,
)
from segan_ros.truth import LabelledScene, TrueObject


def pixels(*groups):
    """`(probability, how many, how many are true)` for each group."""
    said = np.concatenate([np.full(n, p, np.float32) for p, n, _ in groups])
    true = np.concatenate([np.arange(n) < hits for _, n, hits in groups])
    return said, true


def test_probabilities_that_come_true_as_often_as_they_say_have_no_error():
    found = reliability([pixels((0.3, 100, 30)), pixels((0.9, 50, 45))])
    assert found.error == pytest.approx(0, abs=1e-6)
    assert found.pixels.sum() == 150 and np.count_nonzero(found.pixels) == 2


def test_error_is_the_gap_weighted_by_pixels():
    found = reliability([pixels((0.9, 300, 150), (0.1, 100, 10))])
    assert found.error == pytest.approx(0.4 * 0.75, abs=1e-6)


def test_probability_one_falls_into_the_last_bin():
    assert reliability([pixels((1.0, 7, 7))]).pixels[BINS - 1] == 7


def test_no_pixels_have_no_error():
    assert np.isnan(reliability([]).error)


def test_only_unseen_pixels_that_were_in_doubt_are_asked():
    labels = np.array([[1, 1, 2, 2, 0, 0]], np.int32)
    whole = np.array([[1, 1, 1, 0, 0, 0]], bool)
    truth = LabelledScene(
        Frame(np.zeros((1, 6, 3), np.uint8), labels), (TrueObject(1, whole), TrueObject(2, ~whole))
    )
    probability = np.array([[1, 1, 0.8, 0.3, 0.001]], np.float32)
    item = AmodalObject(1, (0, 0, 5, 1), labels[:, :5] == 1, probability > 0.2, probability)
    stranger = AmodalObject(9, (0, 0, 5, 1), labels[:, :5] == 2, probability > 0.2, probability)
    scene = CompletedScene((1, 6), (item, stranger), OcclusionGraph((1, 9), (0, 0), (), True, ()))
    said, true = decided_pixels(truth, scene)
    assert said.tolist() == pytest.approx([0.8, 0.3]) and true.tolist() == [True, False]


@pytest.mark.parametrize(
    ("second", "expected"),
    [([1, 5, 9], 1.0), ([9, 5, 1], -1.0), ([1, 9, 1], 0.0), ([2, 2, 2], np.nan)],
)
def test_rank_correlation(second, expected):
    assert rank_correlation([0.1, 0.2, 7.0], second) == pytest.approx(expected, nan_ok=True)


def test_rank_correlation_agrees_with_scipy_on_ties():
    spearmanr = pytest.importorskip("scipy.stats").spearmanr
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_diagram_names_its_error_and_has_a_dot_for_each_filled_bin():
    found = reliability([pixels((0.3, 100, 30), (0.9, 50, 20))])
    picture = ElementTree.fromstring(reliability_svg(found))
    dots = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 2 and f"calibration error {found.error:.3f}" in "".join(picture.itertext())
