"""Occlusion edges -> graph: layers, removal order, cycles (paper, Table 5)."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx
import numpy as np

from segan_ros.frame import OcclusionEdge, OcclusionGraph


def build_graph(object_ids: Iterable[int], edges: Iterable[OcclusionEdge]) -> OcclusionGraph:
    """Layers and removal order of a set of objects.

    Where objects hide each other, an edge is set aside (for the order alone) if it closes a cycle
    of edges that are no weaker; of two with equal scores, the one that covers less is the weaker.
    Every edge outside such a knot is respected. The same input gives the same output, whatever its
    order.

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
        graph.add_edge(
            edge.occluder_id, edge.occludee_id, weakness=(-edge.score, -edge.overlap_area)
        )
    is_acyclic = nx.is_directed_acyclic_graph(graph)
    _break_cycles(graph)
    layer: dict[int, int] = {}
    for node in nx.topological_sort(graph):
        layer[node] = max((layer[q] + 1 for q in graph.predecessors(node)), default=0)
    order = sorted(ids, key=lambda i: (layer[i], i))
    return OcclusionGraph(
        tuple(ids), tuple(layer[i] for i in ids), tuple(kept), is_acyclic, tuple(order)
    )


def reaches(edge: OcclusionEdge, min_score: float) -> bool:
    """Whether the edge's score is at least `min_score`, to the digits that messages carry: who
    sends back a published score means that very edge."""
    return bool(np.float32(edge.score) >= np.float32(min_score))


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
    strong = build_graph(graph.object_ids, [e for e in graph.edges if reaches(e, min_score)])
    layer = dict(zip(strong.object_ids, strong.layers, strict=True))
    # An edge that was set aside for the order leads to a layer no deeper.
    followed = [e for e in strong.edges if layer[e.occluder_id] < layer[e.occludee_id]]
    wanted, open_ids = {target_id}, [target_id]
    while open_ids:
        occludee = open_ids.pop()
        for edge in followed:
            if edge.occludee_id == occludee and edge.occluder_id not in wanted:
                wanted.add(edge.occluder_id)
                open_ids.append(edge.occluder_id)
    before = [i for i in strong.removal_order if i in wanted and i != target_id]
    return (*before, target_id)


def _break_cycles(graph: nx.DiGraph) -> None:
    """Inside each knot keep the strongest edges that close no cycle, remove the others."""
    for knot in list(nx.strongly_connected_components(graph)):
        inner = graph.subgraph(knot).edges(data="weakness")
        kept = nx.DiGraph()
        kept.add_nodes_from(knot)
        for occluder, occludee, _ in sorted(inner, key=lambda e: (e[2], e[0], e[1])):
            if nx.has_path(kept, occludee, occluder):
                graph.remove_edge(occluder, occludee)
            else:
                kept.add_edge(occluder, occludee)
