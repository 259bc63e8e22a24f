"""Which threshold makes the best mask of probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 32
"""Thresholds are multiples of one over this; those below a tenth are left out, as calibration says
little there."""

SAMPLES = 96
"""Pixels along a side that are looked at: networks say no more."""


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
