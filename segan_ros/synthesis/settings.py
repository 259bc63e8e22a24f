"""Where a pile lies: open table, mats and papers, boards, trays, bins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.families import TRAIN
from segan_ros.synthesis.fixtures import FILM, Container, Fixture, board, boxed, flat_sheet, moulded
from segan_ros.synthesis.textures import Surface, paint

SETTINGS = {"table": 0.3, "mat": 0.15, "board": 0.1, "tray": 0.17, "bin": 0.28}
"""Share of the piles that lie so."""

CLUTTERED = 0.3
"""Share of the piles with unlabelled things beside them."""


@dataclass(frozen=True, eq=False)
class Setting:
    """The surroundings of one pile.

    Args:
        name: a key of `SETTINGS`.
        fixtures: unlabelled things, fixed.
        inside: half sizes of the container that things are dropped into, metres; None without.
        rim: height of its walls.
        level: height of what things are put upon, metres above the table.
    """

    name: str
    fixtures: tuple[Fixture, ...] = ()
    inside: tuple[float, float] | None = None
    rim: float = 0.0
    level: float = 0.0

    @property
    def steep(self) -> float:
        """Degrees of elevation that a camera needs at least, to look over the walls."""
        return min(70.0, 30 + 250 * self.rim) if self.inside else 0.0


def draw_setting(rng: Generator, radius: float) -> Setting:
    """A random setting for a pile of about this radius in metres."""
    name = str(rng.choice(list(SETTINGS), p=list(SETTINGS.values())))
    if name == "tray":
        setting = _contain(name, _tray(rng, radius))
    elif name == "bin":
        setting = _contain(name, _bin(rng, radius))
    elif name == "board":
        half = radius * rng.uniform([0.8, 0.6], [1.5, 1.1])
        finish = _any(rng, "wood", "wood", "plastic", "stone")
        plank = board(rng, half, finish)
        setting = Setting(name, (plank,), level=float(plank.shape.bounds[1][2]))
    elif name == "mat":
        setting = Setting(name, _mats(rng, radius))
    else:
        setting = Setting(name)
    if rng.random() < CLUTTERED:
        clear = max(radius, *(setting.inside or (0, 0)))
        setting = replace(setting, fixtures=setting.fixtures + _bystanders(rng, clear))
    return setting


def _contain(name: str, container: Container) -> Setting:
    return Setting(name, container.fixtures, container.inside, container.rim)


def _tray(rng: Generator, radius: float) -> Container:
    half = np.maximum(radius * rng.uniform([0.8, 1.0], [1.1, 1.5]), [0.1, 0.14])
    rim = float(rng.uniform(0.015, 0.045))
    if rng.random() < 0.25:
        return boxed(rng, half, rim, paint("wood", rng), 1)
    return moulded(rng, half, rim, _any(rng, "plastic", "plastic", "metal", "wood"))


def _bin(rng: Generator, radius: float) -> Container:
    half = np.maximum(radius * rng.uniform([0.7, 0.9], [0.95, 1.3]), [0.11, 0.14])
    rim = float(rng.uniform(0.06, 0.15))
    kind = rng.random()
    if kind < 0.22:
        return boxed(rng, half, rim, paint("cardboard", rng), 0)
    if kind < 0.42:
        return boxed(
            rng, half, rim, paint("wood", rng), max(2, round(rim / rng.uniform(0.03, 0.06)))
        )
    return moulded(rng, half, rim, _any(rng, *["plastic"] * 5, "metal"))


def _any(rng: Generator, *finishes: str) -> Surface:
    return paint(finishes[rng.integers(len(finishes))], rng)


def _mats(rng: Generator, radius: float) -> tuple[Fixture, ...]:
    """One mat or cloth below the pile, or a few sheets of paper about it."""
    turn = float(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.5:
        half = radius * rng.uniform([1.0, 0.7], [1.8, 1.3])
        finish = _any(rng, "mat", "mat", "cardboard", "plastic")
        return (flat_sheet(half, np.array([0, 0, FILM]), turn, finish),)
    sheets = []
    for k in range(rng.integers(1, 6)):
        place = np.r_[rng.normal(0, radius, 2), (1.5 * k + 1) * FILM]
        half = np.array([0.105, 0.1485]) * (1.0 if rng.random() < 0.7 else 0.7)
        sheets.append(flat_sheet(half, place, float(rng.uniform(0, 2 * np.pi)), paint("page", rng)))
    return tuple(sheets)


def _bystanders(rng: Generator, clear: float) -> tuple[Fixture, ...]:
    """Standing things farther out than `clear` metres."""
    found: list[Fixture] = []
    for _ in range(rng.integers(1, 4)):
        shape = TRAIN[rng.integers(len(TRAIN))](rng)
        low, high = shape.bounds
        reach = float(np.linalg.norm(np.maximum(-low, high)[:2]))
        angle, away = rng.uniform(0, 2 * np.pi), clear + reach + rng.uniform(0.12, 0.4)
        place = np.array([away * np.cos(angle), away * np.sin(angle), -low[2]])
        if all(np.linalg.norm(place - other.position) > 0.3 for other in found):
            found.append(Fixture(shape, place, float(rng.uniform(0, 2 * np.pi)), True))
    return tuple(found)
