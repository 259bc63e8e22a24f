"""How a segmenter draws, read from one frame: does it leave a gap between masks that touch?

A real scene has gaps of all widths between its objects, and objects that touch. Masks that are
drawn with a gap never touch, and most of their gaps have one width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import run_starts
from segan_ros.frame import Image

Numbers = NDArray[Any]
"""``(h, w)`` uint8 or uint16: 0 unlabelled, n the n-th object."""

MOST_TOUCHING = 0.1
"""Share of the neighbouring pixels that may touch where gaps are drawn. Real scenes: 0.4."""

LEAST_ALIKE = 0.35
"""Share of the gaps that must have one width (or a pixel more, on slanted borders) to be drawn;
twice what gaps of all widths give."""

REAL_STEP = 10.0
"""Grey levels by which both ends of real gaps stand out against their middle: they show a third
thing. Where masks that touch were drawn apart, the middle stands out."""

LEAST_GAPS = 12
"""Rows and columns with a gap below which nothing can be said."""


@dataclass(frozen=True)
class Habit:
    """How a segmenter draws.

    Args:
        gap: width in pixels of the gaps between its masks.
        drawn_back: by how many pixels its outer borders are drawn back.
    """

    gap: int = 0
    drawn_back: int = 0


@dataclass(frozen=True, eq=False)
class Runs:
    """Unlabelled pixels between two different masks in one row, or in one column.

    Args:
        start, end: ``(n,)`` places in the flat image, `end` exclusive.
        touching: how often two different masks touch in this direction.
    """

    start: NDArray[np.intp]
    end: NDArray[np.intp]
    touching: int

    @property
    def widths(self) -> NDArray[np.intp]:
        """``(n,)`` pixels."""
        return self.end - self.start


def runs_between(numbers: Numbers) -> Runs:
    """The runs in the rows of `numbers`."""
    start = run_starts(numbers)
    of, row = numbers.reshape(-1)[start], start // numbers.shape[1]
    alike = row[1:] == row[:-1]
    touching = int(np.count_nonzero(alike & (of[1:] > 0) & (of[:-1] > 0)))
    between = alike[1:] & alike[:-1] & (of[1:-1] == 0) & (of[:-2] != of[2:])
    between &= (of[:-2] > 0) & (of[2:] > 0)
    place = np.flatnonzero(between) + 1
    return Runs(start[place], start[place + 1], touching)


def habit_of(numbers: Numbers, rgb: Image, widest: int) -> Habit:
    """How the segmenter drew the masks of this frame; see `Habit`.

    Args:
        numbers: the masks.
        rgb: ``(h, w, 3)`` uint8, the picture: where a gap shows a third thing, it is real.
        widest: in pixels; wider gaps are never taken for drawn ones.
    """
    gap = _drawn_gap(numbers, rgb, widest) if widest else 0
    return Habit(gap, _drawn_back(numbers, rgb, gap // 2))


def _drawn_gap(numbers: Numbers, rgb: Image, widest: int) -> int:
    """Width in pixels of the gap that the segmenter leaves between masks; 0 if it leaves none."""
    rows = runs_between(numbers)
    # A row that is full of touching masks tells already; columns cost a transposed copy.
    if rows.touching > 20 * (len(rows.start) + LEAST_GAPS):
        return 0
    columns = runs_between(np.ascontiguousarray(numbers.T))
    length = 2 * widest + 2
    counts = np.zeros(length, np.intp)
    counts[0] = rows.touching + columns.touching
    for runs in (rows, columns):
        counts += np.bincount(runs.widths[runs.widths < length], minlength=length)
    # Also a little beyond `widest`: the slope of a wider peak is none.
    width = int((2 * counts[1 : widest + 2] + counts[2 : widest + 3]).argmax()) + 1
    alike = counts[width] + counts[width + 1]
    if width > widest or counts[0] > MOST_TOUCHING * counts.sum():
        return 0
    if alike < max(LEAST_ALIKE * counts.sum(), LEAST_GAPS):
        return 0
    ends = [
        _ends(runs, picture, width)
        for runs, picture in ((rows, rgb), (columns, rgb.transpose(1, 0, 2)))
    ]
    return width if np.concatenate(ends).mean() < REAL_STEP else 0


def _ends(runs: Runs, picture: Image, width: int) -> NDArray[np.float32]:
    """Of each gap of about `width`: by how much the colour changes more at both its ends than in
    its middle; in grey levels."""
    alike = (runs.widths >= width) & (runs.widths <= width + 1)
    start, end = runs.start[alike], runs.end[alike]
    columns = picture.shape[1]
    middle = (start + end) // 2
    places = np.stack([start - 2, middle - 1, middle, end + 1])
    y = start // columns
    x = (places - y * columns).clip(0, columns - 1)
    colours = picture[y, x].astype(np.int16)
    left, across, right = np.abs(np.diff(colours, axis=0)).max(axis=2).astype(np.float32)
    return np.asarray(np.minimum(left, right) - across, np.float32)


def _drawn_back(numbers: Numbers, rgb: Image, by: int) -> int:
    """`by` if the picture's edges lie that many pixels outside the outer borders of the masks; 0 if
    they lie on them."""
    if not by:
        return 0
    labelled = (numbers > 0).view(np.uint8)
    grown = cv2.dilate(labelled, disc(by))
    on = np.flatnonzero(labelled != cv2.erode(labelled, disc(1)))
    beyond = np.flatnonzero(grown != cv2.dilate(grown, disc(1)))
    if not len(on) or not len(beyond):
        return 0
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    return by if _edge(grey, beyond) > _edge(grey, on) else 0


def disc(reach: int) -> NDArray[np.uint8]:
    """Kernel of the pixels within `reach`."""
    size = (2 * reach + 1, 2 * reach + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def _edge(grey: NDArray[np.uint8], places: NDArray[np.intp]) -> float:
    """Mean square root of the gradient at the `places`, or a thousand of them: a few strong edges
    must not outweigh the many."""
    y, x = np.divmod(places[:: len(places) // 1000 + 1], grey.shape[1])
    low, high = grey.shape[0] - 1, grey.shape[1] - 1
    across = grey[y, (x + 1).clip(max=high)].astype(np.float32) - grey[y, (x - 1).clip(0)]
    down = grey[(y + 1).clip(max=low), x].astype(np.float32) - grey[(y - 1).clip(0), x]
    return float(np.sqrt(np.hypot(across, down)).mean())
