"""Round things that hold something: cans, bottles, mugs, bowls."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Array, Mesh, join, lathe, superellipse, sweep
from segan_ros.synthesis.shapes import Part, Shape, Solid, capsules, ring_wall, solid


def can(rng: Generator) -> Shape:
    """A tin can or drink can with its rims."""
    r, h = rng.uniform(0.026, 0.045), rng.uniform(0.03, 0.075)
    if rng.random() < 0.25:
        r, h = rng.uniform(0.035, 0.05), rng.uniform(0.012, 0.025)
    neck = r * rng.choice([1.0, 0.85])
    wall = [[neck, -h], [r, -h + 0.006 + r - neck], [r, h - 0.006 - r + neck], [neck, h]]
    side = lathe([[0, -h], *wall, [0, h]], by_height=True)
    rims = [_ring(neck, 0.0022, z) for z in (-h, h)]
    parts = (Part(side, "wrap"), Part(join(rims), "metal"))
    return Shape("can", parts, (solid("cylinder", [r, h]),), density=700)


def bottle(rng: Generator) -> Shape:
    """A bottle of round, oval or squarish section, with a cap."""
    r, h = rng.uniform(0.022, 0.042), rng.uniform(0.10, 0.22)
    neck = r * rng.uniform(0.3, 0.6)
    shoulder, waist = rng.uniform(0.55, 0.8), rng.uniform(0.82, 1.0)
    t = np.linspace(0, 1, 8)
    body = np.c_[r * (1 - (1 - waist) * np.sin(np.pi * t) ** 2), h * shoulder * t]
    body[0, 0] *= 0.92
    s = (1 - np.cos(np.pi * t[1:])) / 2
    top = np.c_[r + (neck - r) * s, h * (shoulder + (0.93 - shoulder) * t[1:])]
    oval = rng.random() < 0.45
    section = superellipse(rng.uniform(2, 5), rng.uniform(0.55, 1.0)) if oval else None
    glass = lathe([[0, 0], *body, *top, [neck, h * 0.95], [0, h * 0.95]], 40, section, True)
    cap_r, cap_h = neck * rng.uniform(1.05, 1.4), h * rng.uniform(0.06, 0.14)
    cap = lathe([[0, 0], [cap_r, 0], [cap_r * 0.95, cap_h], [0, cap_h]], 24, section)
    cap = cap.moved([0, 0, h * 0.93])
    deep = section(np.array([np.pi / 2]), np.zeros(1))[1][0] if section else 1.0
    long = h * shoulder / 2
    lower = (
        solid("box", [r, r * deep, long], [0, 0, long])
        if oval
        else solid("cylinder", [r, long], [0, 0, long])
    )
    upper = h * (1 - shoulder) / 2
    narrow = solid("cylinder", [(neck + r * deep) / 2 * 0.8, upper], [0, 0, h * shoulder + upper])
    return Shape("bottle", (Part(glass, "wrap"), Part(cap, "plain")), (lower, narrow), density=600)


def jar(rng: Generator) -> Shape:
    """A squat jar with a lid."""
    r, h = rng.uniform(0.028, 0.045), rng.uniform(0.05, 0.1)
    lid_r, lid_h = r * rng.uniform(0.85, 1.06), rng.uniform(0.012, 0.022)
    section = superellipse(rng.uniform(2, 7)) if rng.random() < 0.4 else None
    body = lathe(
        [[0, 0], [r * 0.9, 0], [r, 0.006], [r, h * 0.85], [lid_r * 0.92, h], [0, h]],
        40,
        section,
        True,
    )
    lid = lathe(
        [[0, h], [lid_r, h], [lid_r, h + lid_h * 0.85], [lid_r * 0.93, h + lid_h], [0, h + lid_h]]
    )
    total = (h + lid_h) / 2
    shape = solid("cylinder", [max(r, lid_r), total], [0, 0, total])
    return Shape("jar", (Part(body, "wrap"), Part(lid, "metal")), (shape,), density=700)


def mug(rng: Generator) -> Shape:
    """A mug with a handle."""
    r, h, wall = rng.uniform(0.034, 0.046), rng.uniform(0.07, 0.11), 0.004
    taper = rng.uniform(0.75, 1.1)
    out, low = r, r * taper
    body = lathe([[0, 0], [low * 0.93, 0], [low, 0.005], [out, h], [out - wall, h]], by_height=True)
    inside = lathe([[out - wall, h], [low - wall, wall + 0.004], [0, wall]])
    reach, tall = rng.uniform(0.022, 0.034), h * rng.uniform(0.26, 0.38)
    t = np.linspace(-np.pi / 2, np.pi / 2, 13)
    squareness = rng.uniform(0.55, 1.0)
    c, s = np.abs(np.cos(t)) ** squareness, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** squareness
    path = np.c_[(low + out) / 2 - 0.004 + reach * c, np.zeros(13), h * 0.5 + tall * s]
    handle = sweep(path, rng.uniform(0.004, 0.006), 10, flat=rng.uniform(0.7, 1.3))
    solids = [
        *ring_wall((low, out), (0, h), wall),
        solid("cylinder", [low * 0.95, wall / 2], [0, 0, wall / 2]),
    ]
    solids += capsules(path, 0.005, 3)
    parts = [
        Part(body, rng.choice(["ceramic", "wrap"])),
        Part(handle, "same"),
        Part(inside, "glaze"),
    ]
    if rng.random() < 0.4:  # handle in the colour of the inside
        parts = [parts[0], parts[2], parts[1]]
    return Shape("mug", tuple(parts), tuple(solids), density=900)


def tumbler(rng: Generator) -> Shape:
    """A cup without a handle: paper, plastic or metal."""
    r, h, wall = rng.uniform(0.03, 0.042), rng.uniform(0.07, 0.13), 0.003
    low = r * rng.uniform(0.6, 0.95)
    body = lathe(
        [[0, 0], [low, 0], [r, h], [r + 0.002, h + 0.002], [r - wall, h + 0.002]], by_height=True
    )
    inside = lathe([[r - wall, h + 0.002], [low - wall, wall], [0, wall]])
    solids = [
        *ring_wall((low, r), (0, h), wall),
        solid("cylinder", [low, wall / 2], [0, 0, wall / 2]),
    ]
    return Shape(
        "tumbler",
        (Part(body, rng.choice(["ceramic", "wrap", "metal"])), Part(inside, "glaze")),
        tuple(solids),
        density=600,
    )


def bowl(rng: Generator) -> Shape:
    """A bowl."""
    size = rng.uniform(0.05, 0.085), rng.uniform(0.03, 0.06), 0.004
    return _vessel("bowl", size, rng.uniform(0.35, 0.6), rng.uniform(1.6, 3.0))


def plate(rng: Generator) -> Shape:
    """A plate or saucer."""
    size = rng.uniform(0.06, 0.11), rng.uniform(0.01, 0.02), 0.0035
    return _vessel("plate", size, rng.uniform(0.55, 0.7), rng.uniform(1.2, 2.0))


def tube(rng: Generator) -> Shape:
    """A squeeze tube that runs flat at its end."""
    r, h = rng.uniform(0.014, 0.026), rng.uniform(0.09, 0.16)

    def section(angle: Array, z: Array) -> tuple[Array, Array]:
        f = np.clip(z / h, 0, 1)
        return np.cos(angle) * (1 + 0.35 * f), np.sin(angle) * (1 - 0.93 * f**0.8)

    body = lathe(
        [[0, 0], [r * 0.5, 0], [r, 0.012], *[[r, z] for z in np.linspace(0.02, h, 7)], [0, h]],
        36,
        section,
        True,
    )
    cap_r, cap_h = r * rng.uniform(0.6, 1.0), rng.uniform(0.012, 0.025)
    cap = lathe([[0, -cap_h], [cap_r * 0.9, -cap_h], [cap_r, 0.002], [0, 0.002]], 24)
    wedge = [
        [x * r * (1 + 0.35 * f), y * r * (1 - 0.93 * f), f * h]
        for f in (0, 1)
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    solids = (solid("hull", wedge), solid("cylinder", [cap_r, cap_h / 2], [0, 0, -cap_h / 2]))
    return Shape("tube", (Part(body, "wrap"), Part(cap, "plain")), solids, False, 500)


def pan(rng: Generator) -> Shape:
    """A small pan with a handle."""
    r, h, wall, long = rng.uniform([0.055, 0.02, 0.003, 0.07], [0.08, 0.045, 0.004, 0.12])
    low = r * rng.uniform(0.8, 0.97)
    dish = lathe([[0, 0], [low, 0], [r, h], [r - wall, h], [low - wall, wall], [0, wall]])
    path = np.c_[
        np.linspace(r - 0.004, r + long, 10), np.zeros(10), h * 0.8 + np.linspace(0, 0.02, 10)
    ]
    radius = np.r_[[0.005] * 8, 0.006, 0]
    handle = sweep(path, radius, 10, flat=1.6)
    solids = [
        *ring_wall((low, r), (0, h), wall),
        solid("cylinder", [low, wall / 2], [0, 0, wall / 2]),
    ]
    solids += capsules(path, 0.006, 9)
    return Shape(
        "pan",
        (Part(dish, rng.choice(["metal", "plain"])), Part(handle, "grip")),
        tuple(solids),
        density=900,
    )


def goblet(rng: Generator) -> Shape:
    """A goblet: cup on a stem."""
    r, h, foot = rng.uniform([0.028, 0.1, 0.024], [0.038, 0.15, 0.034])
    stem, cup = 0.005, h * rng.uniform(0.4, 0.55)
    outer = [
        [0, 0],
        [foot, 0],
        [foot, 0.003],
        [stem, 0.012],
        [stem, cup],
        [r * 0.75, cup + 0.25 * (h - cup)],
        [r, cup + 0.55 * (h - cup)],
        [r * 0.88, h],
    ]
    inner = [[r * 0.88 - 0.003, h], [r - 0.003, cup + 0.55 * (h - cup)], [0, cup + 0.01]]
    solids = [
        *ring_wall((r * 0.8, r), (cup + 0.01, h), 0.004),
        solid("cylinder", [r * 0.6, 0.008], [0, 0, cup + 0.008]),
    ]
    solids += [
        solid("cylinder", [foot, 0.002], [0, 0, 0.002]),
        solid("capsule", [stem, cup / 2], [0, 0, cup / 2]),
    ]
    return Shape(
        "goblet",
        (Part(lathe([*outer, *inner]), rng.choice(["metal", "ceramic"])),),
        tuple(solids),
        density=900,
    )


def funnel(rng: Generator) -> Shape:
    """A funnel, wide end up."""
    r, h, spout = rng.uniform([0.03, 0.03, 0.025], [0.055, 0.055, 0.05])
    thin, wall = rng.uniform(0.005, 0.008), 0.002
    outer = [[thin * 0.8, 0], [thin, spout], [r, spout + h], [r, spout + h + 0.006]]
    inner = [[r - wall, spout + h + 0.006], [r - wall, spout + h], [thin - wall, spout]]
    profile = [*outer, *inner, [thin * 0.8 - wall, 0], outer[0]]
    solids = (
        *ring_wall((thin + wall, r), (spout, spout + h), 0.003),
        solid("cylinder", [thin, spout / 2], [0, 0, spout / 2]),
    )
    finish = rng.choice(["plain", "metal"])
    return Shape("funnel", (Part(lathe(profile), finish),), solids, False, 500)


def _vessel(family: str, size: tuple[float, float, float], foot: float, power: float) -> Shape:
    """A dish whose wall rises as a power of the radius.

    Args:
        family: its name.
        size: radius, height, thickness of the wall.
        foot: share of the radius that is flat.
        power: 1 for a cone, more for a bowl.
    """
    r, h, wall = size
    f = np.linspace(0, 1, 9)
    rise = np.c_[r * (foot + (1 - foot) * f), h * f**power]
    inside = np.c_[rise[::-1, 0] - wall * (1 - 0.5 * f), rise[::-1, 1] + wall * f]
    mesh = lathe([[0, 0], *rise, *inside, [0, wall]], 48)
    k = 5
    solids: list[Solid] = [solid("cylinder", [r * foot, wall / 2], [0, 0, wall / 2])]
    for low, high in ((0, k), (k, 8)):
        solids += ring_wall(
            (rise[low, 0], rise[high, 0]),
            (rise[low, 1] + wall / 2, rise[high, 1] + wall / 2),
            wall,
            12,
        )
    return Shape(family, (Part(mesh, "ceramic"),), tuple(solids), density=900)


def _ring(radius: float, thickness: float, z: float) -> Mesh:
    t = np.linspace(0, 2 * np.pi, 33)
    path = np.c_[radius * np.cos(t), radius * np.sin(t), z + 0 * t]
    return sweep(path, thickness, 6, loop=True)
