"""Masks as kinds of segmenters draw them, made of true ones: `segan evaluate --mask-style`.

Where `noise` has the calibrated mistakes of one segmenter, a style is one systematic way of
drawing: with a gap to the next mask, grown, as a polygon, at low resolution. Lengths are in pixels
of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, clip, crop, dilate
from segan_ros.instances import Instance, Instances
from segan_ros.masks.habits import disc
from segan_ros.masks.layering import to_labels
from segan_ros.masks.noise import touching_pairs

Labels = NDArray[np.int32]
Style = Callable[[Labels, np.random.Generator], Labels]

SMALLEST_PIECE = 0.05
"""Share of the largest piece below which a polygon is left out."""


def _mask(labels: Labels, object_id: int, box: Box) -> NDArray[np.uint8]:
    return (crop(labels, box) == object_id).view(np.uint8)


def _room(labels: Labels, box: Box, reach: int) -> Box:
    """`box` with `reach` pixels more at each side, inside the image."""
    return clip(dilate(box, reach), (labels.shape[0], labels.shape[1]))


def _small_over_large(labels: Labels) -> Iterator[tuple[int, Box]]:
    """Ids and boxes in the order of drawing: the largest first, so that none is lost under it."""
    boxes = boxes_of(labels)
    areas = {i: np.count_nonzero(_mask(labels, i, box)) for i, box in boxes.items()}
    for i in sorted(boxes, key=lambda i: -areas[i]):
        yield i, boxes[i]


def _gap(labels: Labels, rng: np.random.Generator, reach: int) -> Labels:
    """Each mask without what lies within `reach` of another mask: gaps of twice that between
    neighbours, outer borders as they are."""
    result = labels.clip(0)
    for i, box in boxes_of(labels).items():
        around = _room(labels, box, reach)
        seen = crop(labels, around)
        others = ((seen > 0) & (seen != i)).view(np.uint8)
        near = cv2.dilate(others, disc(reach)) > 0
        crop(result, around)[near & (seen == i)] = 0
    return result


def _moved(labels: Labels, rng: np.random.Generator, reach: int) -> Labels:
    """Each mask grown by `reach`, or drawn back where it is negative, small ones over large."""
    result = np.zeros_like(labels)
    change = cv2.dilate if reach > 0 else cv2.erode
    for i, box in _small_over_large(labels):
        around = _room(labels, box, abs(reach))
        mask = change(_mask(labels, i, around), disc(abs(reach)))
        crop(result, around)[mask > 0] = i
    return result


def _polygon(labels: Labels, rng: np.random.Generator, tolerance: float = 2.0) -> Labels:
    """Outer contours as polygons off by up to `tolerance` pixels; holes filled, pieces below 5 % of
    the largest dropped, small masks over large."""
    result = np.zeros_like(labels)
    for i, box in _small_over_large(labels):
        contours, _ = cv2.findContours(
            _mask(labels, i, box), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=box[:2]
        )
        areas = [cv2.contourArea(c) for c in contours]
        pieces = [
            cv2.approxPolyDP(c, tolerance, True)
            for c, area in zip(contours, areas, strict=True)
            if area >= SMALLEST_PIECE * max(areas)
        ]
        cv2.fillPoly(result, pieces, i)
    return result


def _prototypes(labels: Labels, rng: np.random.Generator, side: int = 160) -> Labels:
    """Each mask at `side` x `side` of the whole picture and back, cut to its box; the largest value
    above a half wins (YOLO-seg)."""
    best = np.full(labels.shape, 0.5, np.float32)
    result = np.zeros_like(labels)
    height, width = labels.shape
    for i, box in boxes_of(labels).items():
        small = cv2.resize(
            (labels == i).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA
        )
        _paint_where_larger(result, best, i, crop(cv2.resize(small, (width, height)), box), box)
    return result


def _box_grid(labels: Labels, rng: np.random.Generator, side: int = 28) -> Labels:
    """Each mask at `side` x `side` of its box and back; the largest value above a half wins (Mask
    R-CNN)."""
    best = np.full(labels.shape, 0.5, np.float32)
    result = np.zeros_like(labels)
    for i, box in boxes_of(labels).items():
        mask = _mask(labels, i, box).astype(np.float32)
        small = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)
        value = np.asarray(cv2.resize(small, mask.shape[::-1]), np.float32)
        _paint_where_larger(result, best, i, value, box)
    return result


def _paint_where_larger(
    result: Labels, best: NDArray[np.float32], object_id: int, value: NDArray[np.float32], box: Box
) -> None:
    wins = value > crop(best, box)
    crop(best, box)[wins] = value[wins]
    crop(result, box)[wins] = object_id


def _lost(labels: Labels, rng: np.random.Generator, chance: float = 0.2) -> Labels:
    """Each object is lost with `chance`."""
    ids = list(boxes_of(labels))
    lost = [i for i, draw in zip(ids, rng.random(len(ids)), strict=True) if draw < chance]
    return np.where(np.isin(labels, lost), 0, labels.clip(0)).astype(np.int32)


def _merged(labels: Labels, rng: np.random.Generator, chance: float = 0.1) -> Labels:
    """Of each touching pair the smaller takes the id of the larger with `chance`."""
    result = labels.clip(0)
    areas = {i: np.count_nonzero(labels == i) for i in boxes_of(labels)}
    pairs = touching_pairs(result)
    into = {i: i for i in areas}
    for (a, b), draw in zip(pairs, rng.random(len(pairs)), strict=True):
        if draw < chance and into[a] != into[b]:
            small, large = sorted((into[a], into[b]), key=lambda i: areas[i])
            into.update({i: large for i, now in into.items() if now == small})
    for old, new in into.items():
        if old != new:
            result[labels == old] = new
    return result


def _overlapping(labels: Labels, rng: np.random.Generator, reach: int = 2) -> Labels:
    """Instances that overlap, made one label image by `layering`: each mask grown by `reach`; a
    fifth of the objects found twice, up to `reach` pixels off; of a fifth a part found beside the
    whole. All with scores, those of the true ones being the highest of their object."""
    items: list[Instance] = []
    extra = int(labels.max(initial=0))
    for i, box in boxes_of(labels).items():
        around = _room(labels, box, 2 * reach)
        mask = np.asarray(cv2.dilate(_mask(labels, i, around), disc(reach)), np.uint8)
        score = rng.uniform(0.7, 1)
        items.append(Instance(around, mask > 0, score, id=i))
        others = []
        if rng.random() < 0.2:
            shift = np.eye(2, 3, dtype=np.float32)
            shift[:, 2] = rng.integers(-reach, reach + 1, 2)
            others.append(cv2.warpAffine(mask, shift, mask.shape[::-1], flags=cv2.INTER_NEAREST))
        if rng.random() < 0.2:
            others.append(_half(mask, rng))
        for other in others:
            extra += 1
            items.append(Instance(around, other > 0, score * rng.uniform(0.5, 1), id=extra))
    found = Instances((labels.shape[0], labels.shape[1]), tuple(items))
    return to_labels(found).labels


def _half(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One side of a line through the middle of `mask`."""
    y, x = np.nonzero(mask)
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    half = mask.copy()
    half[y, x] = along > np.median(along)
    return half


STYLES: dict[str, Style] = {
    "gap2": partial(_gap, reach=1),
    "gap4": partial(_gap, reach=2),
    "erode2": partial(_moved, reach=-2),
    "dilate2": partial(_moved, reach=2),
    "polygon": _polygon,
    "proto160": _prototypes,
    "box28": _box_grid,
    "lost20": _lost,
    "merge10": _merged,
    "overlap": _overlapping,
}
"""By name, what makes ``(H, W)`` int32 label images of true ones, and draws from a generator.

An id keeps its meaning: it stands for the object of that id. An id that the true labels lack is a
mask of no object. docs/mask_styles.md describes them for people.
"""


def drawn(labels: Labels, style: str, rng: np.random.Generator) -> Labels:
    """True masks as a segmenter of that style draws them; the same for the same `rng`.

    Args:
        labels: ``(H, W)`` int32, visible ids; values <= 0 are unlabelled.
        style: a key of `STYLES`.
        rng: draws everything.

    Raises:
        ValueError: the style is unknown.
    """
    if style not in STYLES:
        raise ValueError(f"mask style {style!r} is unknown; choose from {', '.join(STYLES)}")
    return STYLES[style](labels, rng)
