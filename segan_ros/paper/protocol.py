"""The paper's own scores, for its tables alone (section 4). Pure functions.

They flatter: masks are compared at 58x58 pixels of the widened box, "visible" asks whether the
*whole* mask covers what is seen, and "invisible" is a recall, so that predicting too much costs
nothing. `segan_ros.scoring.metrics` has the strict ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Roi, crop, tight_box
from segan_ros.crops.planes import resized
from segan_ros.frame import AmodalObject, Mask
from segan_ros.scoring.metrics import iou
from segan_ros.truth import TrueObject

SIDE = 58
"""Of the masks that are compared (section 3.1)."""

ROI = Roi(0.2, "each_side")
"""What they show: the visible box widened by 20 % a side, as at the paper's test time."""

MIN_PAIR_IOU = 0.05
"""An object hides another when the IoU of its visible mask and the other's invisible part is
larger (section 4.3)."""

Pair = tuple[int, int]
"""Ids of two objects, the smaller one first."""


@dataclass(frozen=True)
class MaskScore:
    """One object by the paper's protocol.

    Args:
        whole: IoU of the true and the predicted SF ("visible and invisible").
        visible: IoU of the true SV and the predicted SF.
        invisible: share of the true SI inside the predicted SF; 0 where nothing is hidden.
    """

    whole: float
    visible: float
    invisible: float


def score_mask(visible: Mask, whole: Mask, predicted: Mask) -> MaskScore:
    """Score one predicted whole mask.

    Args:
        visible: ``(H, W)`` bool, the true SV; not empty.
        whole: ``(H, W)`` bool, the true SF.
        predicted: ``(H, W)`` bool, the predicted SF.
    """
    roi = ROI.around(tight_box(visible), (visible.shape[0], visible.shape[1]))
    sv, sf, guess = (resized(crop(m, roi), (SIDE, SIDE)) > 0.5 for m in (visible, whole, predicted))
    hidden = sf & ~sv
    area = np.count_nonzero(hidden)
    found = np.count_nonzero(hidden & guess) / area if area else 0.0
    return MaskScore(iou(guess, sf), iou(guess, sv), found)


def overlaps(labels: NDArray[np.int32], masks: Mapping[int, Mask]) -> dict[Pair, float]:
    """IoU of the visible mask of one object and the invisible part of another, by (occluder,
    occludee), where it is above `MIN_PAIR_IOU`.

    Args:
        labels: ``(H, W)`` true visible ids.
        masks: id -> ``(H, W)`` whole mask, true or predicted.
    """
    found: dict[Pair, float] = {}
    for occludee, whole in masks.items():
        hidden = whole & (labels != occludee)
        for occluder in masks:
            visible = labels == occluder
            both = int(np.count_nonzero(hidden & visible))
            if occluder != occludee and both:
                share = both / int(np.count_nonzero(hidden | visible))
                if share > MIN_PAIR_IOU:
                    found[occluder, occludee] = share
    return found


def order_by_masks(labels: NDArray[np.int32], masks: Mapping[int, Mask]) -> dict[Pair, int]:
    """Who of two objects lies in front, by the larger overlap; pairs without one are left out."""
    found = overlaps(labels, masks)
    order = {}
    for a, b in {(min(p), max(p)) for p in found}:
        forward, backward = found.get((a, b), 0.0), found.get((b, a), 0.0)
        if forward != backward:
            order[a, b] = a if forward > backward else b
    return order


def order_as_told(objects: Iterable[AmodalObject]) -> dict[Pair, int]:
    """Who of two objects lies in front, as the network tells it (`AmodalObject.in_front`)."""
    told = {o.id: o.in_front or {} for o in objects}
    order = {}
    for a, b in {(min(i, j), max(i, j)) for i, around in told.items() for j in around}:
        front_a, front_b = told.get(b, {}).get(a, 0.0), told.get(a, {}).get(b, 0.0)
        if front_a != front_b:
            order[a, b] = a if front_a > front_b else b
    return order


def order_by_depth(labels: NDArray[np.int32], depth: NDArray[np.float32]) -> dict[Pair, int]:
    """Who of two objects lies in front, by the mean depth of what is seen of them (Table 5)."""
    ids = [int(i) for i in np.unique(labels) if i > 0]
    means = {i: float(np.nanmean(depth[labels == i])) for i in ids if _known(depth[labels == i])}
    return {(a, b): a if means[a] < means[b] else b for a in means for b in means if a < b}


def _known(depth: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(depth).any())


def right_orders(truth: Mapping[Pair, int], said: Mapping[Pair, int]) -> tuple[int, int]:
    """How many of the true pairs were put in the right order, and how many there are."""
    return sum(said.get(pair) == front for pair, front in truth.items()), len(truth)


def whole_masks(objects: tuple[TrueObject, ...], labels: NDArray[np.int32]) -> dict[int, Mask]:
    """The true whole masks of the objects that show a pixel."""
    shown = set(np.unique(labels).tolist())
    return {o.id: o.amodal for o in objects if o.id in shown}
