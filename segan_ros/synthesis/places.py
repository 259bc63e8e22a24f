"""Where objects start: some upright on the table, the rest one above another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.shapes import Shape

Place = tuple[Array, Array]
"""Position in metres and quaternion (w first)."""


def draw_places(
    shapes: Sequence[Shape],
    area: tuple[float, float],
    standing: float,
    level: float,
    rng: Generator,
) -> list[Place]:
    """Where each of `shapes` starts.

    Args:
        shapes: the objects.
        area: half axes of the ellipse over which they start, metres.
        standing: share of those that may stand that are placed upright.
        level: height of what they are put upon, metres.
        rng: draws.
    """
    places: list[Place] = []
    taken: list[tuple[Array, float]] = []
    height = 0.12
    for shape in shapes:
        low, high = shape.bounds
        reach = float(np.linalg.norm(np.maximum(-low, high)[:2]))
        spot = None
        if shape.standing and rng.random() < standing:
            spot = _free_spot(taken, reach, area, rng)
        if spot is not None:
            taken.append((spot, reach))
            half = rng.uniform(0, np.pi)
            upright = np.array([np.cos(half), 0, 0, np.sin(half)])
            places.append((np.r_[spot, level + 0.002 - low[2]], upright))
            continue
        room = float(np.linalg.norm(np.maximum(-low, high)))
        height += room
        spot = 0.7 * np.array(area) * _in_disc(rng)
        turn = rng.normal(size=4)
        if rng.random() < 0.35:
            turn[1:3] *= 0.15
        places.append((np.r_[spot, height], turn / np.linalg.norm(turn)))
        height += 0.6 * room
    return places


def _free_spot(
    taken: Sequence[tuple[Array, float]], reach: float, area: tuple[float, float], rng: Generator
) -> Array | None:
    for _ in range(30):
        spot: Array = np.maximum(np.array(area) - reach, 0.01) * _in_disc(rng)
        if all(np.linalg.norm(spot - other) > 0.85 * (reach + far) for other, far in taken):
            return spot
    return None


def _in_disc(rng: Generator) -> Array:
    angle = rng.uniform(0, 2 * np.pi)
    return np.sqrt(rng.random()) * np.array([np.cos(angle), np.sin(angle)])
