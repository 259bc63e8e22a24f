"""Procedural surfaces: a picture and its gloss, by kind."""

from __future__ import annotations

from collections.abc import Mapping
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


def paint_ground(
    rng: Generator,
    size: int = 768,
    kind: str | None = None,
    photographs: Mapping[str, Image] | None = None,
) -> Surface:
    """A table top or floor.

    Args:
        rng: draws what is left open.
        size: of a painted picture, pixels.
        kind: a key of `GROUNDS`; any when None.
        photographs: pictures of real surfaces, which serve every other time where `kind` is None.
    """
    if photographs and kind is None and rng.random() < 0.5:
        picture = photographs[sorted(photographs)[rng.integers(len(photographs))]]
        return Surface(picture, float(rng.uniform(0, 0.2)), float(rng.uniform(0.1, 0.7)))
    kinds = list(GROUNDS)
    picture = to_image(GROUNDS[kind or kinds[rng.integers(len(kinds))]](rng, size))
    return Surface(picture, float(rng.uniform(0, 0.2)), float(rng.uniform(0.1, 0.7)))


FINISHES: dict[str, tuple[float, float, Painter]] = {
    "any": (0.0, 0.5, materials.anything),
    "black": (0.1, 0.4, materials.black),
    "buttons": (0.1, 0.4, labels.buttons),
    "cardboard": (0.0, 0.05, materials.cardboard),
    "carton": (0.0, 0.25, labels.carton),
    "ceramic": (0.3, 0.7, materials.ceramic),
    "fruit": (0.05, 0.35, materials.fruit),
    "glaze": (0.2, 0.6, materials.glaze),
    "grip": (0.05, 0.4, materials.grip),
    "mat": (0.0, 0.1, materials.mat),
    "metal": (0.6, 1.0, materials.metal),
    "page": (0.0, 0.0, materials.page),
    "paper": (0.0, 0.05, materials.paper),
    "plain": (0.0, 0.6, materials.plain),
    "plastic": (0.05, 0.4, materials.plastic),
    "rubber": (0.0, 0.2, materials.rubber),
    "steel": (0.5, 0.9, materials.steel),
    "stone": (0.1, 0.5, materials.stone),
    "white": (0.1, 0.4, materials.white),
    "wood": (0.0, 0.2, materials.wood_small),
    "wrap": (0.1, 0.6, labels.wrap),
}
"""Kind of surface: lowest and highest specular strength, painter."""
