"""From edges to an order to lift in: what lies on what, as far as depth and gravity tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from segan_ros.frame import AmodalObject, CompletedScene, Frame, OcclusionEdge
from segan_ros.geometry.up import find_up
from segan_ros.geometry.upright import raised, set_upright
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import scene_graph
from segan_ros.occlusion.lifts import judge_lifts
from segan_ros.occlusion.unlabelled import occluded_by_unlabelled

SURE_OF_UP = 0.3
"""Share of the background that must lie on one plane for its normal to count as up."""


def ordered(
    frame: Frame,
    objects: Sequence[AmodalObject],
    edges: Sequence[OcclusionEdge],
    rule: EdgeRule | None = None,
) -> CompletedScene:
    """Edges -> layers, and an order to lift in: what lies on what, where depth and up tell it.

    Args:
        frame: with its depth, camera and up, as far as they are known.
        objects: completed, ascending by id.
        edges: of their occlusion.
        rule: that made the edges; None for the default.
    """
    rule = rule or EdgeRule()
    up = find_up(frame)
    lifted = [o for o in objects if not o.occluder_only]
    occluder_only = {o.id for o in objects} - {o.id for o in lifted}
    screens = [e for e in edges if e.occluder_id in occluder_only]
    among = [e for e in edges if e.occluder_id not in occluder_only]
    depth = None if frame.camera_matrix is None else frame.depth
    direction, hidden = None, frozenset[int]()
    if up is None or up.confidence < SURE_OF_UP or depth is None:
        lifts = judge_lifts(frame.labels, lifted, among, claims=_claims(frame, lifted, among, rule))
    else:
        x, y, z = up.direction.tolist()
        direction = x, y, z
        upright = set_upright(frame, lifted, up)
        lifts = judge_lifts(frame.labels, lifted, among, upright)
        nearby = raised(frame, up, upright.ground)
        hidden = occluded_by_unlabelled(frame.labels, lifted, depth, nearby, rule.depth_step)
    confidence = 0.0 if up is None or depth is None else up.confidence
    safe = dict(zip([o.id for o in lifted], lifts.probabilities.tolist(), strict=True))
    judged = [
        replace(
            o,
            lift_probability=safe.get(o.id, float("nan")),
            occluded_by_unlabelled=o.id in hidden,
        )
        for o in objects
    ]
    graph = scene_graph(judged, (*lifts.edges, *screens), lifts.supports, lifts.safety)
    layers = dict(zip(graph.object_ids, graph.layers, strict=True))
    return CompletedScene(
        frame.size,
        tuple(replace(o, layer=layers[o.id]) for o in judged),
        replace(graph, up=direction, up_confidence=confidence),
    )


def _claims(
    frame: Frame, objects: Sequence[AmodalObject], edges: Sequence[OcclusionEdge], rule: EdgeRule
) -> Sequence[OcclusionEdge]:
    """The edges from which the picture's model judges lifts: it learned from those of
    ``coverage``, and picks worse by those of ``weighed``. In frames with depth only edges of
    objects without could differ: too few to look for all twice."""
    if rule.rule != "weighed" or frame.depth is not None:
        return edges
    return find_edges(frame.labels, objects, replace(rule, rule="coverage"))
