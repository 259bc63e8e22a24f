"""Pictures of table tops and floors."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.pigments import Picture, colour, mix, neutral, noise

WOODS = (
    *((0.095, 0.35, 0.85), (0.085, 0.45, 0.72), (0.075, 0.5, 0.6), (0.06, 0.55, 0.42)),
    *((0.05, 0.55, 0.3), (0.1, 0.22, 0.88), (0.08, 0.12, 0.62), (0.09, 0.06, 0.9)),
)
"""Hue, saturation, value: beech, oak, teak, cherry, walnut, birch, weathered, limed."""


def wood(rng: Generator, size: int) -> Picture:
    """Boards with grain along one side of the square."""
    boards = int(rng.choice([1, 1, 2, 4, 6, 8]))
    hue, saturation, value = np.array(WOODS[rng.integers(len(WOODS))]) * rng.uniform(0.9, 1.1, 3)
    base = np.array(colorsys.hsv_to_rgb(hue, min(saturation, 1), min(value, 0.95)), np.float32)
    bend = noise(rng, size, size, 2, 3)
    x = np.linspace(0, 1, size, dtype=np.float32)[None] * boards
    board = np.minimum(x.astype(int), boards - 1)
    shift = rng.random(boards).astype(np.float32)[board]
    rings = (x * rng.uniform(4, 12) / boards**0.5 + bend * rng.uniform(1, 5) + shift * 35) % 1
    # Late wood darkens slowly across a ring and ends sharply.
    rings = np.minimum(rings, (1 - rings) * 4).clip(0, 1)
    fibre = cv2.GaussianBlur(
        rng.random((size, size), np.float32), (0, 0), sigmaX=0.7, sigmaY=size / 30
    )
    strength = rng.uniform(0.04, 0.22)
    tone = 0.96 + 0.1 * (shift - 0.5) - strength * rings + 0.9 * (fibre - 0.5)
    if boards > 1:
        tone = tone * np.where((x % 1) * size / boards < max(size / 400, 1), 0.6, 1)
    # The grain is redder than the wood between it.
    picture = base * np.power(tone[..., None], [0.85, 1.0, 1.2]).astype(np.float32)
    return picture if rng.random() < 0.5 else picture.transpose(1, 0, 2)


def laminate(rng: Generator, size: int) -> Picture:
    """A plain coated board: mostly white, grey or black, all but even."""
    base = neutral(rng) if rng.random() < 0.85 else colour(rng, 0.3)
    grain = rng.normal(0, rng.uniform(0.002, 0.02), (size, size)).astype(np.float32)
    return base * (0.97 + 0.05 * noise(rng, size, size, 2, 2) + grain)[..., None]


def cloth(rng: Generator, size: int) -> Picture:
    a = neutral(rng) if rng.random() < 0.5 else colour(rng, 0.55)
    b = colour(rng, 0.6)
    n = int(rng.integers(5, 24))
    wave = np.arange(size) * n / size % 1
    kind = rng.random()
    if kind < 0.55:
        share = np.zeros((size, size), np.float32)
    elif kind < 0.75:
        share = ((wave[:, None] < 0.5) * 0.5 + (wave[None] < 0.5) * 0.5).astype(np.float32)
    else:
        share = np.broadcast_to(wave[:, None] < rng.uniform(0.1, 0.5), (size, size))
    threads = rng.normal(0, 0.03, (2, size)).astype(np.float32)
    weave = 0.95 + 0.05 * ((np.arange(size)[:, None] // 2 + np.arange(size)[None] // 2) % 2)
    folds = 0.9 + 0.2 * noise(rng, size, size, 3, 3)
    tone = (weave + threads[0][:, None] + threads[1][None]) * folds
    return mix(a, b, share.astype(np.float32)) * tone[..., None].astype(np.float32)


def _concrete(rng: Generator, size: int) -> Picture:
    base = (neutral(rng) + 0.5) / 2 if rng.random() < 0.7 else colour(rng, 0.2)
    grain = rng.normal(0, rng.uniform(0.005, 0.04), (size, size)).astype(np.float32)
    blots = noise(rng, size, size, rng.uniform(2, 8), 6)
    return base * (0.85 + 0.25 * blots + grain)[..., None]


def marble(rng: Generator, size: int) -> Picture:
    """Thin faint veins along the level lines of bent noise, on white, grey or black stone."""
    field = noise(rng, size, size, 2, 6)
    fine = noise(rng, size, size, 5, 5)
    base = neutral(rng)
    vein = base * rng.uniform(0.55, 0.8) if base.mean() > 0.3 else np.float32(0.75) + 0 * base
    line = np.exp(-np.abs(field - 0.5) * rng.uniform(40, 120)) * fine
    line = line + 0.5 * np.exp(-np.abs(fine - 0.45) * 90) * field
    cloud = 0.94 + 0.1 * noise(rng, size, size, 3, 4)
    return mix(base * cloud[..., None], vein, (line * rng.uniform(0.4, 0.9)).clip(0, 1))


def _granite(rng: Generator, size: int) -> Picture:
    """Speckled stone: grains of three or four greys and browns."""
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = neutral(rng)
    for _ in range(rng.integers(2, 5)):
        speck = cv2.GaussianBlur(
            rng.random((size, size), np.float32), (0, 0), rng.uniform(0.5, 0.9)
        )
        share = (speck > np.quantile(speck[::7, ::7], rng.uniform(0.6, 0.9))).astype(np.float32)
        picture = mix(picture, colour(rng, 0.3), share * rng.uniform(0.15, 0.5))
    return picture


def _steel(rng: Generator, size: int) -> Picture:
    """A brushed sheet."""
    streaks = cv2.GaussianBlur(
        rng.random((size, size), np.float32), (0, 0), sigmaX=size / 40, sigmaY=0.6
    )
    tone = rng.uniform(0.5, 0.75) * (0.9 + 0.2 * noise(rng, size, size, 2, 2))
    return (tone + 1.2 * (streaks - 0.5))[..., None] * np.array([0.98, 1, 1.02], np.float32)


def _tiles(rng: Generator, size: int) -> Picture:
    n = int(rng.integers(3, 10))
    i = np.arange(size) * n / size
    tone = 0.94 + 0.08 * rng.random((n, n)).astype(np.float32)
    cell = tone[i.astype(int)][:, i.astype(int)]
    if rng.random() < 0.15:
        parity = (np.arange(n)[:, None] + np.arange(n)[None]) % 2
        cell = cell * (0.45 + 0.55 * parity)[i.astype(int)][:, i.astype(int)]
    gap = ((i % 1) < rng.uniform(0.01, 0.03) * n / 3).astype(np.float32)
    joint = np.maximum(gap[:, None], gap[None])
    base = neutral(rng) if rng.random() < 0.6 else colour(rng, 0.4)
    picture = base * (cell * (0.95 + 0.1 * noise(rng, size, size, 6, 4)))[..., None]
    return mix(picture.astype(np.float32), neutral(rng), joint)


def _patches(rng: Generator, size: int) -> Picture:
    """Blots of many colours, as a printed cloth or a worn workbench."""
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = colour(rng, 0.3)
    for _ in range(rng.integers(2, 7)):
        field = noise(rng, size, size, rng.uniform(3, 14), 4)
        share = ((field - np.float32(rng.uniform(0.5, 0.7))) * 20).clip(0, 1)
        strength = np.float32(rng.uniform(0.1, 0.6))
        picture = mix(picture, colour(rng, 0.35), share * strength)
    return picture


GROUNDS: dict[str, Callable[[Generator, int], Picture]] = {
    "boards": wood,
    "cloth": cloth,
    "concrete": _concrete,
    "desk": laminate,
    "granite": _granite,
    "laminate": laminate,
    "marble": marble,
    "parquet": wood,
    "patches": _patches,
    "steel": _steel,
    "tiles": _tiles,
    "wood": wood,
}
"""Kind of table top or floor: painter of a square of that many pixels. The commonest come twice."""
