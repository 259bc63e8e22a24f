"""How objects look, in what is quick to compare: whole masks on a coarse grid, and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, Frame, Mask

CELLS = 128
"""Of the longer side of the picture: masks are compared at this resolution."""

BINS = 6
"""Of each colour channel."""

Vectors = NDArray[np.float64]

_BIN = (np.arange(256) * BINS >> 8).astype(np.uint8)
_NUMBER = np.array([[BINS * BINS, BINS, 1]], np.float32)


@dataclass(frozen=True, eq=False)
class Look:
    """One object in one frame, or what is remembered of it.

    Args:
        mask: ``(h, w)`` bool, the whole object in cells of the grid.
        corner: x and y of the mask's first cell.
        centre: x and y of the middle of the whole object, pixels.
        area: cells of the whole object.
        seen: cells of what is seen of it.
        colours: ``(BINS^3,)``, roots of the shares of what is seen: the sum of the products of two
            objects is 1 where they have the same colours, 0 where they share none.
        truncated: cut off by the border of the picture.
    """

    mask: Mask
    corner: tuple[int, int]
    centre: tuple[float, float]
    area: int
    seen: int
    colours: NDArray[np.float32]
    truncated: bool

    @property
    def size(self) -> float:
        """Side of a square of the same area, cells."""
        return float(np.sqrt(self.area))


def stride_of(size: tuple[int, int]) -> int:
    """Pixels of a cell in an image of `size` (height, width)."""
    return max(1, round(max(size) / CELLS))


def looks_of(frame: Frame, objects: Sequence[AmodalObject]) -> list[Look]:
    """How `objects` look in `frame`."""
    stride = stride_of(frame.size)
    small = np.ascontiguousarray(frame.rgb[::stride, ::stride])
    codes = np.asarray(cv2.transform(cv2.LUT(small, _BIN), _NUMBER), np.uint8)
    looks, shown = [], []
    for item in objects:
        # Cells are pixels whose coordinates the stride divides, so that all masks fit together.
        left, top = -item.box[0] % stride, -item.box[1] % stride
        mask = np.ascontiguousarray(item.amodal[top::stride, left::stride])
        visible = item.visible[top::stride, left::stride]
        x, y = (item.box[0] + left) // stride, (item.box[1] + top) // stride
        if not mask.any():  # it lies between two cells
            mask = visible = np.ones((1, 1), bool)
            x, y = min(x, codes.shape[1] - 1), min(y, codes.shape[0] - 1)
        around = codes[y : y + mask.shape[0], x : x + mask.shape[1]]
        seen = around[visible]
        shown.append(seen if len(seen) else around[mask])
        moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
        area = moments["m00"]
        centre = (x + moments["m10"] / area) * stride, (y + moments["m01"] / area) * stride
        looks.append((mask, (x, y), centre, int(area), len(shown[-1])))
    colours = _colours(shown)
    return [
        Look(*look, row, item.truncated)
        for look, row, item in zip(looks, colours, objects, strict=True)
    ]


def _colours(shown: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """``(n, BINS^3)``, see `Look`, of the numbers of the colours that are seen of each object."""
    bins, count = BINS**3, len(shown)
    if not count:
        return np.zeros((0, bins), np.float32)
    lengths = np.array([len(s) for s in shown])
    places = np.concatenate(shown) + np.repeat(np.arange(count) * bins, lengths)
    counts = np.bincount(places, minlength=count * bins).reshape(count, bins)
    return np.sqrt(counts / lengths[:, None], dtype=np.float32)


def likeness(known: Sequence[Look], found: Sequence[Look]) -> NDArray[np.float32]:
    """``(n, m)``, 0..1: how alike their colours are."""
    return np.stack([k.colours for k in known]) @ np.stack([f.colours for f in found]).T


def overlaps(
    known: Sequence[Look], shifts: Vectors, found: Sequence[Look], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Twice ``(n, m)``: intersection over union of whole masks, and over the smaller one.

    Args:
        known: n of them, from earlier frames.
        shifts: ``(n, 2)`` x and y, by how many cells they have moved since.
        found: m of them, in this frame.
        wanted: ``(n, m)``, pairs to look at; 0 for all others.
    """
    both = np.zeros(wanted.shape)
    before, now = _boxes(known) + np.tile(np.rint(shifts).astype(int), 2), _boxes(found)
    low = np.maximum(before[:, None, :2], now[None, :, :2])
    high = np.minimum(before[:, None, 2:], now[None, :, 2:])
    meet = wanted & (high > low).all(axis=2)
    corners, others = before[:, :2].tolist(), now[:, :2].tolist()
    for (i, j), (x0, y0), (x1, y1) in zip(
        np.argwhere(meet).tolist(), low[meet].tolist(), high[meet].tolist(), strict=True
    ):
        (a, b), (c, d) = corners[i], others[j]
        first = known[i].mask[y0 - b : y1 - b, x0 - a : x1 - a]
        both[i, j] = np.count_nonzero(first & found[j].mask[y0 - d : y1 - d, x0 - c : x1 - c])
    areas = np.array([k.area for k in known])[:, None], np.array([f.area for f in found])
    return both / (areas[0] + areas[1] - both), both / np.minimum(*areas)


def _boxes(looks: Sequence[Look]) -> NDArray[np.int64]:
    """``(n, 4)`` of the masks, in cells."""
    return np.array(
        [(*k.corner, k.corner[0] + k.mask.shape[1], k.corner[1] + k.mask.shape[0]) for k in looks]
    )
