"""Without depth: how likely one object occludes another, weighed by trees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import clip, crop, dilate, distinct, relative
from segan_ros.frame import AmodalObject
from segan_ros.occlusion.trees import PARTS, Trees

FEATURES = (
    *("overlap", "likely overlap", "most likely"),
    *("overlap back", "likely overlap back", "most likely back"),
    *("length for occludee", "length for occluder", "larger", "least"),
)
"""What the trees look at, of an occluder q and an occludee p. Pixels of visible q in p's whole
mask, the sum and the maximum of p's probability over visible q; the same of p and q swapped. Pixels
of q near p, by the square root of either visible area; the logarithm of how much larger visible p
is; the least overlap that counts as a share of p. Overlaps are multiples of the least."""

MOST = 20.0
"""Overlaps of so many times the least one, and above, are the same."""

REACH = 2
"""Pixels within which two masks touch."""

_SQUARE = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)


def weigh(
    labels: NDArray[np.int32], objects: Sequence[AmodalObject], least: NDArray[np.float64]
) -> dict[tuple[int, int], tuple[int, float]]:
    """By ids of occluder and occludee, the pixels of their overlap, and how likely it is an edge,
    0..1; pairs that neither touch nor overlap are left out.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed.
        least: ``(n,)`` pixels > 0, the least overlap that counts, by occludee.
    """
    pairs, overlaps, features = pair_features(labels, objects, least)
    if not pairs:
        return {}
    likely = edge_trees()(features)
    return dict(zip(pairs, zip(overlaps, likely.tolist(), strict=True), strict=True))


def pair_features(
    labels: NDArray[np.int32], objects: Sequence[AmodalObject], least: NDArray[np.float64]
) -> tuple[list[tuple[int, int]], list[int], NDArray[np.float64]]:
    """Ids of occluder and occludee, pixels of their overlap, and ``(m, 10)``, see `FEATURES`, of
    all ordered pairs that touch or overlap. The arguments are those of `weigh`."""
    # Rows are occludees, columns are occluders.
    overlap, total, most, near = _looked_at(labels, objects)
    back, front = np.nonzero((near > 0) | (overlap > 0) | (overlap.T > 0))
    seen = np.array([max(o.visible_area, 1) for o in objects], float)
    whole = np.array([max(o.amodal_area, 1) for o in objects], float)
    times = np.minimum(overlap / least[:, None], MOST)
    likely = np.minimum(total / least[:, None], MOST)
    features = np.stack(
        [
            times[back, front],
            likely[back, front],
            most[back, front],
            times[front, back],
            likely[front, back],
            most[front, back],
            near[back, front] / np.sqrt(seen[back]),
            near[back, front] / np.sqrt(seen[front]),
            np.log((seen[back] + 1) / (seen[front] + 1)),
            (least / whole)[back],
        ],
        axis=1,
    )
    ids = [o.id for o in objects]
    pairs = [(ids[q], ids[p]) for p, q in zip(back.tolist(), front.tolist(), strict=True)]
    return pairs, overlap[back, front].astype(int).tolist(), features


@cache
def edge_trees() -> Trees:
    """The trees of ``edge_trees.npz``, which `benchmark/fit_edges.py` fits."""
    with np.load(Path(__file__).with_name("edge_trees.npz"), allow_pickle=False) as file:
        return Trees(float(file["bias"]), *(file[part] for part in PARTS))


def _looked_at(labels: NDArray[np.int32], objects: Sequence[AmodalObject]) -> NDArray[np.float64]:
    """``(4, n, n)``, of the visible pixels of the object of a column: how many lie in the whole
    mask of that of a row, the sum and the maximum of its probability there, and how many are near
    what is seen of it."""
    size = labels.shape[0], labels.shape[1]
    place = {o.id: i for i, o in enumerate(objects)}
    found = np.zeros((4, len(objects), len(objects)))
    for row, item in enumerate(objects):
        view = clip(dilate(item.box, REACH), size)
        around = crop(labels, view)
        own = around == item.id
        near = around[(cv2.dilate(own.view(np.uint8), _SQUARE) > 0) & ~own]
        for other in distinct(near):
            if other in place:
                found[3, row, place[other]] = np.count_nonzero(near == other)
        inside = crop(labels, item.box)
        others = (inside > 0) & ~crop(own, relative(item.box, view))
        over, whole, probability = inside[others], item.amodal[others], item.probability[others]
        for other in distinct(over):
            if other in place:
                where = over == other
                chances = probability[where]
                found[:3, row, place[other]] = (
                    np.count_nonzero(whole[where]),
                    chances.sum(),
                    chances.max(),
                )
    return found
