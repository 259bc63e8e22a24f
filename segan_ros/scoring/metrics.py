"""Strict scores of completed scenes against ground truth, at full image size. Pure functions.

Scored are the objects of the truth that show at least one pixel, where the truth is trusted. *True
invisible* is the true whole mask without the pixels labelled as the object, *predicted invisible*
the predicted whole mask without them. A score that is not defined for an object or a scene is NaN
and left out of means.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import boxes_of
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Mask, OcclusionGraph
from segan_ros.scoring.outlines import boundary_f
from segan_ros.scoring.painting import InLight, in_light, painting_error
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

NAN = float("nan")

PARTLY_HIDDEN = (0.05, 0.95)
"""Occlusion of the objects that SI and painting are averaged over, both ends included. Below the
lower end an object counts as unoccluded (hallucination)."""

MIN_EDGE_SHARE = 0.01
"""A true edge covers at least this share of the occludee's whole mask ..."""

MIN_EDGE_PIXELS = 20
"""... and at least this many pixels."""

Edge = tuple[int, int]
"""(occluder, occludee)."""

TrueEdges = Mapping[Edge, int]
"""Pixels of the occluder's visible mask inside the occludee's whole mask, for each edge."""


@dataclass(frozen=True)
class ObjectScore:
    """One object of one scene.

    Args:
        id: its id in the scene.
        name: what it is, for people.
        visible_area: pixels of its visible mask.
        amodal_area: pixels of its true whole mask.
        occlusion: true invisible share of the true whole mask, 0..1.
        sf: IoU of predicted and true whole mask.
        expected: what the method itself expected `sf` to be, its `AmodalObject.score`.
        si: IoU of predicted and true invisible part; NaN when both are empty.
        hallucination: predicted invisible area over visible area.
        boundary: F-score of the hidden outline (`segan_ros.scoring.outlines`).
        painted_pixels: pixels of the true invisible part that are predicted too.
        l1: mean absolute colour difference over those pixels, colours in 0..1.
        l2: mean squared colour difference over those pixels.
        true_mask_l1: like `l1`, over all of the true invisible part, painted with the true mask.
        true_mask_l2: like `l2`, likewise.
        in_light: the same paint beside the truth in the picture's light.
    """

    id: int
    name: str = ""
    visible_area: int = 0
    amodal_area: int = 0
    occlusion: float = 0.0
    sf: float = NAN
    expected: float = NAN
    si: float = NAN
    hallucination: float = NAN
    boundary: float = NAN
    painted_pixels: int = 0
    l1: float = NAN
    l2: float = NAN
    true_mask_l1: float = NAN
    true_mask_l2: float = NAN
    in_light: InLight = field(default_factory=InLight)

    @property
    def partly_hidden(self) -> bool:
        """Whether SI and painting count it."""
        return PARTLY_HIDDEN[0] <= self.occlusion <= PARTLY_HIDDEN[1]


@dataclass(frozen=True)
class EdgeScore:
    """The occlusion edges of one scene, as counts.

    Args:
        pairs: pairs of objects with a true edge, in one direction or both.
        pairs_right: those whose predicted direction is the true one.
        true_positives: predicted edges that are true.
        false_positives: predicted edges that are not.
        false_negatives: true edges that were not predicted.
    """

    pairs: int = 0
    pairs_right: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def order_accuracy(self) -> float:
        """Share of pairs with the right direction; NaN without pairs."""
        return _ratio(self.pairs_right, self.pairs)

    @property
    def precision(self) -> float:
        """Share of the predicted edges that are true; NaN without predicted edges."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true edges that were predicted; NaN without true edges."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN without any edge."""
        errors = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + errors)


@dataclass(frozen=True)
class SceneScore:
    """One scene: its objects in the order of the truth, and its edges."""

    objects: tuple[ObjectScore, ...] = ()
    edges: EdgeScore = field(default_factory=EdgeScore)


def score_scene(
    truth: LabelledScene, answer: CompletedScene, painted: CompletedScene | None = None
) -> SceneScore:
    """Score one answer.

    Args:
        truth: the scene; its ``frame.labels`` are the true visible masks, whatever masks the answer
            was made from.
        answer: what is scored. An object missing from it scores as an empty mask; one that the
            truth does not know is left out.
        painted: the same objects painted with their true whole masks, for ``true_mask_l1, _l2``.
    """
    boxes = boxes_of(truth.frame.labels)
    shown = [o for o in truth.objects if o.id in boxes]
    found = {o.id: o for o in answer.objects}
    repainted = {o.id: o for o in painted.objects} if painted else {}
    objects = tuple(
        score_object(truth.frame, o, found.get(o.id), repainted.get(o.id))
        for o in shown
        if o.scored
    )
    edges = true_edges(truth.frame.labels, shown)
    unscored = {o.id for o in shown if not o.scored}
    return SceneScore(objects, score_edges(edges, [o.id for o in shown], answer.graph, unscored))


def score_object(
    frame: Frame,
    truth: TrueObject,
    answer: AmodalObject | None,
    painted: AmodalObject | None = None,
) -> ObjectScore:
    """Score one object; see `score_scene`.

    Args:
        frame: the picture with true visible masks.
        truth: the object.
        answer: its completion, or None.
        painted: its completion with the true whole mask, or None.
    """
    visible = frame.labels == truth.id
    predicted = np.zeros_like(visible) if answer is None else answer.full_mask(visible.shape)
    hidden, predicted_hidden = truth.amodal & ~visible, predicted & ~visible
    visible_area, amodal_area = _area(visible), _area(truth.amodal)
    both = hidden & predicted_hidden
    l1, l2 = painting_error(truth, answer, both)
    true_mask_l1, true_mask_l2 = painting_error(truth, painted, hidden)
    return ObjectScore(
        truth.id,
        truth.name,
        visible_area=visible_area,
        amodal_area=amodal_area,
        occlusion=_area(hidden) / amodal_area if amodal_area else 0.0,
        sf=iou(predicted, truth.amodal),
        expected=NAN if answer is None else answer.score,
        si=iou(predicted_hidden, hidden),
        hallucination=_ratio(_area(predicted_hidden), visible_area),
        boundary=boundary_f(predicted, truth.amodal, visible),
        painted_pixels=0 if math.isnan(l1) else _area(both),
        l1=l1,
        l2=l2,
        true_mask_l1=true_mask_l1,
        true_mask_l2=true_mask_l2,
        in_light=in_light(truth, painted, frame.rgb, visible),
    )


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one shape; NaN when both are empty."""
    return _ratio(_area(a & b), _area(a | b))


def true_edges(labels: NDArray[np.int32], objects: Sequence[TrueObject]) -> dict[Edge, int]:
    """Edges that count as true: `MIN_EDGE_SHARE` and `MIN_EDGE_PIXELS`, among `objects` alone.

    Args:
        labels: ``(H, W)`` true visible ids.
        objects: those that show at least one pixel.
    """
    areas = {o.id: _area(o.amodal) for o in objects}
    return {
        (occluder, occludee): pixels
        for occluder, occludee, pixels in true_occlusions(labels, objects)
        if occluder in areas and pixels >= least_overlap(areas[occludee])
    }


def least_overlap(area: float) -> float:
    """Pixels that an occluder must cover of a whole mask of `area` pixels to make a true edge."""
    return max(MIN_EDGE_PIXELS, MIN_EDGE_SHARE * area)


def score_edges(
    truth: TrueEdges,
    object_ids: Iterable[int],
    graph: OcclusionGraph,
    unscored: Collection[int] = (),
) -> EdgeScore:
    """Score the edges of `graph` among `object_ids`; edges to other objects are left out, and so
    are true and predicted edges whose occludee is one of `unscored`.

    Where two objects truly hide each other, the direction of the pair is that of the larger
    overlap (equal overlaps: either will do); where both directions are predicted, that of the
    higher score, as in the removal order.
    """
    known = set(object_ids)
    truth = {edge: pixels for edge, pixels in truth.items() if edge[1] not in unscored}
    predicted = {
        (e.occluder_id, e.occludee_id): (e.score, e.overlap_area)
        for e in graph.edges
        if e.occluder_id in known and e.occludee_id in known and e.occludee_id not in unscored
    }
    pairs = {(min(edge), max(edge)) for edge in truth}
    right = 0
    for a, b in pairs:
        # A true edge may come without an overlap: found by depth, or drawn by hand.
        forward, backward = truth.get((a, b), -1), truth.get((b, a), -1)
        said = predicted.get((a, b), (0.0, 0)), predicted.get((b, a), (0.0, 0))
        if forward == backward:
            right += said[0] != said[1]
        else:
            right += said[0] > said[1] if forward > backward else said[0] < said[1]
    hits = len(truth.keys() & predicted.keys())
    return EdgeScore(len(pairs), right, hits, len(predicted) - hits, len(truth) - hits)


def _area(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN
