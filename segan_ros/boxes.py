"""Boxes in images: tight, widened, moved, cut out; all box arithmetic, numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Box, Mask


@dataclass(frozen=True)
class Roi:
    """How a visible box is widened to hold the hidden part (paper, section 3.1: 10-30 % a side).

    Args:
        margin: share of a side that is added at each end.
        of: ``each_side`` widens width and height by their own length (the paper);
            ``longest_side`` widens both by the longer one, which gives a sliver room across.
    """

    margin: float = 0.2
    of: str = "each_side"

    def __post_init__(self) -> None:
        if self.of not in ("each_side", "longest_side"):
            raise ValueError(f"roi.of is {self.of!r}; known are each_side and longest_side")
        if not 0 <= self.margin <= 2:
            raise ValueError(f"roi.margin is {self.margin}; it must lie in 0..2")

    def around(self, box: Box, size: tuple[int, int]) -> Box:
        """The widened box, cut to an image of `size` (height, width)."""
        x0, y0, x1, y1 = box
        width, height = x1 - x0, y1 - y0
        if self.of == "longest_side":
            width = height = max(width, height)
        pad_x, pad_y = round(self.margin * width), round(self.margin * height)
        return (
            max(x0 - pad_x, 0),
            max(y0 - pad_y, 0),
            min(x1 + pad_x, size[1]),
            min(y1 + pad_y, size[0]),
        )


def boxes_of(labels: NDArray[np.int32]) -> dict[int, Box]:
    """Tight box of every id > 0 in one pass over the image, ascending ids."""
    # Runs of equal pixels within a row: some thousands, where there are millions of pixels.
    width = labels.shape[1]
    flat = labels.reshape(-1)
    begins = np.empty(flat.shape, bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[::width] = True
    start = np.flatnonzero(begins)
    last = np.append(start[1:], flat.size) - 1
    ids = flat[start]
    order = np.argsort(ids, kind="stable")
    order = order[np.count_nonzero(ids <= 0) :]
    if not len(order):
        return {}
    ids, rows = ids[order], start[order] // width
    left, right = start[order] % width, last[order] % width
    group = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    x0, x1 = np.minimum.reduceat(left, group), np.maximum.reduceat(right, group) + 1
    # The sort was stable: a group's runs are in the order of their rows.
    y0, y1 = rows[group], rows[np.append(group[1:], len(rows)) - 1] + 1
    corners = np.stack([x0, y0, x1, y1], axis=1).tolist()
    return {i: (c[0], c[1], c[2], c[3]) for i, c in zip(ids[group].tolist(), corners, strict=True)}


def cut(array: NDArray[Any], box: Box) -> NDArray[Any]:
    """View of `array` inside `box`."""
    x0, y0, x1, y1 = box
    return array[y0:y1, x0:x1]


def tight_box(mask: Mask) -> Box:
    """Smallest box around the True pixels; ``(0, 0, 0, 0)`` when there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def size_of(box: Box) -> tuple[int, int]:
    return box[3] - box[1], box[2] - box[0]


def moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
