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

Pair = tuple[int, int]
"""Ids of an occluder and an occludee."""


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


@dataclass(frozen=True)
class Claim:
    """What the picture alone says of an occluder and an occludee.

    Args:
        overlap: pixels of the occluder's visible mask in the occludee's whole mask.
        likely: how likely the occluder hides the occludee, 0..1.
        evidence: of an edge; none: it makes none.
    """

    overlap: int
    likely: float
    evidence: Evidence


NO_CLAIM = Claim(0, 0.0, Evidence(0))


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
    boxes = {o.id: o.box for o in objects}
    borders = {} if depth is None else find_borders(labels, depth, boxes)
    unmeasured = None
    if depth is not None and rule.rule == "weighed":
        unmeasured = {
            pair
            for pair, border in borders.items()
            if not len(border.gaps) and lacks_depth(pair, labels, depth, boxes)
        }
    claims = _claims(labels, objects, rule, unmeasured)
    place = {o.id: n for n, o in enumerate(objects)}
    edges = []
    for pair in sorted(claims.keys() | borders.keys(), key=lambda pair: (place[pair[1]], pair[0])):
        occludee = objects[place[pair[1]]]
        if occludee.occluder_only:
            continue
        claim, border = claims.get(pair, NO_CLAIM), borders.get(pair, NO_BORDER)
        evidence, score = _judged(rule, occludee, border, claim)
        if evidence:
            edges.append(
                OcclusionEdge(
                    *pair,
                    score=score,
                    overlap_area=claim.overlap,
                    overlap_ratio=claim.overlap / occludee.amodal_area,
                    depth_gap=border.gap,
                    evidence=evidence,
                )
            )
    return edges


def _claims(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    rule: EdgeRule,
    unmeasured: Collection[Pair] | None,
) -> dict[Pair, Claim]:
    """What the picture alone says of occluders and occludees.

    Args:
        labels, objects, rule: see `find_edges`.
        unmeasured: the pairs that ``weighed`` weighs: those that lack depth; None for all.
    """
    weighs_all = rule.rule == "weighed" and unmeasured is None
    claims = {} if weighs_all else _by_coverage(labels, objects, rule)
    if weighs_all or unmeasured:
        least = np.array([rule.least_overlap(o) for o in objects], float)
        for pair, (overlap, likely) in weigh(labels, objects, least).items():
            if unmeasured is None or pair in unmeasured:
                holds = likely >= LEAST_LIKELY
                claims[pair] = Claim(overlap, likely, Evidence.AMODAL if holds else Evidence(0))
    if rule.rule == "learned":
        ids = {o.id for o in objects}
        for occludee in objects:
            for occluder_id, likely in (occludee.in_front or {}).items():
                if occluder_id in ids:
                    claim = claims.get(pair := (occluder_id, occludee.id), NO_CLAIM)
                    holds = likely >= rule.min_in_front
                    evidence = claim.evidence | Evidence.ORDER if holds else Evidence(0)
                    claims[pair] = Claim(claim.overlap, likely, evidence)
    return claims


def _by_coverage(
    labels: NDArray[np.int32], objects: Sequence[AmodalObject], rule: EdgeRule
) -> dict[Pair, Claim]:
    """Of each two objects, whether the occludee's hidden part shows enough of the occluder."""
    areas = {o.id: o.visible_area for o in objects}
    claims = {}
    for occludee in objects:
        over = crop(labels, occludee.box)[occludee.invisible]
        probability = occludee.probability[occludee.invisible]
        for occluder_id in distinct(over):
            if occluder_id in areas and occluder_id != occludee.id:
                where = over == occluder_id
                overlap = int(np.count_nonzero(where))
                holds = rule.holds(overlap, occludee, areas[occluder_id])
                claims[occluder_id, occludee.id] = Claim(
                    overlap,
                    float(probability[where].mean()),
                    Evidence.AMODAL if holds else Evidence(0),
                )
    return claims


def _judged(
    rule: EdgeRule, occludee: AmodalObject, border: Border, claim: Claim
) -> tuple[Evidence, float]:
    """Evidence (none: no edge) and score of an edge.

    Args:
        rule: its `depth_step` tells what counts as nearer.
        occludee: its size tells how long a border must be to make an edge by itself.
        border: of occluder and occludee.
        claim: of the picture.
    """
    front = border.front_share(rule.depth_step)
    confirmed = front >= CONFIRMING_SHARE
    if not claim.evidence:
        shortest = max(SHORTEST_BORDER, SHORTEST_BORDER_RATIO * np.sqrt(occludee.amodal_area))
        if confirmed and border.length >= shortest:
            return Evidence.DEPTH, DEPTH_SCORE * front
        return Evidence(0), 0.0
    if front < REJECTING_SHARE and border.gap < 0:
        return Evidence(0), 0.0
    if confirmed:
        return claim.evidence | Evidence.DEPTH, (1 + claim.likely) / 2
    return claim.evidence, claim.likely
