"""Edges and lifts: which edges block a lift, what lies on what, and how safe each lift is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, Evidence, OcclusionEdge
from segan_ros.occlusion.pairs import Space
from segan_ros.occlusion.support import (
    FLAT_LIFT_WEIGHTS,
    FLAT_WEIGHTS,
    as_matrix,
    flat_pairs,
    lift_features,
    spatial_probabilities,
    spatial_risks,
)

BLOCKING = 0.25
"""Risk of a lift from which on an edge blocks it, where depth and up are known."""


@dataclass(frozen=True, eq=False)
class Lifts:
    """What is known of lifting the objects of a frame.

    Args:
        edges: the occlusion edges, each with its risk and whether it blocks a lift.
        supports: edges of support alone.
        risks: ``(n, n)``: how likely the lift of the object of a row disturbs that of a column.
        probabilities: ``(n,)``: how likely the lift of an object now disturbs no other.
    """

    edges: tuple[OcclusionEdge, ...]
    supports: tuple[OcclusionEdge, ...]
    risks: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def safety(self) -> NDArray[np.float64]:
        """``(n, n)`` whose rows sum to the logarithms of `probabilities`: off the diagonal what
        each other object takes from it for as long as it is there."""
        found = np.log1p(-self.risks.clip(max=1 - 1e-6))
        np.fill_diagonal(found, 0)
        own = np.log(self.probabilities.clip(min=1e-6)) - found.sum(axis=1)
        return np.asarray(found + np.diag(own), float)


def judge_lifts(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    edges: Sequence[OcclusionEdge],
    space: Space | None = None,
    claims: Sequence[OcclusionEdge] | None = None,
) -> Lifts:
    """What the lift of each object would disturb.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed, ascending by id.
        edges: of their occlusion.
        space: where what is seen of them is; None where depth or up is not known. Then, and between
            objects without points, the picture alone tells, and every occlusion edge blocks.
        claims: edges that the picture's model looks at; None for `edges`.
    """
    ids = [o.id for o in objects]
    in_space = np.array([space is not None and i in space.points for i in ids], bool)
    both = in_space[:, None] & in_space
    risks = np.zeros((len(ids), len(ids)))
    if not both.all():
        flat = flat_pairs(labels, objects, edges if claims is None else claims)
        risks = as_matrix(flat, FLAT_WEIGHTS(flat.features), len(ids))
    if space is not None and both.any():
        spatial, pairs = spatial_risks(objects, edges, space, labels.size)
        risks = np.where(both, spatial, risks)
    probabilities = FLAT_LIFT_WEIGHTS(lift_features(risks, objects, labels.size))
    if in_space.any():
        measured = spatial_probabilities(risks, pairs, objects, labels.size)
        probabilities = np.where(in_space, measured, probabilities)
    place = {object_id: n for n, object_id in enumerate(ids)}
    judged = []
    for edge in edges:
        pair = place[edge.occludee_id], place[edge.occluder_id]
        risk, known = float(risks[pair]), bool(both[pair])
        carried = known and risk >= BLOCKING
        evidence = edge.evidence | Evidence.SUPPORT if carried else edge.evidence
        judged.append(
            replace(edge, evidence=evidence, lift_risk=risk, blocks_lift=carried or not known)
        )
    said = {(e.occludee_id, e.occluder_id) for e in edges}
    supports = [
        OcclusionEdge(ids[q], ids[p], risk, evidence=Evidence.SUPPORT, lift_risk=risk)
        for p, q in np.argwhere(both & (risks >= BLOCKING)).tolist()
        if (ids[p], ids[q]) not in said
        for risk in [float(risks[p, q])]
    ]
    return Lifts(tuple(judged), tuple(supports), risks, probabilities)
