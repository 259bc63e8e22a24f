"""What stands or lies on a table without being an object: containers, boards, papers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from segan_ros.synthesis.meshes import Array, extrude, lathe, rotation, rounded_box, superellipse
from segan_ros.synthesis.shapes import Part, Shape, Solid, solid
from segan_ros.synthesis.textures import Surface

FILM = 0.0004
"""Metres: what lies flat is this thin, so that it hides nothing of what lies on it."""


@dataclass(frozen=True, eq=False)
class Fixture:
    """An unlabelled thing that does not move.

    Args:
        shape: what it looks like, and what things rest against.
        position: ``(3,)`` metres.
        yaw: radians about z.
        screen: it stands up and may hide objects; else it is part of the table.
    """

    shape: Shape
    position: Array
    yaw: float
    screen: bool


@dataclass(frozen=True, eq=False)
class Container:
    """Fixtures that hold a pile.

    Args:
        fixtures: floor and walls.
        inside: half sizes in x and y between the walls at their upper edge, metres.
        rim: height of the walls, metres.
    """

    fixtures: tuple[Fixture, ...]
    inside: tuple[float, float]
    rim: float


def moulded(rng: Generator, half: ArrayLike, rim: float, finish: Surface) -> Container:
    """A bin or tray of plastic, metal or wicker: rounded corners, walls that lean outwards.

    Args:
        rng: draws its lean, lip and corners.
        half: half sizes of the floor, metres.
        rim: height of the walls.
        finish: its surface.
    """
    a, b = np.asarray(half, float)
    lean = np.tan(np.radians(rng.uniform(1, 9))) * rim
    wall, lip = rng.uniform(0.0025, 0.005), rng.uniform(0.004, 0.014)
    exponent = float(rng.choice([5, 8, 8, 12]))
    profile = [
        [a, 0], [a + lean, rim - 0.004], [a + lean + lip, rim - 0.004], [a + lean + lip, rim],
        [a + lean - wall, rim], [a - wall, 0],
    ]  # fmt: skip
    mesh = lathe(profile, 96, superellipse(exponent, b / a))
    # Flat sides, round corners.
    corner = np.array([0, 30, 38, 45, 52, 60])
    angles = np.radians(np.concatenate([corner + 90 * k for k in range(4)]))
    x, y = superellipse(exponent, b / a)(angles, angles)
    low, high = (np.c_[(a + d) * x, (a + d) * y] for d in (-wall, lean - wall))
    shape = Shape("bin", (Part(mesh, finish),), tuple(_panels(low, high, rim, 0.012)))
    floor = np.c_[superellipse(exponent, b / a)(t := np.linspace(0, 2 * np.pi, 72, False), t)]
    base = Shape("floor", (Part(extrude(floor * (a - wall / 2), FILM), finish),), ())
    inside = a + lean - wall, b + (lean - wall) * b / a
    return Container((_flat(base), Fixture(shape, np.zeros(3), 0.0, True)), inside, rim)


def boxed(rng: Generator, half: ArrayLike, rim: float, finish: Surface, slats: int) -> Container:
    """A cardboard box with open flaps (`slats` 0), or a wooden crate of that many slats a side."""
    a, b = np.asarray(half, float)
    wall = 0.003 if slats == 0 else rng.uniform(0.006, 0.012)
    parts: list[Part] = []
    solids: list[Solid] = []
    flap, droop = rng.uniform(0.03, 0.08), rng.uniform(15, 75)
    for k in range(4):
        away, along = (a, b) if k % 2 == 0 else (b, a)
        turn = rotation("z", 90 * k)
        long = along + wall
        solids.append(solid("box", [wall / 2, long, rim / 2],
                            turn @ [away + wall / 2, 0, rim / 2], turn))  # fmt: skip
        each = rim / max(slats, 1)
        for s in range(max(slats, 1)):
            size = [wall / 2, long, each * (0.5 if slats == 0 else 0.42)]
            board = rounded_box(size, min(0.0012, wall / 3), 1)
            parts.append(Part(board.moved(turn @ [away + wall / 2, 0, (s + 0.5) * each], turn),
                              finish if not parts else "same"))  # fmt: skip
        if slats:
            post = rounded_box([0.009, 0.009, rim / 2], 0.001, 1)
            parts.append(Part(post.moved(turn @ [away - 0.008, along - 0.008, rim / 2]), "same"))
            solids.append(solid("box", [0.009, 0.009, rim / 2],
                                turn @ [away - 0.008, along - 0.008, rim / 2], turn))  # fmt: skip
        elif flap > 0.04:
            tilt = turn @ rotation("y", droop + rng.normal(0, 8))
            middle = turn @ [away + wall / 2, 0, rim] + tilt @ [flap / 2, 0, 0]
            lid = rounded_box([flap / 2, along * 0.96, wall / 2], 0.001, 1)
            parts.append(Part(lid.moved(middle, tilt), "same"))
            solids.append(solid("box", [flap / 2, along * 0.96, wall / 2], middle, tilt))
    floor = Shape("floor", (Part(extrude(_rectangle(a, b), FILM), finish),), ())
    shape = Shape("crate" if slats else "box", tuple(parts), tuple(solids))
    return Container((_flat(floor), Fixture(shape, np.zeros(3), 0.0, True)), (a, b), rim)


def flat_sheet(half: ArrayLike, place: Array, yaw: float, finish: Surface) -> Fixture:
    """A mat, a cloth or a sheet of paper; `place` ``(3,)`` is its centre on the table."""
    sheet = Shape("sheet", (Part(extrude(_rectangle(*np.asarray(half, float)), FILM), finish),), ())
    return Fixture(sheet, np.asarray(place, float), yaw, False)


def board(rng: Generator, half: ArrayLike, finish: Surface) -> Fixture:
    """A cutting or shelf board: thick enough to hide what lies behind its edge."""
    thick = float(rng.uniform(0.008, 0.02))
    corner, steps = rng.uniform(0.005, 0.03), np.linspace(0, np.pi / 2, 5)
    a, b = np.asarray(half, float)
    outline = np.concatenate([
        np.c_[sx * (a - corner), sy * (b - corner)]
        + corner * np.c_[np.cos(steps + start), np.sin(steps + start)]
        for sx, sy, start in ((1, 1, 0), (-1, 1, np.pi / 2), (-1, -1, np.pi), (1, -1, -np.pi / 2))
    ])  # fmt: skip
    shape = Shape(
        "board", (Part(extrude(outline, thick).moved([0, 0, thick / 2]), finish),),
        (solid("box", [a, b, thick / 2], [0, 0, thick / 2]),),
    )  # fmt: skip
    return Fixture(shape, np.zeros(3), 0.0, True)


def _flat(shape: Shape) -> Fixture:
    return Fixture(shape, np.array([0, 0, FILM]), 0.0, False)


def _rectangle(a: float, b: float) -> Array:
    return np.array([[-a, -b], [a, -b], [a, b], [-a, b]])


def _panels(low: Array, high: Array, rim: float, thickness: float) -> list[Solid]:
    """Boxes outside the closed line `low` ``(P, 2)`` at the floor and `high` at height `rim`."""
    found = []
    for k in range(len(low)):
        n = (k + 1) % len(low)
        across = np.r_[high[n] - high[k], 0]
        up = np.r_[(high[n] + high[k] - low[n] - low[k]) / 2, rim]
        wide, tall = np.linalg.norm(across), np.linalg.norm(up)
        across, up = across / wide, up / tall
        out = np.cross(across, up)
        out /= np.linalg.norm(out)
        middle = np.r_[(low[k] + low[n] + high[k] + high[n]) / 4, rim / 2] + out * thickness / 2
        half = np.array([thickness / 2, wide / 2 + 0.002, tall / 2])
        found.append(solid("box", half, middle, np.stack([out, across, up], axis=1)))
    return found
