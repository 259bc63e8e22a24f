"""Masks of one picture on disk -> `Instances`: a folder of mask images, or COCO JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import crop, tight_box
from segan_ros.frame import Mask
from segan_ros.instances import EMPTY, NO_MASK, Instance, Instances
from segan_ros.storage.images import read_image
from segan_ros.storage.importers.coco import (
    CROWD,
    by_id,
    decoded,
    is_crowd,
    key_of,
    read_annotations,
    stated_size,
)
from segan_ros.storage.photo import check_size

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def read_instances(path: Path, picture: Path, size: tuple[int, int]) -> Instances:
    """The masks in `path` of the photo `picture`.

    Args:
        path: a folder of mask images, one an object, brighter than half is inside, the file's name
            without its number is the object's; or COCO JSON (polygons or RLE), of which the
            annotations of the image with the photo's file name count.
        picture: the photo's file.
        size: its height and width.

    Raises:
        FileNotFoundError: `path` is not there.
        ImportError: pycocotools is missing; for COCO JSON.
        ValueError: it holds no masks of this photo, or one that does not fit it.
    """
    if path.is_dir():
        return _from_folder(path, picture, size)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    return _from_coco(path, picture, size)


def _from_folder(folder: Path, picture: Path, size: tuple[int, int]) -> Instances:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    if not files:
        raise ValueError(f"{folder}: no mask images ({', '.join(ENDINGS)}), one an object")
    items: list[Instance] = []
    left_out = Counter[str]()
    for file in files:
        pixels = read_image(file, GREY)
        check_size(picture, size, pixels.shape, f"{file} is")
        _add(items, left_out, _inside(pixels), file.stem.rstrip("0123456789").rstrip("_- "))
    return Instances(size, tuple(items), left_out)


def _inside(pixels: NDArray[Any]) -> Mask:
    """What is brighter than half. A mask of 0 and 1 looks black, and one of 16 bits may go up to
    255: its largest value tells."""
    largest = int(pixels.max(initial=0))
    half = 0 if largest == 1 else 127 if largest < 256 else 32767
    return pixels > half


def _from_coco(path: Path, picture: Path, size: tuple[int, int]) -> Instances:
    import pycocotools.mask  # noqa: F401  (missing: say so before the file is read)

    content = read_annotations(path)
    images = list(by_id(content["images"]).values())
    named = [i for i in images if _file_name(i) == picture.name]
    if len(named) != 1:
        raise ValueError(
            f"{path}: {len(named)} images are called {picture.name}; it holds "
            f"{', '.join(sorted(map(_file_name, images))[:5]) or 'none with an id'} ..."
        )
    try:
        stated = stated_size(named[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    check_size(picture, size, stated or size, f"{path} says")
    categories = by_id(content.get("categories"))
    items: list[Instance] = []
    left_out = Counter[str]()
    for place, entry in enumerate(content["annotations"], start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, annotation at place {place}: {entry!r} is no object")
        if key_of(entry.get("image_id")) != key_of(named[0].get("id")):
            continue
        if is_crowd(entry):
            left_out[CROWD] += 1
            continue
        if not entry.get("segmentation"):
            left_out[NO_MASK] += 1
            continue
        try:
            mask = decoded(entry["segmentation"], size, lambda reason: left_out.update([reason]))
            score = entry.get("score")
            score = 1.0 if score is None else float(score)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, annotation {entry.get('id', place)}: {error}") from None
        name = str(categories.get(key_of(entry.get("category_id")), {}).get("name", ""))
        _add(items, left_out, mask, name, score)
    return Instances(size, tuple(items), left_out)


def _file_name(image: Mapping[str, Any]) -> str:
    text = str(image.get("file_name") or image.get("coco_url") or "")
    return text.replace("\\", "/").rsplit("/", 1)[-1]


def _add(
    items: list[Instance], left_out: Counter[str], mask: Mask, name: str, score: float = 1.0
) -> None:
    box = tight_box(np.asarray(mask, bool))
    if box == (0, 0, 0, 0):
        left_out[EMPTY] += 1
    else:
        items.append(Instance(box, crop(mask, box), score, name))
