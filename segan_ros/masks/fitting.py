"""Masks as a segmenter drew them -> masks that touch where the objects do, as the method needs.

The networks look at what lies right beside a mask: where a neighbour should begin they find two
unlabelled pixels, and nothing is hidden any more. So, before everything else, what a segmenter has
left out between masks goes back to them:

1. Void (`FitSettings.ignore_ids`) is unlabelled.
2. Rims of false ids along the borders, of a label image that was resized by interpolation, go to
   the nearest mask or the background (`rims`); no other frame has them.
3. Single pixels with another mask or the background on three sides or four, and without another
   of theirs within two pixels, are salt: they go to that (`salt`).
4. Pieces of a mask that are tiny beside its largest one and far from it (`SPECK_PIXELS`,
   `SPECK_SHARE`, `SPECK_DISTANCE`) are specks and unlabelled: one of them at the other end of the
   picture would spoil the box of its object.
5. Only if the masks of the frame never touch, and most of their gaps have one width, this width is
   the segmenter's (`habits`). If the picture's edges then lie off the outer borders too, it has
   drawn back every border by half of it: all masks grow. If not, only gaps between masks close.
6. Close to that shape each pixel is decided by what it looks like: the nearest mask, or the nearest
   background. With depth, what lies behind the mask is background.

Real gaps stay. In a frame whose masks touch, nothing changes but void, rims, salt and specks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import (
    Box,
    boxes_of,
    clip,
    crop,
    dilate,
    translate,
    union,
)
from segan_ros.frame import AmodalObject, Image
from segan_ros.masks.filling import fill
from segan_ros.masks.habits import Habit, Numbers, habit_of
from segan_ros.masks.rims import remove_rims
from segan_ros.masks.salt import remove_salt

SPECK_PIXELS, SPECK_SHARE, SPECK_DISTANCE = 4, 0.02, 0.5
"""A piece below both this area and this share of its mask's largest piece is a speck, if it lies
outside the box of that piece by more than this share of the box's longer side."""

MOST_OBJECTS = 1000
"""Label images with more are none; they are left as they are."""


NOWHERE = (0, 0, 0, 0)

NONE = Habit()
"""Masks touch where objects do."""


@dataclass(frozen=True)
class FitSettings:
    """How masks are fitted.

    Args:
        gap_width: pixels; the widest gap between neighbours that may be the segmenter's; 0 closes
            none.
        ignore_ids: label values that are not objects (void, "unknown"): unlabelled.

    Raises:
        ValueError: `gap_width` is negative.
    """

    gap_width: int = 5
    ignore_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.gap_width < 0:
            raise ValueError(f"gap_width is {self.gap_width} pixels; it must not be negative")


@dataclass(frozen=True, eq=False)
class FittedMasks:
    """Masks ready for the method, and what was done to them.

    Args:
        labels: ``(H, W)`` int32, the masks; the given array itself where nothing changed.
        boxes: by id, ascending: the tight box of its mask.
        habit: how the segmenter draws.
        filled: unlabelled pixels that a mask got.
        rims: pixels of false ids that went to the mask beside them or to the background.
        salt: single pixels that went to what surrounds them.
        specks: pixels that were taken from masks.
        void: pixels of `FitSettings.ignore_ids`.
    """

    labels: NDArray[np.int32]
    boxes: Mapping[int, Box] = field(default_factory=dict)
    habit: Habit = NONE
    filled: int = 0
    rims: int = 0
    salt: int = 0
    specks: int = 0
    void: int = 0


def fit(
    labels: NDArray[np.int32],
    rgb: Image,
    depth: NDArray[np.float32] | None = None,
    settings: FitSettings | None = None,
) -> FittedMasks:
    """`labels` fitted to the method by the rules above; only void and false ids are lost.

    Args:
        labels: ``(H, W)`` visible ids; values <= 0 are unlabelled.
        rgb: ``(H, W, 3)`` uint8.
        depth: ``(H, W)`` float32 metres, NaN unknown; or None.
        settings: see `FitSettings`.
    """
    settings = settings or FitSettings()
    labels, void = _without_void(labels, settings.ignore_ids)
    boxes = boxes_of(labels)
    if not 0 < len(boxes) <= MOST_OBJECTS:
        return FittedMasks(labels, boxes, void=void)
    room = dilate(union(*boxes.values()), settings.gap_width + 2)
    part = clip(room, (labels.shape[0], labels.shape[1]))
    seen, picture = crop(labels, part), crop(rgb, part)
    numbers = _numbered(seen, boxes)
    given = numbers.copy()
    inside = [translate(box, -part[0], -part[1]) for box in boxes.values()]
    rims = remove_rims(numbers)
    if salt := remove_salt(numbers):
        tight = boxes_of(numbers.astype(np.int32))
        inside = [tight.get(n, NOWHERE) for n in range(1, len(boxes) + 1)]
    specks = _remove_specks(numbers, inside)
    habit = habit_of(numbers, picture, settings.gap_width)
    filled = 0
    if habit.gap:
        filled = fill(numbers, habit, picture, None if depth is None else crop(depth, part))
    if rims or salt or specks or filled:
        labels = labels.copy()
        # Few pixels change: the others are not touched.
        changed = np.flatnonzero(numbers != given)
        y, x = np.divmod(changed, numbers.shape[1])
        crop(labels, part)[y, x] = np.array([0, *boxes], np.int32)[numbers.reshape(-1)[changed]]
        boxes = boxes_of(labels)
    return FittedMasks(labels, boxes, habit, filled, rims, salt, specks, void)


def as_given(item: AmodalObject, labels: NDArray[np.int32]) -> AmodalObject:
    """`item`, completed from a fitted mask, with what the given one has of it as its visible mask:
    without what was filled, or taken from it as salt, specks or a rim.

    Args:
        item: its `AmodalObject.visible` is the fitted mask.
        labels: ``(H, W)`` the given masks.
    """
    given = crop(labels, item.box) == item.id
    filled = item.visible & ~given
    if not filled.any():
        return item
    return replace(item, visible=item.visible & given, filled=filled)


def _without_void(labels: NDArray[np.int32], ids: tuple[int, ...]) -> tuple[NDArray[np.int32], int]:
    if not ids:
        return labels, 0
    void = np.isin(labels, [i for i in ids if i > 0])
    pixels = int(np.count_nonzero(void))
    return (np.where(void, np.int32(0), labels) if pixels else labels), pixels


def _numbered(labels: NDArray[np.int32], boxes: Mapping[int, Box]) -> Numbers:
    """``(h, w)``: 0 unlabelled, n the n-th of `boxes`."""
    kind = np.uint8 if len(boxes) < 255 else np.uint16
    ids = np.array([0, *boxes], np.int32)
    if ids[-1] < 1 << 16:
        table = np.zeros(int(ids[-1]) + 1, kind)
        table[ids] = np.arange(len(ids))
        # Values below 0 are unlabelled too.
        return table.take(labels, mode="clip")
    return np.searchsorted(ids, labels.clip(0)).astype(kind)


def _remove_specks(numbers: Numbers, boxes: list[Box]) -> int:
    """Unlabel the specks of each mask; their pixels."""
    pixels = 0
    for number, box in enumerate(boxes, start=1):
        part = crop(numbers, box)
        if not part.size:  # false ids: nothing is left of them
            continue
        mask = (part == number).view(np.uint8)
        if cv2.connectedComponents(mask, ltype=cv2.CV_16U)[0] <= 2:
            continue
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
        x, y, width, height, area = stats.T
        largest = area[1:].argmax() + 1
        room = SPECK_DISTANCE * max(width[largest], height[largest])
        specks = area < min(SPECK_PIXELS, SPECK_SHARE * area[largest])
        specks &= (
            (x > x[largest] + width[largest] + room)
            | (x + width < x[largest] - room)
            | (y > y[largest] + height[largest] + room)
            | (y + height < y[largest] - room)
        )
        specks[0] = False
        if specks.any():
            part[specks[pieces]] = 0
            pixels += int(area[specks].sum())
    return pixels
