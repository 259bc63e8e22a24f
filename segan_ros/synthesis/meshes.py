"""Triangle meshes by turning, rounding, extruding and sweeping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segan_ros.synthesis.polygons import Array, triangulate

Points = Array | Sequence[Any]
Section = Callable[[Array, Array], tuple[Array, Array]]

CREASE = np.cos(np.radians(35))
"""Neighbouring faces that turn by more than this keep a sharp edge between them."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Args:
    vertices: ``(V, 3)`` metres.
    normals: ``(V, 3)`` unit vectors, outwards.
    uv: ``(V, 2)`` texture coordinates in 0..1, v upwards.
    faces: ``(F, 3)`` vertex indices, counter-clockwise seen from outside.
    """

    vertices: Array
    normals: Array
    uv: Array
    faces: NDArray[np.int32]

    def moved(self, shift: ArrayLike = (0, 0, 0), rotation: ArrayLike | None = None) -> Mesh:
        """Rotated by a ``(3, 3)`` matrix, then shifted."""
        turn = np.eye(3) if rotation is None else np.asarray(rotation, float)
        vertices = self.vertices @ turn.T + np.asarray(shift, float)
        return Mesh(vertices, self.normals @ turn.T, self.uv, self.faces)


def rotation(axis: str, degrees: float) -> Array:
    """``(3, 3)`` rotation about one of the axes x, y, z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return turn


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]).astype(
            np.int32
        ),
    )


def lathe(
    profile: Points,
    segments: int = 36,
    section: Section | None = None,
    by_height: bool = False,
) -> Mesh:
    """Turn a profile about z.

    Args:
        profile: ``(P, 2)`` radius and height, bottom to top outside, then down inside.
        segments: columns of the result.
        section: maps ``(angle, height)`` to the x and y factor of the radius; a circle when None.
        by_height: the texture follows the height, not the way along the profile: for printed walls.
    """
    points = _creased(np.asarray(profile, float))
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    a, z = np.meshgrid(angle, points[:, 1])
    radius = np.broadcast_to(points[:, :1], a.shape)
    fx, fy = (np.cos(a), np.sin(a)) if section is None else section(a, z)
    grid = np.stack([radius * fx, radius * fy, z], axis=-1)
    grid[:, -1] = grid[:, 0]
    way = points[:, 1] - points[:, 1].min() if by_height else length
    u, v = np.meshgrid(angle / (2 * np.pi), way / way.max())
    return sheet(grid, np.stack([u, v], axis=-1), closed=True)


def superellipse(exponent: float, aspect: float = 1.0) -> Section:
    """A `lathe` section from circle (2) to rounded square (8), `aspect` times as deep as wide."""

    def section(angle: Array, _: Array) -> tuple[Array, Array]:
        c, s = np.cos(angle), np.sin(angle)
        r = (np.abs(c) ** exponent + np.abs(s) ** exponent) ** (-1 / exponent)
        return r * c, r * s * aspect

    return section


def rounded_box(half: ArrayLike, radius: float, steps: int = 3) -> Mesh:
    """A box with rounded edges; each side has a cell in a 3 x 2 atlas (+x +y +z over -x -y -z).

    Args:
        half: half sizes in metres.
        radius: of the edges, below the smallest half size.
        steps: rings of the rounding.
    """
    half = np.asarray(half, float)
    inner = half - radius
    bend = np.tan(np.linspace(0, np.pi / 4, steps + 1))
    offset = np.r_[-bend[::-1], bend]
    sides = []
    for axis in range(3):
        # The texture's right and up as seen from outside: z is up on the walls, y on top.
        across, upward = ((1, 2), (0, 2), (0, 1))[axis]
        for sign in (1, -1):
            s, t = np.meshgrid(offset, offset)
            away = np.zeros((*s.shape, 3))
            away[..., axis], away[..., across], away[..., upward] = sign, s, t
            core = np.zeros_like(away)
            core[..., axis] = sign * inner[axis]
            for k in (across, upward):
                beyond = np.arange(len(offset)) > steps
                core[..., k] = (
                    np.where(beyond if k == across else beyond[:, None], 1, -1) * inner[k]
                )
            normal = away / np.linalg.norm(away, axis=-1, keepdims=True)
            point = core + radius * normal
            uv = np.stack(
                [point[..., across] / half[across], point[..., upward] / half[upward]], -1
            )
            mirrored = sign < 0 if axis != 1 else sign > 0
            if mirrored:
                uv[..., 0] *= -1
            cell = np.array([axis, 0 if sign > 0 else 1])
            uv = ((uv / 2 + 0.5).clip(0.01, 0.99) + cell) / [3, 2]
            sides.append(_flat_sheet(point, normal, uv, flip=mirrored))
    return join(sides)


def sweep(
    path: ArrayLike,
    radius: ArrayLike,
    segments: int = 14,
    flat: ArrayLike = 1.0,
    loop: bool = False,
) -> Mesh:
    """A round rod along `path`.

    Args:
        path: ``(P, 3)`` metres.
        radius: per point or one for all; ends at 0 for a closed end.
        segments: around.
        flat: factor of the radius across the bend (per point or one), below 1 for a flat strip.
        loop: the path ends where it begins.
    """
    path = np.asarray(path, float)
    tangent = np.gradient(path, axis=0)
    if loop:
        tangent[0] = tangent[-1] = path[1] - path[-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0, 0, 1] if abs(tangent[0, 2]) < 0.9 else [1, 0, 0])
    sides = []
    for direction in tangent:
        side = side - direction * (side @ direction)
        side /= np.linalg.norm(side)
        sides.append(side)
    across = np.array(sides)
    up = np.cross(across, tangent)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    r = np.broadcast_to(np.asarray(radius, float), len(path))[:, None, None]
    f = np.broadcast_to(np.asarray(flat, float), len(path))[:, None, None]
    c, s = np.cos(angle)[None, :, None], np.sin(angle)[None, :, None]
    grid = path[:, None] + r * (c * across[:, None] + f * s * up[:, None])
    grid[:, -1] = grid[:, 0]
    u, v = np.meshgrid(angle / (2 * np.pi), np.linspace(0, 1, len(path)))
    return sheet(grid, np.stack([u, v], -1), closed=True, flip=True)


def extrude(outline: ArrayLike, height: float) -> Mesh:
    """A plate of the simple polygon `outline` (``(P, 2)``, counter-clockwise), centred in z."""
    points = np.asarray(outline, float)
    low, size = points.min(0), np.ptp(points, axis=0).max()
    triangles = np.array(triangulate(points), np.int32)
    caps = []
    for sign in (1, -1):
        vertices = np.c_[points, np.full(len(points), sign * height / 2)]
        normals = np.tile([0.0, 0, sign], (len(points), 1))
        faces = triangles if sign > 0 else triangles[:, ::-1]
        caps.append(Mesh(vertices, normals, (points - low) / size, faces.astype(np.int32)))
    ring = np.concatenate([points, points[:1]])
    edge = np.diff(ring, axis=0)
    edge /= np.linalg.norm(edge, axis=1, keepdims=True)
    out = np.c_[edge[:, 1], -edge[:, 0], np.zeros(len(edge))]
    corner = out + np.roll(out, 1, axis=0)
    corner /= np.maximum(np.linalg.norm(corner, axis=1, keepdims=True), 1e-9)
    smooth = (out * np.roll(out, 1, axis=0)).sum(1) > CREASE
    n = len(points)
    start = np.where(smooth[:, None], corner, out)
    end = np.where(np.roll(smooth, -1)[:, None], np.roll(corner, -1, axis=0), out)
    a, b = points, ring[1:]
    quads = [np.c_[p, np.full(n, z * height / 2)] for z in (-1, 1) for p in (a, b)]
    vertices = np.concatenate(quads)
    normals = np.concatenate([start, end, start, end])
    i = np.arange(n)
    faces = np.concatenate([np.c_[i, i + n, i + 3 * n], np.c_[i, i + 3 * n, i + 2 * n]])
    uv = (vertices[:, :2] - low) / size
    return join([*caps, Mesh(vertices, normals, uv, faces.astype(np.int32))])


def _creased(profile: Array) -> Array:
    """Repeat the points at which the profile turns sharply, so that they get two normals."""
    step = np.diff(profile, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    sharp = np.r_[False, (step[1:] * step[:-1]).sum(1) < CREASE, False]
    return np.repeat(profile, np.where(sharp, 2, 1), axis=0)


def sheet(grid: Array, uv: Array, closed: bool, flip: bool = False) -> Mesh:
    """A mesh of ``(rows, columns, 3)`` points.

    Args:
        grid: columns run counter-clockwise, rows upwards, seen from outside.
        uv: ``(rows, columns, 2)``.
        closed: the last column is the first.
        flip: columns run clockwise.
    """
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.c_[a, b, c], np.c_[a, c, d]])
    if flip:
        faces = faces[:, ::-1]
    points = grid.reshape(-1, 3)
    corner = points[faces]
    face_normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(face_normal, axis=1)
    faces, face_normal = faces[area > 1e-12], face_normal[area > 1e-12]
    flat = np.zeros_like(points)
    for k in range(3):
        np.add.at(flat, faces[:, k], face_normal)
    normals = flat.reshape(rows, columns, 3)
    if closed:
        normals[:, 0] = normals[:, -1] = normals[:, 0] + normals[:, -1]
    for row in (0, rows - 1):  # the tip of a closed end is one point
        if np.ptp(grid[row], axis=0).max() < 1e-9:
            normals[row] = normals[row].sum(0)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    flat[np.linalg.norm(flat, axis=1) < 0.5] = [0, 0, 1]
    return Mesh(points, flat, uv.reshape(-1, 2), faces.astype(np.int32))


def _flat_sheet(grid: Array, normal: Array, uv: Array, flip: bool) -> Mesh:
    mesh = sheet(grid, uv, closed=False, flip=flip)
    return Mesh(mesh.vertices, normal.reshape(-1, 3), mesh.uv, mesh.faces)
