"""Who hides whom: completed masks -> edges -> graph -> layers, removal order (paper, Table 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import networkx as nx
import numpy as np
from numpy.typing import NDArray

from segan_ros.crops import cut
from segan_ros.frame import AmodalObject, Evidence, Mask, OcclusionEdge, OcclusionGraph

RULES = ("coverage", "paper")


@dataclass(frozen=True)
class EdgeRule:
    """When q counts as an occluder of p.

    Args:
        rule: ``coverage``: q's visible mask covers at least `min_overlap_ratio` of p's predicted
            whole mask. ``paper``: IoU of visible q and predicted invisible p above 0.05; finds few
            edges when sizes differ.
        min_overlap_ratio: share of p's whole mask, 0..1; for ``coverage``.
        min_overlap_area: pixels that must overlap, for both rules.
        depth_step: metres; with depth, a step across the border of q and p larger than this
            confirms the edge (q nearer) or rejects it (q farther).

    Raises:
        ValueError: a value is unknown or out of range.
    """

    rule: str = "coverage"
    min_overlap_ratio: float = 0.02
    min_overlap_area: int = 10
    depth_step: float = 0.01

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"edge rule is {self.rule!r}; known are {', '.join(RULES)}")
        if not 0 <= self.min_overlap_ratio <= 1:
            raise ValueError(f"min_overlap_ratio is {self.min_overlap_ratio}; it must lie in 0..1")

    def holds(self, overlap: int, occludee: AmodalObject, occluder_area: int) -> bool:
        """Whether `overlap` pixels of an occluder of `occluder_area` visible ones make an edge."""
        if overlap < max(self.min_overlap_area, 1):
            return False
        if self.rule == "coverage":
            return overlap >= self.min_overlap_ratio * occludee.amodal_area
        hidden = occludee.amodal_area - occludee.visible_area
        return overlap > 0.05 * (occluder_area + hidden - overlap)


def find_edges(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    rule: EdgeRule,
    depth: NDArray[np.float32] | None = None,
) -> list[OcclusionEdge]:
    """Occlusion edges among `objects`, ordered by occludee, then occluder.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed objects; ids of `labels` that are not among them make no edge.
        rule: see `EdgeRule`.
        depth: ``(H, W)`` float32 metres, NaN unknown; or None.
    """
    visible_areas = {o.id: o.visible_area for o in objects}
    edges = []
    for occludee in objects:
        hidden_under = cut(labels, occludee.box)[occludee.invisible]
        probability = occludee.probability[occludee.invisible]
        for occluder_id in np.unique(hidden_under).tolist():
            if occluder_id not in visible_areas or occluder_id == occludee.id:
                continue
            covered = hidden_under == occluder_id
            overlap = int(np.count_nonzero(covered))
            if not rule.holds(overlap, occludee, visible_areas[occluder_id]):
                continue
            gap = (
                np.nan if depth is None else border_depth_gap(labels, depth, occluder_id, occludee)
            )
            if gap < -rule.depth_step:
                continue
            confirmed = bool(gap > rule.depth_step)
            doubt = 1 - float(probability[covered].mean())
            edges.append(
                OcclusionEdge(
                    occluder_id,
                    occludee.id,
                    score=1 - (doubt / 2 if confirmed else doubt),
                    overlap_area=overlap,
                    overlap_ratio=overlap / occludee.amodal_area,
                    depth_gap=float(gap),
                    evidence=Evidence.AMODAL | Evidence.DEPTH if confirmed else Evidence.AMODAL,
                )
            )
    return edges


def border_depth_gap(
    labels: NDArray[np.int32],
    depth: NDArray[np.float32],
    occluder_id: int,
    occludee: AmodalObject,
    reach: int = 3,
) -> float:
    """Occludee's minus occluder's median depth in metres, each within `reach` pixels of the other.

    NaN where they do not touch or have no depth there.
    """
    x0, y0, x1, y1 = occludee.box
    wide = max(x0 - reach, 0), max(y0 - reach, 0), x1 + reach, y1 + reach
    ids, metres = cut(labels, wide), cut(depth, wide)
    behind, front = ids == occludee.id, ids == occluder_id
    near_behind = metres[front & _grown(behind, reach)]
    near_front = metres[behind & _grown(front, reach)]
    near_behind, near_front = (
        near_behind[np.isfinite(near_behind)],
        near_front[np.isfinite(near_front)],
    )
    if not len(near_behind) or not len(near_front):
        return float("nan")
    return float(np.median(near_front) - np.median(near_behind))


def build_graph(object_ids: Iterable[int], edges: Iterable[OcclusionEdge]) -> OcclusionGraph:
    """Layers and removal order of a set of objects.

    Where objects hide each other, an edge is set aside (for the order alone) if it closes a cycle
    of edges that are no weaker; every edge outside such a knot is respected. The same input gives
    the same output, whatever its order.

    Raises:
        ValueError: an id comes twice, or an edge names an unknown object or joins one to itself.
    """
    ids = sorted(object_ids)
    if len(set(ids)) != len(ids):
        raise ValueError(f"object ids must be unique, got {ids}")
    kept = sorted(edges, key=lambda e: (e.occludee_id, e.occluder_id))
    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    for edge in kept:
        if edge.occluder_id == edge.occludee_id or not {edge.occluder_id, edge.occludee_id} <= set(
            ids
        ):
            raise ValueError(
                f"edge {edge.occluder_id} -> {edge.occludee_id} does not join two of {ids}"
            )
        graph.add_edge(edge.occluder_id, edge.occludee_id, score=edge.score)
    is_acyclic = nx.is_directed_acyclic_graph(graph)
    _break_cycles(graph)
    layer: dict[int, int] = {}
    for node in nx.topological_sort(graph):
        layer[node] = max((layer[q] + 1 for q in graph.predecessors(node)), default=0)
    order = sorted(ids, key=lambda i: (layer[i], i))
    return OcclusionGraph(
        tuple(ids), tuple(layer[i] for i in ids), tuple(kept), is_acyclic, tuple(order)
    )


def removal_order(graph: OcclusionGraph, target_id: int, min_score: float = 0.0) -> tuple[int, ...]:
    """What must go before `target_id`: direct and indirect occluders, front first, target last.

    Args:
        graph: the scene's graph.
        target_id: the object to lift.
        min_score: edges below this score are ignored.

    Raises:
        KeyError: the graph has no such object.
    """
    if target_id not in graph.object_ids:
        raise KeyError(f"no object {target_id}; the scene has {list(graph.object_ids)}")
    strong = build_graph(graph.object_ids, [e for e in graph.edges if e.score >= min_score])
    wanted, open_ids = {target_id}, [target_id]
    while open_ids:
        occludee = open_ids.pop()
        for edge in strong.edges:
            if edge.occludee_id == occludee and edge.occluder_id not in wanted:
                wanted.add(edge.occluder_id)
                open_ids.append(edge.occluder_id)
    before = [i for i in strong.removal_order if i in wanted and i != target_id]
    return (*before, target_id)


def _break_cycles(graph: nx.DiGraph) -> None:
    """Inside each knot keep the strongest edges that close no cycle, remove the others."""
    for knot in list(nx.strongly_connected_components(graph)):
        inner = graph.subgraph(knot).edges(data="score")
        kept = nx.DiGraph()
        kept.add_nodes_from(knot)
        for occluder, occludee, _ in sorted(inner, key=lambda e: (-e[2], e[0], e[1])):
            if nx.has_path(kept, occludee, occluder):
                graph.remove_edge(occluder, occludee)
            else:
                kept.add_edge(occluder, occludee)


def _grown(mask: Mask, reach: int) -> Mask:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0
