"""Flat-sided things: cartons, books, bags, blocks, plates cut to an outline."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Array, extrude, join, lathe, rotation, rounded_box, sheet
from segan_ros.synthesis.shapes import Part, Shape, prism, solid


def carton(rng: Generator) -> Shape:
    """A cardboard box, from tea to cereal."""
    half = np.sort(rng.uniform([0.015, 0.025, 0.04], [0.035, 0.055, 0.11]))
    half = half[rng.permutation(3)] if rng.random() < 0.4 else half
    return _box("carton", half, rng.uniform(0.001, 0.004), "carton", 250)


def soap(rng: Generator) -> Shape:
    """A rounded bar or a small device."""
    half = rng.uniform([0.02, 0.028, 0.009], [0.035, 0.06, 0.022])
    return _box("soap", half, half[2] * rng.uniform(0.3, 0.9), "any", 700)


def remote(rng: Generator) -> Shape:
    """A remote control or phone: a flat slab with buttons."""
    half = rng.uniform([0.02, 0.065, 0.005], [0.038, 0.1, 0.012])
    return _box("remote", half, half[2] * rng.uniform(0.25, 0.8), "buttons", 700)


def milk_carton(rng: Generator) -> Shape:
    """A gable-top carton."""
    a, h, roof = rng.uniform(0.03, 0.042), rng.uniform(0.09, 0.15), rng.uniform(0.025, 0.04)
    body = rounded_box([a, a, h / 2], 0.0015, 1).moved([0, 0, h / 2])
    fin = 0.016
    outline = [
        [-a, 0],
        [a, 0],
        [0.0015, roof],
        [0.0015, roof + fin],
        [-0.0015, roof + fin],
        [-0.0015, roof],
    ]
    gable = extrude(outline, 2 * a).moved((0, 0, 0), rotation("x", 90)).moved([0, 0, h])
    wedge = [[x * a, y * a, h] for x in (-1, 1) for y in (-1, 1)] + [
        [0, y * a, h + roof + fin] for y in (-1, 1)
    ]
    solids = (solid("box", [a, a, h / 2], [0, 0, h / 2]), solid("hull", wedge))
    return Shape("milk_carton", (Part(body, "carton"), Part(gable, "plain")), solids, density=300)


def book(rng: Generator) -> Shape:
    """A book: cover with a spine, pages between."""
    x, y, z = rng.uniform([0.045, 0.065, 0.006], [0.075, 0.11, 0.022])
    cover = 0.0015
    pages = rounded_box([x - 0.003, y - 0.004, z - cover], 0.0005, 1).moved([0.002, 0, 0])
    sheets = [rounded_box([x, y, cover], 0.0007, 1).moved([0, 0, s * (z - cover)]) for s in (-1, 1)]
    spine = rounded_box([cover, y, z], 0.0007, 1).moved([-x, 0, 0])
    parts = (Part(join([*sheets, spine]), "carton"), Part(pages, "paper"))
    return Shape("book", parts, (solid("box", [x, y, z]),), density=500)


def brick(rng: Generator) -> Shape:
    """A toy brick with studs."""
    unit, nx, ny = rng.uniform(0.012, 0.018), rng.integers(1, 4), rng.integers(2, 5)
    half = np.array([nx, ny, rng.choice([0.6, 1.2])]) * unit
    body = rounded_box(half, 0.001, 1)
    stud = lathe([[0, 0], [0.6 * unit, 0], [0.6 * unit, 0.4 * unit], [0, 0.4 * unit]], 16)
    xs, ys = (2 * np.arange(n) - n + 1.0 for n in (nx, ny))
    studs = [stud.moved([x * unit, y * unit, half[2]]) for x in xs for y in ys]
    return Shape(
        "brick", (Part(join([body, *studs]), "plain"),), (solid("box", half),), density=400
    )


def pouch(rng: Generator) -> Shape:
    """A bag of crisps or coffee: a pillow with crimped ends."""
    x, y, z = rng.uniform([0.04, 0.055, 0.012], [0.07, 0.1, 0.03])
    u, v = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(-1, 1, 17))
    puff = (1 - np.abs(u) ** 2.5) ** 0.6 * (1 - np.abs(v) ** 4) ** 0.8
    crumple = sum(
        np.sin(rng.uniform(2, 7) * u + rng.uniform(2, 7) * v + rng.uniform(0, 6)) for _ in range(4)
    )
    waist = 1 - 0.06 * (1 - np.abs(v) ** 4)
    sheets = []
    for sign in (1, -1):
        height = sign * (z * puff * (1 + 0.06 * crumple) + 0.0004)
        grid = np.stack([x * u * waist, y * v, height], -1)
        cell = np.stack([(u / 2 + 0.5 + 2) / 3, (v / 2 + 0.5 + (sign < 0)) / 2], -1)
        sheets.append(sheet(grid, cell, closed=False, flip=sign < 0))
    solids = (
        solid("ellipsoid", [x * 0.97, y * 0.9, z * 0.95]),
        solid("box", [x * 0.9, y * 0.98, z * 0.25]),
    )
    return Shape("pouch", (Part(join(sheets), "carton"),), solids, False, 150)


def block(rng: Generator) -> Shape:
    """A toy block of L or T shape."""
    w, arm, h = rng.uniform(0.012, 0.022), rng.uniform(0.025, 0.055), rng.uniform(0.012, 0.03)
    b = arm * rng.uniform(0.6, 1.4)
    ell = [[0, 0], [arm + w, 0], [arm + w, w], [w, w], [w, b + w], [0, b + w]]
    tee = [
        [-w / 2, 0],
        [w / 2, 0],
        [w / 2, b],
        [arm, b],
        [arm, b + w],
        [-arm, b + w],
        [-arm, b],
        [-w / 2, b],
    ]
    return _plate(
        "block", ell if rng.random() < 0.5 else tee, h, rng.choice(["plain", "wood", "any"])
    )


def bracket(rng: Generator) -> Shape:
    """A block of U shape."""
    w, a, b, h = rng.uniform([0.01, 0.022, 0.03, 0.01], [0.018, 0.04, 0.07, 0.03])
    outline = [[-a, 0], [a, 0], [a, b], [a - w, b], [a - w, w], [w - a, w], [w - a, b], [-a, b]]
    return _plate("bracket", outline, h, rng.choice(["plain", "wood"]))


def arch(rng: Generator) -> Shape:
    """A toy arch: half a ring on two feet."""
    big, foot, h = rng.uniform([0.022, 0.004, 0.01], [0.045, 0.02, 0.025])
    small = big * rng.uniform(0.45, 0.7)
    t = np.linspace(0, np.pi, 15)
    bow = np.c_[np.cos(t), np.sin(t)]
    outer, inner = big * bow + [0, foot], small * bow[::-1] + [0, foot]
    outline = [[big, 0], *outer, [-big, 0], [-small, 0], *inner, [small, 0]]
    return _plate("arch", outline, h, rng.choice(["plain", "wood"]))


def star(rng: Generator) -> Shape:
    """A star, gear or flower: a biscuit cutter's outline."""
    n, big = int(rng.integers(5, 9)), rng.uniform(0.03, 0.055)
    small = big * rng.uniform(0.45, 0.75)
    t = np.arange(2 * n) * np.pi / n
    r = np.where(np.arange(2 * n) % 2 == 0, big, small)
    return _plate(
        "star",
        np.c_[r * np.cos(t), r * np.sin(t)],
        rng.uniform(0.01, 0.025),
        rng.choice(["plain", "any"]),
    )


def wrench(rng: Generator) -> Shape:
    """An open-ended spanner."""
    long, w, head = rng.uniform(0.055, 0.09), rng.uniform(0.006, 0.009), rng.uniform(0.015, 0.021)
    half = [[-long, -w], [long, -w], [long + head * 0.5, -head], [long + head * 1.9, -head * 0.7]]
    jaw = [[long + head * 1.9, -head * 0.4], [long + head * 0.9, -head * 0.35]]
    side = np.array(half + jaw)
    right = np.r_[side[1:], side[:0:-1] * [1, -1]]
    left = (
        -right
        if rng.random() < 0.5
        else np.array([[-long, w], [-long - head, w * 1.2], [-long - head, -w * 1.2], [-long, -w]])
    )
    return _plate("wrench", np.r_[right, left], rng.uniform(0.006, 0.01), "metal")


def _box(family: str, half: Array, radius: float, finish: str, density: float) -> Shape:
    mesh = rounded_box(half, radius)
    return Shape(family, (Part(mesh, finish),), (solid("box", half),), density=density)


def _plate(family: str, outline: Array | list, height: float, finish: str) -> Shape:
    points = np.asarray(outline, float)
    points = points - (points.min(0) + points.max(0)) / 2
    return Shape(
        family,
        (Part(extrude(points, 2 * height), finish),),
        tuple(prism(points, 2 * height)),
        density=500,
    )
