"""Printed things: package sides, labels around vessels, keys."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.pigments import Picture, colour, mix, noise

WORDS = (
    *("TEA", "COFFEE", "RICE", "OATS", "MILK", "SUGAR", "SALT", "PASTA", "CORN", "BEANS", "SOUP"),
    *("NUTS", "CHOCO", "CRISP", "FRESH", "BIO", "ULTRA", "CLEAN", "SOFT", "LEMON", "MINT", "HONEY"),
    *("OLIVE", "TOMATO", "SPICY", "SMART", "PRO", "MAX", "MINI", "EXTRA", "GOLD", "SUN", "LUNA"),
    *("NOVA", "ALPINE", "DELTA", "KIWI", "ORBIT"),
)


def label(rng: Generator, height: int = 256, width: int = 256) -> Picture:
    """One printed side of a package."""
    base, ink, accent = colour(rng), colour(rng), colour(rng)
    if np.abs(base - ink).sum() < 0.6:
        ink = 1 - base
    panel = np.empty((height, width, 3), np.float32)
    panel[:] = base
    kind = rng.integers(5)
    if kind == 0:
        panel = mix(
            panel, accent, np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, 1)
        )
    elif kind == 1:
        y = int(rng.uniform(0.2, 0.7) * height)
        panel[y : y + int(rng.uniform(0.1, 0.4) * height)] = accent
    elif kind == 2:
        panel = mix(panel, accent, (noise(rng, height, width, 3, 3) > 0.55).astype(np.float32))
    for _ in range(rng.integers(1, 4)):
        _draw_logo(panel, rng)
    for _ in range(rng.integers(1, 4)):
        _draw_word(panel, rng, ink)
    if rng.random() < 0.5:
        _draw_small_print(panel, rng, ink)
    if rng.random() < 0.35:
        _draw_barcode(panel, rng)
    return panel


def carton(rng: Generator) -> Picture:
    """The 3 x 2 atlas of a box: opposite sides alike."""
    cells = []
    front = label(rng, 192, 192)
    side = label(rng, 192, 192) if rng.random() < 0.5 else np.broadcast_to(front[5, 5], front.shape)
    top = np.broadcast_to(colour(rng), front.shape) if rng.random() < 0.5 else front
    cells = [side, front, top]
    return np.concatenate([np.concatenate(cells, 1)] * 2, 0)


def wrap(rng: Generator) -> Picture:
    """A label around a vessel: plain above and below a printed band."""
    picture = np.empty((256, 512, 3), np.float32)
    picture[:] = colour(rng)
    if rng.random() < 0.25:
        return mix(
            picture, colour(rng), np.linspace(0, 1, 256, dtype=np.float32)[:, None].repeat(512, 1)
        )
    low, high = rng.uniform(0.08, 0.35), rng.uniform(0.6, 0.95)
    a, b = int((1 - high) * 256), int((1 - low) * 256)
    panel = label(rng, 256, 256)
    band = np.concatenate([panel, panel if rng.random() < 0.5 else label(rng, 256, 256)], 1)
    picture[a:b] = cv2.resize(band, (512, b - a), interpolation=cv2.INTER_AREA)
    return picture


def buttons(rng: Generator) -> Picture:
    """A slab with keys on its upper side."""
    base, key = colour(rng, 0.3) * np.float32(0.5), colour(rng)
    side = np.empty((256, 128, 3), np.float32)
    side[:] = base
    top = side.copy()
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(3, 9))
    for i in range(rows):
        for j in range(columns):
            centre = (int((j + 0.5) * 128 / columns), int(30 + (i + 0.5) * 200 / rows))
            cv2.circle(
                top, centre, int(60 / max(columns, rows * 0.5)), key.tolist(), -1, cv2.LINE_AA
            )
    if rng.random() < 0.4:
        top[16:240, 10:118] = mix(colour(rng), colour(rng), noise(rng, 224, 108, 2, 3))
    return np.concatenate([np.concatenate([side, side, top], 1), np.concatenate([side] * 3, 1)], 0)


def _draw_logo(panel: Picture, rng: Generator) -> None:
    h, w = panel.shape[:2]
    centre = (int(rng.uniform(0.15, 0.85) * w), int(rng.uniform(0.15, 0.85) * h))
    r, fill = int(rng.uniform(0.06, 0.28) * min(h, w)), colour(rng).tolist()
    kind = rng.integers(4)
    if kind == 0:
        cv2.circle(panel, centre, r, fill, -1, cv2.LINE_AA)
    elif kind == 1:
        axes = (max(2, int(r * rng.uniform(0.5, 2))), r)
        cv2.ellipse(panel, centre, axes, float(rng.uniform(0, 180)), 0, 360, fill, -1, cv2.LINE_AA)
    elif kind == 2:
        cv2.rectangle(
            panel,
            (centre[0] - r, centre[1] - r // 2),
            (centre[0] + r, centre[1] + r // 2),
            fill,
            -1,
        )
    else:
        n = int(rng.integers(3, 8))
        t = np.arange(2 * n) * np.pi / n
        ray = r * np.where(np.arange(2 * n) % 2, rng.uniform(0.4, 1), 1)
        points = np.stack([centre[0] + ray * np.sin(t), centre[1] - ray * np.cos(t)], -1)
        cv2.fillPoly(panel, [points.astype(np.int32)], fill, cv2.LINE_AA)


def _draw_word(panel: Picture, rng: Generator, ink: Picture) -> None:
    h, w = panel.shape[:2]
    word, font = WORDS[rng.integers(len(WORDS))], int(rng.choice([0, 2, 3, 4]))
    thick = int(rng.integers(2, 6))
    (wide, _), _ = cv2.getTextSize(word, font, 1, thick)
    scale = rng.uniform(0.35, 0.9) * w / wide
    at = (int(rng.uniform(0, 0.3) * w), int(rng.uniform(0.2, 0.9) * h))
    stencil = np.zeros((h, w), np.uint8)
    cv2.putText(stencil, word, at, font, scale, 255, thick, cv2.LINE_AA)
    panel[:] = mix(panel, ink, (stencil / 255).astype(np.float32))


def _draw_small_print(panel: Picture, rng: Generator, ink: Picture) -> None:
    h, w = panel.shape[:2]
    x, y = int(rng.uniform(0.05, 0.4) * w), int(rng.uniform(0.5, 0.8) * h)
    for line in range(rng.integers(3, 8)):
        end = x + int(rng.uniform(0.2, 0.5) * w)
        cv2.line(panel, (x, y + 7 * line), (end, y + 7 * line), ink.tolist(), 2)


def _draw_barcode(panel: Picture, rng: Generator) -> None:
    h, w = panel.shape[:2]
    n = 28
    bars = np.repeat(rng.integers(0, 2, n), 2).astype(np.float32)
    y, x = int(rng.uniform(0.6, 0.75) * h), int(rng.uniform(0.05, 0.6) * w)
    block = np.ones((int(0.18 * h), 2 * n + 8), np.float32)
    block[4:-8, 4:-4] = bars
    patch = panel[y : y + block.shape[0], x : x + block.shape[1]]
    patch[:] = block[: patch.shape[0], : patch.shape[1], None]
