"""The occlusion graph as SVG."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import cv2
import numpy as np

from segan_ros.drawing.paint import colour_of, fitted
from segan_ros.drawing.render import data_uri, render
from segan_ros.frame import (
    AmodalObject,
    CompletedScene,
    OcclusionEdge,
    OcclusionGraph,
)

NODE, GAP, LEFT, ROW = 76, 34, 130, 136
"""Side of a node, between nodes, left of them, and from row to row, pixels."""


def graph_svg(graph: OcclusionGraph, scene: CompletedScene | None = None) -> str:
    """The graph as SVG: one row per layer, layer 0 on top, arrows from occluder to occludee.

    Edges that were set aside for the order (objects occluding each other) are dashed. What is not
    free in the first row says why. With `scene`, each node shows its object.
    """
    layer_of, free = dict(zip(graph.object_ids, graph.layers, strict=True)), graph.free
    notes = {i: _note(i, graph) for i, layer in layer_of.items() if layer == 0 and i not in free}
    rows = _rows(graph, layer_of)
    heading = [
        f"removal order: {' → '.join(map(str, graph.removal_order)) or 'no objects to lift'}"
    ]
    if not graph.is_acyclic:
        heading.append("some objects occlude each other: the order ignores dashed edges")
    top = 24 + 20 * len(heading)
    widest = max((len(r) for r in rows), default=1)
    # No character of the bold heading is wider than 9 pixels in the mean.
    width = max(LEFT + widest * (NODE + GAP) + 20, 32 + 9 * max(map(len, heading)))
    at = {
        object_id: (LEFT + round((i + (widest - len(row)) / 2) * (NODE + GAP)), top + depth * ROW)
        for depth, row in enumerate(rows)
        for i, object_id in enumerate(row)
    }
    return render(
        "graph.svg",
        width=width,
        height=top + len(rows) * ROW + 20,
        side=NODE,
        heading=heading,
        rows=[
            {"y": top + depth * ROW + NODE // 2, "name": _row_name(depth, bool(free))}
            for depth in range(len(rows))
        ],
        edges=[_edge(e, at, layer_of, notes) for e in graph.edges],
        nodes=[
            {
                "id": i,
                "x": x,
                "y": y,
                "colour": "rgb({},{},{})".format(*colour_of(i)),
                "picture": scene and _thumbnail(scene.object(i), NODE - 16),
                "note": notes.get(i, ""),
                "name": scene.object(i).name if scene else "",
            }
            for i, (x, y) in at.items()
        ],
    )


def _note(object_id: int, graph: OcclusionGraph) -> str:
    """Why an object of the first row is not free."""
    if any(e.occludee_id == object_id for e in graph.edges):
        return "partly occluded"
    if object_id not in graph.removal_order:
        return "occluder only"
    if any(e.occludee_id == object_id for e in graph.supports):
        return "carries others"
    return "under something unlabelled"


def _row_name(depth: int, some_are_free: bool) -> str:
    return "free to lift" if depth == 0 and some_are_free else f"layer {depth}"


def _edge(
    edge: OcclusionEdge,
    at: Mapping[int, tuple[int, int]],
    layer_of: Mapping[int, int],
    notes: Collection[int],
) -> dict[str, Any]:
    """How an edge is drawn: from below its occluder to above its occludee, or back up if it was set
    aside for the order."""
    (xa, ya), (xb, yb) = at[edge.occluder_id], at[edge.occludee_id]
    down = layer_of[edge.occluder_id] < layer_of[edge.occludee_id]
    # Beside the arrow that it contradicts, and clear of words below the node.
    aside = NODE // 2 + (0 if down else NODE // 4)
    below = 22 if edge.occludee_id in notes else 6
    (x0, y0) = xa + aside, ya + NODE if down else ya
    (x1, y1) = xb + aside, yb - 6 if down else yb + NODE + below
    bend = (y1 - y0) // 2
    return {
        "path": f"M{x0} {y0} C{x0} {y0 + bend} {x1} {y1 - bend} {x1} {y1}",
        "colour": "#444c56" if down else "#cf222e",
        "dashes": None if down else "6 4",
        "width": 1 + 2.5 * edge.score,
        "title": f"{edge.occluder_id} occludes {edge.overlap_ratio:.0%} of {edge.occludee_id}, "
        f"score {edge.score:.2f}",
    }


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
    return data_uri(cv2.imencode(".png", picture)[1].tobytes(), "png")
