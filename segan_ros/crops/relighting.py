"""Brings an object's colours to the light of a picture, so that paint, or a lone render, continues
what is seen without a step.

Where the object is seen, the ratio of picture and colours is known. It is spread over the rest,
nearest pixels first (push-pull, Gortler et al. 1996), and multiplied with the colours (`relit`).
Right beside what is seen, its colours are a better guess than any paint (`joined`).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import clip, crop, dilate, tight_box
from segan_ros.frame import Image, Mask

Floats = NDArray[np.float32]

DARK = np.float32(0.04 * 255)
"""Added to colours before they are divided: black has no ratio."""
AREA, LINEAR = cv2.INTER_AREA, cv2.INTER_LINEAR
LONGEST = 128
"""`relit` works larger pictures out at this side: light changes slowly."""

SMOOTH, FADE, SEAM = 1.5, 2.0, 5
"""Pixels: the width of the Gaussian that seen colours are averaged with, the distance over which
their influence falls to 1/e, and the farthest pixel that they reach."""


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
    ratio = _ratio(colours, picture, known)
    size = within(seen.shape, LONGEST)
    if size == seen.shape:
        return lit(colours, _spread(ratio, known))
    small = size[1], size[0]
    field = _spread(_resized(ratio, small, AREA), _resized(known, small, AREA))
    return lit(colours, _resized(field, (seen.shape[1], seen.shape[0]), LINEAR))


def light(colours: Image, picture: Image, seen: Mask, size: tuple[int, int]) -> Floats:
    """By how much an object is brighter in a picture than `colours` are: the logarithm of the
    ratio, spread from where it is seen.

    Args:
        colours: ``(h, w, 3)`` uint8, the object at `size`.
        picture: ``(H, W, 3)`` uint8.
        seen: ``(H, W)`` bool, where `picture` shows the object; somewhere.
        size: h and w, `within` those of `picture`.

    Returns:
        ``(H, W, 3)``, for `lit`.
    """
    known = seen.astype(np.float32)
    if size == seen.shape:
        return _spread(_ratio(colours, picture, known), known)
    small = size[1], size[0]
    known = _resized(known, small, AREA)
    shown = _resized(cv2.copyTo(picture, seen.view(np.uint8)).astype(np.float32), small, AREA)
    shown /= np.maximum(known, np.float32(1e-6))[..., None]
    field = _spread(_ratio(colours, shown, known), known)
    return _resized(field, (seen.shape[1], seen.shape[0]), LINEAR)


def lit(colours: Image, field: Floats) -> Image:
    """`colours` in the light of a `field`, see `light`; both ``(h, w, 3)``."""
    result = (colours + DARK) * np.exp(field) - DARK
    return (result.clip(0, 255, out=result) + np.float32(0.5)).astype(np.uint8)


def within(size: tuple[int, ...], longest: int) -> tuple[int, int]:
    """`size` (height, width), or smaller in the same proportion: no side above `longest`."""
    height, width = size
    scale = min(longest / max(height, width), 1)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _ratio(colours: NDArray[Any], picture: NDArray[Any], known: Floats) -> Floats:
    """Logarithm of picture by colours, times `known`."""
    ratio = np.log((picture + DARK) / (colours + DARK))
    return np.multiply(ratio, known[..., None], dtype=np.float32)


def joined(colours: Image, picture: Image, seen: Mask, hidden: Mask) -> Image:
    """`colours`, blended into those of `picture` right beside what is seen.

    Args:
        colours: ``(h, w, 3)`` uint8, painted, in the light of `picture`.
        picture: ``(h, w, 3)`` uint8.
        seen: ``(h, w)`` bool, where `picture` shows the object.
        hidden: ``(h, w)`` bool, where `colours` count.

    Returns:
        ``(h, w, 3)`` uint8; `colours` but near the border of `seen`.
    """
    kernel = np.ones((2 * SEAM + 1,) * 2, np.uint8)
    beside = hidden & (cv2.dilate(seen.view(np.uint8), kernel) > 0)
    if not beside.any():
        return colours
    part = clip(dilate(tight_box(beside), SEAM + 1), seen.shape)
    there, here = crop(seen, part), crop(beside, part)
    shown = np.where(there[..., None], crop(picture, part), 0).astype(np.float32)
    known = cv2.GaussianBlur(there.astype(np.float32), (0, 0), SMOOTH)[here]
    mean = cv2.GaussianBlur(shown, (0, 0), SMOOTH)[here] / np.maximum(known, 1e-9)[:, None]
    away = cv2.distanceTransform((~there).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[here]
    # From 1 at the border to 0 a pixel beyond the farthest.
    end = np.exp(-SEAM / FADE)
    weight = ((np.exp((1 - away) / FADE) - end) / (1 - end)).clip(0, 1)[:, None]
    result = colours.copy()
    own = crop(colours, part)[here]
    crop(result, part)[here] = (own + weight * (mean - own) + 0.5).clip(0, 255)
    return result


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
