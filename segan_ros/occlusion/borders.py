"""Where two objects meet in the image: which of them is nearer, as depth tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate, distinct, intersection
from segan_ros.frame import Mask

REACH = 2
"""Pixels to either side of a border that are looked at."""

FEWEST_PIXELS = 3
"""Pixels of known depth, of the square around one, that its median needs."""

MOST_SAMPLES = 128
"""Pixels of a border whose depths are compared, drawn at random from longer ones: more tell nothing
new, and every how many-th of them could all lie on one side."""

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
    near = {}
    for a, box in boxes.items():
        ids = crop(labels, clip(dilate(box, REACH), size))
        for b in distinct(ids[_grown(ids == a)]):
            if a < b and b in boxes:
                common = intersection(dilate(box, REACH), dilate(boxes[b], REACH))
                near[a, b] = _near(labels, (a, b), clip(common, size))
    found = {}
    for (a, b), border in zip(near, _borders(labels, depth, near), strict=True):
        found[a, b], found[b, a] = border, border.reversed()
    return found


def borders_of(
    a: int, labels: NDArray[np.int32], depth: NDArray[np.float32], boxes: Mapping[int, Box]
) -> dict[int, Border]:
    """By id, the border of `a` and each object that it meets.

    Args:
        a: a value of `labels`; may be below 0.
        labels: ``(H, W)`` visible ids.
        depth: ``(H, W)`` float32 metres, NaN unknown.
        boxes: by id, a box that holds the object's visible pixels.
    """
    size = labels.shape[0], labels.shape[1]
    met = distinct(labels[_grown(labels == a)])
    near = {
        (a, b): _near(labels, (a, b), clip(dilate(boxes[b], REACH), size))
        for b in met
        if b in boxes
    }
    borders = zip(near, _borders(labels, depth, near), strict=True)
    return {b: border for (_, b), border in borders}


def lacks_depth(
    pair: tuple[int, int],
    labels: NDArray[np.int32],
    depth: NDArray[np.float32],
    boxes: Mapping[int, Box],
) -> bool:
    """Whether depth is unknown at any pixel of a `pair` of objects around their border: a border
    may also say nothing for being short. The arguments are those of `find_borders`."""
    a, b = pair
    common = intersection(dilate(boxes[a], REACH), dilate(boxes[b], REACH))
    view = clip(common, (labels.shape[0], labels.shape[1]))
    ids = crop(labels, view)
    return not np.isfinite(crop(depth, view)[(ids == a) | (ids == b)]).all()


def _near(labels: NDArray[np.int32], pair: tuple[int, int], box: Box) -> NDArray[np.intp]:
    """``(n, 2)`` rows and columns of the pixels of each object that are near the other."""
    ids = crop(labels, box)
    first, second = (ids == i for i in pair)
    places = np.argwhere((first & _grown(second)) | (second & _grown(first)))
    return places + box[1::-1]


def _borders(
    labels: NDArray[np.int32],
    depth: NDArray[np.float32],
    near: Mapping[tuple[int, int], NDArray[np.intp]],
) -> list[Border]:
    """The border of each pair of ids, by the pixels near it: all at once, which takes half the
    time."""
    if not near:
        return []
    sampled = [_drawn(places) for places in near.values()]
    counts = [len(places) for places in sampled]
    ids, metres = _squares(labels, depth, np.concatenate(sampled))
    first, second = (
        _medians(ids, metres, np.repeat([pair[k] for pair in near], counts)) for k in (0, 1)
    )
    return [
        Border(len(places) / (2 * REACH), _trusted(gaps))
        for places, gaps in zip(
            near.values(), np.split(second - first, np.cumsum(counts)[:-1]), strict=True
        )
    ]


def _drawn(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most `MOST_SAMPLES` of them, the same ones each time."""
    return places if len(places) <= MOST_SAMPLES else places[_draw(len(places))]


@lru_cache(maxsize=4096)
def _draw(count: int) -> NDArray[np.intp]:
    """`MOST_SAMPLES` different numbers below `count`. Looked up: setting up the generator takes as
    long as all else that is done for a border."""
    rng = np.random.default_rng(count)
    return np.asarray(rng.choice(count, MOST_SAMPLES, replace=False, shuffle=False), np.intp)


def _trusted(gaps: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is known of the gaps; nothing where that is too little."""
    known = gaps[np.isfinite(gaps)]
    return known if len(known) >= max(FEWEST_SAMPLES, KNOWN_SHARE * len(gaps)) else known[:0]


def _squares(
    labels: NDArray[np.int32], depth: NDArray[np.float32], places: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """``(n, s)`` ids and metres of the square of `REACH` around each of `places`; id 0 outside the
    image."""
    height, width = labels.shape
    steps = np.indices(_SQUARE).reshape(2, -1) - REACH
    rows, columns = (places[:, k, None] + steps[k] for k in (0, 1))
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    flat = rows.clip(0, height - 1) * width + columns.clip(0, width - 1)
    return np.where(inside, labels.ravel()[flat], 0), depth.ravel()[flat]


def _medians(
    ids: NDArray[np.int32], metres: NDArray[np.float32], owners: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Median of the known depths in each square that belong to its owner; NaN if they are few.

    Single pixels are noisy, lie between both depths, or are wild: neither they nor a few of them
    move a median of the object's own pixels.

    Args:
        ids: ``(n, s)``, 0 where there is nothing.
        metres: ``(n, s)``.
        owners: ``(n,)`` ids.
    """
    is_known = (ids == owners[:, None]) & np.isfinite(metres)
    pixels = np.count_nonzero(is_known, axis=1)
    known = np.sort(np.where(is_known, metres, np.float32(np.inf)), axis=1)
    middle = np.stack([np.maximum(pixels - 1, 0) // 2, pixels // 2 % known.shape[1]], axis=1)
    median = np.take_along_axis(known, middle, axis=1).mean(axis=1)
    median[pixels < FEWEST_PIXELS] = np.nan
    return median


_SQUARE = (2 * REACH + 1, 2 * REACH + 1)


def _grown(mask: Mask) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones(_SQUARE, np.uint8)) > 0
