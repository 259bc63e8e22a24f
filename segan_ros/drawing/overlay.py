"""The picture with whole outlines, hatched hidden parts, arrows and labels drawn over it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop
from segan_ros.drawing.paint import DARK, WHITE, Colour, colour_of, hatch, scaled
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Image, Mask

FREE, SET_ASIDE = (40, 175, 70), (255, 90, 80)

MOST_LETTERS = 14
"""Of a name on a label."""

STEPS_ASIDE = [(0, 0), *((x, y) for y in (1, -1, 2, -2) for x in (0, 1, -1)), (2, 0), (-2, 0)]
"""Places of a label beside its own, in plates: the nearest that covers least is taken."""


def overlay(frame: Frame, scene: CompletedScene) -> Image:
    """The picture with whole outlines, hatched hidden parts, arrows occluder -> occludee, labels.

    A label holds the id, the name where there is one, and the layer. Green ones are free to lift:
    nothing occludes them, nothing lies on them. The one that says NEXT comes first in the removal
    order, and its outline is thick. UNDER UNLABELLED ones are occluded by something without a
    mask. Red arrows were set aside for the order (objects that occlude each other). What is no
    object is darkened.

    Returns:
        ``(H, W, 3)`` uint8 RGB, the size of the frame.
    """
    unit = max(1, round(max(frame.size) / 640))
    picture = np.asarray(cv2.convertScaleAbs(frame.rgb, alpha=0.6), np.uint8)
    cv2.copyTo(frame.rgb, (frame.labels > 0).view(np.uint8), picture)
    objects = {o.id: o for o in sorted(scene.objects, key=lambda o: -o.layer)}
    for item in objects.values():
        hatch(crop(picture, item.box), item.invisible, item.id, pitch=7 * unit)
    first = scene.graph.removal_order[0] if scene.graph.removal_order else None
    for item in objects.values():
        if item.id != first:
            _outline(picture, item, colour_of(item.id), unit)
    free = scene.graph.free
    if first in objects:
        _outline(picture, objects[first], FREE if first in free else WHITE, 2 * unit)
    middles = {o.id: _inner_point(o.visible, o.box) for o in scene.objects}
    for edge in scene.graph.edges:
        if edge.occluder_id in objects and edge.occludee_id in objects:
            occluder, occludee = objects[edge.occluder_id], objects[edge.occludee_id]
            covered = occludee.invisible & (crop(frame.labels, occludee.box) == occluder.id)
            end = _inner_point(covered if covered.any() else occludee.visible, occludee.box)
            colour = WHITE if occluder.layer < occludee.layer else SET_ASIDE
            _arrow(picture, middles[occluder.id], end, colour, unit)
    taken: list[Box] = []
    # The front-most find room where they are, the others give way.
    for item in sorted(scene.objects, key=lambda o: (o.id != first, o.layer)):
        place = "NEXT" if item.id == first else f"L{item.layer}"
        under = "UNDER UNLABELLED" if item.occluded_by_unlabelled else ""
        text = " ".join(filter(None, (str(item.id), item.name[:MOST_LETTERS], place, under)))
        colour = FREE if item.id in free else DARK
        label(picture, middles[item.id], text, colour, taken)
    return picture


def enlarged(frame: Frame, scene: CompletedScene, side: int = 640) -> tuple[Frame, CompletedScene]:
    """Both, a whole number of times as large, so that the longest side has `side` pixels or more:
    what `overlay` draws into small pictures cannot be read. Appearances are left out."""
    zoom = -(-side // max(frame.size))
    if zoom == 1:
        return frame, scene

    def grown(array: NDArray[Any]) -> NDArray[Any]:
        return array.repeat(zoom, 0).repeat(zoom, 1)

    height, width = (zoom * s for s in frame.size)
    rgb = scaled(frame.rgb, (width, height), cv2.INTER_CUBIC)
    objects = tuple(
        replace(
            o,
            box=(zoom * o.box[0], zoom * o.box[1], zoom * o.box[2], zoom * o.box[3]),
            visible=grown(o.visible),
            amodal=grown(o.amodal),
            probability=grown(o.probability),
            filled=None if o.filled is None else grown(o.filled),
            appearance=None,
        )
        for o in scene.objects
    )
    return Frame(rgb, grown(frame.labels)), replace(scene, size=(height, width), objects=objects)


def _outline(image: Image, item: AmodalObject, colour: Colour, unit: int) -> None:
    found, _ = cv2.findContours(
        np.pad(item.amodal, 1).view(np.uint8),
        cv2.RETR_CCOMP,
        cv2.CHAIN_APPROX_SIMPLE,
        offset=(item.box[0] - 1, item.box[1] - 1),
    )
    cv2.drawContours(image, found, -1, DARK, unit + 2 + unit // 2, cv2.LINE_AA)
    cv2.drawContours(image, found, -1, colour, unit + unit // 2, cv2.LINE_AA)


def _inner_point(mask: Mask, box: Box) -> tuple[int, int]:
    """The point of `mask` about farthest from its border, in pixels of the whole picture."""
    # A coarse look is as good for a label, and quick for large objects.
    step = max(1, max(mask.shape) // 48)
    coarse = mask[::step, ::step]
    if not coarse.any():
        step, coarse = 1, mask
    distance = cv2.distanceTransform(np.pad(coarse, 1).astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return box[0] + (int(column) - 1) * step, box[1] + (int(row) - 1) * step


def _arrow(
    image: Image, start: tuple[int, int], end: tuple[int, int], colour: Colour, unit: int
) -> None:
    length = max(float(np.hypot(end[0] - start[0], end[1] - start[1])), 1.0)
    tip = min(0.5, 8 * unit / length)
    cv2.arrowedLine(image, start, end, DARK, unit + 2, cv2.LINE_AA, tipLength=tip)
    cv2.arrowedLine(image, start, end, colour, unit, cv2.LINE_AA, tipLength=tip)


def label(image: Image, at: tuple[int, int], text: str, colour: Colour, taken: list[Box]) -> None:
    """`text` on a plate at `at`, or as near as no other label (`taken`, added to) is covered."""
    height, width = image.shape[:2]
    scale = max(width, height) / 640 * 0.42
    thick = max(1, round(scale * 2))
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    pad = max(2, high // 3)
    wide, high = wide + 2 * pad, high + 2 * pad
    places = [
        (
            max(0, min(at[0] - wide // 2 + x * wide * 3 // 5, width - wide)),
            max(0, min(at[1] - high // 2 + y * high, height - high)),
        )
        for x, y in STEPS_ASIDE
    ]
    x, y = min(places, key=lambda p: sum(_shared(p, (wide, high), t) for t in taken))
    taken.append((x, y, x + wide, y + high))
    cv2.rectangle(image, (x, y), (x + wide, y + high), colour, -1)
    cv2.rectangle(image, (x, y), (x + wide, y + high), WHITE, max(1, thick // 2))
    origin = (x + pad, y + high - pad)
    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, thick, cv2.LINE_AA)


def _shared(at: tuple[int, int], size: tuple[int, int], other: Box) -> int:
    """Pixels that a box shares with another."""
    width = min(at[0] + size[0], other[2]) - max(at[0], other[0]) + 1
    height = min(at[1] + size[1], other[3]) - max(at[1], other[1]) + 1
    return max(width, 0) * max(height, 0)
