"""From a triangle soup to what is drawn: which way faces look, fewer faces, smooth normals."""

from __future__ import annotations

import fast_simplification
import numpy as np
from numpy.typing import NDArray

from segan_ros.synthesis.meshes import CREASE, Array, Mesh

Faces = NDArray[np.int64]


def weld(points: Array) -> tuple[Array, NDArray[np.int64]]:
    """Distinct rows of `points` on a grid of 0.02 mm, and for every row the number of its own."""
    rows = np.round(points / 2e-5).astype(np.int64)
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return points[first], number.reshape(-1)


def without_slivers(vertices: Array, faces: Faces) -> NDArray[np.bool_]:
    """``(F,)``: the face has an area."""
    return np.linalg.norm(face_normals(vertices, faces), axis=1) > 1e-11


def face_normals(vertices: Array, faces: Faces) -> Array:
    """``(F, 3)``, as long as twice the face's area."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)


def without_doubles(faces: Faces) -> NDArray[np.bool_]:
    """``(F,)``: no face before it has the same corners."""
    kept = np.zeros(len(faces), bool)
    kept[np.unique(np.sort(faces, axis=1), axis=0, return_index=True)[1]] = True
    return kept


def outwards(vertices: Array, faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    """Turn the faces of closed bodies outwards.

    Args:
        vertices: ``(V, 3)``, welded.
        faces: ``(F, 3)``.

    Returns:
        The faces, and for each whether it belongs to an open or twisted surface, which has to be
        drawn from both sides.
    """
    body = _bodies(len(vertices), faces)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = len(vertices)
    code = edges[:, 0] * count + edges[:, 1]
    back = edges[:, 1] * count + edges[:, 0]
    distinct, inverse, times = np.unique(code, return_inverse=True, return_counts=True)
    bad_edge = (times[inverse.reshape(-1)] > 1) | ~np.isin(back, distinct)
    bad = np.zeros(body.max() + 1, bool)
    bad[np.tile(body, 3)[bad_edge]] = True
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = np.bincount(body, np.einsum("ij,ij->i", a, np.cross(b, c)))
    flipped = np.where(((volume < 0) & ~bad)[body][:, None], faces[:, ::-1], faces)
    return flipped, bad[body]


def _bodies(count: int, faces: Faces) -> NDArray[np.int64]:
    """``(F,)``: number of the connected body of each face."""
    label = np.arange(count)
    while True:  # the smallest number spreads over the body, faster and faster
        low = label[faces].min(1)
        new = label.copy()
        for k in range(3):
            np.minimum.at(new, faces[:, k], low)
        new = new[new]
        if (new == label).all():
            return np.unique(label[faces[:, 0]], return_inverse=True)[1].reshape(-1)
        label = new


def simplify(
    vertices: Array, uv: Array | None, faces: Faces, goal: int
) -> tuple[Array, Array | None, Faces]:
    """About `goal` faces instead of many, by quadric edge collapse.

    Args:
        vertices: ``(V, 3)``.
        uv: ``(V, 2)`` texture coordinates, or None.
        faces: ``(F, 3)``.
        goal: how many to keep.

    Returns:
        The same of the simpler mesh; with `uv` every face has three vertices of its own.
    """
    points, place = weld(vertices)
    held = place[faces]
    if len(faces) <= goal:
        return (points, None, held) if uv is None else (vertices, uv, faces)
    scale = max(float(np.ptp(points, axis=0).max()), 1e-9)
    fenced, fences = _fence(points / scale, held)
    everything = np.concatenate([held, fences]).astype(np.int32)
    _, _, collapses = fast_simplification.simplify(
        fenced.astype(np.float32), everything, target_count=goal + len(fences), agg=5,
        return_collapses=True,
    )  # fmt: skip
    fewer, _, into = fast_simplification.replay_simplification(
        fenced.astype(np.float32), everything, collapses
    )
    fewer, new = fewer.astype(float) * scale, into[held]
    kept = (new[:, 0] != new[:, 1]) & (new[:, 1] != new[:, 2]) & (new[:, 2] != new[:, 0])
    new = new[kept].astype(np.int64)
    if uv is None:
        return fewer, None, new
    new_uv = _nearest_uv(points[held], uv[faces], fewer, into[held])[kept]
    return fewer[new].reshape(-1, 3), new_uv.reshape(-1, 2), np.arange(new.size).reshape(-1, 3)


def _fence(points: Array, faces: Faces) -> tuple[Array, Faces]:
    """Upright faces along open borders, without which an open sheet would shrink to nothing."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, first, times = np.unique(
        np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True
    )
    border = edges[first[times == 1]]
    rim = np.unique(border)
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, faces[:, k], face_normals(points, faces))
    up = normals[rim] / np.maximum(np.linalg.norm(normals[rim], axis=1, keepdims=True), 1e-30)
    posts = len(points) + np.searchsorted(rim, border)
    fences = np.concatenate([np.c_[border, posts[:, 1]], np.c_[border[:, 0], posts[:, ::-1]]])
    return np.concatenate([points, points[rim] + 0.3 * up]), fences


def _nearest_uv(corners: Array, uv: Array, fewer: Array, into: Faces) -> Array:
    """Texture coordinates ``(F, 3, 2)`` of corners that were moved.

    Many corners fall into one vertex: of those on the same patch of the texture, the one that was
    nearest to where it is now gives its coordinates.

    Args:
        corners: ``(F, 3, 3)`` where they were.
        uv: ``(F, 3, 2)`` their coordinates.
        fewer: ``(V, 3)`` the vertices that are left.
        into: ``(F, 3)`` which of them each corner is now.
    """
    _, wedge = weld(np.c_[corners.reshape(-1, 3), uv.reshape(-1, 2)])
    patch = _bodies(int(wedge.max()) + 1, wedge.reshape(-1, 3))
    key = (into.astype(np.int64) * (patch.max() + 1) + patch[:, None]).reshape(-1)
    away = np.linalg.norm(corners - fewer[into], axis=2).reshape(-1)
    order = np.lexsort((away, key))
    keys, first = np.unique(key[order], return_index=True)
    return uv.reshape(-1, 2)[order[first]][np.searchsorted(keys, key)].reshape(uv.shape)


def drawn(vertices: Array, uv: Array | None, faces: Faces) -> Mesh:
    """A mesh with normals that are smooth but for creases; box texture coordinates without `uv`."""
    normal = face_normals(vertices, faces)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = normal / np.maximum(length, 1e-30)
    _, place = weld(vertices)
    corner_place = place[faces].reshape(-1)
    corner_face = np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(corner_place, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(corner_place[order]) > 0])
    normals = np.empty((len(faces) * 3, 3))
    for group in np.split(order, starts[1:]):
        mine = corner_face[group]
        alike = unit[mine] @ unit[mine].T > CREASE
        np.fill_diagonal(alike, True)
        normals[group] = alike @ normal[mine]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    corners = vertices[faces].reshape(-1, 3)
    corner_uv = _box_uv(corners, unit[corner_face]) if uv is None else uv[faces].reshape(-1, 2)
    rows = np.round(np.c_[corners * 1e6, normals * 1e3, corner_uv * 1e5]).astype(np.int64)
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    triangles = number.reshape(-1, 3).astype(np.int32)
    return Mesh(corners[first], normals[first], corner_uv[first], triangles)


def both_sides(mesh: Mesh) -> Mesh:
    """The mesh and its back."""
    faces = np.concatenate([mesh.faces, mesh.faces[:, ::-1] + np.int32(len(mesh.vertices))])
    return Mesh(
        np.tile(mesh.vertices, (2, 1)),
        np.concatenate([mesh.normals, -mesh.normals]),
        np.tile(mesh.uv, (2, 1)),
        faces.astype(np.int32),
    )


def _box_uv(corners: Array, normals: Array) -> Array:
    """Every corner on the side of a box that its face looks to; the longest side is 1."""
    low, size = corners.min(0), max(float(np.ptp(corners, axis=0).max()), 1e-9)
    across = np.array([[1, 2], [0, 2], [0, 1]])[np.abs(normals).argmax(1)]
    return np.take_along_axis((corners - low) / size, across, axis=1)
