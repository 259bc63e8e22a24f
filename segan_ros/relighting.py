"""Brings an object's colours to the light of a picture, so that paint, or a lone render, continues
what is seen without a step.

Where the object is seen, the ratio of picture and colours is known. It is spread over the rest,
nearest pixels first (push-pull, Gortler et al. 1996), and multiplied with the colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Image, Mask

Floats = NDArray[np.float32]

DARK = np.float32(0.04 * 255)
"""Added to colours before they are divided: black has no ratio."""
AREA, LINEAR = cv2.INTER_AREA, cv2.INTER_LINEAR
LONGEST = 128
"""Larger pictures are worked out at this side: light changes slowly."""


def relit(colours: Image, picture: Image, seen: Mask) -> Image:
    """`colours` in the light of `picture`.

    Args:
        colours: ``(h, w, 3)`` uint8, an object in another light, its seen pixels included.
        picture: ``(h, w, 3)`` uint8.
        seen: ``(h, w)`` bool, where `picture` shows the object.

    Returns:
        ``(h, w, 3)`` uint8; `colours` where nothing is seen.
    """
    if not seen.any():
        return colours
    known = seen.astype(np.float32)
    ratio = np.log((picture + DARK) / (colours + DARK)) * known[..., None]
    height, width = seen.shape
    scale = LONGEST / max(height, width)
    if scale < 1:
        small = max(round(width * scale), 1), max(round(height * scale), 1)
        ratio, known = _resized(ratio, small, AREA), _resized(known, small, AREA)
    field = _spread(ratio, known)
    if scale < 1:
        field = _resized(field, (width, height), LINEAR)
    result = (colours + DARK) * np.exp(field) - DARK
    return (result.clip(0, 255, out=result) + np.float32(0.5)).astype(np.uint8)


def _spread(values: Floats, weight: Floats) -> Floats:
    """Means of what is known near each pixel, ``(h, w, 3)``.

    Args:
        values: ``(h, w, 3)``, times their weight.
        weight: ``(h, w)`` in 0..1, not 0 everywhere.
    """
    height, width = weight.shape
    if max(height, width) == 1:
        return np.divide(values, weight[..., None], dtype=np.float32)
    half = (width + 1) // 2, (height + 1) // 2
    far = _spread(_resized(values, half, AREA), _resized(weight, half, AREA))
    far = _resized(far, (width, height), LINEAR)
    trust = np.minimum(2 * weight, 1)[..., None]
    near = values / np.maximum(weight, np.float32(1e-6))[..., None]
    return np.add(far, trust * (near - far), dtype=np.float32)


def _resized(array: Floats, size: tuple[int, int], way: int) -> Floats:
    """`array` at `size`, width before height; OpenCV drops an axis of length 1."""
    shape = (size[1], size[0], *array.shape[2:])
    return cv2.resize(array, size, interpolation=way).reshape(shape).astype(np.float32, copy=False)
