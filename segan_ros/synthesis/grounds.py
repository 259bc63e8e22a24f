"""Pictures of table tops and floors."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.pigments import Picture, colour, mix, noise


def wood(rng: Generator, size: int) -> Picture:
    """Boards with grain along y."""
    boards = int(rng.integers(1, 8))
    hue, dark = rng.uniform(0.05, 0.11), rng.uniform(0.25, 0.85)
    base = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.2, 0.65), dark), np.float32)
    bend = noise(rng, size, size, 2, 2)
    x = np.linspace(0, 1, size, dtype=np.float32)[None] * boards
    shift = rng.random(boards + 1).astype(np.float32)[np.minimum(x.astype(int), boards)] * 7
    rings = (
        np.sin((x * rng.uniform(4, 12) + bend * rng.uniform(2, 8) + shift * 5) * 2 * np.pi) + 1
    ) / 2
    fibre = cv2.GaussianBlur(
        rng.random((size, size), np.float32), (0, 0), sigmaX=0.7, sigmaY=size / 40
    )
    tone = 0.85 + 0.05 * shift / 7 + 0.15 * rings * rng.uniform(0.3, 1) + 1.2 * (fibre - 0.5)
    if boards > 1:
        tone = tone * np.where((x % 1) * size / boards < 2, 0.6, 1)
    picture = base * tone[..., None]
    return picture if rng.random() < 0.5 else picture.transpose(1, 0, 2)


def _cloth(rng: Generator, size: int) -> Picture:
    a, b = colour(rng, 0.7), colour(rng, 0.7)
    n = int(rng.integers(3, 20))
    wave = np.arange(size) * n / size % 1
    kind = rng.integers(3)
    if kind == 0:
        share = np.zeros((size, size), np.float32)
    elif kind == 1:
        share = ((wave[:, None] < 0.5) * 0.5 + (wave[None] < 0.5) * 0.5).astype(np.float32)
    else:
        share = np.broadcast_to(wave[:, None] < 0.3, (size, size)).astype(np.float32)
    weave = np.float32(0.93) + 0.07 * (
        (np.arange(size)[:, None] // 2 + np.arange(size)[None] // 2) % 2
    )
    folds = 0.85 + 0.3 * noise(rng, size, size, 3, 3)
    return mix(a, b, share) * (weave * folds)[..., None].astype(np.float32)


def _concrete(rng: Generator, size: int) -> Picture:
    base = colour(rng, 0.25)
    grain = rng.normal(0, rng.uniform(0, 0.04), (size, size)).astype(np.float32)
    return base * (0.75 + 0.4 * noise(rng, size, size, rng.uniform(2, 8), 6) + grain)[..., None]


def _marble(rng: Generator, size: int) -> Picture:
    field = noise(rng, size, size, 3, 6)
    veins = np.exp(-np.abs(field - 0.5) * rng.uniform(15, 50))
    return mix(colour(rng, 0.4), colour(rng, 0.4), veins.astype(np.float32))


def _tiles(rng: Generator, size: int) -> Picture:
    n = int(rng.integers(2, 9))
    i = np.arange(size) * n / size
    tone = 0.85 + 0.2 * rng.random((n, n)).astype(np.float32)
    cell = tone[i.astype(int)][:, i.astype(int)]
    if rng.random() < 0.4:
        parity = (np.arange(n)[:, None] + np.arange(n)[None]) % 2
        cell = cell * (0.45 + 0.55 * parity)[i.astype(int)][:, i.astype(int)]
    gap = ((i % 1) < 0.03 * rng.random() * n / 3).astype(np.float32)
    joint = np.maximum(gap[:, None], gap[None])
    picture = colour(rng, 0.5) * (cell * (0.9 + 0.2 * noise(rng, size, size, 6, 4)))[..., None]
    return mix(picture.astype(np.float32), colour(rng, 0.2), joint)


def _patches(rng: Generator, size: int) -> Picture:
    """Clutter-coloured noise: blots of many colours, as a printed cloth or a messy desk."""
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = colour(rng, 0.6)
    for _ in range(rng.integers(2, 7)):
        cut = rng.uniform(0.5, 0.7)
        share = (noise(rng, size, size, rng.uniform(2, 14), 2) > cut).astype(np.float32)
        picture = mix(picture, colour(rng, 0.8), share)
    return picture


GROUNDS: dict[str, Callable[[Generator, int], Picture]] = {
    "boards": wood,
    "cloth": _cloth,
    "concrete": _concrete,
    "marble": _marble,
    "patches": _patches,
    "plaster": _concrete,
    "tiles": _tiles,
    "wood": wood,
}
"""Kind of table top or floor: painter of a square of that many pixels. The commonest come twice."""
