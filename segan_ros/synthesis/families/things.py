"""Fruit, toys, tools and other loose things."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Mesh, lathe, rotation, rounded_box, superellipse, sweep
from segan_ros.synthesis.shapes import Part, Shape, capsules, ring_wall, solid


def ball(rng: Generator) -> Shape:
    """A ball."""
    r = rng.uniform(0.02, 0.045)
    return Shape(
        "ball", (Part(_spheroid([r] * 3), "any"),), (solid("ellipsoid", [r] * 3),), density=300
    )


def fruit(rng: Generator) -> Shape:
    """An apple, orange, lemon, onion or egg."""
    kind = rng.integers(4)
    r = rng.uniform(0.022, 0.042)
    t = np.linspace(0, np.pi, 20)
    dent = 0.35 if kind == 0 else 0.0
    radius = r * np.sin(t) ** (0.8 if kind == 0 else 1.0) * (1 + 0.15 * np.cos(t) * (kind == 3))
    radius[[0, -1]] = 0
    stretch = (0.9, 1.0, 1.3, 1.25)[kind]
    z = -r * stretch * np.cos(t) * (1 - dent * np.exp(-((np.sin(t) / 0.35) ** 2)))
    body = lathe(np.c_[radius, z], 32)
    parts = [Part(body, "fruit")]
    if kind == 0:
        path = np.c_[np.linspace(0, 0.004, 5), np.zeros(5), r * np.linspace(0.5, 1.1, 5)]
        parts.append(Part(sweep(path, [0.0015] * 4 + [0.002], 6), "wood"))
    half = [r, r, r * stretch * (0.85 if kind == 0 else 1)]
    return Shape("fruit", tuple(parts), (solid("ellipsoid", half),), density=600)


def banana(rng: Generator) -> Shape:
    """A bent long fruit or vegetable: banana, cucumber, chilli."""
    length, bend, r = rng.uniform(0.11, 0.19), rng.uniform(0.2, 1.9), rng.uniform(0.013, 0.02)
    t = np.linspace(-0.5, 0.5, 16)
    big = length / bend
    path = np.c_[big * np.sin(bend * t), big * np.cos(bend * t) - big, 0 * t]
    radius = r * np.clip(1 - np.abs(2 * t) ** rng.uniform(2.5, 6), 0.0, None) ** 0.5
    radius[-3:-1] = np.maximum(radius[-3:-1], 0.3 * r)
    solids = capsules(path[2:-2], r * 0.95, 4)
    return Shape("banana", (Part(sweep(path, radius, 12), "fruit"),), tuple(solids), False, 600)


def pear(rng: Generator) -> Shape:
    """A pear, avocado or aubergine."""
    r, h = rng.uniform(0.026, 0.036), rng.uniform(0.07, 0.11)
    t = np.linspace(0, 1, 18)
    radius = r * np.sin(np.pi * t**0.72) ** 0.75 * (1 - rng.uniform(0.35, 0.6) * t)
    radius[[0, -1]] = 0
    solids = (
        solid("ellipsoid", [r * 0.8, r * 0.8, r * 0.85], [0, 0, 0.4 * h]),
        solid("capsule", [r * 0.45, h * 0.25], [0, 0, 0.6 * h]),
    )
    return Shape("pear", (Part(lathe(np.c_[radius, t * h], 28), "fruit"),), solids, False, 600)


def spinning_top(rng: Generator) -> Shape:
    """A spinning top: two cones and a stem."""
    r, low, high, stem = rng.uniform([0.02, 0.02, 0.008, 0.015], [0.036, 0.04, 0.02, 0.035])
    thin = r * rng.uniform(0.1, 0.2)
    profile = [[0, 0], [r * 0.6, low * 0.55], [r, low], [r * 0.7, low + 0.6 * high]]
    profile += [[thin, low + high], [thin, low + high + stem], [0, low + high + stem]]
    ring = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    hull = [[0, 0, 0]]
    for radius, z in profile[1:5]:
        hull += [[radius * np.cos(a), radius * np.sin(a), z] for a in ring]
    solids = (
        solid("hull", hull),
        solid("cylinder", [thin, stem / 2], [0, 0, low + high + stem / 2]),
    )
    finish = rng.choice(["plain", "wood", "any"])
    return Shape("spinning_top", (Part(lathe(profile, 28), finish),), solids, False, 600)


def roll(rng: Generator) -> Shape:
    """A roll of tape or paper."""
    r, h = rng.uniform(0.025, 0.055), rng.uniform(0.01, 0.05)
    inner = r * rng.uniform(0.35, 0.75)
    body = lathe([[inner, -h], [r, -h], [r, h], [inner, h], [inner, -h]], 40)
    return Shape(
        "roll", (Part(body, "any"),), tuple(ring_wall((r, r), (-h, h), r - inner, 12)), density=400
    )


def ring(rng: Generator) -> Shape:
    """A ring: doughnut, bracelet, toy."""
    big, thin = rng.uniform(0.028, 0.05), rng.uniform(0.006, 0.017)
    t = np.linspace(0, 2 * np.pi, 33)
    path = np.c_[big * np.cos(t), big * np.sin(t), 0 * t]
    return Shape(
        "ring",
        (Part(sweep(path, thin, 14, loop=True), "any"),),
        tuple(capsules(path, thin, 4)),
        density=500,
    )


def pen(rng: Generator) -> Shape:
    """A pen, marker or candle."""
    r, h = rng.uniform(0.005, 0.011), rng.uniform(0.055, 0.075)
    tip = rng.uniform(0.3, 0.9)
    split = rng.uniform(-0.2, 0.4) * h
    barrel = lathe([[0, -h], [r * 0.9, -h], [r, -h + 0.004], [r, split], [0, split]], 16)
    cap = lathe([[0, split], [r * 1.12, split], [r * 1.05, h * 0.9], [r * tip, h], [0, h]], 16)
    parts = (Part(barrel, "any"), Part(cap, "plain"))
    return Shape("pen", parts, (solid("capsule", [r, h - r]),), False, 500)


def screwdriver(rng: Generator) -> Shape:
    """A handle with a shaft: screwdriver, brush, chisel."""
    r, grip, long = rng.uniform(0.011, 0.018), rng.uniform(0.07, 0.11), rng.uniform(0.06, 0.13)
    t = np.linspace(0, 1, 9)
    swell = r * (0.8 + 0.25 * np.sin(np.pi * t * rng.uniform(0.8, 2.2)))
    handle = lathe(
        [[0, 0], *np.c_[swell, t * grip], [0, grip]], 20, superellipse(rng.uniform(2, 4))
    )
    thin = r * rng.uniform(0.2, 0.4)
    shaft = lathe([[0, 0], [thin, 0], [thin, long], [0, long + 0.004]], 12).moved([0, 0, grip])
    solids = [solid("capsule", [r * 0.95, grip / 2 - r * 0.9], [0, 0, grip / 2])]
    solids += [solid("capsule", [thin, long / 2], [0, 0, grip + long / 2])]
    return Shape(
        "screwdriver", (Part(handle, "grip"), Part(shaft, "metal")), tuple(solids), False, 700
    )


def hammer(rng: Generator) -> Shape:
    """A handle with a head across: hammer, mallet."""
    r, long = rng.uniform(0.008, 0.014), rng.uniform(0.13, 0.22)
    handle = lathe(
        [[0, 0], [r, 0], [r * 0.75, long * 0.6], [r * 0.8, long], [0, long]],
        16,
        superellipse(2.5, 0.7),
    )
    half = np.array([rng.uniform(0.012, 0.024), rng.uniform(0.03, 0.055), rng.uniform(0.012, 0.02)])
    if rng.random() < 0.5:
        head = rounded_box(half, 0.003)
        felt = solid("box", half, [0, 0, long])
    else:
        a, b = half[2], half[1]
        head = lathe([[0, -b], [a, -b], [a * 0.8, 0], [a * 0.9, b], [0, b]], 20).moved(
            (0, 0, 0), rotation("x", 90)
        )
        felt = solid("cylinder", [a, b], [0, 0, long], rotation("x", 90))
    parts = (
        Part(handle, rng.choice(["wood", "grip"])),
        Part(head.moved([0, 0, long]), rng.choice(["metal", "plain"])),
    )
    return Shape(
        "hammer", parts, (solid("capsule", [r, long / 2], [0, 0, long / 2]), felt), False, 700
    )


def spoon(rng: Generator) -> Shape:
    """A spoon, ladle or spatula."""
    long, r = rng.uniform(0.12, 0.2), rng.uniform(0.003, 0.006)
    wide, tip = rng.uniform(0.014, 0.03), rng.uniform(0.25, 0.4)
    t = np.linspace(0, 1, 22)
    inside = np.clip((t - 1 + tip) / tip, 0, 1)
    radius = r + (wide - r) * np.sin(np.pi * inside ** rng.uniform(0.6, 1.3)) ** rng.uniform(
        0.4, 0.9
    )
    radius[[0, -1]] = 0
    path = np.c_[t * long, 0 * t, 0.02 * np.sin(t * 3) * rng.uniform(0.2, 1)]
    flat = np.where(inside > 0, np.clip(r / np.maximum(radius, r), 0.12, 1), 0.6)
    mesh = sweep(path, radius, 14, flat)
    solids = [
        *capsules(path, r * 0.8, 7),
        solid("box", [long * tip / 2, wide * 0.85, r * 0.6], path[-5]),
    ]
    return Shape(
        "spoon", (Part(mesh, rng.choice(["metal", "wood", "plain"])),), tuple(solids), False, 900
    )


def dumbbell(rng: Generator) -> Shape:
    """Two weights on a bar, also a spool or a bone."""
    long, bar = rng.uniform(0.035, 0.065), rng.uniform(0.006, 0.011)
    r, w = rng.uniform(0.018, 0.03), rng.uniform(0.012, 0.025)
    body = lathe(
        [
            [0, -long - w],
            [r * 0.9, -long - w],
            [r, -long],
            [bar, -long + 0.002],
            [bar, long - 0.002],
            [r, long],
            [r * 0.9, long + w],
            [0, long + w],
        ],
        28,
    )
    solids = [solid("cylinder", [r, w / 2], [0, 0, s * (long + w / 2)]) for s in (-1, 1)]
    return Shape(
        "dumbbell",
        (Part(body, rng.choice(["plain", "metal", "any"])),),
        (*solids, solid("cylinder", [bar, long])),
        density=800,
    )


def _spheroid(half: list[float]) -> Mesh:
    t = np.linspace(0, np.pi, 20)
    profile = np.c_[half[0] * np.sin(t), -half[2] * np.cos(t)]
    profile[[0, -1], 0] = 0
    return lathe(profile, 32)
