"""Wavefront OBJ files with their MTL materials: corners, texture coordinates, colours, pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Image
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.polygons import triangulate

ReadFile = Callable[[str], bytes]
"""Reads a file of a package by its path inside; raises OSError or KeyError when it is not there."""


@dataclass(frozen=True, eq=False)
class Paint:
    """What a material of an OBJ looks like.

    Args:
        colour: RGB in 0..1.
        picture: ``(H, W, 3)`` uint8 RGB, top row at v = 1; None without.
        gloss: strength of highlights, 0..1.
    """

    colour: tuple[float, float, float] = (0.8, 0.8, 0.8)
    picture: Image | None = None
    gloss: float = 0.2


@dataclass(frozen=True, eq=False)
class Wavefront:
    """Triangles of a file, as they stand there.

    Args:
        vertices: ``(V, 3)``.
        uv: ``(T, 2)``, v upwards.
        faces: ``(F, 3)`` into `vertices`.
        uv_faces: ``(F, 3)`` into `uv`; -1 where a corner has none.
        paint_of: ``(F,)`` into `paints`.
        paints: the materials.
    """

    vertices: Array
    uv: Array
    faces: NDArray[np.int64]
    uv_faces: NDArray[np.int64]
    paint_of: NDArray[np.int64]
    paints: tuple[Paint, ...]


def read_wavefront(read: ReadFile, path: str) -> Wavefront:
    """The mesh at `path` of a package, and what its materials name.

    Raises:
        ValueError: it is no mesh: numbers that are none, corners that do not exist, no face.
        OSError: a file of it is missing.
    """
    folder = posixpath.dirname(path)
    points: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    uv_faces: list[tuple[int, int, int]] = []
    paint_of: list[int] = []
    paints: list[Paint] = [Paint()]
    known: dict[str, Paint] = {}
    number_of: dict[str, int] = {}
    current = 0
    for row, line in enumerate(_lines(read(path)), 1):
        word, _, rest = line.partition(" ")
        try:
            if word == "v":
                points.append([float(x) for x in rest.split()[:3]])
            elif word == "vt":
                uv.append([float(x) for x in rest.split()[:2]])
            elif word == "f":
                corners = [_corner(c, len(points), len(uv)) for c in rest.split()]
                for triple in _triangles(points, [c[0] for c in corners]):
                    faces.append(tuple(corners[k][0] for k in triple))  # type: ignore[arg-type]
                    uv_faces.append(tuple(corners[k][1] for k in triple))  # type: ignore[arg-type]
                    paint_of.append(current)
            elif word == "usemtl":
                name = rest.strip()
                if name not in number_of:
                    number_of[name] = len(paints)
                    paints.append(known.get(name, Paint()))
                current = number_of[name]
            elif word == "mtllib":
                known |= _read_materials(read, posixpath.join(folder, rest.strip()))
        except (ValueError, LookupError) as error:
            raise ValueError(f"{path}, line {row}: {error}") from None
    if not faces or any(len(point) != 3 for point in points):
        raise ValueError(f"{path}: holds no mesh")
    vertices = np.array(points)
    if not np.isfinite(vertices).all():
        raise ValueError(f"{path}: a vertex is NaN or inf")
    return Wavefront(
        vertices, np.array(uv, float).reshape(-1, 2), np.array(faces), np.array(uv_faces),
        np.array(paint_of), tuple(paints),
    )  # fmt: skip


def left_half(source: Wavefront) -> Wavefront:
    """The faces left of the middle: one of a pair of shoes."""
    x = source.vertices[source.faces][..., 0]
    kept = (x < (x.min() + x.max()) / 2).all(1)
    return replace(
        source, faces=source.faces[kept], uv_faces=source.uv_faces[kept],
        paint_of=source.paint_of[kept],
    )  # fmt: skip


def _lines(content: bytes) -> list[str]:
    text = content.decode("latin-1").replace("\\\r\n", " ").replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines()]


def _corner(text: str, points: int, uv: int) -> tuple[int, int]:
    """``v``, ``v/vt`` or ``v/vt/vn``, counted from 1, or from the end when negative."""
    fields = text.split("/")
    found = []
    for field, count in zip([*fields, ""][:2], (points, uv), strict=True):
        index = int(field) if field else 0
        found.append(index - 1 if index >= 0 else count + index)
        if not -1 <= found[-1] < count or (field and index == 0):
            raise ValueError(f"a face uses corner {text}, but only {count} are defined before it")
    if found[0] < 0:
        raise ValueError(f"a face has the corner {text}, which names no vertex")
    return found[0], found[1]


def _triangles(points: list[list[float]], ring: list[int]) -> list[tuple[int, int, int]]:
    """A polygon as triangles: a fan where that is safe, else by ear clipping."""
    if len(ring) < 3:
        return []
    fan = [(0, k, k + 1) for k in range(1, len(ring) - 1)]
    if len(ring) == 3:
        return fan
    corner = np.array([points[k] for k in ring])
    normals = np.cross(corner[1:-1] - corner[0], corner[2:] - corner[0])
    total = normals.sum(0)
    if (normals @ total >= 0).all() or not total.any():
        return fan
    axis = int(np.abs(total).argmax())
    flat = np.delete(corner, axis, axis=1)
    if (total[axis] > 0) == (axis == 1):
        flat = flat[:, ::-1]
    try:
        return triangulate(flat)
    except ValueError:
        return fan


def _read_materials(read: ReadFile, path: str) -> dict[str, Paint]:
    found: dict[str, Paint] = {}
    name = ""
    for line in _lines(read(path)):
        word, _, rest = line.partition(" ")
        if word == "newmtl":
            name = rest
            found[name] = Paint()
        elif word == "Kd":
            red, green, blue = (float(np.clip(float(x), 0, 1)) for x in rest.split()[:3])
            found[name] = replace(found[name], colour=(red, green, blue))
        elif word == "Ks":
            gloss = float(np.clip(np.mean([float(x) for x in rest.split()[:3]]), 0, 1))
            found[name] = replace(found[name], gloss=gloss)
        elif word == "map_Kd":
            picture = posixpath.join(posixpath.dirname(path), rest.replace("\\", "/"))
            with suppress(
                FileNotFoundError, KeyError
            ):  # not all packages hold all pictures they name
                found[name] = replace(found[name], picture=read_picture(read(picture), picture))
    return found


def read_picture(content: bytes, name: str, longest: int = 256) -> Image:
    """A picture of at most `longest` pixels a side, RGB, see-through parts on white.

    Raises:
        ValueError: it cannot be read.
    """
    # OpenCV refuses an empty buffer with an error of its own.
    buffer = np.frombuffer(content or b"-", np.uint8)
    picture = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{name}: cannot be read as a picture")
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    if picture.ndim == 2:
        picture = picture[..., None].repeat(3, 2)
    if picture.shape[2] == 4:
        share = picture[..., 3:] / np.float32(255)
        picture = (picture[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    return shrunk(np.ascontiguousarray(picture[..., ::-1], np.uint8), longest)


def shrunk(picture: Image, longest: int = 256) -> Image:
    """`picture` with at most `longest` pixels a side."""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
