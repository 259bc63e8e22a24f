"""Photographs to put behind and in front of objects: colours no renderer makes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segan_ros.frame import Image
from segan_ros.host.progress import Progress
from segan_ros.storage.images import read_image
from segan_ros.storage.scenes import evenly

LONGEST = 1280
"""Pixels that a photograph is kept at: 3 MB."""

MOST = 300
"""Photographs that are kept; of more, some spread over all."""

KINDS = (".jpg", ".jpeg", ".png")


def picture_paths(folder: str | Path, kinds: tuple[str, ...] = KINDS) -> list[Path]:
    """Files of these `kinds` in `folder` and below it, sorted; none that a dot hides."""
    root = Path(folder)
    found = (p for p in sorted(root.rglob("*")) if p.suffix.lower() in kinds and p.is_file())
    return [p for p in found if not any(n.startswith(".") for n in p.relative_to(root).parts)]


def photograph_paths(folder: str) -> list[Path]:
    """The photographs in `folder` and below it that are used, sorted by name.

    Raises:
        ValueError: there is none.
    """
    paths = picture_paths(folder)
    if not paths:
        raise ValueError(
            f"{folder}: no photograph ({', '.join(KINDS)}) there or below it; name another folder"
        )
    return evenly(paths, MOST)


def read_photographs(folder: str) -> list[Image]:
    """The photographs of `photograph_paths`, ``(H, W, 3)`` uint8 RGB.

    Raises:
        ValueError: there is none, or one cannot be read.
    """
    return [_read(p) for p in Progress(photograph_paths(folder), desc=f"reading {folder}")]


def _read(path: Path) -> Image:
    try:
        picture = read_image(path, cv2.IMREAD_COLOR)
    except ValueError as error:
        raise ValueError(f"{error}; remove it from the folder") from None
    scale = LONGEST / max(picture.shape)
    if scale < 1:
        height, width = (max(round(side * scale), 1) for side in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def photograph_part(photograph: Image, size: tuple[int, ...], rng: np.random.Generator) -> Image:
    """A part of `photograph` at `size` (height, width): from an eighth of its side to all of it,
    enlarged only where all of it is too small."""
    height, width = size
    most = min(photograph.shape[0] / height, photograph.shape[1] / width)
    scale = max(most * 2 ** rng.uniform(-3, 0), min(most, 1))
    high, wide = (max(int(scale * side), 1) for side in size)
    top = rng.integers(photograph.shape[0] - high + 1)
    left = rng.integers(photograph.shape[1] - wide + 1)
    cropped = photograph[top : top + high, left : left + wide]
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=way), np.uint8)
