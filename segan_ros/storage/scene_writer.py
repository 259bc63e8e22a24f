"""Writes scenes: whole or not at all, as folders or, by their files, into shards."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segan_ros.codecs.png import MAX_ID
from segan_ros.storage.images import encoded
from segan_ros.truth import LabelledScene


def write_scene(folder: str | Path, scene: LabelledScene) -> None:
    """Write a scene folder as a whole or not at all; an old one is replaced."""
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
            **({} if o.scored else {"scored": False}),
            **o.about,
        }
        for o in scene.objects
    ]
    known = {"camera_matrix": scene.frame.camera_matrix, "up": scene.frame.up}
    camera = {key: value.tolist() for key, value in known.items() if value is not None}
    harm = {} if scene.harm is None else {"harm": {i: list(d) for i, d in scene.harm.items()}}
    occlusions = {"occ": [list(o) for o in scene.occlusions]}
    return {**scene.extra, **camera, **harm, "objects": objects, **occlusions}
