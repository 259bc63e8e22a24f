"""Colours and noise: what procedural pictures are mixed from."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.frame import Image

Picture = NDArray[np.float32]
Painter = Callable[[Generator], Picture]

PAINTS = (
    0.0,
    0.0,
    0.01,
    0.04,
    0.09,
    0.13,
    0.14,
    0.22,
    0.33,
    0.38,
    0.47,
    0.55,
    0.59,
    0.62,
    0.64,
    0.93,
)
"""Hues of painted and printed things; those that are common come more than once."""


def to_image(picture: NDArray[Any]) -> Image:
    """0..1 floats as uint8."""
    return np.ascontiguousarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def colour(rng: Generator, vivid: float = 1.0) -> Picture:
    """A random RGB colour in 0..1, as often as things have it; `vivid` scales its saturation.

    A third is white, grey or black, a fifth beige to brown, the rest painted: rather red, blue and
    green than violet.
    """
    kind = rng.random()
    if kind < 0.35:
        return neutral(rng)
    if kind < 0.53:
        hue, saturation = rng.uniform(0.05, 0.13), rng.uniform(0.15, 0.6)
        value = rng.uniform(0.35, 0.88)
    else:
        hue = (PAINTS[rng.integers(len(PAINTS))] + rng.normal(0, 0.025)) % 1
        saturation, value = rng.beta(2.6, 1.8) * 0.9, rng.beta(3, 2) * 0.75 + 0.15
    return np.array(colorsys.hsv_to_rgb(hue, saturation * vivid, value), np.float32)


def neutral(rng: Generator) -> Picture:
    """White, grey or black, with a breath of warmth."""
    kind = rng.random()
    low, high = (0.78, 0.95) if kind < 0.5 else (0.3, 0.75) if kind < 0.78 else (0.05, 0.2)
    warmth = rng.normal(0.01, 0.015)
    tint = np.array([1 + warmth, 1, 1 - warmth])
    return (rng.uniform(low, high) * tint).clip(0, 1).astype(np.float32)


def noise(rng: Generator, height: int, width: int, cells: float = 4, octaves: int = 4) -> Picture:
    """``(height, width)`` smooth noise in 0..1 that repeats; `cells` blobs across in octave one."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        n = max(2, round(cells * 2**octave))
        m = max(2, round(n * height / width))
        small = np.pad(rng.random((m, n), np.float32), ((1, 1), (1, 1)), mode="wrap")
        step = (height / m, width / n)
        size = (round(step[1] * (n + 2)), round(step[0] * (m + 2)))
        big = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
        y, x = round(step[0]), round(step[1])
        total += big[y : y + height, x : x + width] * np.float32(0.5**octave)
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def mix(low: Picture, high: Picture, share: Picture) -> Picture:
    """`low` where `share` is 0, `high` where it is 1; colours or pictures, ``(H, W)`` shares."""
    return low + (high - low) * share[..., None]
