"""Label images that are none: what they look like, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop
from segan_ros.masks.rims import has_rims

BUSY = 0.2
"""Share of neighbouring pixels, in rows or in columns, with different values above which an image
has no instances: a hundred objects of 40x40 pixels reach 0.05, depth in millimetres 0.4 and more,
photographs 0.5."""

GRADUAL = 0.6
"""Share of the changes from pixel to pixel that are steps of 1, not from or to background, above
which ids are grey levels or centimetres: rendered scenes reach 0.23, rows of boxes numbered one
after the other 0.4, depth in centimetres 0.7 to 0.95."""

WHITE = 255
"""The only value of masks that were made to be looked at; few number a lone object so."""

FEWEST_OBJECTS = 16
"""Fewer values are no depth image and no photograph."""

LARGE_SHARE, LARGE_PIXELS = 0.2, 100
"""A piece of at least this share of its mask's largest, and so many pixels, may be an object."""

MOST_COVERED = 0.25
"""Share of the way between two pieces that other masks may cover; more of it, and both may be one
object that something hides."""


def mask_problem(
    labels: NDArray[np.int32],
    boxes: Mapping[int, Box] | None = None,
    names: Mapping[int, str] | None = None,
) -> str:
    """Why `labels` seem to be no instance masks, and the remedy; empty if they are.

    Args:
        labels: ``(H, W)``; values <= 0 are unlabelled.
        boxes: by id, the tight boxes; worked out if None.
        names: by id, what an object is, where that is known.
    """
    boxes = boxes_of(labels) if boxes is None else boxes
    many = len(boxes) >= FEWEST_OBJECTS
    if many and (problem := _picture_problem(labels, len(boxes))):
        return problem
    if boxes and has_rims(labels.clip(0)):
        return (
            "most borders of masks have a thin rim of ids that lie between those of both sides: "
            "the labels look interpolated; resize them with INTER_NEAREST"
        )
    if many:
        return ""  # So many pieces are not worth the time.
    if len(boxes) == 1:
        return _semantic_problem(labels, *next(iter(boxes.items())))
    apart = {i: pieces for i, box in boxes.items() if (pieces := _apart(labels, i, box)) > 1}
    if not apart:
        return ""
    first, pieces = next(iter(apart.items()))
    name = f" ({found})" if (found := (names or {}).get(first)) else ""
    return (
        f"the mask of id {first}{name} has {pieces} pieces far from each other with nothing in "
        "between: this looks like one id on several objects (a class instead of an instance?); "
        "give each object an id of its own"
    )


def _picture_problem(labels: NDArray[np.int32], values: int) -> str:
    """Of an image of many values."""
    every_second = (labels[::2, 1:], labels[::2, :-1]), (labels[1:, ::2], labels[:-1, ::2])
    busy, changes, steps = 0.0, 0, 0
    for there, here in every_second:
        change = there != here
        busy = max(busy, float(np.mean(change)) if change.size else 0.0)
        a, b = there[change], here[change]
        changes += len(a)
        steps += int(np.count_nonzero((a > 0) & (b > 0) & (np.abs(a - b) == 1)))
    if busy > BUSY:
        seen = f"{busy:.0%} of neighbouring pixels differ"
    elif steps > GRADUAL * changes:
        seen = f"{steps / changes:.0%} of neighbours that differ do so by 1"
    else:
        return ""
    return (
        f"the masks hold {values} values, and {seen}: this looks like a depth image or a "
        "photograph; send a label image, where each pixel is the id of its object and 0 is "
        "background"
    )


def _semantic_problem(labels: NDArray[np.int32], only: int, box: Box) -> str:
    """Of an image of one value."""
    mask = (crop(labels, box) == only).view(np.uint8)
    pieces = len(_large(cv2.connectedComponentsWithStats(mask)[2][:, cv2.CC_STAT_AREA]))
    if pieces < 2 and only != WHITE:
        return ""
    parts = f", in {pieces} pieces" if pieces > 1 else ""
    return (
        f"all masks have the value {only}{parts}: this looks like a semantic mask; give each "
        "object an id of its own (instance segmentation, or cv2.connectedComponents where objects "
        "do not touch)"
    )


def _apart(labels: NDArray[np.int32], object_id: int, box: Box) -> int:
    """Number of large pieces of a mask that are farther from each other than they are long, with
    no mask in between that could hide the rest of one object; 1 if there is no such pair."""
    part = crop(labels, box)
    mask = (part == object_id).view(np.uint8)
    if cv2.connectedComponents(mask, ltype=cv2.CV_16U)[0] <= 2:
        return 1
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask)
    loose: set[int] = set()
    for a, b in combinations(_large(stats[:, cv2.CC_STAT_AREA]), 2):
        reach = max(stats[[a, b], cv2.CC_STAT_WIDTH].max(), stats[[a, b], cv2.CC_STAT_HEIGHT].max())
        if np.hypot(*(centres[a] - centres[b])) < 2 * reach:
            continue
        x, y = np.linspace(centres[a], centres[b], 64).round().astype(int).T
        way = part[y, x]
        between = way[way != object_id]
        if np.count_nonzero(between > 0) <= MOST_COVERED * len(between):
            loose |= {a, b}
    return max(len(loose), 1)


def _large(area: NDArray[np.int32]) -> list[int]:
    """Places of the large pieces in `area`, whose first is that of the background."""
    least = max(LARGE_SHARE * area[1:].max(), LARGE_PIXELS)
    return [int(i) for i in np.flatnonzero(area >= least) if i > 0]
