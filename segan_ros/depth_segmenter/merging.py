"""Which neighbouring regions are one object: by the turn of the surface between them, and colour.

Regions are joined in pairs, the likeliest first, until no pair is likely enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.depth_segmenter.regions import Labels
from segan_ros.depth_segmenter.surface import WIDE, Map, Surface

BESIDE = 2
"""Pixels from a border at which both sides of it are looked at."""

LONG = 20
"""Pixels from which on a border is long."""

LARGE = 0.006
"""Metres² from which on a region is large."""

SHARPEST, LARGEST_STEP = 3.0, 0.1
"""Turns and steps beyond these, the latter as a share of the distance, tell nothing more."""


@dataclass
class Border:
    """Between two regions, summed over its pixels.

    Args:
        length: pixels.
        turn: of the surface, over a narrow strip.
        wide_turn: over a wider one.
        step: in depth from one side to the other, as a share of it.
    """

    length: float
    turn: float
    wide_turn: float
    step: float

    def __add__(self, other: Border) -> Border:
        return Border(
            self.length + other.length,
            self.turn + other.turn,
            self.wide_turn + other.wide_turn,
            self.step + other.step,
        )


@dataclass
class Region:
    """Sums over the pixels of a region.

    Args:
        pixels: how many.
        area: metres².
        colour: ``(3,)`` Lab, 8 bit.
        point: ``(3,)`` metres.
    """

    pixels: float
    area: float
    colour: NDArray[np.float64]
    point: NDArray[np.float64]

    def __add__(self, other: Region) -> Region:
        return Region(
            self.pixels + other.pixels,
            self.area + other.area,
            self.colour + other.colour,
            self.point + other.point,
        )


def evidence(border: Border, one: Region, other: Region) -> tuple[float, ...]:
    """What tells whether two regions are one object; see `RULE`."""
    light, *tint = (abs(one.colour / one.pixels - other.colour / other.pixels)).tolist()
    same_colour = math.exp(-math.hypot(*tint) / 8 - light / 40)
    turn = border.turn / border.length
    apart = math.dist((one.point / one.pixels).tolist(), (other.point / other.pixels).tolist())
    area = min(one.area, other.area)
    crease = min(max(turn - 1, 0.0), 1.0) * min(border.length / LONG, 1.0) * min(area / LARGE, 1.0)
    return (
        same_colour,
        same_colour * border.wide_turn / border.length,
        turn,
        border.step / border.length * 20,
        math.log(area + 1e-6),
        apart * 10,
        1.0,
        crease,
    )


RULE = (7.93, -1.72, -1.31, 0.79, -0.31, -1.02, -0.27, -1.0)
"""Weights of `evidence`; the weighted sum is the logarithm of the odds that two regions are one
object. By logistic regression on the neighbouring regions of 87 validation scenes (`segan generate
--split val --seed 5 --size 640x480 --objects all`, noise of 0.4 %). Two are by hand: 0.2 is taken
off the constant, and the last one keeps a box apart from another of its colour below it, as most
things of those scenes are concave and of one colour."""


def merged(labels: Labels, surface: Surface, turn: Map, lab: Map, odds: float) -> Labels:
    """`labels` with regions that are one object under one number.

    Args:
        labels: ``(h, w)`` regions, 0 between them.
        surface: what is seen.
        turn: of the surface over `NARROW`.
        lab: ``(h, w, 3)`` colours.
        odds: logarithm of those from which on two regions are one.
    """
    borders = _borders(labels, surface, turn)
    regions = _regions(labels, surface, lab)
    around: dict[int, set[int]] = {i: set() for i in range(len(regions))}
    for i, j in borders:
        around[i].add(j)
        around[j].add(i)
    numbers = np.arange(len(regions), dtype=np.int32)

    def score(pair: tuple[int, int]) -> float:
        found = evidence(borders[pair], regions[pair[0]], regions[pair[1]])
        return sum(weight * value for weight, value in zip(RULE, found, strict=True)) - odds

    scores = {pair: score(pair) for pair in borders}
    while scores:
        best = max(scores, key=scores.__getitem__)
        if scores.pop(best) <= 0:
            break
        kept, gone = best
        numbers[numbers == gone] = kept
        del borders[best]
        regions[kept] += regions[gone]
        around[kept].discard(gone)
        for third in around.pop(gone) - {kept}:
            old, new = _pair(gone, third), _pair(kept, third)
            del scores[old]
            border = borders.pop(old)
            borders[new] = borders[new] + border if new in borders else border
            around[third].discard(gone)
            around[third].add(kept)
            around[kept].add(third)
        for third in around[kept]:
            scores[_pair(kept, third)] = score(_pair(kept, third))
    return numbers[labels]


def _pair(i: int, j: int) -> tuple[int, int]:
    return (i, j) if i < j else (j, i)


def _regions(labels: Labels, surface: Surface, lab: Map) -> list[Region]:
    some = np.flatnonzero(labels)
    numbers, count = labels.ravel()[some], int(labels.max()) + 1
    depth = 1 / surface.inverse.ravel()[some]
    point = depth * surface.x.ravel()[some], depth * surface.y.ravel()[some], depth
    area = (depth / surface.focal) ** 2
    values = np.ones(len(some)), area, *lab.reshape(-1, 3)[some].T, *point
    sums = np.stack([np.bincount(numbers, v, count) for v in values], 1)
    return [Region(row[0], row[1], row[2:5], row[5:8]) for row in sums]


def _beside(labels: Labels) -> tuple[tuple[Labels, Labels], tuple[Labels, Labels]]:
    """Pixels and their right, and their lower, neighbours."""
    return (labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])


def _borders(labels: Labels, surface: Surface, turn: Map) -> dict[tuple[int, int], Border]:
    height, width = labels.shape
    count = int(labels.max()) + 1
    log = np.log(surface.inverse).ravel()
    narrow = cv2.dilate(turn, np.ones((3, 3), np.uint8)).clip(0, SHARPEST).ravel()
    wide = surface.turn(WIDE).clip(0, SHARPEST).ravel()
    keys, values = [], []
    for (one, other), (dy, dx) in zip(_beside(labels), ((0, 1), (1, 0)), strict=True):
        rows, columns = np.nonzero((one != other) & (one > 0) & (other > 0))
        i, j = one[rows, columns].astype(np.int64), other[rows, columns]
        here = rows * width + columns
        there = here + dy * width + dx
        before = (rows - BESIDE * dy).clip(0) * width + (columns - BESIDE * dx).clip(0)
        after = (rows + (BESIDE + 1) * dy).clip(max=height - 1) * width
        after += (columns + (BESIDE + 1) * dx).clip(max=width - 1)
        keys.append(np.minimum(i, j) * count + np.maximum(i, j))
        values.append(
            np.stack(
                [
                    np.ones(len(here)),
                    np.maximum(narrow[here], narrow[there]),
                    np.maximum(wide[here], wide[there]),
                    np.abs(log[before] - log[after]).clip(max=LARGEST_STEP),
                ]
            )
        )
    pairs, which = np.unique(np.concatenate(keys), return_inverse=True)
    sums = [np.bincount(which, v, len(pairs)) for v in np.concatenate(values, 1)]
    return {
        (int(pair) // count, int(pair) % count): Border(*border)
        for pair, border in zip(pairs, np.stack(sums, 1).tolist(), strict=True)
    }
