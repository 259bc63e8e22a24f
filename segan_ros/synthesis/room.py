"""The table and the room around it: what is in every picture and hides nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.bodies import FELT, TABLE, add_material, mjtGeom
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.pigments import colour, neutral, noise, to_image
from segan_ros.synthesis.textures import Surface, paint_ground

FLOOR = -0.75
"""Height of the floor, metres; the table top is at 0."""


def add_table(
    spec: mujoco.MjSpec, half: tuple[float, float], surface: Surface, cell: float
) -> None:
    """A table top of half sizes `half`; its picture repeats every `cell` metres."""
    material = add_material(spec, "table", surface, 1 / cell)
    # A plane lays its picture out by the metre; the board below it gives the edge.
    _add_plane(spec, "table", half, ([0, 0, 0], [0, 0, 1]), material)
    spec.worldbody.add_geom(
        type=mjtGeom.mjGEOM_BOX, size=[*half, 0.015], pos=[0, 0, -0.018], material=material,
        contype=0, conaffinity=0, group=TABLE, name="board",
    )  # fmt: skip
    spec.worldbody.add_geom(
        type=mjtGeom.mjGEOM_BOX, size=[*half, 0.2], pos=[0, 0, -0.2], group=FELT, name="plate",
        friction=[0.8, 0.01, 0.004], condim=6,
    )  # fmt: skip


def add_room(spec: mujoco.MjSpec, half: tuple[float, float], rng: Generator) -> None:
    """A floor, walls and some furniture around a table of half sizes `half`."""
    floor = add_material(spec, "floor", paint_ground(rng, 384), 1 / 1.5)
    _add_plane(spec, "floor", (14, 14), ([0, 0, FLOOR], [0, 0, 1]), floor)
    plaster = add_material(spec, "plaster", _plaster(rng), 1 / 2.0)
    turn = rng.uniform(0, 2 * np.pi)
    for k in range(4):
        angle = turn + k * np.pi / 2
        out = np.array([np.cos(angle), np.sin(angle), 0])
        place = out * (max(half) + rng.uniform(0.5, 3.0)) + [0, 0, FLOOR + 3]
        _add_plane(spec, f"side{k}", (9, 3), (place, -out), plaster)
    for k in range(rng.integers(1, 6)):
        angle, away = rng.uniform(0, 2 * np.pi), max(half) * 1.5 + rng.uniform(0.5, 2.0)
        size = rng.uniform([0.15, 0.15, 0.15], [0.6, 0.4, 0.8])
        tint = Surface(np.tile(to_image(colour(rng, 0.7)), (4, 4, 1)), 0.1, 0.3)
        wood = paint_ground(rng, 192, "wood") if rng.random() < 0.5 else tint
        spec.worldbody.add_geom(
            type=mjtGeom.mjGEOM_BOX, size=size, group=TABLE, contype=0, conaffinity=0,
            pos=[away * np.cos(angle), away * np.sin(angle), FLOOR + size[2]],
            quat=[np.cos(turn / 2), 0, 0, np.sin(turn / 2)],
            material=add_material(spec, f"furniture{k}", wood, 1.0),
        )  # fmt: skip


def _plaster(rng: Generator) -> Surface:
    base = (neutral(rng) * 0.4 + 0.5) if rng.random() < 0.7 else colour(rng, 0.4) * 0.6 + 0.3
    picture = base * (0.97 + 0.05 * noise(rng, 128, 128, 4, 4))[..., None]
    return Surface(to_image(picture), 0.0, 0.1)


def _add_plane(
    spec: mujoco.MjSpec, name: str, half: tuple[float, float], place: tuple[Any, Any], material: str
) -> None:
    """`place`: its middle, and the direction that it faces."""
    quat = np.zeros(4)
    mujoco.mju_quatZ2Vec(quat, np.asarray(place[1], float))
    spec.worldbody.add_geom(
        type=mjtGeom.mjGEOM_PLANE, size=[*half, 1], pos=place[0], quat=quat, material=material,
        contype=0, conaffinity=0, group=TABLE, name=name,
    )  # fmt: skip
