"""Scenes on disk: the one reader and the one writer of labelled pictures.

A scene folder holds ``rgb.png|jpg``, ``labels.png``, optional ``depth_mm.png``, ``amodal.npz``,
``appearance_<id>.png`` and ``scene.json``. docs/data.md describes it for other programs. The
same files may be packed into shards, see `shards`: whatever takes a scene takes both.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import tight_box
from segan_ros.frame import Box, Frame, Image
from segan_ros.storage.images import encoded, read_image, read_labels
from segan_ros.storage.shards import PackedFile, PackedScene, read_shard
from segan_ros.truth import LabelledScene, TrueObject

T = TypeVar("T")

ScenePath = Path | PackedScene
"""Where a scene is: a folder, or a place in a shard."""

MAX_ID = 65535
"""In ``labels.png``, which has 16 bits."""

STATED = ("id", "name", "visible", "amodal", "box")
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
            f"{folder}: scene.json and amodal.npz do not hold what a scene folder's should "
            f"({type(error).__name__}: {error}); write the scene anew"
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
        matrix = read_description(folder).get("camera_matrix")
        matrix = None if matrix is None else np.asarray(matrix, np.float64).reshape(3, 3)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}/scene.json: not a JSON object, or its camera_matrix not 3x3 numbers: {error}"
        ) from None
    return read_frame(image, folder / "labels.png", depth if depth.exists() else None, matrix)


def read_description(folder: ScenePath) -> dict[str, Any]:
    """What ``scene.json`` says, without a look at any picture; empty when there is none."""
    path = folder / "scene.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _read_truth(folder: ScenePath, frame: Frame) -> LabelledScene:
    description = read_description(folder)
    description.pop("camera_matrix", None)
    stated = description.pop("objects", [])
    occlusions = description.pop("occ", [])
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
        )
        for o, mask in zip(stated, masks, strict=True)
    )
    return LabelledScene(
        frame, objects, tuple((int(a), int(b), int(n)) for a, b, n in occlusions), description
    )


def read_frame(
    rgb: str | Path | PackedFile,
    labels: str | Path | PackedFile,
    depth: str | Path | PackedFile | None = None,
    camera_matrix: NDArray[np.float64] | None = None,
) -> Frame:
    """Read a picture, its label image (8 or 16 bit) and its depth (16 bit, millimetres, 0 unknown).

    Raises:
        FileNotFoundError, ValueError: as the files deserve, naming the file.
    """
    # As the pixels lie in the file, which is how the node and whoever drew the masks see them.
    bgr = read_image(rgb, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    ids = read_labels(labels)
    metres = None
    if depth is not None:
        millimetres = read_image(depth, cv2.IMREAD_UNCHANGED)
        if millimetres.dtype != np.uint16 or millimetres.ndim != 2:
            raise ValueError(
                f"{depth}: depth is a 16-bit one-channel image in mm, got {millimetres.dtype}"
            )
        metres = np.where(
            millimetres > 0, millimetres.astype(np.float32) / 1000, np.float32(np.nan)
        )
    try:
        return Frame(np.ascontiguousarray(bgr[..., ::-1]), ids, metres, camera_matrix)
    except ValueError as error:
        raise ValueError(f"{rgb}, {labels}: {error}") from None


def write_scene(folder: str | Path, scene: LabelledScene) -> None:
    """Write a scene folder in one step: it is there whole or not at all. An old one is replaced."""
    write_scene_files(Path(folder), scene_files(scene))


def write_scene_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """The same for the files of a scene, by name. Raises OSError when they cannot be written."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed and had our number
    part.mkdir(parents=True)
    try:
        for name, content in files.items():
            (part / name).write_bytes(content)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def scene_files(scene: LabelledScene) -> dict[str, bytes]:
    """The files of a scene by name: what a scene folder holds, and a shard.

    Raises:
        ValueError: an id is above `MAX_ID`.
    """
    frame = scene.frame
    labels = frame.labels.clip(min=0)
    if (most := max([int(labels.max()), *(o.id for o in scene.objects)])) > MAX_ID:
        raise ValueError(f"the scene has the id {most}; labels.png holds ids up to {MAX_ID}")
    files = {"rgb.png": encoded(frame.rgb), "labels.png": encoded(labels.astype(np.uint16))}
    if frame.depth is not None:
        millimetres = np.nan_to_num(frame.depth * 1000, nan=0, posinf=0)
        files["depth_mm.png"] = encoded(millimetres.clip(0, 65535).round().astype(np.uint16))
    masks = np.array([o.amodal for o in scene.objects], bool).reshape(-1, *frame.size)
    archive = io.BytesIO()
    np.savez_compressed(archive, masks=np.packbits(masks, axis=-1))
    files["amodal.npz"] = archive.getvalue()
    for item in scene.objects:
        if item.appearance is not None:
            files[f"appearance_{item.id}.png"] = encoded(item.appearance)
    files["scene.json"] = json.dumps(_describe_scene(scene), indent=1).encode()
    return files


def _describe_scene(scene: LabelledScene) -> dict[str, Any]:
    visible = dict(
        zip(*(v.tolist() for v in np.unique(scene.frame.labels, return_counts=True)), strict=True)
    )
    objects = [
        {
            "id": o.id,
            "name": o.name,
            "visible": visible.get(o.id, 0),
            "amodal": int(np.count_nonzero(o.amodal)),
            "box": list(o.box),
            **o.about,
        }
        for o in scene.objects
    ]
    matrix = scene.frame.camera_matrix
    camera = {} if matrix is None else {"camera_matrix": matrix.tolist()}
    return {**scene.extra, **camera, "objects": objects, "occ": [list(o) for o in scene.occlusions]}


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
            "write the scene anew"
        )
    return np.ascontiguousarray(picture[..., ::-1])
