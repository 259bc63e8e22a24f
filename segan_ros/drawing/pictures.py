"""Pictures for people: overlay, completed objects, graph; the node and the reports share them."""

from __future__ import annotations

import base64
import colorsys
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Image, Mask, OcclusionGraph

Colour = tuple[int, int, int]
WHITE, DARK, FREE, SET_ASIDE = (255, 255, 255), (24, 26, 31), (40, 175, 70), (255, 90, 80)

STEPS_ASIDE = [(0, 0), *((x, y) for y in (1, -1, 2, -2) for x in (0, 1, -1)), (2, 0), (-2, 0)]
"""Places of a label beside its own, in plates: the nearest that covers least is taken."""


def colour_of(object_id: int) -> Colour:
    """RGB of an object, 0..255: always the same for an id, neighbouring ids far apart."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * 0.61803398875 % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def overlay(frame: Frame, scene: CompletedScene) -> Image:
    """The picture with whole outlines, hatched hidden parts, arrows occluder -> occludee, labels.

    A label holds the id and the layer. Green ones are free to grasp: nothing hides them. The one
    that says NEXT comes first in the order of lifting, and its outline is thick. Red arrows were
    set aside for the order (objects hiding each other). What is no object is darkened.

    Returns:
        ``(H, W, 3)`` uint8 RGB, the size of the frame.
    """
    unit = max(1, round(max(frame.size) / 640))
    picture = np.asarray(cv2.convertScaleAbs(frame.rgb, alpha=0.6), np.uint8)
    cv2.copyTo(frame.rgb, (frame.labels > 0).view(np.uint8), picture)
    objects = {o.id: o for o in sorted(scene.objects, key=lambda o: -o.layer)}
    for item in objects.values():
        _hatch(crop(picture, item.box), item.invisible, item.id, pitch=7 * unit)
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
        text = f"{item.id} NEXT" if item.id == first else f"{item.id} L{item.layer}"
        colour = FREE if item.id in free else DARK
        _label(picture, middles[item.id], text, colour, taken)
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
    rgb = _scaled(frame.rgb, (width, height), cv2.INTER_CUBIC)
    objects = tuple(
        replace(
            o,
            box=(zoom * o.box[0], zoom * o.box[1], zoom * o.box[2], zoom * o.box[3]),
            visible=grown(o.visible),
            amodal=grown(o.amodal),
            probability=grown(o.probability),
            appearance=None,
        )
        for o in scene.objects
    )
    return Frame(rgb, grown(frame.labels)), replace(scene, size=(height, width), objects=objects)


def completed_sheet(frame: Frame, scene: CompletedScene, most: int = 12, side: int = 160) -> Image:
    """One row per hidden object, the most hidden first: what is seen, where the rest is, all of it.

    Returns:
        ``(rows, 3 * side, 3)`` uint8 RGB with a heading; one line of text when nothing is hidden.
    """
    hidden = sorted(
        (o for o in scene.objects if o.invisible.any()), key=lambda o: -o.occlusion_ratio
    )
    heading = np.full((28, 3 * side, 3), 255, np.uint8)
    for column, text in enumerate(("seen", "whole mask", "completed")):
        _text(heading, (column * side + 8, 20), text if hidden else "", DARK)
    if not hidden:
        _text(heading, (8, 20), "no object has a hidden part", DARK)

    def line(text: str) -> Image:
        strip = np.full((20, 3 * side, 3), 255, np.uint8)
        _text(strip, (8, 12), text, DARK)
        return strip

    rows = [heading]
    for item in hidden[:most]:
        photo = crop(frame.rgb, item.box)
        shape = np.full_like(photo, 255)
        shape[item.visible] = colour_of(item.id)
        _hatch(shape, item.invisible, item.id, pitch=max(4, min(photo.shape[:2]) // 10))
        whole = photo if item.appearance is None else item.appearance
        cells = [
            fitted(np.where(item.visible[..., None], photo, 255).astype(np.uint8), side),
            fitted(shape, side),
            fitted(np.where(item.amodal[..., None], whole, 255).astype(np.uint8), side),
        ]
        row = np.concatenate(cells, axis=1)
        cv2.line(row, (0, 0), (row.shape[1], 0), (225, 225, 225), 1)
        rows += [row, line(f"object {item.id}: {item.occlusion_ratio:.0%} hidden")]
    if len(hidden) > most:
        rows.append(line(f"and {len(hidden) - most} less hidden ones"))
    return np.concatenate(rows)


def graph_svg(graph: OcclusionGraph, scene: CompletedScene | None = None) -> str:
    """The graph as SVG: one row per layer, the free objects on top, arrows to what they hide.

    Edges that were set aside for the order (objects hiding each other) are dashed; what they lead
    to in the first row is partly covered, and says so. With `scene`, each node shows its object.
    """
    layer_of, free = dict(zip(graph.object_ids, graph.layers, strict=True)), graph.free
    covered = {i for i, layer in layer_of.items() if layer == 0} - free
    rows = _rows(graph, layer_of)
    heading = [
        f"lift in this order: {' → '.join(map(str, graph.removal_order)) or 'nothing in view'}"
    ]
    if not graph.is_acyclic:
        heading.append("some objects hide each other: dashed arrows are set aside for the order")
    node, gap, left, top = 76, 34, 130, 24 + 20 * len(heading)
    widest = max((len(r) for r in rows), default=1)
    # No character of the bold heading is wider than 9 pixels in the mean.
    width = max(left + widest * (node + gap) + 20, 32 + 9 * max(map(len, heading)))
    height = top + len(rows) * (node + 60) + 20
    at = {
        object_id: (left + (i + (widest - len(row)) / 2) * (node + gap), top + depth * (node + 60))
        for depth, row in enumerate(rows)
        for i, object_id in enumerate(row)
    }
    body = [
        f'<text class="heading" x="16" y="{24 + 20 * line}" font-weight="600">{text}</text>'
        for line, text in enumerate(heading)
    ]
    for depth in range(len(rows)):
        name = "free to grasp" if depth == 0 and free else f"layer {depth}"
        body.append(f'<text x="16" y="{top + depth * (node + 60) + node / 2}">{name}</text>')
    for edge in graph.edges:
        (xa, ya), (xb, yb) = at[edge.occluder_id], at[edge.occludee_id]
        down = layer_of[edge.occluder_id] < layer_of[edge.occludee_id]
        # Beside the arrow that it contradicts, and clear of words below the node.
        aside = 0 if down else node / 4
        below = 22 if edge.occludee_id in covered else 6
        start = (xa + node / 2 + aside, ya + node if down else ya)
        end = (xb + node / 2 + aside, yb - 6 if down else yb + node + below)
        bend = (end[1] - start[1]) / 2
        colour = "#444c56" if down else "#cf222e"
        style = "" if down else ' stroke-dasharray="6 4"'
        body.append(
            f'<path d="M{start[0]:.0f} {start[1]:.0f} C{start[0]:.0f} {start[1] + bend:.0f} '
            f'{end[0]:.0f} {end[1] - bend:.0f} {end[0]:.0f} {end[1]:.0f}" fill="none" '
            f'stroke="{colour}" stroke-width="{1 + 2.5 * edge.score:.1f}"{style} '
            f'marker-end="url(#arrowhead)"><title>{edge.occluder_id} hides '
            f"{edge.overlap_ratio:.0%} of {edge.occludee_id}, score {edge.score:.2f}</title></path>"
        )
    for object_id, (x, y) in at.items():
        red, green, blue = colour_of(object_id)
        body.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{node}" height="{node}" rx="10" fill="#fff" '
            f'stroke="rgb({red},{green},{blue})" stroke-width="4"/>'
        )
        if scene is not None:
            picture = _thumbnail(scene.object(object_id), node - 16)
            body.append(
                f'<image x="{x + 8:.0f}" y="{y + 8:.0f}" width="{node - 16}" height="{node - 16}" '
                f'href="data:image/png;base64,{picture}"/>'
            )
        body.append(
            f'<circle cx="{x + node - 4:.0f}" cy="{y + 4:.0f}" r="14" '
            f'fill="rgb({red},{green},{blue})" stroke="#fff" stroke-width="2"/>'
            f'<text x="{x + node - 4:.0f}" y="{y + 9:.0f}" text-anchor="middle" '
            f'font-weight="600">{object_id}</text>'
        )
        if object_id in covered:
            body.append(
                f'<text x="{x + node / 2:.0f}" y="{y + node + 16:.0f}" text-anchor="middle" '
                'font-size="11" paint-order="stroke" stroke="#fff" stroke-width="5">'
                "partly covered</text>"
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="14">'
        '<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="12" '
        'markerHeight="12" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" '
        'fill="#444c56"/></marker></defs><rect width="100%" height="100%" fill="#fff"/>'
        + "\n".join(body)
        + "</svg>\n"
    )


def _rows(graph: OcclusionGraph, layer_of: dict[int, int]) -> list[list[int]]:
    """Objects by layer; within a layer beside their occluders, so that few arrows cross."""
    rows: list[list[int]] = [[] for _ in range(max(graph.layers, default=-1) + 1)]
    for object_id in graph.object_ids:
        rows[layer_of[object_id]].append(object_id)
    place: dict[int, float] = {}
    for row in rows:
        for object_id in row:
            above = [
                place[e.occluder_id]
                for e in graph.edges
                if e.occludee_id == object_id and e.occluder_id in place
            ]
            place[object_id] = sum(above) / len(above) if above else float(row.index(object_id))
        row.sort(key=lambda i: (place[i], i))
        for position, object_id in enumerate(row):
            place[object_id] = position - len(row) / 2
    return rows


def _thumbnail(item: AmodalObject, side: int) -> str:
    mask = item.amodal[..., None]
    if item.appearance is None:
        colours = np.where(mask, np.array(colour_of(item.id), np.uint8), 255).astype(np.uint8)
    else:
        colours = np.where(mask, item.appearance, 255).astype(np.uint8)
    picture = cv2.cvtColor(fitted(colours, 2 * side, margin=0), cv2.COLOR_RGB2BGR)
    return base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode()


def _hatch(image: Image, mask: Mask, object_id: int, pitch: int) -> None:
    """Stripes in the object's colour; neighbouring ids lean to different sides."""
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    lean = rows + columns if object_id % 2 else rows - columns
    colour = np.array(colour_of(object_id))
    image[mask] = (0.6 * image[mask] + 0.4 * colour).astype(np.uint8)
    image[mask & (lean % pitch < max(2, pitch // 3))] = colour


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


def _label(image: Image, at: tuple[int, int], text: str, colour: Colour, taken: list[Box]) -> None:
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


def _text(image: Image, at: tuple[int, int], text: str, colour: Colour) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 3, cv2.LINE_AA)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def fitted(image: Image, side: int, margin: int = 10, ground: int = 255) -> Image:
    """`image` scaled into the middle of a square of `side` pixels, white unless `ground` says."""
    room = side - 2 * margin
    scale = room / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = np.full((side, side, 3), ground, np.uint8)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    square[y : y + size[1], x : x + size[0]] = _scaled(image, size, way)
    return square


def _scaled(image: Image, size: tuple[int, int], way: int) -> Image:
    """`image` at `size` (width, height)."""
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
