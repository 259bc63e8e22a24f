"""Contact sheets: scenes drawn with their ids, whole masks and appearances."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from segan_ros.boxes import crop
from segan_ros.drawing.overlay import enlarged, overlay
from segan_ros.drawing.paint import DARK, colour_of, write
from segan_ros.frame import Frame, Image
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.scoring.metrics import MIN_EDGE_PIXELS, MIN_EDGE_SHARE
from segan_ros.scoring.references import true_masks
from segan_ros.truth import LabelledScene

COLUMNS = ("RGB", "ids", "whole masks", "appearances", "occlusion")

HIGHEST = 65500
"""Pixels of a jpeg file."""

WIDTH, GAP, HEADING, TEXT = 400, 8, 34, 28
"""Of a picture, between pictures, above them, and below an appearance, pixels."""

DRAWN = 600
"""Pixels of the longest side, at least, that a scene is drawn with before it is shrunk."""

PAPER = (250, 250, 248)


def row(scene: LabelledScene, name: str) -> list[Image]:
    """The pictures of a scene under `COLUMNS`, each `WIDTH` wide, the first with its `name`."""
    rule = EdgeRule(min_overlap_ratio=MIN_EDGE_SHARE, min_overlap_area=MIN_EDGE_PIXELS)
    frame, truth = enlarged(scene.frame, true_masks(scene, rule), DRAWN)
    layered = replace(truth, graph=replace(truth.graph, edges=()))
    colours = ids(frame)
    faded = np.uint8(255) - (np.uint8(255) - colours) // 2
    seen = replace(truth, objects=tuple(replace(o, amodal=o.visible) for o in truth.objects))
    pictures = (
        frame.rgb,
        colours,
        overlay(frame, layered),
        appearances(scene, frame.size),
        overlay(replace(frame, rgb=faded), seen),
    )
    height = round(WIDTH * frame.size[0] / frame.size[1])
    scaled = [_scaled(p, (WIDTH, height)) for p in pictures]
    write(scaled[0], (6, 16), name, DARK)
    return scaled


def ids(frame: Frame) -> Image:
    """``(H, W, 3)`` uint8: the visible masks, each in the colour of its id."""
    picture = np.full((*frame.size, 3), 236, np.uint8)
    for object_id in frame.object_ids:
        picture[frame.labels == object_id] = colour_of(object_id)
    return picture


def appearances(scene: LabelledScene, size: tuple[int, int]) -> Image:
    """A picture of `size`, height and width, with every object alone, the most hidden first."""
    height, width = size
    labels = scene.frame.labels
    shown = [o for o in scene.objects if o.appearance is not None]
    shown.sort(key=lambda o: float(np.mean(labels[o.amodal] == o.id)))
    picture = np.full((height, width, 3), 255, np.uint8)
    columns = max(1, int(np.ceil(np.sqrt(len(shown) * width / height))))
    lines = max(1, -(-len(shown) // columns))
    cell = min(width // columns, height // lines)
    for place, item in enumerate(shown):
        assert item.appearance is not None
        whole = crop(item.amodal, item.box)
        alone = np.where(whole[..., None], item.appearance, 255).astype(np.uint8)
        scale = (cell - TEXT) / max(whole.shape)
        across, down = (max(1, int(side * scale)) for side in whole.shape[::-1])
        line, column = divmod(place, columns)
        left, top = column * width // columns, line * height // lines
        x, y = left + (width // columns - across) // 2, top + (cell - TEXT - down) // 2 + 4
        picture[y : y + down, x : x + across] = _scaled(alone, (across, down))
        hidden = np.mean(labels[item.amodal] != item.id)
        text, room = f"{item.id}: {hidden:.0%} hidden", width // columns
        _write_within(picture, text, (left + 4, top + cell - 8), room)
    return picture


def contact_sheet(rows: list[list[Image]]) -> Image:
    """All rows below each other, under a heading."""
    strips = [joined(pictures) for pictures in rows]
    heading = np.full((HEADING, max(s.shape[1] for s in strips), 3), PAPER, np.uint8)
    for column, text in enumerate(COLUMNS):
        corner = GAP + column * (WIDTH + GAP), HEADING - 12
        cv2.putText(heading, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.6, DARK, 1, cv2.LINE_AA)
    return np.concatenate([heading, *strips])


def joined(pictures: list[Image]) -> Image:
    """`pictures` side by side on paper."""
    height = pictures[0].shape[0]
    strip = np.full((height + GAP, len(pictures) * (WIDTH + GAP) + GAP, 3), PAPER, np.uint8)
    for column, picture in enumerate(pictures):
        x = GAP + column * (WIDTH + GAP)
        strip[:height, x : x + WIDTH] = picture
    return strip


def _write_within(picture: Image, text: str, at: tuple[int, int], width: int) -> None:
    """`text` in at most `width` pixels, so that it does not run into the next one."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.55
    taken = cv2.getTextSize(text, font, size, 1)[0][0]
    size *= min(1.0, (width - 8) / taken)
    cv2.putText(picture, text, at, font, size, DARK, 1, cv2.LINE_AA)


def _scaled(image: Image, size: tuple[int, int]) -> Image:
    way = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
