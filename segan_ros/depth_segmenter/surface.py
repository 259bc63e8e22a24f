"""What a depth image says of surfaces: how they turn from pixel to pixel, and how noisy it is.

All is done on inverse depth. Where rays are straight, it is an affine function of the pixel on
every plane: a second difference is 0 there, whatever the slope. It is above 0 in a concave crease
and at the foot of a step, and below 0 on a convex edge. That is the convexity criterion of LCCP
(Stein, Schoeler, Papon, Woergoetter: Object Partitioning using Local Convexity, CVPR 2014), with
neither normals nor points: the edges of a box join its faces, a concave crease parts two objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]

WIDTH = 320
"""Pixels that the picture is brought down to, about: more cost time and show more noise."""

FILLED = 6
"""Pixels up to which holes are filled, for the filters' sake."""

SAME_SURFACE = 0.03
"""Pixels of a block whose distances differ by a larger share see different surfaces."""

SMOOTHED = 0.012
"""Steps by a larger share of the distance are kept by the smoothing, noise apart."""

NARROW, WIDE = 2, 5
"""Pixels to both sides over which the turn of the surface is measured."""


@dataclass(frozen=True, eq=False)
class Surface:
    """What is seen, at low resolution: ``(h, w)`` each, `factor` times smaller than the picture.

    Args:
        inverse: smoothed inverse depth, 1/m; tiny where nothing was measured.
        raw: the same, hardly smoothed.
        known: where something was measured, or nearly so.
        x, y: of the point at 1 m depth.
        noise: of depth, as a share of it.
        focal: length in these pixels.
        factor: how much smaller.
    """

    inverse: Map
    raw: Map
    known: NDArray[np.bool_]
    x: Map
    y: Map
    noise: float
    focal: float
    factor: int

    def turn(self, reach: int) -> Map:
        """How much the surface turns towards the camera within `reach` pixels, in the direction in
        which that is most: the change of its slope, 0 on planes, below 0 on convex edges."""
        height, width = self.inverse.shape
        room = np.pad(self.inverse, reach, mode="edge")
        most = np.full(self.inverse.shape, -np.inf, np.float32)
        twice = 2 * self.inverse
        slanted = max(round(reach * 0.7), 1)
        for dy, dx in ((0, reach), (reach, 0), (slanted, slanted), (slanted, -slanted)):
            before, after = (
                room[reach + s * dy :, reach + s * dx :][:height, :width] for s in (-1, 1)
            )
            change = (before + after - twice) * np.float32(self.focal / np.hypot(dy, dx))
            np.maximum(most, change, out=most)
        return most / self.inverse


def see(depth: Map, camera_matrix: NDArray[np.float64]) -> Surface:
    """The surface that a depth image shows.

    Args:
        depth: ``(H, W)`` float32 metres, NaN unknown.
        camera_matrix: ``(3, 3)``, of a lens that does not bend rays.
    """
    factor = max(1, round(depth.shape[1] / WIDTH))
    measured = _brought_down(depth, factor)
    filled = cv2.medianBlur(_filled(measured), 3)
    known = filled > 0
    raw = np.where(known, filled, np.float32(1e-3))
    log = np.log(raw)
    sure = measured > 0
    off = np.abs(np.log(measured[sure]) - log[sure])
    noise = float(1.4826 * np.median(off)) if off.size else 0.0
    smooth = cv2.bilateralFilter(log, 7, SMOOTHED + 2 * noise, 3)
    height, width = raw.shape
    middle = (factor - 1) / 2
    x = (np.arange(width) * factor + middle - camera_matrix[0, 2]) / camera_matrix[0, 0]
    y = (np.arange(height) * factor + middle - camera_matrix[1, 2]) / camera_matrix[1, 1]
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    focal = float(camera_matrix[0, 0] + camera_matrix[1, 1]) / 2 / factor
    return Surface(np.exp(smooth), raw, known, columns, rows, noise, focal, factor)


def _brought_down(depth: Map, factor: int) -> Map:
    """Inverse depth of blocks of `factor` x `factor` pixels: the mean of the nearest surface in
    each, 0 where nothing was measured."""
    inverse = np.zeros(depth.shape, np.float32)
    np.divide(1, depth, out=inverse, where=depth > 0)
    height, width = (side // factor * factor for side in depth.shape)
    blocks = [
        inverse[row:height:factor, column:width:factor]
        for row in range(factor)
        for column in range(factor)
    ]
    least = np.maximum.reduce(blocks) * np.float32(1 - SAME_SURFACE)
    total, count = np.zeros_like(least), np.zeros_like(least)
    for block in blocks:
        near = (block > least).astype(np.float32)
        count += near
        total += block * near
    return total / np.maximum(count, 1)


def _filled(measured: Map) -> Map:
    """Small holes filled with the mean around them."""
    filled, known = measured.copy(), (measured > 0).astype(np.float32)
    for _ in range(FILLED):
        if known.all():
            break
        around = cv2.blur(known, (3, 3))
        new = (known == 0) & (around > 0.01)
        filled[new] = cv2.blur(filled, (3, 3))[new] / around[new]
        known[new] = 1
    return filled
