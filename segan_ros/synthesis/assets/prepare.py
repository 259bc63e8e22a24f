"""From a mesh file to a thing for scenes: sized, upright, with few faces and convex pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import coacd
import numpy as np
from numpy.typing import ArrayLike, NDArray

from segan_ros.frame import Image
from segan_ros.synthesis.assets.geometry import (
    Faces,
    both_sides,
    drawn,
    face_normals,
    outwards,
    simplify,
    weld,
    without_doubles,
    without_slivers,
)
from segan_ros.synthesis.assets.things import Piece, Thing
from segan_ros.synthesis.assets.wavefront import Paint, Wavefront
from segan_ros.synthesis.meshes import Array, Mesh, join

FACES = 3000
"""About how many faces a thing keeps; those of open surfaces are drawn twice."""

OWN = 4
"""So many plain colours of a thing are pieces of their own; the others share one."""

UPRIGHT = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
"""y up, as in most OBJ files, to z up."""


Colour = tuple[float, ...]


def fingerprint(source: Wavefront) -> str:
    """The same for the same mesh in another size, place or order of vertices."""
    used = source.vertices[np.unique(source.faces)]
    unit = (used - used.min(0)) / max(float(np.ptp(used, axis=0).max()), 1e-12)
    rows = np.unique(np.round(unit * 1000).astype(np.int32), axis=0)
    return hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()[:12]


def prepare(source: Wavefront, size: Sequence[float], turn: ArrayLike | None = None) -> Thing:
    """A thing for scenes.

    Args:
        source: the mesh, y up.
        size: width, depth and height that it shall have, metres.
        turn: ``(3, 3)`` rotation before that, for meshes that lie otherwise.

    Raises:
        ValueError: nothing is left when faces without an area are dropped.
    """
    vertices, number = weld(_placed(source, size, turn))
    faces = number[source.faces]
    kept = without_slivers(vertices, faces) & without_doubles(faces)
    if kept.sum() < 4:
        raise ValueError("has fewer than four faces with an area")
    faces, open_ = outwards(vertices, faces[kept])
    # `outwards` may have turned faces round: their texture coordinates turn with them.
    uv_faces = source.uv_faces[kept]
    turned = (faces[:, 0] != number[source.faces[kept]][:, 0])[:, None]
    uv_faces = np.where(turned, uv_faces[:, ::-1], uv_faces)
    soup = _Soup(vertices, source.uv, faces, uv_faces, open_, _goals(vertices, faces, open_))
    pieces = _pieces(soup, source.paint_of[kept], source.paints)
    seen = join([piece.mesh for piece in pieces])
    hulls = tuple(snapped(hull, seen) for hull in convex_pieces(vertices, faces))
    return Thing(pieces, hulls, _stands(vertices, faces))


def _placed(source: Wavefront, size: Sequence[float], turn: ArrayLike | None) -> Array:
    vertices = source.vertices
    if turn is not None:
        vertices = vertices @ np.asarray(turn, float).T
    vertices = vertices @ UPRIGHT.T
    used = vertices[np.unique(source.faces)]
    low, high = used.min(0), used.max(0)
    middle = np.array([*(low + high)[:2] / 2, low[2]])
    return (vertices - middle) * (np.asarray(size, float) / np.maximum(high - low, 1e-9))


@dataclass(frozen=True, eq=False)
class _Soup:
    """Faces with their texture coordinates.

    Args:
        vertices: ``(V, 3)``; `faces` ``(F, 3)`` into them.
        uv: ``(T, 2)``; `uv_faces` ``(F, 3)`` into them.
        open_: ``(F,)`` drawn from both sides.
        goal: ``(F,)`` how many faces each may become, summed up over those that go together.
    """

    vertices: Array
    uv: Array
    faces: Faces
    uv_faces: Faces
    open_: NDArray[np.bool_]
    goal: Array

    def where(self, chosen: NDArray[np.bool_]) -> _Soup:
        return _Soup(
            self.vertices, self.uv, self.faces[chosen], self.uv_faces[chosen],
            self.open_[chosen], self.goal[chosen],
        )  # fmt: skip

    def mesh(self, textured: bool) -> Mesh:
        """What is drawn of it."""
        meshes = []
        for side in (False, True):
            faces = self.faces[self.open_ == side]
            if not len(faces):
                continue
            corners = np.arange(faces.size).reshape(-1, 3)
            uv = self.uv[self.uv_faces[self.open_ == side].reshape(-1)] if textured else None
            goal = max(round(self.goal[self.open_ == side].sum()), 12)
            mesh = drawn(*simplify(self.vertices[faces.reshape(-1)], uv, corners, goal))
            meshes.append(both_sides(mesh) if side else mesh)
        return join(meshes)


def _goals(vertices: Array, faces: Faces, open_: NDArray[np.bool_]) -> Array:
    """How many faces each face may become: half of all by their number, half by their area."""
    area = np.linalg.norm(face_normals(vertices, faces), axis=1)
    cost = 1.0 + open_  # an open face is drawn twice
    return FACES * (1 / cost.sum() + area / (cost * area).sum()) / 2


def _pieces(soup: _Soup, paint_of: NDArray[np.int64], paints: Sequence[Paint]) -> tuple[Piece, ...]:
    area = np.linalg.norm(face_normals(soup.vertices, soup.faces), axis=1)
    plain: dict[Colour, list[int]] = {}
    pieces = []
    for k in np.unique(paint_of):
        mine = paint_of == k
        picture = paints[k].picture
        if picture is not None and (soup.uv_faces[mine] >= 0).all():
            mesh = soup.where(mine).mesh(True)
            pieces.append(Piece(mesh, picture, paints[k].gloss, False))
        else:
            colour = paints[k].colour
            if picture is not None:
                red, green, blue = picture.reshape(-1, 3).mean(0) / 255
                colour = (float(red), float(green), float(blue))
            plain.setdefault(tuple(np.round(colour, 2)), []).append(int(k))
    by_area = sorted(plain.items(), key=lambda item: -area[np.isin(paint_of, item[1])].sum())
    few = []
    for rank, (colour, numbers) in enumerate(by_area):
        part = soup.where(np.isin(paint_of, numbers)).mesh(False)
        gloss = paints[numbers[0]].gloss
        if rank < OWN or len(by_area) == OWN + 1:
            pieces.append(Piece(part, _colours([colour]), gloss, True))
        else:
            few.append((part, colour, gloss))
    if few:
        pieces.append(_palette(few))
    return tuple(piece for piece in pieces if len(piece.mesh.faces))


def _palette(parts: Sequence[tuple[Mesh, Colour, float]]) -> Piece:
    """Parts of many colours as one piece: its picture is a column of the colours."""
    meshes = []
    for k, (mesh, _, _) in enumerate(parts):
        v = 1 - (k + 0.5) / len(parts)
        meshes.append(replace(mesh, uv=np.full_like(mesh.uv, v)))
    colours = _colours([colour for _, colour, _ in parts])
    return Piece(join(meshes), colours, parts[0][2], False)


def _colours(colours: Sequence[Colour]) -> Image:
    """A picture with a band of 8 rows for each colour."""
    column = (np.array(colours) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(column.repeat(8, 0)[:, None].repeat(8, 1))


def _stands(vertices: Array, faces: Faces) -> bool:
    """Its middle is above the points that it would stand on."""
    corners = vertices[faces]
    area = np.linalg.norm(face_normals(vertices, faces), axis=1)
    middle = np.average(corners.mean(1), axis=0, weights=area)[:2]
    used = corners.reshape(-1, 3)
    foot = used[used[:, 2] < 0.02 * used[:, 2].max() + 5e-4, :2]
    low, high = foot.min(0), foot.max(0)
    margin = 0.1 * (high - low)
    inside = (low + margin < middle) & (middle < high - margin)
    return bool((inside & (high - low > 0.012)).all())


def convex_pieces(vertices: Array, faces: Faces, most: int = 12) -> tuple[Array, ...]:
    """Convex pieces that together have the shape of the mesh, hollows included.

    Args:
        vertices: ``(V, 3)``, welded.
        faces: ``(F, 3)``.
        most: pieces at the most.

    Returns:
        Corners of each piece, ``(V, 3)``.
    """
    points, _, triangles = simplify(vertices, None, faces, 2500)
    coacd.set_log_level("error")
    found = coacd.run_coacd(
        coacd.Mesh(points, triangles.astype(np.int32)), threshold=0.12, max_convex_hull=most,
        preprocess_resolution=25, resolution=500, mcts_nodes=8, mcts_iterations=10,
        mcts_max_depth=1, decimate=True, max_ch_vertex=64, seed=0,
    )  # fmt: skip
    return tuple(np.asarray(hull, float) for hull, _ in found)


def snapped(hull: Array, seen: Mesh) -> Array:
    """Corners ``(V, 3)`` of a convex piece, moved to what is seen where they are near it.

    The decomposition works on a coarse and slightly swollen copy: things would lie on air.
    """
    rng = np.random.default_rng(0)
    area = np.linalg.norm(face_normals(seen.vertices, seen.faces.astype(np.int64)), axis=1)
    chosen = rng.choice(len(area), 6000, p=area / area.sum())
    share = rng.dirichlet([1, 1, 1], len(chosen))
    spread = np.einsum("ik,ikj->ij", share, seen.vertices[seen.faces[chosen]])
    points = np.concatenate([seen.vertices, spread])
    reach = 0.04 * float(np.ptp(points, axis=0).max())
    away = (hull**2).sum(1)[:, None] - 2 * hull @ points.T + (points**2).sum(1)
    nearest = away.argmin(1)
    near = away[np.arange(len(hull)), nearest] < reach**2
    found = np.where(near[:, None], points[nearest], hull)
    # A sliver may fall flat: physics needs its thickness.
    thickness = np.linalg.svd(found - found.mean(0), compute_uv=False)[-1] / np.sqrt(len(found))
    return found if thickness > 2e-4 else hull
