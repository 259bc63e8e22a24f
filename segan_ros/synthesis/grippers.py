"""Robot hands that reach into a picture: they hide objects and belong to none."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Array, lathe, rounded_box, sweep
from segan_ros.synthesis.shapes import Part, Shape, Solid, capsules, solid


def draw_gripper(rng: Generator) -> Shape:
    """A hand whose tip is the origin and whose arm leaves along +z."""
    return _fingers(rng) if rng.random() < 0.6 else _suction(rng)


def approach(camera: Array, target: Array, rng: Generator) -> tuple[Array, Array]:
    """Where a hand comes from: unit vector from `target` towards its wrist, and its position.

    Args:
        camera: ``(3,)`` position of the camera.
        target: ``(3,)`` what it reaches for.
        rng: draws direction and how far it still is.
    """
    towards = (camera - target) / np.linalg.norm(camera - target)
    aside = np.cross(towards, [0, 0, 1.0])
    aside /= max(float(np.linalg.norm(aside)), 1e-6)
    # Some stand half way between straight up and the camera, and off the line of sight.
    away = rng.uniform(0.3, 1.0) * np.array([0, 0, 1]) + rng.uniform(0.0, 0.5) * towards
    away = away + rng.normal(0, 0.25) * aside
    away /= np.linalg.norm(away)
    return away, target + away * rng.uniform(0.005, 0.07)


def pose(away: Array, yaw: float) -> Array:
    """``(3, 3)`` rotation that turns +z to `away`, after `yaw` radians about it."""
    x = np.cross([0, 1.0, 0] if abs(away[1]) < 0.9 else [1.0, 0, 0], away)
    x /= np.linalg.norm(x)
    y = np.cross(away, x)
    c, s = np.cos(yaw), np.sin(yaw)
    return np.stack([c * x + s * y, c * y - s * x, away], axis=1)


def _fingers(rng: Generator) -> Shape:
    """Two parallel fingers on a palm."""
    gap, long = rng.uniform(0.015, 0.045), rng.uniform(0.05, 0.1)
    wide, thick = rng.uniform(0.008, 0.013), rng.uniform(0.005, 0.009)
    body, pad = str(rng.choice(["black", "black", "steel", "white"])), "black"
    parts, solids = [], []
    for side in (-1, 1):
        for half, z, finish in (
            ([thick, wide, 0.012], 0.012, pad),
            ([thick * 0.8, wide * 0.8, long / 2], 0.02 + long / 2, body),
        ):
            middle = [side * (gap + thick), 0, z]
            parts.append(Part(rounded_box(half, 0.002, 2).moved(middle), finish))
            solids.append(solid("box", half, middle))
    palm = [rng.uniform(0.05, 0.07), rng.uniform(0.025, 0.04), rng.uniform(0.02, 0.045)]
    top = 0.02 + long
    parts.append(Part(rounded_box(palm, 0.008).moved([0, 0, top + palm[2]]), body))
    solids.append(solid("box", palm, [0, 0, top + palm[2]]))
    arm, piece = _arm(rng, top + 2 * palm[2])
    return Shape("fingers", (*parts, *arm), (*solids, *piece))


def _suction(rng: Generator) -> Shape:
    """A bellows cup on a rod."""
    r, rod = rng.uniform(0.01, 0.022), rng.uniform(0.006, 0.01)
    fold = [[r, 0], [0.75 * r, 0.006], [r, 0.012], [0.75 * r, 0.018], [0.9 * r, 0.024]]
    cup = lathe([[0.6 * r, 0.001], *fold, [0, 0.028]], 32)
    top = rng.uniform(0.08, 0.16)
    path = np.array([[0, 0, z] for z in np.linspace(0.026, top, 4)])
    parts = [
        Part(cup, str(rng.choice(["black", "rubber"]))),
        Part(sweep(path, rod), "steel"),
    ]
    solids = [solid("cylinder", [r, 0.014], [0, 0, 0.014]), *capsules(path[::3], rod)]
    arm, piece = _arm(rng, top)
    return Shape("suction", (*parts, *arm), (*solids, *piece))


def _arm(rng: Generator, top: float) -> tuple[list[Part], list[Solid]]:
    """Flange and forearm above height `top`."""
    r, long = rng.uniform(0.03, 0.045), 0.5
    outline = [
        [0, top], [r * 0.8, top], [r, top + 0.01], [r, top + 0.05], [r * 1.15, top + 0.055],
        [r * 1.15, top + 0.075], [r * 0.9, top + 0.1], [r * 0.9, top + long], [0, top + long],
    ]  # fmt: skip
    finish = str(rng.choice(["white", "white", "steel", "black", "plastic"]))
    piece = solid("cylinder", [r * 1.15, long / 2], [0, 0, top + long / 2])
    return [Part(lathe(outline, 40), finish)], [piece]
