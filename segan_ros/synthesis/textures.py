"""Procedural surfaces: a picture and its gloss, by kind."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from segan_ros.frame import Image
from segan_ros.synthesis import labels, materials
from segan_ros.synthesis.grounds import GROUNDS
from segan_ros.synthesis.pigments import Painter, to_image


@dataclass(frozen=True, eq=False)
class Surface:
    """Args:
    picture: ``(H, W, 3)`` uint8 RGB, top row at v = 1.
    specular: strength of highlights, 0..1.
    shininess: sharpness of highlights, 0..1.
    """

    picture: Image
    specular: float
    shininess: float


def paint(finish: str, rng: Generator) -> Surface:
    """A surface of a kind in `FINISHES`."""
    low, high, painter = FINISHES[finish]
    picture = painter(rng)
    return Surface(to_image(picture), float(rng.uniform(low, high)), float(rng.uniform(0.15, 0.9)))


def paint_ground(rng: Generator, size: int = 768, kind: str | None = None) -> Surface:
    """A table top or floor: a key of `GROUNDS`, any when None."""
    kinds = list(GROUNDS)
    picture = GROUNDS[kind or kinds[rng.integers(len(kinds))]](rng, size)
    return Surface(to_image(picture), float(rng.uniform(0, 0.25)), float(rng.uniform(0.1, 0.7)))


FINISHES: dict[str, tuple[float, float, Painter]] = {
    "any": (0.0, 0.6, materials.anything),
    "buttons": (0.1, 0.5, labels.buttons),
    "carton": (0.0, 0.3, labels.carton),
    "ceramic": (0.3, 0.8, materials.ceramic),
    "fruit": (0.05, 0.4, materials.fruit),
    "glaze": (0.2, 0.7, materials.glaze),
    "grip": (0.05, 0.5, materials.grip),
    "metal": (0.6, 1.0, materials.metal),
    "paper": (0.0, 0.05, materials.paper),
    "plain": (0.0, 0.7, materials.plain),
    "wood": (0.0, 0.2, materials.wood_small),
    "wrap": (0.1, 0.8, labels.wrap),
}
"""Kind of surface: lowest and highest specular strength, painter."""
