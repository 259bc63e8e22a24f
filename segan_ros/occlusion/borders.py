"""Where two objects meet in the image: which of them is nearer, as depth tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate, intersection
from segan_ros.frame import Mask

REACH = 2
"""Pixels to either side of a border that are looked at."""

FEWEST_PIXELS = 3
"""Pixels of known depth, of the square around one, that its mean needs."""

FEWEST_SAMPLES = 3 * REACH
KNOWN_SHARE = 0.2
"""Below this number or this share of pixels with an answer, a border says nothing."""


@dataclass(frozen=True, eq=False)
class Border:
    """The common border of objects a and b.

    Args:
        length: in pixels.
        gaps: ``(n,)`` float32 metres, by how much a is nearer than b, along the border; empty when
            too little depth is known.
    """

    length: float
    gaps: NDArray[np.float32]

    @property
    def gap(self) -> float:
        """Median of `gaps`; NaN when unknown."""
        return float(np.median(self.gaps)) if len(self.gaps) else float("nan")

    def front_share(self, step: float) -> float:
        """Share of the border along which a is nearer by more than `step`; NaN when unknown."""
        return float((self.gaps > step).mean()) if len(self.gaps) else float("nan")

    def reversed(self) -> Border:
        """The same border, of b and a."""
        return Border(self.length, -self.gaps)


def find_borders(
    labels: NDArray[np.int32], depth: NDArray[np.float32], boxes: Mapping[int, Box]
) -> dict[tuple[int, int], Border]:
    """Borders of all pairs of objects that meet, in both orders.

    Args:
        labels: ``(H, W)`` visible ids.
        depth: ``(H, W)`` float32 metres, NaN unknown.
        boxes: by id, a box that holds the object's visible pixels.
    """
    size = labels.shape[0], labels.shape[1]
    found = {}
    for a, box in boxes.items():
        ids = crop(labels, clip(dilate(box, REACH), size))
        for b in np.unique(ids[_grown(ids == a)]).tolist():
            if a < b and b in boxes:
                # With room for the squares around the pixels of both.
                common = intersection(dilate(box, 2 * REACH), dilate(boxes[b], 2 * REACH))
                border = _border(labels, depth, (a, b), clip(common, size))
                found[a, b], found[b, a] = border, border.reversed()
    return found


def _border(
    labels: NDArray[np.int32], depth: NDArray[np.float32], pair: tuple[int, int], box: Box
) -> Border:
    ids, metres = crop(labels, box), crop(depth, box)
    masks = [ids == i for i in pair]
    near = (masks[0] & _grown(masks[1])) | (masks[1] & _grown(masks[0]))
    # Single pixels are noisy and lie between both depths: means of each object's own pixels do not.
    a, b = (_mean_depth(metres, mask)[near] for mask in masks)
    gaps = b - a
    known = gaps[np.isfinite(gaps)]
    if len(known) < max(FEWEST_SAMPLES, KNOWN_SHARE * len(gaps)):
        known = known[:0]
    return Border(len(gaps) / (2 * REACH), known)


def _mean_depth(metres: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Mean depth over the pixels of `mask` in the square of `REACH` around each; NaN unknown."""
    known = mask & np.isfinite(metres)
    total, pixels = (
        cv2.boxFilter(a, -1, _SQUARE, normalize=False, borderType=cv2.BORDER_CONSTANT)
        for a in (np.where(known, metres, np.float32(0)), known.astype(np.float32))
    )
    pixels[pixels < FEWEST_PIXELS] = np.nan
    return np.asarray(total / pixels, np.float32)


_SQUARE = (2 * REACH + 1, 2 * REACH + 1)


def _grown(mask: Mask) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones(_SQUARE, np.uint8)) > 0
