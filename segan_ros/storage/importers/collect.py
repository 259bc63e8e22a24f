"""What every importer does with objects and with bad entries."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segan_ros.boxes import crop
from segan_ros.codecs.png import MAX_ID
from segan_ros.frame import Frame, Image, Mask
from segan_ros.storage.images import read_image
from segan_ros.storage.photo import read_photo
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions


@dataclass
class Problems:
    """Bad entries of a data set: each is named and counted, none is silent.

    Args:
        strict: the first one raises ValueError instead.
        say: is told of each.
        count: of those so far.
        left_out: what is no bad entry but of no use either, by kind.
    """

    strict: bool = False
    say: Callable[[str], None] = print
    count: int = field(default=0, init=False)
    left_out: Counter[str] = field(default_factory=Counter, init=False)

    def skip(self, where: str, error: object) -> None:
        """`error` made the entry at `where` unusable."""
        if self.strict:
            raise ValueError(f"{where}: {error}")
        self.count += 1
        self.say(f"skipped {where}: {error}")

    def leave_out(self, kind: str) -> None:
        """Count something that no scene can hold."""
        self.left_out[kind] += 1


@dataclass(frozen=True, eq=False)
class Item:
    """One object as a data set has it.

    Args:
        name: what it is.
        visible, whole: ``(H, W)`` bool; `visible` may be empty.
        depth: rank from the camera, 0 in front: who owns a pixel that two visible masks claim.
            Equal ranks: the smaller object.
        picture: ``(H, W, 3)`` uint8 RGB, the object with nothing in front, in the full image; or
            None.
    """

    name: str
    visible: Mask
    whole: Mask
    depth: float = 0.0
    picture: Image | None = None


def gathered(rgb: Image, items: Sequence[Item], extra: dict[str, Any]) -> LabelledScene:
    """The scene of `items`, whose ids are 1, 2, ... in their order.

    A visible pixel always belongs to the whole object too. Occlusion is worked out from the masks.

    Raises:
        ValueError: there is no object, or more than a label image can tell apart.
    """
    if not 0 < len(items) <= MAX_ID:
        raise ValueError(f"{len(items)} usable objects; a scene holds 1 to {MAX_ID}")
    labels = np.zeros(rgb.shape[:2], np.int32)
    areas = [np.count_nonzero(item.visible) for item in items]
    far_to_near = sorted(range(len(items)), key=lambda i: (-items[i].depth, -areas[i]))
    for index in far_to_near:
        labels[items[index].visible] = index + 1
    objects = []
    for number, item in enumerate(items, start=1):
        truth = TrueObject(number, item.whole | (labels == number), item.name)
        seen = None if item.picture is None else crop(item.picture, truth.box).copy()
        objects.append(TrueObject(number, truth.amodal, item.name, seen))
    found = true_occlusions(labels, objects)
    return LabelledScene(Frame(rgb, labels), tuple(objects), found, extra)


def free_name(picture: str, used: set[str]) -> str:
    """Name for the scene folder of a picture that none in `used` has, and put there. Hidden folders
    are no scenes."""
    name = os.path.splitext(Path(picture))[0].replace("/", "_").lstrip(".") or "_"
    free = next(n for n in chain([name], (f"{name}+{i}" for i in count(2))) if n not in used)
    used.add(free)
    return free


def read_picture(path: Path, size: tuple[int, ...] | None = None) -> Image:
    """``(H, W, 3)`` uint8 RGB.

    Args:
        path: of the picture.
        size: height and width that the annotations say it has.

    Raises:
        ValueError: the file is missing, no image, or of another size.
    """
    with _missing_is_bad(path):
        return read_photo(path, size, "the annotations say")


def read_mask(path: Path, size: tuple[int, int]) -> Mask:
    """``(H, W)`` bool: where a mask image is not black, scaled to `size` (height, width).

    Raises:
        ValueError: the file is missing or no image.
    """
    with _missing_is_bad(path):
        picture = read_image(path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    mask = (picture > 0).astype(np.uint8)
    if mask.shape != size:
        return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return mask > 0


@contextmanager
def _missing_is_bad(path: Path) -> Iterator[None]:
    """A file that cannot be opened is a bad entry like any other."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or 'no such file'}") from None
