"""One frame as the report shows it: a picture, and over it shapes that can be switched on and off.

Shapes are SVG paths in half pixels, so that whole numbers suffice and a contour can run between two
pixels.
"""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop, paste, size_of, tight_box
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.paint import colour_of
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Mask
from segan_ros.truth import LabelledScene

LONGEST_SIDE = 1280
"""Pixels of an embedded picture; a larger one is made smaller."""

THUMBNAIL = 144
"""Width of the pictures in the list of frames, pixels."""

ROUNDING = 0.75
"""Half pixels by which a contour may be simplified."""


def picture(frame: Frame) -> dict[str, Any]:
    """The picture of `frame` and a small one, as data URIs, and its size in pixels."""
    height, width = frame.size
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
    small = THUMBNAIL, max(1, round(height * THUMBNAIL / width))
    return {
        "width": width,
        "height": height,
        "image": _data_uri(".jpg", cv2.resize(bgr, None, fx=scale, fy=scale), 88),
        "thumbnail": _data_uri(".webp", cv2.resize(bgr, small, interpolation=cv2.INTER_AREA), 70),
    }


def layers(
    frame: Frame, scene: CompletedScene, truth: LabelledScene | None = None
) -> dict[str, Any]:
    """The shapes of all objects, the edges with where their arrows end, and the graph as SVG."""
    known = {} if truth is None else {o.id: o.amodal for o in truth.trusted}
    labels = frame.labels if truth is None else truth.frame.labels
    objects = [
        {**_object(o, known.get(o.id), labels), "free": o.id in scene.graph.free}
        for o in scene.objects
    ]
    edges = [
        {
            "occluder": e.occluder_id,
            "occludee": e.occludee_id,
            "end": _end_of_arrow(frame, scene.object(e.occludee_id), e.occluder_id),
        }
        for e in scene.graph.edges
    ]
    return {
        "objects": objects,
        "edges": edges,
        "next": scene.graph.removal_order[0] if scene.graph.removal_order else None,
        "graph": graph_svg(scene.graph),
    }


def _object(item: AmodalObject, whole: Mask | None, labels: NDArray[np.int32]) -> dict[str, Any]:
    shapes: dict[str, Any] = {
        "id": item.id,
        "layer": item.layer,
        "unlabelled": item.occluded_by_unlabelled,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(item.id)),
        "box": item.box,
        "centre": _inner_point(item.visible if item.visible.any() else item.amodal, item.box),
        "visible": path_of(item.visible, item.box),
        "whole": path_of(item.amodal, item.box),
        "hidden": path_of(item.invisible, item.box),
    }
    if item.appearance is not None and item.invisible.any():
        shapes["appearance"] = _appearance(item)
    if whole is not None:
        full = (0, 0, whole.shape[1], whole.shape[0])
        hidden = whole & (labels != item.id)
        predicted = np.zeros(whole.shape, bool)
        paste(predicted, item.box, item.invisible)
        shapes["truth"] = path_of(whole, full)
        shapes["missed"] = path_of(hidden & ~predicted, full)
        shapes["invented"] = path_of(predicted & ~hidden & (labels != item.id), full)
    return shapes


def path_of(mask: Mask, box: Box) -> str:
    """An SVG path around the True pixels of `mask`, for fill-rule evenodd.

    Args:
        mask: ``(h, w)`` bool, the part `box` of the image.
        box: where it lies.
    """
    inside = tight_box(mask)
    if min(size_of(inside)) == 0:
        return ""
    x, y = inside[:2]
    tight = np.pad(crop(mask, inside), 1).astype(np.float32)
    size = 2 * tight.shape[1], 2 * tight.shape[0]
    smooth = (cv2.resize(tight, size, interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.uint8)
    corner = 2 * (box[0] + x - 1), 2 * (box[1] + y - 1)
    found, _ = cv2.findContours(smooth, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=corner)
    parts = []
    for contour in found:
        points = cv2.approxPolyDP(contour, ROUNDING, True)[:, 0]
        moves = np.diff(points, axis=0).tolist()
        start = f"M{points[0][0]} {points[0][1]}l" if len(moves) else ""
        parts.append(start + " ".join(f"{dx} {dy}" for dx, dy in moves) + "z" if start else "")
    return "".join(parts)


def _end_of_arrow(frame: Frame, item: AmodalObject, occluder_id: int) -> tuple[int, int]:
    """Inside what the occluder hides of `item`; if nothing, where `item` begins. Half pixels."""
    occluder = frame.labels == occluder_id
    covered = item.invisible & crop(occluder, item.box)
    if covered.any() or not item.visible.any():
        return _inner_point(covered if covered.any() else item.amodal, item.box)
    distance = cv2.distanceTransform((~occluder).astype(np.uint8), cv2.DIST_L2, 3)
    away = np.where(item.visible, crop(distance, item.box), np.inf)
    row, column = np.unravel_index(int(away.argmin()), away.shape)
    return 2 * (item.box[0] + int(column)) + 1, 2 * (item.box[1] + int(row)) + 1


def _inner_point(mask: Mask, box: Box) -> tuple[int, int]:
    """The point of `mask` farthest from its border, half pixels."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return 2 * (box[0] + int(column)) - 1, 2 * (box[1] + int(row)) - 1


def _appearance(item: AmodalObject) -> str:
    """The painted hidden part over the box of `item`, transparent elsewhere."""
    assert item.appearance is not None
    # One pixel of what is seen as well: no seam shows where both meet.
    alpha = cv2.dilate(item.invisible.astype(np.uint8), np.ones((3, 3), np.uint8)) * item.amodal
    colours = cv2.cvtColor(item.appearance, cv2.COLOR_RGB2BGR)
    return _data_uri(".webp", np.dstack([colours, alpha * np.uint8(255)]), 85)


def _data_uri(kind: str, pixels: NDArray[Any], quality: int) -> str:
    flag = cv2.IMWRITE_JPEG_QUALITY if kind == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    data = cv2.imencode(kind, pixels, [flag, quality])[1].tobytes()
    mime = {".jpg": "jpeg", ".webp": "webp"}[kind]
    return f"data:image/{mime};base64,{base64.b64encode(data).decode()}"
