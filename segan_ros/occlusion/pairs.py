"""What is measured of two objects whose places in space are known: who lies over whom, how high.

Footprints and heights of visible points, and the edges of their occlusion. The chain of supports is
told by a first guess of all risks: what lies on an object that lies on a third one goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, OcclusionEdge

FAR = 0.15
"""Metres, measured level, beyond which two objects that do not occlude each other are no pair."""

OVER, NEAR = 0.015, 0.04
"""Metres, measured level, within which points of two objects lie over each other, or nearly."""

RISE = 0.004
"""Metres from which on one point is higher than another."""

CHUNK = 512
"""Pairs that are measured at once: the memory that it takes is bounded."""

Array = NDArray[np.float64]


class Space(Protocol):
    """Where objects are, the third axis up, in metres: see `geometry.upright.Upright`."""

    @property
    def points(self) -> Mapping[int, Array]:
        """By id, ``(k, 3)`` of what is seen of an object, the same k for all. Objects without
        points make no pair."""

    @property
    def footprints(self) -> Mapping[int, Array]:
        """By id, ``(v, 2)`` corners of its convex hull, measured level."""

    @property
    def ground(self) -> float:
        """Height of what they lie on."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """What is seen of pairs of objects.

    Args:
        lifted, other: ``(n,)`` indices into the objects.
        features: ``(n, f)`` of each pair.
        own: ``(m, f)`` of each object by itself, see `OWN`; 0 for those without a place in space.
    """

    lifted: NDArray[np.intp]
    other: NDArray[np.intp]
    features: Array
    own: Array


def no_pairs(features: int, own: Array) -> Pairs:
    """None, with so many features each, of objects with these features."""
    none = np.zeros(0, np.intp)
    return Pairs(none, none, np.zeros((0, features)), own)


def edge_matrices(
    objects: Sequence[AmodalObject], edges: Iterable[OcclusionEdge]
) -> tuple[Array, Array]:
    """``(n, n)`` twice: score and overlap ratio of the edge from the object of a row to that of a
    column; 0 without."""
    place = {o.id: i for i, o in enumerate(objects)}
    score, share = np.zeros((2, len(objects), len(objects)))
    for edge in edges:
        at = place[edge.occluder_id], place[edge.occludee_id]
        score[at], share[at] = edge.score, edge.overlap_ratio
    return score, share


def spatial_pairs(
    objects: Sequence[AmodalObject],
    edges: Iterable[OcclusionEdge],
    space: Space,
    pixels: int,
) -> Pairs:
    """All pairs, both ways, of objects within `FAR` of each other or with an occlusion edge.

    Args:
        objects: completed.
        edges: of their occlusion.
        space: where they are.
        pixels: of the picture.
    """
    index = np.array([i for i, o in enumerate(objects) if o.id in space.points], np.intp)
    of_all = np.zeros((len(objects), len(OWN)))
    if not len(index):
        return no_pairs(len(SPATIAL), of_all)
    cloud = np.stack([space.points[objects[i].id] for i in index]).astype(np.float32)
    cloud[:, :, 2] -= space.ground
    own = of_all[index] = _of_objects([objects[i] for i in index], cloud, pixels)
    score, share = (m[np.ix_(index, index)] for m in edge_matrices(objects, edges))
    low, high = cloud[:, :, :2].min(axis=1), cloud[:, :, :2].max(axis=1)
    gap = np.maximum(low[None] - high[:, None], low[:, None] - high[None]).max(axis=2)
    a, b = np.nonzero(np.triu((gap < FAR) | (score + score.T > 0), 1))
    if not len(a):
        return no_pairs(len(SPATIAL), of_all)
    parts = range(0, len(a), CHUNK)
    met = [_meetings(cloud[a[k : k + CHUNK]], cloud[b[k : k + CHUNK]]) for k in parts]
    there, back = (np.concatenate(one) for one in zip(*met, strict=True))
    hulls = _padded([space.footprints[objects[i].id] for i in index])
    p, q = np.concatenate([a, b]), np.concatenate([b, a])
    features = np.concatenate(
        [
            np.concatenate([there, back]),
            _standing(hulls[p], cloud[q], own[p, _MIDDLE]),
            _standing(hulls[q], cloud[p], own[q, _MIDDLE]),
            own[p],
            own[q],
            (own[q] - own[p])[:, _COMPARED],
            np.stack(
                [
                    own[q, _LOW] - own[p, _HIGH],
                    *(m[at] for m in (score, share) for at in ((q, p), (p, q))),
                ],
                axis=1,
            ),
        ],
        axis=1,
    )
    return Pairs(index[p], index[q], features, of_all)


def chain_features(risks: Array, pairs: Pairs) -> Array:
    """``(n, f)`` of what a first guess of all `risks` ``(m, m)`` tells about each pair: over what
    lies between, and over what else would disturb the other or be disturbed."""
    p, q = pairs.lifted, pairs.other
    # Through the object between that most likely passes it on; once more, and by all of them.
    over = risks[:, :, None] * risks[None]
    chain = over.max(axis=1, initial=0)
    twice = (chain[:, :, None] * risks[None]).max(axis=1, initial=0)
    summed = 1 - np.prod(1 - over, axis=1)
    ranked = np.sort(risks, axis=0)[-2:]
    rival = np.where(risks == ranked[-1], ranked[0], ranked[-1])
    falls, hits = risks.sum(axis=0), risks.sum(axis=1)
    return np.stack(
        [
            risks[p, q],
            risks[q, p],
            chain[p, q],
            twice[p, q],
            summed[p, q],
            rival[p, q],
            falls[q] - risks[p, q],
            falls[p],
            hits[p] - risks[p, q],
            hits[q],
        ],
        axis=1,
    )


CHAIN = (
    *("first", "reverse", "chain", "twice", "summed", "rival", "falls with others", "lifted falls"),
    *("lifted hits others", "other hits"),
)
"""Names of `chain_features`."""

OWN = ("low", "middle", "high", "narrow", "wide", "hidden", "seen", "whole", "cut off", "score")
"""Names of `Pairs.own`."""

_LOW, _MIDDLE, _HIGH = range(3)
_COMPARED = [OWN.index(name) for name in ("low", "high", "seen", "whole")]
_MET = (
    *("other over", "lifted under", "rise", "other above", "lifted above"),
    *("other near", "lifted near", "near rise", "other nearly above", "lifted nearly above"),
    *("most rise", "least rise", "level gap", "gap", "rise at gap"),
)

SPATIAL = (
    *_MET,
    *("other inside", "other inside, above", "lifted inside", "lifted inside, above"),
    *(f"{name}, lifted" for name in OWN),
    *(f"{name}, other" for name in OWN),
    *(f"{OWN[i]}, difference" for i in _COMPARED),
    *("clearance", "score", "reverse score", "covers", "is covered"),
)
"""Names of the features of `spatial_pairs`."""


def _of_objects(objects: Sequence[AmodalObject], cloud: NDArray[np.float32], pixels: int) -> Array:
    """``(n, f)`` of each object, see `OWN`: heights, spreads of the footprint, metres; shares."""
    heights = np.sort(cloud[:, :, 2], axis=1)
    last = heights.shape[1] - 1
    low, middle, high = (heights[:, round(last * share)] for share in (0.05, 0.5, 0.95))
    level = cloud[:, :, :2] - cloud[:, :, :2].mean(axis=1, keepdims=True)
    xx, yy, xy = (
        (level[:, :, i] * level[:, :, j]).mean(axis=1) for i, j in ((0, 0), (1, 1), (0, 1))
    )
    middle_of, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    seen, whole = (
        np.log(np.array([max(getattr(o, area), 1) for o in objects], float) / pixels)
        for area in ("visible_area", "amodal_area")
    )
    return np.stack(
        [
            low,
            middle,
            high,
            np.sqrt(np.maximum(middle_of - half, 0)),
            np.sqrt(middle_of + half),
            [o.occlusion_ratio for o in objects],
            seen,
            whole,
            [float(o.truncated) for o in objects],
            [o.score for o in objects],
        ],
        axis=1,
    )


def _padded(hulls: Sequence[Array]) -> NDArray[np.float32]:
    """``(n, v, 2)`` the same corners, the last one of each as often as is needed."""
    result = np.empty((len(hulls), max(map(len, hulls)), 2), np.float32)
    for padded, hull in zip(result, hulls, strict=True):
        padded[: len(hull)] = hull
        padded[len(hull) :] = hull[-1]
    return result


def _standing(
    hulls: NDArray[np.float32], cloud: NDArray[np.float32], heights: Array
) -> NDArray[np.float64]:
    """``(n, 2)`` which share of each object lies over a convex hull, and which share does so higher
    than a height.

    Args:
        hulls: ``(n, v, 2)`` corners.
        cloud: ``(n, k, 3)`` points of the objects.
        heights: ``(n,)``.
    """
    side = np.roll(hulls, -1, axis=1) - hulls
    offset = side[:, :, 0] * hulls[:, :, 1] - side[:, :, 1] * hulls[:, :, 0]
    # Twice the area that each point spans with each side of the hull: of one sign inside.
    turn = side[:, :, 0, None] * cloud[:, None, :, 1] - side[:, :, 1, None] * cloud[:, None, :, 0]
    turn -= offset[:, :, None]
    inside = (turn.min(axis=1) >= 0) | (turn.max(axis=1) <= 0)
    above = inside & (cloud[:, :, 2] > heights[:, None])
    return np.stack([inside.mean(axis=1), above.mean(axis=1)], axis=1)


def _meetings(mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[Array, Array]:
    """``(n, f)`` twice, see `_MET`: of lifting the first of each pair, and the second.

    Args:
        mine, theirs: ``(n, k, 3)`` metres.
    """
    x, y, rise = (theirs[:, :, None, axis] - mine[:, None, :, axis] for axis in range(3))
    level = x * x + y * y
    closest = level.min(axis=(1, 2))
    there, back = np.repeat(_APART, 2 * len(mine), axis=0).reshape(2, len(mine), -1)
    if (near := closest < NEAR * NEAR).any():
        there[near], back[near] = _overlaps(level[near], rise[near])
    flat = (level + rise * rise).reshape(len(mine), -1)
    at = flat.argmin(axis=1)[:, None]
    gap = np.sqrt(np.take_along_axis(flat, at, 1))
    step = np.take_along_axis(rise.reshape(len(mine), -1), at, 1)
    apart = np.sqrt(closest)[:, None]
    return (
        np.concatenate([there, apart, gap, step], axis=1, dtype=float),
        np.concatenate([back, apart, gap, -step], axis=1, dtype=float),
    )


_APART = np.array([[*[0.0] * 10, -1.0, 1.0]])
"""`_overlaps` of two objects that lie nowhere over each other, either way."""


def _overlaps(level: NDArray[np.float32], rise: NDArray[np.float32]) -> tuple[Array, Array]:
    """``(n, f)`` twice, the first columns of `_meetings`.

    Args:
        level, rise: ``(n, k, k)`` squared level distance, and height over the first object's, of
            each point of the second (rows) and of the first.
    """
    # The nearest, measured level, of all points, of lower ones and of higher ones.
    of_theirs, of_mine = level.min(axis=2), level.min(axis=1)
    lower = np.where(rise > RISE, level, np.inf).min(axis=2)
    higher = np.where(rise < -RISE, level, np.inf).min(axis=1)
    there, back = [], []
    for reach in (OVER, NEAR):
        over = (level < reach * reach).astype(np.float32)
        mean = np.einsum("nij,nij->n", rise, over) / np.maximum(over.sum(axis=(1, 2)), 1)
        other, lifted, above, below = (
            (nearest < reach * reach).mean(axis=1)
            for nearest in (of_theirs, of_mine, lower, higher)
        )
        there += [other, lifted, mean, above, below]
        back += [lifted, other, -mean, below, above]
    met = level < OVER * OVER
    most = np.where(met, rise, -1).max(axis=(1, 2))
    least = np.where(met, rise, 1).min(axis=(1, 2))
    there += [most, least]
    back += [-least, -most]
    return np.stack(there, axis=1).astype(float), np.stack(back, axis=1).astype(float)
