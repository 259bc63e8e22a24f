"""Which unlabelled pixels a segmenter left out of its masks, by shape, colour and depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Image, Mask
from segan_ros.masks.habits import Habit, Numbers, disc


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels that a mask may get.

    Args:
        places: ``(n,)`` in the flat image.
        shape: ``(n,)`` whether the shape of the masks alone would give it to one.
        nearest: ``(n,)`` place of its nearest labelled pixel.
    """

    places: NDArray[np.intp]
    shape: NDArray[np.bool_]
    nearest: NDArray[np.intp]


def fill(numbers: Numbers, habit: Habit, picture: Image, depth: NDArray[np.float32] | None) -> int:
    """Give masks the pixels that the segmenter left out, in `numbers` itself; how many.

    Args:
        numbers: ``(h, w)`` the masks.
        habit: how the segmenter draws.
        picture: ``(h, w, 3)`` uint8.
        depth: ``(h, w)`` metres, NaN unknown; or None.
    """
    before = np.count_nonzero(numbers)
    found = candidates(numbers, habit)
    taken = _log_odds(features(found, numbers, picture, depth)) > 0
    flat = numbers.reshape(-1)
    flat[found.places[taken]] = flat[found.nearest[taken]]
    return int(np.count_nonzero(numbers) - before)


def candidates(numbers: Numbers, habit: Habit) -> Candidates:
    """Pixels that may have been left out. Of those that surely were, `numbers` gets the mask at
    once."""
    gap, back = habit.gap, habit.drawn_back
    labelled = numbers > 0
    grown = _grown(labelled, back) if back else labelled
    between = _between(numbers, gap + 2)
    # Where all masks have grown, corners are left.
    side = gap - 2 * back + (2 if back else 1)
    shape = grown | (_closed(grown, side) & between)
    around = shape | (_closed(grown, side + 2) & between)
    if back:
        around |= _grown(labelled, back + 1)
    if back > 1:
        # Less than half a gap from a mask there is no other one, and no doubt.
        numbers[:] = cv2.dilate(numbers, disc(back - 1))
    places = np.flatnonzero(around & (numbers == 0))
    nearest = _nearest(numbers, places, gap + 2)
    reached = nearest >= 0
    places = places[reached]
    return Candidates(places, shape.reshape(-1)[places], nearest[reached])


def _grown(mask: Mask, reach: int) -> Mask:
    return cv2.dilate(mask.view(np.uint8), disc(reach)).view(bool)


def _between(numbers: Numbers, reach: int) -> Mask:
    """Where two different masks lie within `reach` pixels (a square)."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    one = numbers.dtype.type(1)
    # Unlabelled wraps round to the highest number: the erosion finds the lowest mask.
    lowest = cv2.erode(numbers - one, kernel) + one
    return np.asarray(cv2.dilate(numbers, kernel) != lowest)


def _closed(mask: Mask, side: int) -> Mask:
    """`mask` with every gap closed into which a square of `side` pixels does not fit."""
    kernel = np.ones((side, side), np.uint8)
    padded = np.pad(mask, side).view(np.uint8)
    wide = cv2.dilate(padded, kernel, anchor=(0, 0))
    closed = cv2.erode(wide, kernel, anchor=(side - 1, side - 1))
    return closed[side:-side, side:-side].view(bool)


@cache
def _offsets(reach: int) -> list[tuple[int, int]]:
    """``(dy, dx)`` of the pixels within `reach`, the nearest first."""
    span = range(-reach, reach + 1)
    around = [(y, x) for y in span for x in span if 0 < y * y + x * x <= reach * reach]
    return sorted(around, key=lambda d: d[0] ** 2 + d[1] ** 2)


def _nearest(numbers: Numbers, places: NDArray[np.intp], reach: int) -> NDArray[np.intp]:
    """Place of the nearest labelled pixel of each of the `places`; -1 beyond `reach`.

    Few pixels are asked for and most find one at once: a distance transform of all costs more.
    """
    width = numbers.shape[1] + 2 * reach
    padded = np.pad(numbers, reach).reshape(-1)
    y, x = np.divmod(places, numbers.shape[1])
    result = np.full(len(places), -1, np.intp)
    open_ = np.arange(len(places))
    at = (y + reach) * width + x + reach
    for dy, dx in _offsets(reach):
        step = dy * width + dx
        hit = padded[at + step] > 0
        if hit.any():
            found = open_[hit]
            result[found] = places[found] + dy * numbers.shape[1] + dx
            open_, at = open_[~hit], at[~hit]
            if not len(open_):
                break
    return result


INSIDE = 1.5
"""Pixels behind a mask's border where its colour is not mixed with another one."""

GREY, METRES, FAR = 20.0, 0.02, 12.0
"""Units of the evidence: a difference of colours, one of depths, pixels to the background."""

WEIGHTS = (-1.44, 3.24, 1.14, 1.75)
WEIGHTS_WITH_DEPTH = (0.7, 2.84, 1.03, 1.5, -2.78)
"""Of a constant; the shape; by how much a pixel looks more like the nearest mask than like the
nearest background; how far that is; how far it lies behind the mask. Logistic regressions on
validation scenes, for gaps of 2 and 4 pixels and masks drawn back by 2."""


def _log_odds(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each pixel: above 0 if it belongs to the nearest mask rather than to the background."""
    without = columns[:, :-1] @ np.array(WEIGHTS, np.float32)
    with_depth = columns @ np.array(WEIGHTS_WITH_DEPTH, np.float32)
    return np.where(np.isnan(with_depth), without, with_depth)


def features(
    found: Candidates, numbers: Numbers, picture: Image, depth: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """``(n, 5)``, what `WEIGHTS` weighs; the last column is NaN where depth is unknown."""
    places = found.places
    height, width = numbers.shape
    y, x = np.divmod(places, width)
    border_y, border_x = np.divmod(found.nearest, width)
    dy, dx = border_y - y, border_x - x
    length = INSIDE / np.maximum(np.hypot(dy, dx), 1)
    inner_y = np.rint(border_y + dy * length).astype(np.intp).clip(0, height - 1)
    inner_x = np.rint(border_x + dx * length).astype(np.intp).clip(0, width - 1)
    own = picture[y, x].astype(np.int16)
    unlike_mask = np.minimum(np.abs(own - picture[inner_y, inner_x]).max(axis=1) / GREY, 3)

    # Every second row and column will do: background is wide.
    free = numbers == 0
    free.reshape(-1)[places] = False
    coarse = np.ascontiguousarray(free[::2, ::2])
    alike, far = np.zeros(len(places)), np.full(len(places), FAR)
    if coarse.any():
        distance, index = cv2.distanceTransformWithLabels(
            (~coarse).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        cell = y // 2 * coarse.shape[1] + x // 2
        far = np.minimum(2 * distance.reshape(-1)[cell], FAR)
        where = np.flatnonzero(coarse)[index.reshape(-1)[cell] - 1]
        there_y, there_x = np.divmod(where, coarse.shape[1])
        beyond = np.abs(own - picture[2 * there_y, 2 * there_x]).max(axis=1) / GREY
        alike = np.where(far < FAR, np.minimum(beyond, 3) - unlike_mask, 0)
    behind = np.full(len(places), np.nan)
    if depth is not None:
        behind = ((depth[y, x] - depth[inner_y, inner_x]) / METRES).clip(-1.5, 1.5)
    columns = (np.ones(len(places)), found.shape, alike, far / FAR, behind)
    return np.stack(columns, axis=1).astype(np.float32)
