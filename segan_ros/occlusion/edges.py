"""Which object occludes which: completed masks, and depth where there is some -> edges."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import crop, distinct
from segan_ros.frame import AmodalObject, Evidence, OcclusionEdge
from segan_ros.occlusion.borders import Border, find_borders, lacks_depth
from segan_ros.occlusion.weighing import weigh

RULES = ("weighed", "coverage", "learned", "paper")

LEAST_LIKELY = 0.35
"""Probability from which on the trees of ``weighed`` make an edge. Chosen on validation scenes."""

# The four below were chosen on validation scenes; docs/depth.md has what they change.

CONFIRMING_SHARE = 0.5
"""Of a common border: where the occluder is nearer along this much of it, depth confirms the edge,
and makes one even where the predicted whole mask does not reach under the occluder."""

REJECTING_SHARE = 0.05
"""Where it is nearer along less than this, and farther in the median, depth rejects the edge.
Otherwise parts of the objects may touch, or the occluder is thin: depth says nothing."""

SHORTEST_BORDER, SHORTEST_BORDER_RATIO = 16, 0.35
"""An edge by depth alone needs a border of so many pixels, and of this share of the square root of
the occludee's area: shorter ones hide next to nothing."""

DEPTH_SCORE = 0.75
"""Score of an edge by depth alone at its best, near the share of them that is true."""

NO_BORDER = Border(0, np.zeros(0, np.float32))


@dataclass(frozen=True)
class EdgeRule:
    """When q counts as an occluder of p.

    Args:
        rule: ``weighed``: without depth, and where too little of it is known along the border,
            trees weigh what both whole masks predict and how the visible masks meet
            (`segan_ros.occlusion.weighing`); elsewhere as ``coverage``. ``coverage``: q's visible
            mask covers at least `min_overlap_ratio` of p's predicted whole mask. ``learned``: the
            network gives q at least `min_in_front` to hide a part of p; where it does not tell, as
            ``coverage``. ``paper``: IoU of visible q and predicted invisible p above 0.05; finds
            few edges when sizes differ.
        min_in_front: probability, 0..1; for ``learned``.
        min_overlap_ratio: share of p's whole mask, 0..1, that must be covered; for ``coverage``.
            ``weighed`` has it, and `min_overlap_area`, as its unit of overlaps.
        min_overlap_area: pixels that must overlap, for ``coverage`` and ``paper``.
        depth_step: metres. With depth, an edge is confirmed, or added, if q is nearer than p by
            more than this along most of their border; it is rejected if q is so along hardly any
            of it, and farther.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    rule: str = "weighed"
    min_in_front: float = 0.5
    min_overlap_ratio: float = 0.01
    min_overlap_area: int = 15
    depth_step: float = 0.01

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"edge rule is {self.rule!r}; choose from {', '.join(RULES)}")
        for name in ("min_in_front", "min_overlap_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 0..1")

    def holds(self, overlap: int, occludee: AmodalObject, occluder_area: int) -> bool:
        """Whether `overlap` pixels of an occluder of `occluder_area` visible ones make an edge."""
        if self.rule != "paper":
            return overlap >= self.least_overlap(occludee)
        if overlap < max(self.min_overlap_area, 1):
            return False
        hidden = int(np.count_nonzero(occludee.invisible))
        return overlap > 0.05 * (occluder_area + hidden - overlap)

    def least_overlap(self, occludee: AmodalObject) -> float:
        """Pixels of the whole mask of `occludee` that ``coverage`` wants covered, at least 1."""
        return max(self.min_overlap_area, self.min_overlap_ratio * occludee.amodal_area, 1)


def find_edges(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    rule: EdgeRule,
    depth: NDArray[np.float32] | None = None,
) -> list[OcclusionEdge]:
    """Occlusion edges among `objects`, ordered by occludee, then occluder.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed objects; ids of `labels` that are not among them make no edge. What is
            occluder-only is no occludee.
        rule: see `EdgeRule`.
        depth: ``(H, W)`` float32 metres, NaN unknown; or None.
    """
    borders: dict[tuple[int, int], Border] = {}
    unknown: set[tuple[int, int]] | None = None
    if depth is not None:
        boxes = {o.id: o.box for o in objects}
        borders = find_borders(labels, depth, boxes)
        if rule.rule == "weighed":
            unknown = {
                pair
                for pair, border in borders.items()
                if not len(border.gaps) and lacks_depth(pair, labels, depth, boxes)
            }
    visible_areas = {o.id: o.visible_area for o in objects}
    weighed = _weighed(labels, objects, rule, unknown)
    edges = []
    for occludee in objects:
        if occludee.occluder_only:
            continue
        told = weighed.get(occludee.id, {})
        covered = {} if rule.rule == "weighed" and depth is None else _covered(labels, occludee)
        fronts = (occludee.in_front if rule.rule == "learned" else None) or {}
        neighbours = {a for a, b in borders if b == occludee.id}
        seen = (covered.keys() | fronts.keys()) & visible_areas.keys()
        for occluder_id in sorted(seen | neighbours | told.keys()):
            if occluder_id in told:
                overlap, likely = told[occluder_id]
                holds = likely >= LEAST_LIKELY
            else:
                overlap, likely = covered.get(occluder_id, (0, 0.0))
                holds = rule.holds(overlap, occludee, visible_areas[occluder_id])
            claim = Evidence.AMODAL if holds else Evidence(0)
            if occluder_id in fronts:
                likely = fronts[occluder_id]
                claim = claim | Evidence.ORDER if likely >= rule.min_in_front else Evidence(0)
            border = borders.get((occluder_id, occludee.id), NO_BORDER)
            evidence, score = _judged(rule, occludee, border, claim, likely)
            if evidence:
                edges.append(
                    OcclusionEdge(
                        occluder_id,
                        occludee.id,
                        score=score,
                        overlap_area=overlap,
                        overlap_ratio=overlap / occludee.amodal_area,
                        depth_gap=border.gap,
                        evidence=evidence,
                    )
                )
    return edges


def _weighed(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    rule: EdgeRule,
    pairs: Collection[tuple[int, int]] | None,
) -> dict[int, dict[int, tuple[int, float]]]:
    """By occludee and occluder, their overlap and how likely it is an edge, of those `pairs` of
    occluder and occludee that the trees decide; None for all."""
    if rule.rule != "weighed" or (pairs is not None and not pairs):
        return {}
    least = np.array([rule.least_overlap(o) for o in objects], float)
    found: dict[int, dict[int, tuple[int, float]]] = {}
    for pair, told in weigh(labels, objects, least).items():
        if pairs is None or pair in pairs:
            occluder_id, occludee_id = pair
            found.setdefault(occludee_id, {})[occluder_id] = told
    return found


def _covered(labels: NDArray[np.int32], occludee: AmodalObject) -> dict[int, tuple[int, float]]:
    """By id, how many pixels of the occludee's hidden part show that object, and how likely they
    are the occludee's."""
    over = crop(labels, occludee.box)[occludee.invisible]
    probability = occludee.probability[occludee.invisible]
    found = {}
    for occluder_id in distinct(over[(over > 0) & (over != occludee.id)]):
        where = over == occluder_id
        found[occluder_id] = int(np.count_nonzero(where)), float(probability[where].mean())
    return found


def _judged(
    rule: EdgeRule, occludee: AmodalObject, border: Border, claim: Evidence, likely: float
) -> tuple[Evidence, float]:
    """Evidence (none: no edge) and score of an edge.

    Args:
        rule: its `depth_step` tells what counts as nearer.
        occludee: its size tells how long a border must be to make an edge by itself.
        border: of occluder and occludee.
        claim: what the picture alone gives as evidence, which may be nothing.
        likely: how likely it holds, 0..1.
    """
    front = border.front_share(rule.depth_step)
    confirmed = front >= CONFIRMING_SHARE
    if not claim:
        shortest = max(SHORTEST_BORDER, SHORTEST_BORDER_RATIO * np.sqrt(occludee.amodal_area))
        if confirmed and border.length >= shortest:
            return Evidence.DEPTH, DEPTH_SCORE * front
        return Evidence(0), 0.0
    if front < REJECTING_SHARE and border.gap < 0:
        return Evidence(0), 0.0
    if confirmed:
        return claim | Evidence.DEPTH, (1 + likely) / 2
    return claim, likely
