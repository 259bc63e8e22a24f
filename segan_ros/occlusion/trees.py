"""A small ensemble of decision trees, as it comes from a file: numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTH = 3
"""Questions from the root of a tree to a leaf."""

PARTS = ("features", "thresholds", "leaves")
"""Names of a model's arrays in a file."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Log odds are the sum of one leaf of every tree; all trees are complete.

    Args:
        bias: log odds before the first tree.
        features: ``(t, 7)`` int, which feature each inner node asks for: the root, its two
            children, and their four.
        thresholds: ``(t, 7)`` above which it goes on to the second child.
        leaves: ``(t, 8)``.
    """

    bias: float
    features: NDArray[np.int16]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities ``(n,)`` of features ``(n, f)``."""
        asked = features.astype(np.float32)[:, self.features]
        above = asked > self.thresholds
        at = above[:, :, 0].astype(np.intp)
        for depth in range(1, DEPTH):
            first = 2**depth - 1
            level = above[:, :, first : first + 2**depth]
            at = 2 * at + np.take_along_axis(level, at[:, :, None], axis=2)[:, :, 0]
        rows = np.arange(len(self.leaves))
        odds = self.bias + self.leaves[rows, at].sum(axis=1)
        return np.asarray(1 / (1 + np.exp(-odds)), float)
