"""From probabilities to a mask: the threshold, and the score of what it gives."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Mask

LEVELS = 32
"""Thresholds are multiples of one over this; those below a tenth are left out, as calibration says
little there."""

SAMPLES = 96
"""Pixels along a side that are looked at: networks say no more."""


def whole_mask(
    probability: NDArray[np.float32], visible: Mask, threshold: float, min_hidden_ratio: float
) -> tuple[Mask, float]:
    """The whole mask of an object, and its score.

    Args:
        probability: ``(h, w)`` in 0..1 around the object, 1 where it is seen.
        visible: ``(h, w)`` bool, where it is seen.
        threshold: hidden pixels above it belong to the object; 0 for `likeliest_threshold`.
        min_hidden_ratio: hidden parts below this share of the visible area are left out.

    Returns:
        ``(h, w)`` bool, and the expected IoU with the true whole mask, 0..1.
    """
    seen = np.count_nonzero(visible)
    threshold = threshold or likeliest_threshold(probability)
    everything = cv2.sumElems(probability)[0]
    whole = probability > threshold
    area = np.count_nonzero(whole)
    if area - seen < min_hidden_ratio * seen:
        return visible, min(seen / everything, 1.0)
    inside = cv2.sumElems(cv2.threshold(probability, threshold, 0, cv2.THRESH_TOZERO)[1])[0]
    return whole, min(inside / (area + everything - inside), 1.0)


def likeliest_threshold(probability: NDArray[np.float32]) -> float:
    """The threshold whose mask has the highest expected IoU with the whole object.

    Where much is uncertain it is low, so that a guess is made at all; where little is, it is high.
    It needs probabilities that come true (`segan_ros.training.calibration`).

    Args:
        probability: ``(h, w)`` in 0..1 around the object, 1 where it is seen.
    """
    step = max(max(probability.shape) // SAMPLES, 1)
    some = probability[::step, ::step].ravel()
    bins = (some * LEVELS).astype(np.intp)
    # From the surest level down: pixels of the mask, and how many of them are expected to be right.
    pixels = np.bincount(bins, minlength=LEVELS + 1)[::-1].cumsum()[::-1]
    right = np.bincount(bins, some, LEVELS + 1)[::-1].cumsum()[::-1]
    levels = np.arange(LEVELS // 10, LEVELS)
    expected = right[levels] / (pixels[levels] + right[0] - right[levels] + 1e-6)
    return float(levels[expected.argmax()] / LEVELS)
