"""Rims of false ids, which resizing by interpolation gives a label image: 6 between 3 and 9.

Along every border of such an image, and nowhere else, lie thin runs of ids that are between those
of both sides in number. Real things that are thin lie so by chance.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import run_starts
from segan_ros.frame import Mask
from segan_ros.masks.habits import Numbers

WIDEST = 4
"""Pixels in a row or a column; what is wider is no rim."""

INTERPOLATED = 0.2
"""Share of the changes along rows that lead into a rim, above which a frame has them: rendered
scenes reach 0.09, masks in all styles 0.16, interpolated ones 0.22 to 0.8."""

LEAST_RIMS = 12
"""Fewer say nothing."""

LEAST_LEFT = 0.25
"""An id that is nowhere 3 pixels thick, and of which less than this share is no rim, is all rim."""

SQUARE = np.ones((3, 3), np.uint8)


def has_rims(numbers: NDArray[Any]) -> bool:
    """Whether the frame was interpolated.

    Args:
        numbers: ``(h, w)`` ids, or their places in ascending order; 0 unlabelled.
    """
    rims = _runs(numbers)[1]
    count = int(np.count_nonzero(rims))
    return count >= LEAST_RIMS and count > INTERPOLATED * (len(rims) - len(numbers))


def remove_rims(numbers: Numbers) -> int:
    """Give rims to the nearest mask or the background, in `numbers` itself; how many pixels."""
    if not has_rims(numbers):
        return 0
    rims = _in_rows(numbers) | _in_rows(np.ascontiguousarray(numbers.T)).T
    if 2 * np.count_nonzero(rims) > np.count_nonzero(numbers):
        return 0  # a depth image
    size = int(numbers.max()) + 1
    given, left = (np.bincount(n, minlength=size) for n in (numbers.reshape(-1), numbers[~rims]))
    thick = np.zeros(size, bool)
    thick[numbers[cv2.erode(numbers, SQUARE) == cv2.dilate(numbers, SQUARE)]] = True
    if not thick[1:].any():
        return 0  # no mask that a rim could belong to
    rims |= (~thick & (left < LEAST_LEFT * given))[numbers]
    _, nearest = cv2.distanceTransformWithLabels(
        rims.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Labels of the transform count the other pixels in their order.
    numbers[rims] = numbers[~rims][nearest[rims] - 1]
    return int(np.count_nonzero(rims))


def _runs(numbers: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Places in the flat image where runs of one id in a row begin, and which of them are rims."""
    start = run_starts(numbers)
    of = numbers.reshape(-1)[start]
    rises, falls = of[1:] > of[:-1], of[1:] < of[:-1]
    rims = np.zeros(len(start), bool)
    rims[1:-1] = (rises[:-1] & rises[1:]) | (falls[:-1] & falls[1:])
    rims[1:-1] &= start[2:] - start[1:-1] <= WIDEST
    edge = start % numbers.shape[1] == 0
    rims[edge] = False
    rims[:-1][edge[1:]] = False
    return start, rims


def _in_rows(numbers: NDArray[Any]) -> Mask:
    start, rims = _runs(numbers)
    lengths = np.diff(start, append=numbers.size)
    return np.repeat(rims, lengths).reshape(numbers.shape)
