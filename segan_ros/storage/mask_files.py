"""Masks of one picture on disk -> `Instances`: a folder of mask images, or COCO JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from segan_ros.storage.importers.coco_amodal import amodal_key
from segan_ros.storage.photo import check_size

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

DIGITS = "0123456789"

LARGEST_ID = 65535

NOWHERE = Instance((0, 0, 0, 0), np.zeros((0, 0), bool))


def read_instances(path: Path, picture: Path, size: tuple[int, int]) -> Instances:
    """The masks in `path` of the photo `picture`.

    Args:
        path: a folder of mask images, one an object; the file's name without its number is the
            object's. Or COCO JSON (polygons or RLE), of which the annotations of the image with the
            photo's file name count.
        picture: the photo's file.
        size: its height and width.

    Returns:
        The masks. Their ids are the numbers at the end of the file names, or those of the
        annotations, where all have one and these are different and in 1..`LARGEST_ID`.

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
    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in ENDINGS), key=_natural)
    if not files:
        raise ValueError(f"{folder}: no mask images ({', '.join(ENDINGS)}), one an object")
    names = [file.stem.rstrip(DIGITS) for file in files]
    ids = _ids([file.stem.removeprefix(n) for file, n in zip(files, names, strict=True)])
    items: list[Instance] = []
    left_out = Counter[str]()
    for file, name, own in zip(files, names, ids, strict=True):
        pixels = read_image(file, cv2.IMREAD_UNCHANGED)
        check_size(picture, size, pixels.shape[:2], f"{file} is")
        about = replace(NOWHERE, name=name.rstrip("_- "), id=own)
        _add(items, left_out, _inside(pixels), about)
    return Instances(size, tuple(items), left_out)


def _natural(file: Path) -> list[tuple[bool, int, str]]:
    """Sorts ``2`` before ``10``."""
    words = re.findall("[0-9]+|[^0-9]+", file.name)
    return [(w[0] not in DIGITS, int(w) if w[0] in DIGITS else 0, w) for w in words]


def _ids(given: Sequence[Any]) -> list[int]:
    """The `given` numbers or words, as they are where all can be ids, else 0."""
    numbers = [int(str(g)) if re.fullmatch("[0-9]{1,9}", str(g)) else 0 for g in given]
    usable = len(set(numbers)) == len(given) and all(1 <= n <= LARGEST_ID for n in numbers)
    return numbers if usable else [0] * len(numbers)


def _inside(pixels: NDArray[Any]) -> Mask:
    """What is opaque in a cut-out; without an alpha channel that varies, what is brighter than half
    of the brightest pixel: masks of 0 and 1 look black, and those of 16 bits may go up to 255."""
    if pixels.ndim == 3:
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else pixels[:0, :0, 0]
        varies = alpha.size and alpha.min() < alpha.max()
        pixels = alpha if varies else cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2GRAY)
    return np.asarray(pixels > pixels.max(initial=0) / 2)


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
    of_photo: list[tuple[int, Mapping[str, Any]]] = []
    for place, entry in enumerate(content["annotations"], start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, annotation at place {place}: {entry!r} is no object")
        if key_of(entry.get("image_id")) == key_of(named[0].get("id")):
            of_photo.append((place, entry))
    ids = _ids([entry.get("id") for _, entry in of_photo])
    items: list[Instance] = []
    left_out = Counter[str]()
    for (place, entry), own in zip(of_photo, ids, strict=True):
        if is_crowd(entry):
            left_out[CROWD] += 1
            continue
        if not entry.get("segmentation"):
            if key := amodal_key(entry):
                raise ValueError(
                    f"{path}, annotation {entry.get('id', place)}: it has {key!r}, as amodal "
                    f"annotations have; use segan import coco-amodal {path} --images DIR --out DIR"
                )
            left_out[NO_MASK] += 1
            continue
        try:
            mask = decoded(entry["segmentation"], size, lambda reason: left_out.update([reason]))
            score = entry.get("score")
            score = 1.0 if score is None else float(score)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, annotation {entry.get('id', place)}: {error}") from None
        name = str(categories.get(key_of(entry.get("category_id")), {}).get("name", ""))
        about = replace(NOWHERE, score=score, name=name, id=own)
        _add(items, left_out, mask, about)
    return Instances(size, tuple(items), left_out)


def _file_name(image: Mapping[str, Any]) -> str:
    text = str(image.get("file_name") or image.get("coco_url") or "")
    return text.replace("\\", "/").rsplit("/", 1)[-1]


def _add(items: list[Instance], left_out: Counter[str], mask: Mask, about: Instance) -> None:
    """Append what is known `about` it with its `mask`, or count that it is empty."""
    box = tight_box(np.asarray(mask, bool))
    if box == NOWHERE.box:
        left_out[EMPTY] += 1
    else:
        items.append(replace(about, box=box, mask=crop(mask, box)))
