"""What a lift would disturb: for every two objects, how likely one goes with the other.

In front is not on top. With depth and the direction of gravity, footprints and heights tell what
lies on what; a picture alone tells less. Either way a small logistic model weighs what is seen; it
learned from lifts in a simulator (``benchmark/fit_lifts.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, OcclusionEdge

NEAR = 0.03
"""Metres, measured level, beyond which two objects do not disturb each other."""

CLOSE = 0.015
"""Metres, measured level, within which points of two objects lie over each other."""

SPATIAL = (
    *("above", "step", "covers", "below", "foot", "close", "hidden", "top", "apart", "head"),
    "larger",
)
"""What the model of space looks at, in the order of its weights; see `_spatial`."""

FLAT = ("covers", "share", "length", "side", "higher", "hidden", "covered", "larger")
"""What the model of the picture looks at, in the order of its weights; see `_flat`."""

REACH = 3
"""Pixels within which two masks meet."""


@dataclass(frozen=True)
class Weights:
    """A logistic model.

    Args:
        bias: of the log odds.
        weights: one for each feature.
    """

    bias: float
    weights: tuple[float, ...]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities ``(...)`` of features ``(..., n)``."""
        odds = self.bias + features @ np.array(self.weights)
        return np.asarray(1 / (1 + np.exp(-odds)), float)


LIFT = ("clean", "small")
"""What the probability of a clean lift is made of: log odds that no pair says otherwise, and by how
much the visible mask is smaller than `SMALL`, as a logarithm: what is hardly seen is not known."""

SMALL = 0.002
"""Of the picture."""

# Printed by benchmark/fit_lifts.py on 202 piles of the validation split.
SPATIAL_WEIGHTS = Weights(
    -2.993, (2.120, 0.756, 0.857, 1.777, 0.710, 0.367, 1.824, 0.541, -1.240, 0.442, -0.262)
)
SPATIAL_LIFT_WEIGHTS = Weights(0.368, (1.004, -0.512))
FLAT_WEIGHTS = Weights(-2.159, (1.816, 0.065, 0.978, 0.932, 0.516, 1.322, -0.827, -0.058))
FLAT_LIFT_WEIGHTS = Weights(0.226, (0.907, -0.354))


@dataclass(frozen=True, eq=False)
class Pairs:
    """What is seen of pairs of objects.

    Args:
        lifted, other: ``(n,)`` indices into the objects.
        features: ``(n, f)`` of each pair.
    """

    lifted: NDArray[np.intp]
    other: NDArray[np.intp]
    features: NDArray[np.float64]


def spatial_pairs(
    objects: Sequence[AmodalObject],
    edges: Iterable[OcclusionEdge],
    points: Mapping[int, NDArray[np.float64]],
    ground: float,
) -> Pairs:
    """Pairs of objects that are near each other, measured level, or of which one hides the other.

    Args:
        objects: completed.
        edges: of their occlusion.
        points: by id, ``(k, 3)`` metres of what is seen of an object, the same k for all, the third
            axis up. Objects without points make no pair.
        ground: height of what they lie on.
    """
    known = [i for i, o in enumerate(objects) if o.id in points]
    if len(known) < 2:
        return _no_pairs(len(SPATIAL))
    cloud = np.stack([points[objects[i].id] for i in known])
    low, middle, high = np.percentile(cloud[:, :, 2], (5, 50, 95), axis=1)
    corners = cloud[:, :, :2].min(axis=1), cloud[:, :, :2].max(axis=1)
    areas = np.array([objects[i].visible_area for i in known], float)
    covers = _scores(objects, edges)[np.ix_(known, known)]
    index = np.array(known)
    found = []
    for p in range(len(known)):
        gap = np.maximum(corners[0] - corners[1][p], corners[0][p] - corners[1]).max(axis=1)
        joined = (covers[p] > 0) | (covers[:, p] > 0)
        others = np.flatnonzero(((gap < NEAR) | joined) & (np.arange(len(known)) != p))
        if not len(others):
            continue
        mine, theirs = cloud[p], cloud[others]
        offset = theirs[:, None, :, :2] - mine[None, :, None, :2]
        apart = np.sqrt((offset**2).sum(axis=3))  # (others, mine, theirs)
        nearest = apart.min(axis=(1, 2))
        over = apart < CLOSE
        rise = theirs[:, None, :, 2] - mine[None, :, None, 2]
        step = (rise * over).sum(axis=(1, 2)) / np.maximum(over.sum(axis=(1, 2)), 1)
        inside = _inside(mine, theirs)
        below = [
            np.mean(_inside(t, mine[None])[0] & (mine[:, 2] < middle[o]))
            for t, o in zip(theirs, others, strict=True)
        ]
        features = np.stack(
            [
                np.sqrt((inside & (theirs[:, :, 2] > middle[p])).mean(axis=1)),
                np.tanh(step / 0.02),
                covers[others, p],
                np.sqrt(below),
                np.clip((low[others] - low[p]) / 0.05, -2, 2),
                over.any(axis=1).mean(axis=1),
                np.full(len(others), objects[known[p]].occlusion_ratio),
                np.full(len(others), np.clip((high[p] - ground) / 0.05, -1, 4)),
                np.minimum(nearest / NEAR, 1),
                np.clip((high[others] - high[p]) / 0.05, -2, 2),
                np.clip(np.log(areas[others] / areas[p]), -3, 3),
            ],
            axis=1,
        )
        near = (nearest < NEAR) | joined[others]
        found.append((np.full(len(others), index[p])[near], index[others[near]], features[near]))
    if not found:
        return _no_pairs(len(SPATIAL))
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def flat_pairs(
    labels: NDArray[np.int32], objects: Sequence[AmodalObject], edges: Sequence[OcclusionEdge]
) -> Pairs:
    """Pairs of objects that meet in the picture, or of which one occludes the other.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed.
        edges: of their occlusion.
    """
    if not objects:
        return _no_pairs(len(FLAT))
    place = {o.id: i for i, o in enumerate(objects)}
    count = len(objects)
    covers = _scores(objects, edges)
    share = np.zeros((count, count))
    for edge in edges:
        share[place[edge.occluder_id], place[edge.occludee_id]] = edge.overlap_ratio
    over, across = _meetings(labels, place)
    length = over + over.T + across + across.T
    lifted, other = np.nonzero((length > 0) | (covers > 0) | (covers.T > 0))
    if not len(lifted):
        return _no_pairs(len(FLAT))
    area = np.array([o.visible_area for o in objects], float)
    hidden = np.array([o.occlusion_ratio for o in objects])
    middle = np.array([(o.box[1] + o.box[3]) / 2 for o in objects])
    size = np.sqrt(area[lifted] + area[other])
    border = length[lifted, other]
    features = np.stack(
        [
            covers[other, lifted],
            np.sqrt(share[other, lifted]),
            np.minimum(border / np.sqrt(area[lifted]) / 4, 2),
            (over[other, lifted] - over[lifted, other]) / np.maximum(border, 8),
            np.clip((middle[lifted] - middle[other]) / size, -2, 2),
            hidden[lifted],
            covers[lifted, other],
            np.clip(np.log(area[other] / area[lifted]), -3, 3),
        ],
        axis=1,
    )
    return Pairs(lifted, other, features)


def risk_matrix(pairs: Pairs, weights: Weights, count: int) -> NDArray[np.float64]:
    """``(count, count)``: how likely the lift of the object of a row disturbs that of a column."""
    result = np.zeros((count, count))
    result[pairs.lifted, pairs.other] = weights(pairs.features)
    return result


def lift_features(
    risks: NDArray[np.float64], objects: Sequence[AmodalObject], pixels: int
) -> NDArray[np.float64]:
    """``(n, 2)``, see `LIFT`, of all objects in a picture of so many `pixels`."""
    clean = np.prod(1 - risks, axis=1).clip(1e-3, 1 - 1e-3)
    area = np.array([max(o.visible_area, 1) for o in objects], float)
    small = np.log(SMALL * pixels / area).clip(0, 4)
    return np.stack([np.log(clean / (1 - clean)), small], axis=1)


def _no_pairs(features: int) -> Pairs:
    none = np.zeros(0, np.intp)
    return Pairs(none, none, np.zeros((0, features)))


def _scores(objects: Sequence[AmodalObject], edges: Iterable[OcclusionEdge]) -> NDArray[np.float64]:
    """``(n, n)`` score of the edge from the object of a row to that of a column; 0 without."""
    place = {o.id: i for i, o in enumerate(objects)}
    result = np.zeros((len(objects), len(objects)))
    for edge in edges:
        result[place[edge.occluder_id], place[edge.occludee_id]] = edge.score
    return result


def _inside(footprint: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(n, k)`` bool: which of `points` ``(n, k, 3)`` lie over the convex hull of `footprint`."""
    hull = cv2.convexHull(footprint[:, :2].astype(np.float32))[:, 0].astype(float)
    side = np.roll(hull, -1, axis=0) - hull
    offset = points[:, :, None, :2] - hull
    turn = side[:, 0] * offset[..., 1] - side[:, 1] * offset[..., 0]
    return np.asarray((turn >= 0).all(axis=2) | (turn <= 0).all(axis=2))


def _meetings(
    labels: NDArray[np.int32], place: Mapping[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(n, n)`` twice: along how many pixels the object of a row lies right above that of a
    column in the picture, and along how many right beside it."""
    count = len(place)
    # Ids may be as large as 2^31 - 1: they are searched, not looked up in a table.
    ids = np.array(sorted(place), np.int32)
    places = np.array([place[i] for i in ids.tolist()], np.intp)
    found = []
    for first, second in (
        (labels[:-REACH], labels[REACH:]),
        (labels[:, :-REACH], labels[:, REACH:]),
    ):
        differ = (first != second) & (first > 0) & (second > 0)
        ends = np.stack((first[differ], second[differ]))
        at = np.searchsorted(ids, ends).clip(max=count - 1)
        known = (ids[at] == ends).all(axis=0)
        a, b = places[at[:, known]]
        pairs = np.bincount(a * count + b, minlength=count * count)
        found.append(pairs.reshape(count, count) / REACH)
    return found[0], found[1]
