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


def to_image(picture: NDArray[Any]) -> Image:
    """0..1 floats as uint8."""
    return np.ascontiguousarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def colour(rng: Generator, vivid: float = 1.0) -> Picture:
    """A random RGB colour in 0..1; `vivid` scales its saturation."""
    saturation = rng.beta(2, 1.5) * vivid if rng.random() < 0.8 else 0.08 * rng.random()
    value = rng.uniform(0.4, 1.0) if rng.random() < 0.88 else rng.uniform(0.04, 0.4)
    return np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value), np.float32)


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
