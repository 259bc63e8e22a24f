"""Finds and reads scenes: labelled pictures with their ground truth.

A scene folder holds ``rgb.png|jpg``, ``labels.png``, optional ``depth_mm.png``, ``amodal.npz``,
``appearance_<id>.png`` and ``scene.json``. docs/data.md describes it for other programs. The
same files may be packed into shards, see `shards`: whatever takes a scene takes both.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from segan_ros.boxes import Box, tight_box
from segan_ros.frame import Frame, Image
from segan_ros.storage.frames import read_frame
from segan_ros.storage.images import read_image
from segan_ros.storage.shards import PackedFile, PackedScene, read_shard
from segan_ros.truth import LabelledScene, TrueObject

T = TypeVar("T")

ScenePath = Path | PackedScene
"""Where a scene is: a folder, or a place in a shard."""

STATED = ("id", "name", "visible", "amodal", "box", "scored")
"""What ``scene.json`` says of every object."""


def iterate_scenes(folder: str | Path) -> Iterator[ScenePath]:
    """Scene folders directly in `folder`, then those of its shards, each sorted by name.

    Args:
        folder: of scene folders or shards (``*.tar``); or a scene folder or a shard itself.

    Raises:
        ValueError: there is none, or a shard cannot be read.
    """
    folder = Path(folder)
    inside = [folder] if folder.is_file() else sorted(folder.glob("*"))
    found = [folder] if _image_path(folder) else [p for p in inside if _image_path(p)]
    shards = [p for p in inside if p.suffix == ".tar" and not p.name.startswith(".")]
    if not found and not shards:
        raise ValueError(
            f"{folder}: no scene folder here (a folder with rgb.png or rgb.jpg and labels.png), "
            "and no shard of scenes (*.tar)"
        )
    yield from found
    for shard in shards:
        yield from read_shard(shard)


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of `items`, spread over them."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[i] for i in places]


def read_scene(folder: str | ScenePath) -> LabelledScene:
    """Read a scene; without ``amodal.npz`` and ``scene.json`` its `objects` are empty.

    Raises:
        FileNotFoundError: a needed file is missing.
        ValueError: a file does not hold what it should, or the parts do not fit together.
    """
    folder = Path(folder) if isinstance(folder, str) else folder
    frame = read_scene_frame(folder)
    try:
        return _read_truth(folder, frame)
    except (
        AttributeError,
        EOFError,
        IndexError,
        KeyError,
        NotImplementedError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if str(error).startswith(str(folder)):
            raise
        raise ValueError(
            f"{folder}: scene.json or amodal.npz lacks what a scene needs "
            f"({type(error).__name__}: {error}); write the scene again"
        ) from None


def read_scene_frame(folder: str | ScenePath) -> Frame:
    """The frame of a scene without its ground truth.

    Raises:
        FileNotFoundError: a needed file is missing.
        ValueError: a file does not hold what it should, or the parts do not fit together.
    """
    folder = Path(folder) if isinstance(folder, str) else folder
    image = _image_path(folder)
    if image is None:
        raise FileNotFoundError(f"{folder}: no rgb.png or rgb.jpg beside a labels.png")
    depth = folder / "depth_mm.png"
    try:
        stated = read_description(folder)
        matrix, up = (
            None if (value := stated.get(key)) is None else np.asarray(value, np.float64).reshape(s)
            for key, s in (("camera_matrix", (3, 3)), ("up", (3,)))
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}/scene.json: not a JSON object, or camera_matrix not 3x3 numbers, or up not "
            f"3: {error}"
        ) from None
    return read_frame(image, folder / "labels.png", depth if depth.exists() else None, matrix, up)


def read_description(folder: ScenePath) -> dict[str, Any]:
    """What ``scene.json`` says, without a look at any picture; empty when there is none."""
    path = folder / "scene.json"
    return json.loads(path.read_bytes()) if path.exists() else {}


def _read_truth(folder: ScenePath, frame: Frame) -> LabelledScene:
    description = read_description(folder)
    for key in ("camera_matrix", "up"):
        description.pop(key, None)
    stated = description.pop("objects", [])
    occlusions = description.pop("occ", [])
    harm = _read_harm(description.pop("harm", None), [o["id"] for o in stated])
    packed = folder / "amodal.npz"
    if not packed.exists():
        return LabelledScene(frame, (), (), description)
    with np.load(io.BytesIO(packed.read_bytes()), allow_pickle=False) as archive:
        packed_masks = archive["masks"]
    width = frame.size[1]
    if packed_masks.shape[-1] != -(-width // 8):
        raise ValueError(
            f"{packed}: rows of {packed_masks.shape[-1]} bytes do not fit a picture {width} pixels "
            f"wide, which takes {-(-width // 8)}"
        )
    masks = np.unpackbits(packed_masks, axis=-1, count=width).astype(bool)
    if masks.shape != (len(stated), *frame.size):
        raise ValueError(
            f"{packed}: masks {masks.shape} do not fit {len(stated)} objects "
            f"in a picture of {frame.size}"
        )
    objects = tuple(
        TrueObject(
            int(o["id"]),
            mask,
            str(o.get("name", "")),
            _read_appearance(folder, o["id"], tight_box(mask)),
            {key: value for key, value in o.items() if key not in STATED},
            bool(o.get("scored", True)),
        )
        for o, mask in zip(stated, masks, strict=True)
    )
    found = tuple((int(a), int(b), int(n)) for a, b, n in occlusions)
    return LabelledScene(frame, objects, found, description, harm)


def _read_harm(stated: Any, ids: Sequence[int]) -> dict[int, tuple[int, ...]] | None:
    """What ``scene.json`` says under ``harm``, of objects with these `ids`."""
    if stated is None:
        return None
    harm = {int(lifted): tuple(int(i) for i in others) for lifted, others in stated.items()}
    if unknown := {*harm, *(i for others in harm.values() for i in others)} - set(ids):
        raise ValueError(f"harm has objects that the scene lacks: {sorted(unknown)}")
    return harm


def _image_path(folder: ScenePath) -> Path | PackedFile | None:
    if folder.name.startswith(".") or not (folder / "labels.png").exists():
        return None
    return next((p for p in (folder / "rgb.png", folder / "rgb.jpg") if p.exists()), None)


def _read_appearance(folder: ScenePath, object_id: int, box: Box) -> Image | None:
    path = folder / f"appearance_{object_id}.png"
    if not path.exists():
        return None
    picture = read_image(path, cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    if (width, height) != (x1 - x0, y1 - y0):
        raise ValueError(
            f"{path}: {width}x{height} pixels, but the whole mask's box has {x1 - x0}x{y1 - y0}; "
            "write the scene again"
        )
    return np.ascontiguousarray(picture[..., ::-1])
