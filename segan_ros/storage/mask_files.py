"""Masks of one picture on disk -> `Instances`: a folder of mask images, or COCO JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segan_ros.boxes import crop, tight_box
from segan_ros.frame import Mask
from segan_ros.instances import Instance, Instances
from segan_ros.storage.images import read_image
from segan_ros.storage.importers.coco import CROWD, decoded, is_crowd, key_of

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")

EMPTY = "empty"


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
        return _from_folder(path, size)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    return _from_coco(path, picture, size)


def _from_folder(folder: Path, size: tuple[int, int]) -> Instances:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    if not files:
        raise ValueError(f"{folder}: no mask images ({', '.join(ENDINGS)}), one an object")
    items: list[Instance] = []
    left_out = Counter[str]()
    for file in files:
        pixels = read_image(file, cv2.IMREAD_GRAYSCALE)
        if pixels.shape != size:
            raise ValueError(
                f"{file} is {pixels.shape[1]}x{pixels.shape[0]} but the image is "
                f"{size[1]}x{size[0]}; give both at the same resolution"
            )
        # 0/1 masks look black; so they are told from 0/255 by their largest value.
        mask = pixels > (0 if pixels.max(initial=0) == 1 else 127)
        _add(items, left_out, mask, file.stem.rstrip("0123456789").rstrip("_- "))
    return Instances(size, tuple(items), left_out)


def _from_coco(path: Path, picture: Path, size: tuple[int, int]) -> Instances:
    try:
        content = json.loads(path.read_bytes())
        images, annotations = content["images"], content["annotations"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not COCO JSON with images and annotations ({type(error).__name__}: {error})"
        ) from None
    named = [i for i in images if _file_name(i) == picture.name]
    if len(named) != 1:
        raise ValueError(
            f"{path}: {len(named)} images are called {picture.name}; it holds "
            f"{', '.join(sorted(map(_file_name, images))[:5])} ..."
        )
    names = {key_of(c.get("id")): str(c.get("name", "")) for c in content.get("categories", ())}
    items: list[Instance] = []
    left_out = Counter[str]()
    for entry in annotations:
        if key_of(entry.get("image_id")) != key_of(named[0].get("id")):
            continue
        if is_crowd(entry):
            left_out[CROWD] += 1
            continue
        try:
            mask = decoded(entry["segmentation"], size, lambda reason: left_out.update([reason]))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path}, annotation {entry.get('id')}: {error}") from None
        name = names.get(key_of(entry.get("category_id")), "")
        _add(items, left_out, mask, name, float(entry.get("score", 1)))
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
