"""Scores of many scenes in a few numbers: means, and means by occlusion. Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from segan_ros.scoring.metrics import NAN, PARTLY_HIDDEN, EdgeScore, ObjectScore, SceneScore
from segan_ros.scoring.painting import InLight

UNNAMED = "unnamed"
"""Kind of objects without a name."""

OCCLUSION_BINS = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Bounds of the bins of true occlusion."""


@dataclass(frozen=True)
class Summary:
    """Means over scenes; each mean stands beside the number of things it was taken over.

    SF, SI, hallucination, boundary (F-score of hidden outlines) and painting are means over
    objects, order accuracy is a mean over the scenes that have a true edge, and precision, recall
    and F1 are of the edges of all scenes together. `light_l1` is the colour difference in the
    picture's light, `step` and `detail` are ratios to the truth's (`InLight`), all three with true
    masks.
    """

    scenes: int
    objects: int
    sf: float
    si: float
    si_objects: int
    hallucination: float
    unoccluded_objects: int
    boundary: float
    order_accuracy: float
    order_scenes: int
    edge_precision: float
    edge_recall: float
    edge_f1: float
    true_edges: int
    l1: float
    l2: float
    painted_objects: int
    true_mask_l1: float
    true_mask_l2: float
    true_mask_objects: int
    light_l1: float
    step: float
    detail: float


@dataclass(frozen=True)
class BinScore:
    """Objects of one range of true occlusion, `low` included, `high` not (but in the last bin)."""

    low: float
    high: float
    objects: int
    sf: float
    si: float


def summarise(scenes: Sequence[SceneScore]) -> Summary:
    """Means over scenes; see `Summary`."""
    objects = [o for s in scenes for o in s.objects]
    hidden = [o for o in objects if o.partly_hidden]
    free = [o for o in objects if o.occlusion < PARTLY_HIDDEN[0]]
    orders = [s.edges.order_accuracy for s in scenes if s.edges.pairs]
    edges = add_edges(s.edges for s in scenes)
    paint = [o.in_light for o in hidden]
    return Summary(
        scenes=len(scenes),
        objects=len(objects),
        sf=mean(o.sf for o in objects),
        si=mean(o.si for o in hidden),
        si_objects=len(hidden),
        hallucination=mean(o.hallucination for o in free),
        unoccluded_objects=len(free),
        boundary=mean(o.boundary for o in hidden),
        order_accuracy=mean(orders),
        order_scenes=len(orders),
        edge_precision=edges.precision,
        edge_recall=edges.recall,
        edge_f1=edges.f1,
        true_edges=edges.true_positives + edges.false_negatives,
        l1=mean(o.l1 for o in hidden),
        l2=mean(o.l2 for o in hidden),
        painted_objects=sum(not math.isnan(o.l1) for o in hidden),
        true_mask_l1=mean(o.true_mask_l1 for o in hidden),
        true_mask_l2=mean(o.true_mask_l2 for o in hidden),
        true_mask_objects=sum(not math.isnan(o.true_mask_l1) for o in hidden),
        light_l1=mean(p.l1 for p in paint),
        step=_ratio(paint, "step", "usual_step"),
        detail=_ratio(paint, "detail", "true_detail"),
    )


def _ratio(paint: Sequence[InLight], ours: str, usual: str) -> float:
    """The mean of `ours` over that of `usual`, over objects that have both."""
    pairs = [(getattr(p, ours), getattr(p, usual)) for p in paint]
    both = [(a, b) for a, b in pairs if not math.isnan(a + b)]
    below = sum(b for _, b in both)
    return sum(a for a, _ in both) / below if below else NAN


@dataclass(frozen=True)
class KindScore:
    """Partly hidden objects of one kind."""

    name: str
    objects: int
    si: float
    boundary: float


def by_kind(objects: Iterable[ObjectScore]) -> dict[str, KindScore]:
    """Means over the partly hidden objects of each kind, lowest SI first; numbered variants of a
    kind (``bag_2``) count together."""
    kinds: dict[str, list[ObjectScore]] = {}
    for item in objects:
        if item.partly_hidden:
            kinds.setdefault(re.sub(r"_\d{1,2}$", "", item.name) or UNNAMED, []).append(item)
    scores = [
        KindScore(name, len(found), mean(o.si for o in found), mean(o.boundary for o in found))
        for name, found in kinds.items()
    ]
    return {k.name: k for k in sorted(scores, key=lambda k: k.si)}


def bin_by_occlusion(
    objects: Iterable[ObjectScore], bounds: Sequence[float] = OCCLUSION_BINS
) -> list[BinScore]:
    """Mean SF and SI of `objects` by their true occlusion, one bin between each two `bounds`."""
    objects = list(objects)
    bins = []
    for low, high in pairwise(bounds):
        last = high == bounds[-1]
        inside = [o for o in objects if low <= o.occlusion < high or (last and o.occlusion == high)]
        bins.append(
            BinScore(low, high, len(inside), mean(o.sf for o in inside), mean(o.si for o in inside))
        )
    return bins


def add_edges(scores: Iterable[EdgeScore]) -> EdgeScore:
    """The counts of all `scores` together."""
    scores = list(scores)
    return EdgeScore(*(sum(getattr(s, f.name) for s in scores) for f in fields(EdgeScore)))


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN when there is none."""
    numbers = [v for v in values if not math.isnan(v)]
    return sum(numbers) / len(numbers) if numbers else NAN
