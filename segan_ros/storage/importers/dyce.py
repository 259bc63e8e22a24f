"""DYCE (Ehsani et al., CVPR 2018) as scene folders.

The data set's lists have an object per line::

    image SV SF x1 y1 x2 y2 tag fullobj

names of the picture and of the masks of the visible part and of the whole object, a box on a grid
of 1000 by 1000, what it is (`tag` may have spaces), and the name of a picture of the object alone.
Lines of one image make one scene.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segan_ros.frame import Image
from segan_ros.storage.importers.collect import (
    Item,
    Problems,
    free_name,
    gathered,
    read_mask,
    read_picture,
)
from segan_ros.truth import LabelledScene

GRID = 1000
"""Boxes count in this many parts of the picture's width and height."""

FOLDERS = {"image": "Images", "visible": "modal", "whole": "amodal", "picture": "FullObj"}
"""Of the release, below its root."""

COLUMNS = 9


@dataclass(frozen=True)
class Line:
    """One object of a list; `box` is ``(x1, y1, x2, y2)`` on the grid."""

    number: int
    image: str
    visible: str
    whole: str
    box: tuple[float, float, float, float]
    tag: str
    picture: str


def parse(text: str, number: int) -> Line:
    """The object of line `number`.

    Raises:
        ValueError: columns are missing, or the box is none.
    """
    words = text.split()
    if len(words) < COLUMNS:
        raise ValueError(
            f"{len(words)} columns; a line has {COLUMNS}: image SV SF x1 y1 x2 y2 tag fullobj"
        )
    image, visible, whole = words[:3]
    try:
        x1, y1, x2, y2 = box = (float(words[3]), float(words[4]), float(words[5]), float(words[6]))
    except ValueError:
        raise ValueError(
            f"box {' '.join(words[3:7])!r}; columns 4 to 7 are numbers: x1 y1 x2 y2"
        ) from None
    if not (0 <= x1 <= x2 <= GRID and 0 <= y1 <= y2 <= GRID):
        raise ValueError(f"box {box}; it must lie in 0..{GRID} with x1 <= x2 and y1 <= y2")
    return Line(number, image, visible, whole, box, " ".join(words[7:-1]), words[-1])


def dyce_scenes(
    path: Path, root: Path, problems: Problems, without: Collection[str] = ()
) -> Iterator[tuple[str, LabelledScene]]:
    """Name and scene of every image of a list.

    Args:
        path: the list, for example ``annotations/test.txt``.
        root: folder of the release; names are looked for in its `FOLDERS`, then below itself.
        problems: is told of every line that cannot be used.
        without: tags to leave out, for example ``wall``.

    Raises:
        OSError: the list cannot be read.
        ValueError: it is no text; or a line is bad and `problems` is strict.
    """
    by_image: dict[str, list[Line]] = {}
    for line in _lines(path, problems):
        if line.tag not in without:
            by_image.setdefault(line.image, []).append(line)
    used: set[str] = set()
    for image, lines in by_image.items():
        where = f"{path}, lines of {image} ({lines[0].number} and on)"
        try:
            rgb = read_picture(_file(root, "image", image))
        except ValueError as error:
            problems.skip(where, error)
            continue
        items, kept = [], []
        for line in lines:
            try:
                items.append(_item(line, root, rgb))
                kept.append(line)
            except ValueError as error:
                problems.skip(f"{path}:{line.number}", error)
        height, width = rgb.shape[:2]
        scale = (width / GRID, height / GRID) * 2
        boxes = [[round(b * s, 1) for b, s in zip(k.box, scale, strict=True)] for k in kept]
        extra = {"source": "dyce", "image": image, "stated_boxes": boxes}
        try:
            scene = gathered(rgb, items, extra)
        except ValueError as error:
            problems.skip(where, error)
            continue
        yield free_name(image, used), scene


def _lines(path: Path, problems: Problems) -> Iterator[Line]:
    try:
        texts = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file; DYCE's lists are annotations/*.txt") from None
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            yield parse(text, number)
        except ValueError as error:
            problems.skip(f"{path}:{number}", error)


def _item(line: Line, root: Path, rgb: Image) -> Item:
    height, width = rgb.shape[:2]
    visible = read_mask(_file(root, "visible", line.visible), (height, width))
    whole = read_mask(_file(root, "whole", line.whole), (height, width))
    if not whole.any():
        raise ValueError(f"{line.whole}: the mask of the whole object is black")
    alone = _file(root, "picture", line.picture)
    picture = read_picture(alone) if alone.is_file() else None
    if picture is not None and picture.shape != rgb.shape:
        resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture = np.asarray(resized, np.uint8)
    return Item(line.tag, visible, whole, picture=picture)


def _file(root: Path, kind: str, name: str) -> Path:
    inside = root / FOLDERS[kind] / name
    return inside if inside.is_file() or not (root / name).is_file() else root / name
