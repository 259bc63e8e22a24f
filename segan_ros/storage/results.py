"""Result folders on disk: what ``segan complete`` and ``segan replay`` make of a frame.

docs/data.md describes the files for other programs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from segan_ros.boxes import paste
from segan_ros.frame import CompletedScene, Image, OcclusionEdge, OcclusionGraph
from segan_ros.storage.images import write_image


def write_result(
    folder: str | Path, scene: CompletedScene, pictures: Mapping[str, Image | str]
) -> None:
    """Write a result folder: masks, appearances, ``objects.json``, ``graph.json``, `pictures`.

    `pictures` maps a file name to an ``(H, W, 3)`` uint8 image or to text (SVG).

    Raises:
        ValueError: `folder` is a scene folder, whose ground truth has the same file names.
        OSError: the folder cannot be made or written.
    """
    folder = Path(folder)
    refuse_scene_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if re.fullmatch(r"(amodal|appearance)_\d+\.png", old.name):
            old.unlink()
    for item in scene.objects:
        full = item.full_mask(scene.size)
        write_image(folder / f"amodal_{item.id}.png", full.astype(np.uint8) * 255)
        if item.appearance is not None:
            rgba = np.zeros((*scene.size, 4), np.uint8)
            paste(rgba[..., :3], item.box, item.appearance, item.amodal)
            rgba[..., 3] = full * np.uint8(255)
            write_image(folder / f"appearance_{item.id}.png", rgba)
    objects = [
        {
            "id": o.id,
            "box": list(o.box),
            "visible_area": o.visible_area,
            "amodal_area": o.amodal_area,
            "occlusion_ratio": round(o.occlusion_ratio, 4),
            "score": round(o.score, 4),
            "layer": o.layer,
            "truncated": o.truncated,
            "depth_median": None if np.isnan(o.depth_median) else round(o.depth_median, 4),
            "lift_probability": None
            if np.isnan(o.lift_probability)
            else round(o.lift_probability, 4),
            "occluded_by_unlabelled": o.occluded_by_unlabelled,
            "occluder_only": o.occluder_only,
        }
        for o in scene.objects
    ]
    (folder / "objects.json").write_text(json.dumps(objects, indent=1))
    (folder / "graph.json").write_text(json.dumps(graph_to_json(scene.graph), indent=1))
    for name, picture in pictures.items():
        if isinstance(picture, str):
            (folder / name).write_text(picture, encoding="utf-8")
        else:
            write_image(folder / name, picture)


def refuse_scene_folder(folder: Path) -> None:
    """Keep results away from ground truth.

    Raises:
        ValueError: `folder` is a scene folder.
    """
    if (folder / "labels.png").exists() or (folder / "amodal.npz").exists():
        raise ValueError(
            f"{folder}: is a scene folder, results would replace its ground truth; "
            "choose another folder"
        )


def graph_to_json(graph: OcclusionGraph) -> dict[str, Any]:
    """`graph` in the form of ``graph.json``; what is not known becomes null."""
    return {
        "object_ids": list(graph.object_ids),
        "layers": list(graph.layers),
        "edges": [_edge_to_json(e) for e in graph.edges],
        "is_acyclic": graph.is_acyclic,
        "removal_order": list(graph.removal_order),
        "supports": [_edge_to_json(e) for e in graph.supports],
        "free": sorted(graph.free),
        "up": graph.up and [round(x, 4) for x in graph.up],
        "up_confidence": round(graph.up_confidence, 4),
    }


def _edge_to_json(edge: OcclusionEdge) -> dict[str, Any]:
    found = asdict(edge) | {"evidence": int(edge.evidence)}
    unknown = {k: None for k in ("depth_gap", "lift_risk") if np.isnan(found[k])}
    return found | unknown
