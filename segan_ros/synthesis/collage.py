"""Labelled scenes of photographed objects, cut out and pasted over each other.

What hides what is drawn, so that whole masks and colours of hidden parts are known exactly, and
every pixel comes from a photograph. The scenes look less like a table than rendered ones do, and
more like a camera's picture.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.boxes import crop, tight_box
from segan_ros.frame import Frame, Image, Mask
from segan_ros.host.progress import Progress
from segan_ros.storage.images import read_image
from segan_ros.storage.photographs import (
    photograph_part,
    picture_paths,
)
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

Floats = NDArray[np.float32]

VERSION = 1
"""Of the scenes: another one makes others from the same seed and cut-outs."""

TENTHS = {"train": range(3, 10), "val": range(2, 3), "test": range(2)}
"""Which tenths of the kinds of cut-outs belong to a split."""

PIECES = (4, 11)
"""Cut-outs in a scene: from, and up to without."""

PLACES = 8
"""Tries for each of them to find a place."""

SMALLEST = 48
"""Pixels of the shorter side of an object that is used."""

SIZES = (-2.2, -0.7)
"""Longest side of a piece: two to the power of these times the height of the scene."""


@dataclass(frozen=True, eq=False)
class CutOut:
    """A photographed object without what was around it.

    Args:
        path: of its file.
        rgba: ``(h, w, 4)`` float32 in 0..1, RGB already multiplied by alpha.
    """

    path: Path
    rgba: Floats


def longest_side(size: tuple[int, int]) -> int:
    """Pixels of the longest side that a piece of a scene of `size` may have."""
    return round(size[0] * 2 ** SIZES[1])


def read_cut_outs(
    folder: str, split: str, longest: int, every: bool = False
) -> tuple[list[CutOut], Counter[str]]:
    """The cut-outs in `folder` and below it that belong to `split`, sorted by name.

    The name of the folder that it lies in decides: things of a kind lie together. One that lies in
    `folder` itself is a kind of its own.

    Args:
        folder: of png files.
        split: a key of `TENTHS`.
        longest: side in pixels that larger ones are shrunk to.
        every: take all of them, whatever their folders' names.

    Returns:
        The cut-outs, and how many files were passed over by reason.

    Raises:
        ValueError: there are fewer than a scene takes.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"{folder}: no such folder")
    found: list[CutOut] = []
    passed_over: Counter[str] = Counter()
    for path in Progress(picture_paths(folder, (".png",)), f"reading {folder}", leave=False):
        inside = path.relative_to(folder)
        if not every and tenth(inside.parent.name or inside.stem) not in TENTHS[split]:
            passed_over["of another split, by the name of its folder"] += 1
            continue
        try:
            found.append(CutOut(path, _cut_out(read_image(path, cv2.IMREAD_UNCHANGED), longest)))
        except ValueError as reason:
            passed_over[str(reason).removeprefix(f"{path}: ")] += 1
    if len(found) < PIECES[1]:
        others = ", ".join(f"{n} {reason}" for reason, n in passed_over.most_common())
        raise ValueError(
            f"{folder}: {len(found)} cut-outs for split {split} (passed over: {others or 'none'}); "
            f"a scene takes up to {PIECES[1] - 1}: add png files with a transparent ground, or use "
            "all for this split with --every-cutout"
        )
    return found, passed_over


def collage(
    cut_outs: Sequence[CutOut], ground: Image, size: tuple[int, int], rng: Generator
) -> LabelledScene:
    """A scene of some `cut_outs` on `ground`, each over those before it.

    Args:
        cut_outs: to choose from.
        ground: ``(H, W, 3)`` uint8, of which a part is taken.
        size: of the scene, height and width.
        rng: decides everything else.
    """
    rgb = photograph_part(ground, size, rng).astype(np.float32) / 255
    labels = np.zeros(size, np.int32)
    pieces: dict[int, tuple[str, Floats]] = {}
    shadow = rng.uniform(0, 0.5), rng.uniform(-0.03, 0.03, 2) * min(size)
    for index in rng.permutation(len(cut_outs))[: rng.integers(*PIECES)]:
        chosen = cut_outs[index]
        for _ in range(PLACES):
            piece = _placed(chosen, labels, rng)
            mask = piece[..., 3] > 0.5
            if _leaves_something(mask, labels, pieces):
                break
        else:
            continue
        rgb *= 1 - _shadow(piece[..., 3], *shadow)
        rgb = piece[..., :3] + (1 - piece[..., 3:]) * rgb
        labels[mask] = len(pieces) + 1
        pieces[len(pieces) + 1] = chosen.path.stem, piece
    objects = [_object(id, name, piece) for id, (name, piece) in pieces.items()]
    return LabelledScene(
        Frame((rgb * 255).round().clip(0, 255).astype(np.uint8), labels),
        tuple(objects),
        true_occlusions(labels, objects),
        {"setting": "collage"},
    )


def _placed(chosen: CutOut, labels: NDArray[np.int32], rng: Generator) -> Floats:
    """`chosen` sized, turned, tinted and put somewhere: near something that is there, mostly.
    Premultiplied RGBA of the whole scene."""
    height, width = labels.shape
    # Not enlarged: blurred things would stand out.
    wanted = height * 2 ** rng.uniform(*SIZES)
    rgba = _shrunk(chosen.rgba, wanted)
    wanted = max(rgba.shape[:2])
    if rng.random() < 0.5:
        rgba = rgba[:, ::-1]
    turn = np.deg2rad(rng.uniform(0, 360) if rng.random() < 0.15 else rng.normal(0, 15))
    middle = rng.uniform((0.1 * width, 0.1 * height), (0.9 * width, 0.9 * height))
    there = np.unique(labels[labels > 0])
    if len(there) and rng.random() < 0.85:
        x0, y0, x1, y1 = tight_box(labels == rng.choice(there))
        angle = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.2, 0.9) * (wanted + np.array([x1 - x0, y1 - y0])) / 2
        middle = np.array([x0 + x1, y0 + y1]) / 2 + reach * (np.cos(angle), np.sin(angle))
        middle = middle.clip((0, 0), (width, height))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    own = np.array(rgba.shape[1::-1]) / 2
    piece = cv2.warpAffine(
        rgba, np.column_stack([rotation, middle - rotation @ own]), (width, height)
    )
    tint = rng.uniform(0.75, 1.15) * rng.uniform(0.93, 1.07, 3)
    piece[..., :3] = np.minimum(piece[..., :3] * tint, piece[..., 3:])
    return np.asarray(piece, np.float32)


def _leaves_something(
    mask: Mask, labels: NDArray[np.int32], pieces: dict[int, tuple[str, Floats]]
) -> bool:
    """Whether enough of `mask` lies in the picture, and enough is left to see of the others."""
    if np.count_nonzero(mask) < 150:
        return False
    left = np.bincount(labels[~mask], minlength=len(pieces) + 1)
    whole = (np.count_nonzero(piece[..., 3] > 0.5) for _, piece in pieces.values())
    return all(n >= max(60, 0.08 * all_of_it) for n, all_of_it in zip(left[1:], whole, strict=True))


def _shadow(alpha: Floats, strength: float, offset: NDArray[np.float64]) -> Floats:
    """How much darker a piece makes what lies below it, ``(H, W, 1)`` in 0..1."""
    moved = cv2.warpAffine(alpha, np.column_stack([np.eye(2), offset]), alpha.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), 0.02 * min(alpha.shape))
    return np.asarray(strength * soft, np.float32)[..., None]


def _object(id: int, name: str, piece: Floats) -> TrueObject:
    whole = piece[..., 3] > 0.5
    part = crop(piece, tight_box(whole))
    # Around the object its own colours go on: who resizes the picture mixes them in.
    around = cv2.GaussianBlur(part, (0, 0), 3) + 1e-6
    solid = np.where(part[..., 3:] > 0.5, part, around)
    colours = solid[..., :3] / solid[..., 3:]
    return TrueObject(id, whole, name, (colours * 255).round().clip(0, 255).astype(np.uint8))


def _cut_out(picture: NDArray[Any], longest: int) -> Floats:
    """The object of a picture as premultiplied RGBA, no longer than `longest`.

    Raises:
        ValueError: the picture does not show one solid object on transparent ground.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 4:
        raise ValueError("not 8 bits of red, green, blue and alpha")
    part = crop(picture, tight_box(picture[..., 3] > 25))
    if min(part.shape[:2]) < SMALLEST:
        raise ValueError(f"a side below {SMALLEST} pixels")
    alpha = part[..., 3]
    solid = alpha > 127
    if np.count_nonzero(alpha > 229) < 0.8 * np.count_nonzero(alpha > 25):
        raise ValueError("half transparent")
    if np.count_nonzero(picture[..., 3] > 127) > 0.97 * picture[..., 3].size:
        raise ValueError("without a transparent ground")
    _, _, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    if stats[1:, cv2.CC_STAT_AREA].max() < 0.9 * np.count_nonzero(solid):
        raise ValueError("in several parts")
    rgba: Floats = part[..., [2, 1, 0, 3]].astype(np.float32) / np.float32(255)
    rgba[..., :3] *= rgba[..., 3:]
    return _shrunk(rgba, longest)


def _shrunk(rgba: Floats, longest: float) -> Floats:
    """`rgba` with its longest side at most `longest`."""
    scale = longest / max(rgba.shape[:2])
    if scale >= 1:
        return rgba
    width, height = (max(round(side * scale), 1) for side in rgba.shape[1::-1])
    return np.asarray(cv2.resize(rgba, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def tenth(kind: str) -> int:
    """Which tenth a kind of cut-outs belongs to."""
    return int(hashlib.sha256(kind.encode()).hexdigest(), 16) % 10
