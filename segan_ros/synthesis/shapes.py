"""A shape: what an object looks like and what physics feels of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from segan_ros.synthesis.meshes import Array, Mesh, rotation
from segan_ros.synthesis.polygons import convex_parts
from segan_ros.synthesis.textures import Surface


@dataclass(frozen=True, eq=False)
class Part:
    """A visible piece with its own surface.

    Args:
        mesh: in the object's frame.
        finish: a key of `textures.FINISHES`, ``"same"`` for the surface of the part before, or a
            surface of its own.
    """

    mesh: Mesh
    finish: str | Surface


@dataclass(frozen=True, eq=False)
class Solid:
    """A convex piece for physics.

    Args:
        kind: ``box`` (half sizes), ``cylinder`` or ``capsule`` (radius, half length along z),
            ``ellipsoid`` (half sizes) or ``hull`` (`size` holds ``(V, 3)`` points).
        size: as `kind` says, metres.
        position: of its centre.
        turn: ``(3, 3)`` rotation.
    """

    kind: str
    size: Array
    position: Array
    turn: Array


@dataclass(frozen=True, eq=False)
class Shape:
    """An object of a family, z up when it stands.

    Args:
        family: its name.
        parts: what is seen.
        solids: what is felt.
        standing: it may stand as it is; else it is only ever dropped.
        density: kg/m3.
    """

    family: str
    parts: tuple[Part, ...]
    solids: tuple[Solid, ...]
    standing: bool = True
    density: float = 400.0

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner."""
        points = np.concatenate([p.mesh.vertices for p in self.parts])
        return points.min(0), points.max(0)


Family = Callable[[np.random.Generator], Shape]


def solid(
    kind: str, size: ArrayLike, position: ArrayLike = (0, 0, 0), turn: ArrayLike | None = None
) -> Solid:
    """A `Solid` from anything that looks like numbers."""
    turned = np.eye(3) if turn is None else np.asarray(turn, float)
    return Solid(kind, np.asarray(size, float), np.asarray(position, float), turned)


def capsules(path: ArrayLike, radius: float, every: int = 1) -> list[Solid]:
    """Capsules along a path, from every `every`-th point to the next."""
    points = np.asarray(path, float)[::every]
    found = []
    for a, b in pairwise(points):
        length = float(np.linalg.norm(b - a))
        z = (b - a) / length
        x = np.cross([0, 1, 0] if abs(z[1]) < 0.9 else [1, 0, 0], z)
        x /= np.linalg.norm(x)
        turn = np.stack([x, np.cross(z, x), z], axis=1)
        found.append(solid("capsule", [radius, length / 2], (a + b) / 2, turn))
    return found


def ring_wall(
    radii: Sequence[float], heights: Sequence[float], thickness: float, pieces: int = 10
) -> list[Solid]:
    """The wall of a round vessel as boxes, between two radii at two heights."""
    (r0, r1), (z0, z1) = radii, heights
    slant = float(np.hypot(r1 - r0, z1 - z0))
    lean = np.degrees(np.arctan2(r1 - r0, z1 - z0))
    wide = max(r0, r1) * np.tan(np.pi / pieces)
    walls = []
    for k in range(pieces):
        turn = rotation("z", 360 * k / pieces)
        middle = turn @ [(r0 + r1) / 2 - thickness / 2, 0, (z0 + z1) / 2]
        walls.append(
            solid("box", [thickness / 2, wide, slant / 2], middle, turn @ rotation("y", lean))
        )
    return walls


def prism(outline: ArrayLike, height: float) -> list[Solid]:
    """An extruded polygon as convex hulls."""
    points = np.asarray(outline, float)
    found = []
    for part in convex_parts(points):
        ring = points[part]
        hull = np.concatenate(
            [np.c_[ring, np.full(len(ring), z)] for z in (-height / 2, height / 2)]
        )
        found.append(solid("hull", hull))
    return found
