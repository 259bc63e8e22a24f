"""Smooth pieces of surface, parted by steps and creases, grown until they meet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]

ROUNDS = 8
"""Pixels that regions grow into the edges between them."""


def pieces(inside: Mask, smallest: int) -> Labels:
    """``(h, w)`` numbers 1, 2, ... of connected parts of `inside`: of those that, a pixel off
    their borders, have `smallest` pixels or more; 0 elsewhere."""
    core = cv2.erode(inside.view(np.uint8), np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= smallest
    large[0] = False
    return np.where(large, np.cumsum(large), 0).astype(np.int32)[labels]


def grown(labels: Labels, inverse: NDArray[np.float32]) -> Labels:
    """Each pixel of 0 in the reach of regions gets the number of the neighbour that is most nearly
    as far away: of both sides of a step, the right one."""
    height, width = labels.shape
    room = np.pad(labels, 1)
    far = np.pad(inverse, 1, mode="edge").ravel()
    row = width + 2
    steps = np.array([dy * row + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx])
    empty = np.zeros(room.shape, bool)
    empty[1:-1, 1:-1] = labels == 0
    flat, left = room.ravel(), np.flatnonzero(empty)
    for _ in range(ROUNDS):
        around = flat[left[:, None] + steps]
        reached = around.any(axis=1)
        pixels, around = left[reached], around[reached]
        if not len(pixels):
            break
        off = np.abs(far[pixels[:, None] + steps] - far[pixels][:, None])
        off[around == 0] = np.inf
        flat[pixels] = around[np.arange(len(pixels)), off.argmin(axis=1)]
        left = left[~reached]
    return flat.reshape(height + 2, row)[1:-1, 1:-1].copy()
