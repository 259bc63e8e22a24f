"""Occlusion edges -> graph: layers, cycles (paper, Table 5), and an order to lift in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, Evidence, OcclusionEdge, OcclusionGraph, free_objects


def scene_graph(
    objects: Sequence[AmodalObject],
    edges: Iterable[OcclusionEdge],
    supports: Iterable[OcclusionEdge] = (),
    safety: NDArray[np.float64] | None = None,
) -> OcclusionGraph:
    """`build_graph` of completed `objects`."""
    return build_graph(
        [o.id for o in objects],
        edges,
        supports,
        safety,
        {o.id for o in objects if o.occluder_only},
        last={o.id for o in objects if o.occluded_by_unlabelled},
        areas={o.id: o.visible_area for o in objects},
    )


def build_graph(
    object_ids: Iterable[int],
    edges: Iterable[OcclusionEdge],
    supports: Iterable[OcclusionEdge] = (),
    safety: NDArray[np.float64] | None = None,
    occluder_only: Collection[int] = (),
    *,
    last: Collection[int] = (),
    areas: Mapping[int, int] | None = None,
) -> OcclusionGraph:
    """Layers and removal order of a set of objects.

    Where objects hide each other, an edge is set aside (for layers) if it closes a cycle of edges
    that are no weaker; of two with equal scores, the one that covers less is the weaker. The order
    does the same with the edges that block a lift, and takes the safest object that none of them
    holds back, again and again; of equally safe ones the largest. The same input gives the same
    output, whatever its order.

    Args:
        object_ids: all objects.
        edges: of their occlusion.
        supports: edges of support alone.
        safety: ``(n, n)`` of the objects that are not occluder-only by ascending id, see
            `lifts.Lifts.safety`; None where nothing is known: then lower layers come first.
        occluder_only: ids of objects that only hide others: not to be lifted, and so they block no
            lift.
        last: ids of objects that something without a label hides: they are not free, and wait for
            all others that nothing blocks.
        areas: visible pixels by id.

    Raises:
        ValueError: an id comes twice, or an edge names an unknown object or joins one to itself.
    """
    ids = sorted(object_ids)
    if len(set(ids)) != len(ids):
        raise ValueError(f"object ids must be unique, got {ids}")
    kept = sorted(edges, key=lambda e: (e.occludee_id, e.occluder_id))
    resting = sorted(supports, key=lambda e: (e.occludee_id, e.occluder_id))
    for edge in (*kept, *resting):
        if edge.occluder_id == edge.occludee_id or not {edge.occluder_id, edge.occludee_id} <= set(
            ids
        ):
            raise ValueError(
                f"edge {edge.occluder_id} -> {edge.occludee_id} does not join two of {ids}"
            )
    hiding = _digraph(ids, kept)
    is_acyclic = _break_cycles(hiding)
    layer: dict[int, int] = {}
    for node in nx.topological_sort(hiding):
        layer[node] = max((layer[q] + 1 for q in hiding.predecessors(node)), default=0)
    lifted = [i for i in ids if i not in occluder_only]
    liftable = set(lifted)
    kept, resting = (
        [_marked(e, e.blocks_lift and liftable.issuperset(_ends(e)), e.set_aside) for e in part]
        for part in (kept, resting)
    )
    blocking = _digraph(lifted, [e for e in (*kept, *resting) if e.blocks_lift])
    _break_cycles(blocking)
    kept, resting = (
        [
            _marked(e, e.blocks_lift, e.blocks_lift and not blocking.has_edge(*_ends(e)))
            for e in part
        ]
        for part in (kept, resting)
    )
    size = areas or {}
    ties = [(layer[i], -blocking.out_degree(i), -size.get(i, 0), i) for i in lifted]
    return OcclusionGraph(
        tuple(ids),
        tuple(layer[i] for i in ids),
        tuple(kept),
        is_acyclic,
        _safest_first(blocking, lifted, safety, last, ties),
        tuple(resting),
        free=free_objects(lifted, kept, resting) - set(last),
        safety=safety,
    )


def reaches(edge: OcclusionEdge, min_score: float) -> bool:
    """Whether the edge's score is at least `min_score`, to the digits that messages carry: who
    sends back a published score means that very edge."""
    return bool(np.float32(edge.score) >= np.float32(min_score))


def removal_order(graph: OcclusionGraph, target_id: int, min_score: float = 0.0) -> tuple[int, ...]:
    """What must go before `target_id`: all that blocks its lift, directly or not; target last.

    Args:
        graph: the scene's graph.
        target_id: the object to lift.
        min_score: edges below this score are ignored.

    Raises:
        KeyError: the graph has no such object, or it is occluder-only.
    """
    place = {object_id: n for n, object_id in enumerate(graph.removal_order)}
    if target_id not in place:
        raise KeyError(f"no object {target_id} to lift; the scene has {sorted(place)}")
    # An edge that was set aside for the order leads to an object that comes earlier.
    followed = [
        e
        for e in (*graph.edges, *graph.supports)
        if e.blocks_lift
        and reaches(e, min_score)
        and place[e.occluder_id] < place[e.occludee_id] <= place[target_id]
    ]
    wanted = {target_id}
    for edge in sorted(followed, key=lambda e: -place[e.occludee_id]):
        if edge.occludee_id in wanted:
            wanted.add(edge.occluder_id)
    return tuple(sorted(wanted, key=place.__getitem__))


def _digraph(ids: Iterable[int], edges: Iterable[OcclusionEdge]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    for edge in edges:
        # What would fall is worse than what is hidden.
        falls = edge.lift_risk if edge.evidence & Evidence.SUPPORT else 0.0
        weakness = (-falls, -edge.score, -edge.overlap_area)
        graph.add_edge(edge.occluder_id, edge.occludee_id, weakness=weakness)
    return graph


def _safest_first(
    blocking: nx.DiGraph,
    ids: Sequence[int],
    safety: NDArray[np.float64] | None,
    last: Collection[int],
    ties: Sequence[tuple[int, ...]],
) -> tuple[int, ...]:
    """Every id once; none before what `blocking`, which has no cycle, says must go first.

    As things go, those that they held back become safer. The lowest of `ties`, one for each id, go
    first of equally safe ones.
    """
    count = len(ids)
    matrix = np.zeros((count, count)) if safety is None else safety
    # Logarithm of the probability that each lift disturbs nothing that is still there.
    clean = matrix.sum(axis=1)
    place = {object_id: n for n, object_id in enumerate(ids)}
    waiting = {place[i]: blocking.in_degree(i) for i in ids}
    order = []
    while waiting:
        best = min(
            (n for n, blockers in waiting.items() if not blockers),
            key=lambda n: (ids[n] in last, -clean[n], ties[n]),
        )
        order.append(ids[best])
        del waiting[best]
        clean = _lifted(matrix, clean, best)
        for freed in blocking.successors(ids[best]):
            waiting[place[freed]] -= 1
    return tuple(order)


def _lifted(
    safety: NDArray[np.float64], clean: NDArray[np.float64], gone: int
) -> NDArray[np.float64]:
    """`clean`, logarithms of the probabilities that lifts disturb nothing, once `gone` is gone."""
    taken = safety[:, gone].copy()
    taken[gone] = 0
    return np.asarray(clean - taken, float)


def _ends(edge: OcclusionEdge) -> tuple[int, int]:
    return edge.occluder_id, edge.occludee_id


def _marked(edge: OcclusionEdge, blocks_lift: bool, set_aside: bool) -> OcclusionEdge:
    """`edge` with these two; it is only copied where they differ, as that takes its time."""
    if (edge.blocks_lift, edge.set_aside) == (blocks_lift, set_aside):
        return edge
    return replace(edge, blocks_lift=blocks_lift, set_aside=set_aside)


def _break_cycles(graph: nx.DiGraph) -> bool:
    """Inside each knot keep the strongest edges that close no cycle, remove the others. Whether
    there was nothing to do."""
    if nx.is_directed_acyclic_graph(graph):
        return True
    for knot in list(nx.strongly_connected_components(graph)):
        if len(knot) == 1:
            continue
        inner = graph.subgraph(knot).edges(data="weakness")
        kept = nx.DiGraph()
        kept.add_nodes_from(knot)
        for occluder, occludee, _ in sorted(inner, key=lambda e: (e[2], e[0], e[1])):
            if nx.has_path(kept, occludee, occluder):
                graph.remove_edge(occluder, occludee)
            else:
                kept.add_edge(occluder, occludee)
    return False
