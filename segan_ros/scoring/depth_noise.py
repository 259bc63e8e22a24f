"""Depth as a camera might see it: rendered depth with the errors that docs/depth.md names."""

from __future__ import annotations

import zlib
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Frame

STEP = 0.01
"""Metres between neighbouring pixels that make an edge of depth."""

LOST, FLYING = 0.7, 0.1
"""Shares of the pixels at edges: without depth, and between both depths."""

BLOTCHES = 6
"""Round places without depth in a picture."""


def noisy_depth(frame: Frame, share: float = 0.004) -> Frame:
    """`frame` with noisy depth, the same each time; see `with_noise`."""
    assert frame.depth is not None
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(frame.depth).tobytes()))
    return replace(frame, depth=with_noise(frame.depth, rng, share))


def with_noise(
    given: NDArray[np.float32],
    rng: np.random.Generator,
    share: float = 0.004,
    blotches: int = BLOTCHES,
) -> NDArray[np.float32]:
    """Depth with noise: Gaussian of so large a `share` of z; `LOST` and `FLYING` pixels at edges;
    blotches without depth; whole millimetres.

    Args:
        given: ``(H, W)`` metres, NaN unknown.
        rng: what the noise is drawn from.
        share: of z.
        blotches: how many.
    """
    depth = np.where(np.isfinite(given), given, 0).astype(np.float32)
    square = np.ones((3, 3), np.uint8)
    far = cv2.dilate(depth, square)
    near = np.minimum(cv2.erode(np.where(depth > 0, depth, np.float32(np.inf)), square), far)
    edge, drawn = far - near > STEP, rng.random(depth.shape)
    flying = near + rng.random(depth.shape, np.float32) * (far - near)
    noisy = depth * (1 + rng.normal(0, share, depth.shape))
    noisy = np.where(edge & (drawn > 1 - FLYING), flying, noisy)
    known = (given > 0) & ~(edge & (drawn < LOST))
    height, width = depth.shape
    for _ in range(blotches):
        centre = int(rng.integers(width)), int(rng.integers(height))
        hole = np.zeros(depth.shape, np.uint8)
        cv2.circle(hole, centre, int(rng.integers(2, max(height // 40, 3))), 1, -1)
        known &= hole == 0
    return np.where(known, noisy.round(3), np.nan).astype(np.float32)
