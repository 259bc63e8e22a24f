"""What a lift would disturb: for every two objects, how likely one goes with the other.

In front is not on top. With depth and the direction of gravity, footprints and heights tell what
lies on what, and a few trees judge them; a picture alone tells less, and a logistic model weighs
it. Both learned from lifts in a simulator (``benchmark/fit_lifts.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import AmodalObject, OcclusionEdge
from segan_ros.occlusion.pairs import (
    OWN,
    Pairs,
    Space,
    chain_features,
    edge_matrices,
    no_pairs,
    spatial_pairs,
)
from segan_ros.occlusion.trees import PARTS, Trees

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
"""What the probability of a clean lift is made of in a picture: log odds that no pair says
otherwise, and by how much the visible mask is smaller than `SMALL`, as a logarithm: what is hardly
seen is not known."""

SPATIAL_LIFT = (
    *LIFT,
    *("most risk", "second risk", "third risk", "hits", "falls"),
    *OWN,
    *("below the highest", "objects"),
)
"""The same in space: also the highest risks and their sums, of disturbing others and of being
disturbed, and what is measured of the object itself."""

SMALL = 0.002
"""Of the picture."""

TREES = ("first", "second", "lift")
"""Names of the models in ``lift_trees.npz``."""

# Printed by benchmark/fit_lifts.py, which also writes lift_trees.npz. Fitted as the trees of pairs.
FLAT_WEIGHTS = Weights(-2.283, (1.881, 0.025, 1.098, 1.020, 0.562, 1.417, -0.976, -0.082))
FLAT_LIFT_WEIGHTS = Weights(0.198, (0.914, -0.358))


def spatial_risks(
    objects: Sequence[AmodalObject], edges: Iterable[OcclusionEdge], space: Space, pixels: int
) -> tuple[NDArray[np.float64], Pairs]:
    """``(n, n)``: how likely the lift of the object of a row disturbs that of a column, 0 for
    objects without a place in space; and what that rests on.

    Args:
        objects: completed.
        edges: of their occlusion.
        space: where they are.
        pixels: of the picture.
    """
    pairs = spatial_pairs(objects, edges, space, pixels)
    first, second, _ = lift_trees()
    return risks_by(first, second, pairs, len(objects)), pairs


def risks_by(first: Trees, second: Trees, pairs: Pairs, count: int) -> NDArray[np.float64]:
    """``(count, count)``: the risks of `spatial_risks`, by a model of a first guess and one that
    also knows what that says of all pairs."""
    guess = as_matrix(pairs, first(pairs.features), count)
    features = np.concatenate([pairs.features, chain_features(guess, pairs)], axis=1)
    return as_matrix(pairs, second(features), count)


def spatial_probabilities(
    risks: NDArray[np.float64], pairs: Pairs, objects: Sequence[AmodalObject], pixels: int
) -> NDArray[np.float64]:
    """``(n,)``: how likely the lift of each object disturbs no other; means nothing for objects
    without a place in space.

    Args:
        risks, pairs: of `spatial_risks`; `risks` may be filled up where there was no place in
            space.
        objects: completed.
        pixels: of the picture.
    """
    return lift_trees()[2](spatial_lift_features(risks, pairs, objects, pixels))


@cache
def lift_trees() -> tuple[Trees, Trees, Trees]:
    """The model of a first guess of pairs, the one that also knows what else would be disturbed,
    and the one of whole lifts."""
    with np.load(Path(__file__).with_name("lift_trees.npz"), allow_pickle=False) as file:
        first, second, lift = (
            Trees(float(file[f"{name}_bias"]), *(file[f"{name}_{part}"] for part in PARTS))
            for name in TREES
        )
    return first, second, lift


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
        return no_pairs(len(FLAT), np.zeros((0, 0)))
    place = {o.id: i for i, o in enumerate(objects)}
    covers, share = edge_matrices(objects, edges)
    over, across = _meetings(labels, place)
    length = over + over.T + across + across.T
    lifted, other = np.nonzero((length > 0) | (covers > 0) | (covers.T > 0))
    none = np.zeros((len(objects), 0))
    if not len(lifted):
        return no_pairs(len(FLAT), none)
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
    return Pairs(lifted, other, features, none)


def as_matrix(pairs: Pairs, risks: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``(count, count)``: how likely the lift of the object of a row disturbs that of a column."""
    result = np.zeros((count, count))
    result[pairs.lifted, pairs.other] = risks
    return result


def lift_features(
    risks: NDArray[np.float64], objects: Sequence[AmodalObject], pixels: int
) -> NDArray[np.float64]:
    """``(n, 2)``, see `LIFT`, of all objects in a picture of so many `pixels`."""
    clean = np.prod(1 - risks, axis=1).clip(1e-3, 1 - 1e-3)
    area = np.array([max(o.visible_area, 1) for o in objects], float)
    small = np.log(SMALL * pixels / area).clip(0, 4)
    return np.stack([np.log(clean / (1 - clean)), small], axis=1)


def spatial_lift_features(
    risks: NDArray[np.float64], pairs: Pairs, objects: Sequence[AmodalObject], pixels: int
) -> NDArray[np.float64]:
    """``(n, f)``, see `SPATIAL_LIFT`, of all objects in a picture of so many `pixels`."""
    count = len(risks)
    highest = np.zeros((count, 3))
    highest[:, : min(count, 3)] = np.sort(risks, axis=1)[:, ::-1][:, :3]
    high = pairs.own[:, OWN.index("high")]
    return np.column_stack(
        [
            lift_features(risks, objects, pixels),
            highest,
            risks.sum(axis=1),
            risks.sum(axis=0),
            pairs.own,
            high - high.max(initial=0),
            np.full(count, count),
        ]
    )


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
