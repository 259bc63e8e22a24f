"""A user's own meshes, OBJ, GLB, PLY or STL, prepared for scenes: a set of objects in a folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.random import Generator
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from segan_ros.frame import Image
from segan_ros.synthesis.assets.build import draw_things, in_processes
from segan_ros.synthesis.assets.things import draw, load_thing, save_thing
from segan_ros.synthesis.assets.wavefront import Paint, Wavefront, shrunk
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.shapes import Family, Shape

SUFFIXES = (".obj", ".glb", ".gltf", ".ply", ".stl")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
GUESSED = ("m", "cm", "mm")
"""Units that are tried, in this order, until an object is as large as one that lies on a table."""
ON_A_TABLE = (0.02, 0.6)
"""Metres: the longest side of an object whose unit is guessed."""
UPS = ("x", "y", "z")
UP_OF = {".obj": "y", ".glb": "y", ".gltf": "y", ".ply": "z", ".stl": "z"}
"""Which way is up as a rule; of glTF always."""
TO_Y = {
    "x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "y": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
}
"""The rotation that brings what is up to y."""


@dataclass(frozen=True)
class Found:
    """What is known of one mesh once it is prepared.

    Args:
        name: of the object: its path below the folder, or that of the folder that holds it alone.
        file: the prepared thing, below the set.
        size: width, depth and height, metres.
        unit: of the file, given or guessed.
        up: axis, given or guessed.
    """

    name: str
    file: str
    size: tuple[float, float, float]
    unit: str
    up: str


def mesh_files(folder: Path) -> dict[str, Path]:
    """Mesh files below `folder` by the name that their objects get.

    Raises:
        ValueError: there is none, or two would have one name.
    """
    found: dict[str, Path] = {}
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    per_folder = Counter(p.parent for p in paths)
    for path in paths:
        alone = per_folder[path.parent] == 1 and path.parent != folder
        named = path.parent if alone else path.with_suffix("")  # often cup/model.obj
        name = "_".join(named.relative_to(folder).parts)
        if name in found:
            raise ValueError(f"{path}: has the same name as {found[name]}; rename one")
        found[name] = path
    if not found:
        raise ValueError(f"{folder}: holds no mesh; known are {', '.join(SUFFIXES)}")
    return found


def prepare_mesh(path: Path, name: str, out: Path, unit: str = "auto", up: str = "auto") -> Found:
    """Write the thing of one mesh file into the set `out`.

    Args:
        path: the file; its materials and pictures lie where it names them.
        name: of the object.
        out: of the set.
        unit: a key of `UNITS`, or ``auto``.
        up: one of `UPS`, or ``auto``.

    Raises:
        ValueError: it is no mesh, or its unit cannot be guessed.
        OSError: it cannot be read, or the thing not be written.
    """
    from segan_ros.synthesis.assets.prepare import prepare

    source = read_mesh(path)
    up = UP_OF[path.suffix.lower()] if up == "auto" else up
    turn = np.array(TO_Y[up], float)
    width, height, depth = np.ptp(source.vertices[np.unique(source.faces)] @ turn.T, axis=0)
    extents = float(width), float(depth), float(height)
    unit = _guess(path, max(extents)) if unit == "auto" else unit
    size = tuple(UNITS[unit] * side for side in extents)
    thing = prepare(source, [max(side, 1e-4) for side in size], turn)
    digest = hashlib.sha256(path.read_bytes() + repr((unit, up)).encode()).hexdigest()[:8]
    file = Path("things") / f"{name}-{digest}.npz"
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    save_thing(out / file, thing)
    return Found(name, str(file), (size[0], size[1], size[2]), unit, up)


def prepare_own(
    files: Mapping[str, Path], out: Path, unit: str, up: str, workers: int
) -> tuple[list[Found], dict[str, str]]:
    """Prepare meshes, see `prepare_mesh`, and write the set of those that could be.

    Returns:
        What was prepared, by name, and of the others why not.

    Raises:
        OSError: `out` cannot be written.
    """
    (out / "things").mkdir(parents=True, exist_ok=True)
    tasks = [(path, name, out, unit, up) for name, path in files.items()]
    answers = list(in_processes(_prepared, tasks, workers))
    found = sorted((f for _, f in answers if isinstance(f, Found)), key=lambda f: f.name)
    if found:
        _write_set(out, found)
    return found, {name: f for name, f in answers if isinstance(f, str)}


def _prepared(path: Path, name: str, out: Path, unit: str, up: str) -> tuple[str, Found | str]:
    try:
        return name, prepare_mesh(path, name, out, unit, up)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: of coacd
        return name, str(error)


def write_own_sheet(path: Path, objects: Sequence[Found], out: Path) -> None:
    """Draw all objects of a set as they stand on a table, with their sizes."""
    captions = {_caption(o, number): out / o.file for number, o in enumerate(objects, 1)}
    draw_things(path, captions, min(8, len(objects)))


def _caption(item: Found, number: int) -> str:
    width, depth, height = (round(100 * side) for side in item.size)
    return f"{number} {item.name[:12]} {width}x{depth}x{height} cm"


def _write_set(out: Path, objects: Sequence[Found]) -> None:
    """Say that the set is complete: ``set.json``."""
    content = hashlib.sha256()
    for item in objects:
        content.update((out / item.file).read_bytes())
    note = {
        "format": 1,
        "digest": content.hexdigest()[:12],
        "objects": [{**vars(o), "size": [round(side, 4) for side in o.size]} for o in objects],
    }
    part = out / f"set.json.{os.getpid()}.part"
    part.write_text(json.dumps(note, indent=1))
    part.replace(out / "set.json")


def set_digest(folder: str | Path) -> str:
    """Twelve letters that change with any object of a set.

    Raises:
        ValueError: the folder is no set.
    """
    return str(_read_set(Path(folder))["digest"])


def load_set(folder: str | Path) -> tuple[Family, ...]:
    """The objects of a set, each as a family that draws variations of it.

    Raises:
        ValueError: the folder is no set, or a file of it is damaged.
    """
    folder = Path(folder)
    found = _read_set(folder)["objects"]
    return tuple(partial(_draw, o["name"], folder / o["file"]) for o in found)


def read_mesh(path: Path) -> Wavefront:
    """The triangles of a mesh file with their colours and pictures, as they stand there.

    Raises:
        ValueError: it is no mesh.
        OSError: it cannot be read.
    """
    try:
        scene: Any = trimesh.load(path, force="scene")
        parts = [_part(scene, node) for node in sorted(scene.graph.nodes_geometry)]
    except OSError:
        raise
    except Exception as error:  # trimesh lets through whatever a reader meets
        raise ValueError(f"{path}: cannot be read as a mesh ({error})") from None
    parts = [part for part in parts if len(part[0].faces)]
    if not parts:
        raise ValueError(f"{path}: holds no triangles")
    vertices, uv, faces, paint_of, paints = [], [], [], [], []
    start = 0
    for number, (mesh, own_uv, paint) in enumerate(parts):
        vertices.append(np.asarray(mesh.vertices, float))
        uv.append(np.zeros((len(mesh.vertices), 2)) if own_uv is None else own_uv)
        faces.append(np.asarray(mesh.faces, np.int64) + start)
        paint_of.append(np.full(len(mesh.faces), number))
        paints.append(paint)
        start += len(mesh.vertices)
    points = np.concatenate(vertices)
    if not np.isfinite(points).all():
        raise ValueError(f"{path}: a vertex is NaN or inf")
    corners = np.concatenate(faces)
    return Wavefront(
        points, np.concatenate(uv), corners, corners, np.concatenate(paint_of), tuple(paints)
    )


def _part(scene: Any, node: str) -> tuple[Any, Array | None, Paint]:
    """A mesh where its scene has it, its texture coordinates and its paint."""
    transform, name = scene.graph[node]
    mesh = scene.geometry[name]
    if not isinstance(mesh, trimesh.Trimesh):
        raise ValueError(f"{name} is {type(mesh).__name__}: points or lines, no triangles")
    mesh = mesh.copy()
    mesh.apply_transform(transform)
    visual: Any = mesh.visual
    if not isinstance(visual, TextureVisuals) and visual.defined:
        visual = visual.to_texture()  # colours of vertices or faces
    if not isinstance(visual, TextureVisuals) or visual.material is None:
        return mesh, None, Paint()
    material: Any = visual.material
    pbr = isinstance(material, PBRMaterial)
    picture = material.baseColorTexture if pbr else material.image
    colour = material.main_color[:3] / 255
    paint = Paint((float(colour[0]), float(colour[1]), float(colour[2])))
    uv = None if visual.uv is None else np.asarray(visual.uv, float)
    if picture is None or uv is None:
        return mesh, None, paint
    return mesh, uv, Paint(paint.colour, _pixels(picture))


def _pixels(picture: Any) -> Image:
    return shrunk(np.asarray(picture.convert("RGB")))


def _guess(path: Path, longest: float) -> str:
    for unit in GUESSED:
        if ON_A_TABLE[0] <= UNITS[unit] * longest <= ON_A_TABLE[1]:
            return unit
    least, most = ON_A_TABLE
    raise ValueError(
        f"{path}: its longest side is {longest:g} of an unknown unit; in none of "
        f"{', '.join(GUESSED)} is that {least} to {most} m: give --units"
    )


def _read_set(folder: Path) -> dict[str, Any]:
    path = folder / "set.json"
    try:
        note: dict[str, Any] = json.loads(path.read_text())
        if note["format"] != 1 or not note["objects"]:
            raise ValueError(f"format is {note['format']}, with {len(note['objects'])} objects")
    except OSError:
        raise ValueError(
            f"{folder}: no set of objects (set.json is missing); make one with `segan assets "
            "--meshes DIR --out SET`"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a set of objects ({error}); make it again") from None
    return note


def _draw(name: str, path: Path, rng: Generator) -> Shape:
    return draw(name, load_thing(path), rng)
