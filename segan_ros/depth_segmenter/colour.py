"""Where colours change: between things that touch with neither a step nor a crease."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.depth_segmenter.surface import Map

LIGHTNESS = 0.25
"""What a difference of lightness counts: shadows and shading change little else."""


def to_lab(rgb: NDArray[np.uint8], size: tuple[int, ...]) -> Map:
    """`rgb` brought down to `size` (height, width): ``(h, w, 3)``, each 0..255."""
    small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)


def colour_change(lab: Map) -> Map:
    """``(h, w)`` distance between the colours on both sides of each pixel."""
    weighted = cv2.GaussianBlur(lab, (3, 3), 0) * np.array([LIGHTNESS, 1, 1], np.float32)
    apart, here = np.array([-1, 0, 1], np.float32), np.ones(1, np.float32)
    across = cv2.sepFilter2D(weighted, -1, apart, here)
    along = cv2.sepFilter2D(weighted, -1, here, apart)
    squares = cv2.transform(across * across + along * along, np.ones((1, 3), np.float32))
    return np.asarray(np.sqrt(squares), np.float32)
