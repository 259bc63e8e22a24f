"""What unprinted things are made of: plain colours, patterns, metal, ceramic, peel, grips."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.grounds import cloth, marble, wood
from segan_ros.synthesis.labels import label
from segan_ros.synthesis.pigments import Painter, Picture, colour, mix, neutral, noise


def anything(rng: Generator) -> Picture:
    kinds = (plain, plain, plain, plain, _gradient, _stripes, _checks, _dots, _blobs, label, label)
    return kinds[rng.integers(len(kinds))](rng)


def plain(rng: Generator, size: int = 64) -> Picture:
    base = colour(rng)
    return mix(base * np.float32(0.92), base, noise(rng, size, size, 3, 2))


def _gradient(rng: Generator) -> Picture:
    ramp = np.linspace(0, 1, 128, dtype=np.float32)
    y, x = np.meshgrid(ramp, np.abs(2 * ramp - 1), indexing="ij")
    return mix(colour(rng), colour(rng), y if rng.random() < 0.5 else x)


def _stripes(rng: Generator) -> Picture:
    n, tilt = int(rng.integers(2, 12)), int(rng.integers(-3, 4))
    x = np.arange(256) / 256
    wave = (n * x[:, None] + (tilt if rng.random() < 0.5 else 0) * x[None]) % 1
    if rng.random() < 0.4:
        wave = wave.T
    share = (wave < rng.uniform(0.2, 0.8)).astype(np.float32)
    a, b = colour(rng), colour(rng)
    return mix(np.broadcast_to(a, (*share.shape, 3)), b, share)


def _checks(rng: Generator) -> Picture:
    n = int(rng.integers(2, 9)) * 2
    i = np.arange(256) * n // 256
    share = ((i[:, None] + i[None]) % 2).astype(np.float32)
    return mix(colour(rng), colour(rng), share)


def _dots(rng: Generator) -> Picture:
    n = int(rng.integers(3, 10))
    x = (np.arange(256) * n / 256) % 1 - 0.5
    share = (np.hypot(x[:, None], x[None]) < rng.uniform(0.15, 0.4)).astype(np.float32)
    return mix(colour(rng), colour(rng), share)


def _blobs(rng: Generator) -> Picture:
    field = noise(rng, 192, 192, rng.uniform(2, 12), int(rng.integers(1, 5)))
    if rng.random() < 0.5:
        field = (field > 0.5).astype(np.float32)
    return mix(colour(rng), colour(rng), field)


def metal(rng: Generator) -> Picture:
    """Brushed metal: streaks and broad reflections that run along the thing."""
    base = np.full(3, rng.uniform(0.45, 0.75), np.float32)
    if rng.random() < 0.2:
        base = base * np.array([1.1, 0.9, 0.6], np.float32)
    broad = noise(rng, 8, 256, int(rng.integers(3, 6)), 2)[:1].repeat(256, 0)
    streaks = cv2.GaussianBlur(rng.random((256, 256), np.float32), (0, 0), sigmaX=0.6, sigmaY=9)
    return base * (0.5 + 0.7 * broad + 0.8 * (streaks - 0.5))[..., None]


def ceramic(rng: Generator) -> Picture:
    """Glazed clay, sometimes with a band."""
    picture = np.empty((128, 128, 3), np.float32)
    kind = rng.random()
    if kind < 0.5:
        picture[:] = rng.uniform(0.78, 0.93) * np.array([1, 0.99, 0.96])
    else:
        picture[:] = colour(rng, 0.6) * 0.5 + 0.4 if kind < 0.75 else colour(rng, 0.85)
    if rng.random() < 0.3:
        y = int(rng.uniform(10, 100))
        picture[y : y + int(rng.uniform(3, 20))] = colour(rng)
    return picture


def glaze(rng: Generator) -> Picture:
    """The inside of a cup: mostly white."""
    picture = np.empty((16, 16, 3), np.float32)
    picture[:] = rng.uniform(0.75, 0.93) if rng.random() < 0.75 else colour(rng, 0.7)
    return picture


def paper(rng: Generator) -> Picture:
    """The edges of many pages."""
    lines = rng.uniform(0.78, 0.95, (128, 1)).astype(np.float32).repeat(128, 1)
    return lines[..., None] * np.array([1, 0.98, 0.92], np.float32)


def fruit(rng: Generator) -> Picture:
    """Peel of a ripe colour, with specks."""
    hues = (0.0, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.95)
    hue = hues[rng.integers(len(hues))] + rng.normal(0, 0.015)
    pair = [
        np.array(
            colorsys.hsv_to_rgb((hue + d) % 1, rng.uniform(0.5, 0.85), rng.uniform(0.4, 0.85)),
            np.float32,
        )
        for d in (0, 0.05)
    ]
    picture = mix(pair[0], pair[1], noise(rng, 128, 256, 3, 4))
    speckle = (rng.random((128, 256)) < rng.uniform(0, 0.02)).astype(np.float32)
    return picture * (1 - 0.5 * cv2.GaussianBlur(speckle, (0, 0), 0.8)[..., None])


def grip(rng: Generator) -> Picture:
    """A handle: plain with rings or grooves."""
    picture = np.empty((128, 64, 3), np.float32)
    picture[:] = colour(rng)
    stripe = colour(rng) if rng.random() < 0.5 else picture[0, 0] * 0.4
    if rng.random() < 0.6:
        picture[int(rng.uniform(10, 90)) :: int(rng.integers(6, 30))] = stripe
    else:
        picture[:, :: int(rng.integers(6, 20))] = stripe
    return picture


def wood_small(rng: Generator) -> Picture:
    return wood(rng, 192)


def plastic(rng: Generator) -> Picture:
    """Moulded plastic of bins and trays: one even colour, often grey, blue or black."""
    picture = np.empty((16, 16, 3), np.float32)
    kind = rng.random()
    if kind < 0.45:
        picture[:] = neutral(rng)
    elif kind < 0.65:
        picture[:] = np.array([0.1, 0.25, 0.55]) * rng.uniform(0.7, 1.2)
    else:
        picture[:] = colour(rng, 0.85)
    return picture


def cardboard(rng: Generator) -> Picture:
    """Brown board with faint flutes and fibres."""
    base = np.array([0.68, 0.53, 0.37], np.float32) * np.float32(rng.uniform(0.8, 1.15))
    fibre = cv2.GaussianBlur(rng.random((128, 128), np.float32), (0, 0), sigmaX=3, sigmaY=0.6)
    flutes = 0.02 * np.sin(np.arange(128) * 2 * np.pi / 8).astype(np.float32)
    tone = 0.94 + 0.1 * noise(rng, 128, 128, 3, 3) + 0.5 * (fibre - 0.5) + flutes[:, None]
    return base * tone[..., None]


def mat(rng: Generator) -> Picture:
    """A place mat: woven, striped, wooden or plain."""
    kind = rng.random()
    if kind < 0.6:
        return cloth(rng, 384)
    return wood(rng, 384) if kind < 0.75 else plain(rng)


def stone(rng: Generator) -> Picture:
    return marble(rng, 384)


def page(rng: Generator) -> Picture:
    """A printed sheet: lines of text, a heading, sometimes a picture; 0.71 as wide as high."""
    picture = np.empty((384, 384, 3), np.float32)
    picture[:] = rng.uniform(0.86, 0.96)
    ink, left, right = float(rng.uniform(0.1, 0.35)), 26, 384 * 105 // 148 - 26
    y = int(rng.uniform(20, 60))
    if rng.random() < 0.6:
        cv2.rectangle(picture, (left, y), (left + int(rng.uniform(60, 180)), y + 9), [ink] * 3, -1)
        y += 26
    while y < 355:
        if rng.random() < 0.05 and y < 260:
            height = int(rng.uniform(40, 90))
            drawing = label(rng, height, right - left)
            picture[y : y + height, left:right] = drawing
            y += height + 10
        x, end = left, right if rng.random() < 0.85 else left + int(rng.uniform(40, 150))
        while x < end:  # words
            word = int(rng.uniform(6, 26))
            cv2.line(picture, (x, y), (min(x + word, end), y), [ink + 0.25] * 3, 2)
            x += word + 5
        y += 8 if rng.random() < 0.93 else 18
    return picture


def _even(*rgb: float) -> Painter:
    def paint(rng: Generator) -> Picture:
        picture = np.empty((8, 8, 3), np.float32)
        picture[:] = np.array(rgb) * rng.uniform(0.8, 1.2)
        return picture.clip(0, 0.95)

    return paint


black, white = _even(0.07, 0.07, 0.075), _even(0.82, 0.82, 0.8)
steel, rubber = _even(0.55, 0.56, 0.58), _even(0.55, 0.25, 0.12)
