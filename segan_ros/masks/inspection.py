"""Label images that are none: what they look like, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop

BUSY = 0.2
"""Share of neighbouring pixels with different values above which an image has no instances: a
hundred objects of 40x40 pixels reach 0.05, depth and photographs 0.5 and more."""

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
    if len(boxes) >= FEWEST_OBJECTS:
        changes = labels[::2, 1:] != labels[::2, :-1]
        busy = float(np.mean(changes)) if changes.size else 0.0
        if busy > BUSY:
            return (
                f"the masks hold {len(boxes)} values, and {busy:.0%} of neighbouring pixels "
                "differ: this looks like a depth image or a photograph; send a label image, where "
                "each pixel is the id of its object and 0 is background"
            )
        return ""  # Many objects: their pieces are not worth the time.
    apart = {i: pieces for i, box in boxes.items() if (pieces := _apart(labels, i, box)) > 1}
    if not apart:
        return ""
    if len(boxes) == 1:
        only, pieces = next(iter(apart.items()))
        return (
            f"all masks have the value {only}, in {pieces} pieces far from each other: this looks "
            "like a semantic mask; give each object an id of its own (instance segmentation, or "
            "cv2.connectedComponents where objects do not touch)"
        )
    first, pieces = next(iter(apart.items()))
    name = f" ({found})" if (found := (names or {}).get(first)) else ""
    return (
        f"the mask of id {first}{name} has {pieces} pieces far from each other with nothing in "
        "between: this looks like one id on several objects (a class instead of an instance?); "
        "give each object an id of its own"
    )


def _apart(labels: NDArray[np.int32], object_id: int, box: Box) -> int:
    """Number of large pieces of a mask that are farther from each other than they are long, with
    no mask in between that could hide the rest of one object; 1 if there is no such pair."""
    part = crop(labels, box)
    mask = (part == object_id).view(np.uint8)
    if cv2.connectedComponents(mask, ltype=cv2.CV_16U)[0] <= 2:
        return 1
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask)
    area = stats[1:, cv2.CC_STAT_AREA]
    large = np.flatnonzero(area >= max(LARGE_SHARE * area.max(), LARGE_PIXELS)) + 1
    loose: set[int] = set()
    for a, b in combinations(large.tolist(), 2):
        reach = max(stats[[a, b], cv2.CC_STAT_WIDTH].max(), stats[[a, b], cv2.CC_STAT_HEIGHT].max())
        if np.hypot(*(centres[a] - centres[b])) < 2 * reach:
            continue
        x, y = np.linspace(centres[a], centres[b], 64).round().astype(int).T
        way = part[y, x]
        between = way[way != object_id]
        if np.count_nonzero(between > 0) <= MOST_COVERED * len(between):
            loose |= {a, b}
    return max(len(loose), 1)
