"""Pinhole cameras where robots carry them: on the wrist or on a mast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis.meshes import Array


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera; the principal point is the centre of the image.

    Args:
        position: ``(3,)`` metres in the world.
        turn: ``(3, 3)`` camera to world; camera x is right, y down, z forward.
        focal: pixels.
        size: height and width in pixels.
        mount: who carries it, for people.
    """

    position: Array
    turn: Array
    focal: float
    size: tuple[int, int]
    mount: str = ""

    @property
    def matrix(self) -> Array:
        """``(3, 3)`` intrinsics K, integer coordinates at pixel centres."""
        h, w = self.size
        return np.array([[self.focal, 0, (w - 1) / 2], [0, self.focal, (h - 1) / 2], [0, 0, 1]])

    @property
    def elevation(self) -> float:
        """How steeply it looks down, degrees."""
        return float(np.degrees(np.arcsin(-self.turn[2, 2])))

    @property
    def field_of_view(self) -> float:
        """Horizontal, degrees."""
        return float(np.degrees(2 * np.arctan(self.size[1] / 2 / self.focal)))

    def project(self, points: Array) -> Array:
        """Pixels ``(N, 2)`` of points ``(N, 3)`` of the world that lie in front of the camera."""
        seen = (points - self.position) @ self.turn @ self.matrix.T
        return seen[:, :2] / seen[:, 2:]


@dataclass(frozen=True)
class Mount:
    """Where a camera is: lowest and highest of each.

    Args:
        distance: from what it looks at, metres.
        elevation: degrees above the horizon.
        field_of_view: horizontal, degrees.
    """

    distance: tuple[float, float]
    elevation: tuple[float, float]
    field_of_view: tuple[float, float]


MOUNTS = {
    "wrist": Mount((0.25, 0.5), (42, 88), (52, 70)),
    "mast": Mount((0.7, 1.3), (26, 62), (42, 70)),
}


def look_at(position: Array, target: Array, roll: float = 0.0) -> Array:
    """Rotation of a camera at `position` that looks at `target`, rolled by `roll` radians."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def draw_camera(points: Array, size: tuple[int, int], rng: Generator, steep: float = 0) -> Camera:
    """A random camera that looks at objects.

    Args:
        points: ``(N, 3)`` where the objects are.
        size: height and width in pixels.
        rng: draws mount, place and lens.
        steep: degrees of elevation that it needs at least, to look over walls.
    """
    middle = np.median(points, 0)
    spread = float(np.quantile(np.linalg.norm((points - middle)[:, :2], axis=1), 0.75)) + 0.07
    # A near camera sees too little of a wide pile.
    mount = "wrist" if rng.random() < np.clip(1.3 - 4 * spread, 0.2, 0.6) else "mast"
    limits = MOUNTS[mount]
    target = middle + rng.normal(0, 0.25 * spread, 3) * [1, 1, 0.2]
    near, far = limits.distance
    distance = rng.uniform(near, np.clip(6.5 * spread, near + 0.1, far))
    low, high = limits.elevation
    elevation = np.radians(rng.uniform(max(low, steep), max(high, steep + 4)))
    azimuth = rng.uniform(0, 2 * np.pi)
    away = np.r_[
        np.cos(elevation) * np.array([np.cos(azimuth), np.sin(azimuth)]), np.sin(elevation)
    ]
    position = target + distance * away
    # As much of the pile as the lens can take: an integrator chooses the camera for the place.
    wanted = np.degrees(2 * np.arctan(spread * rng.uniform(1.1, 2.2) / distance))
    angle = np.clip(wanted, *limits.field_of_view)
    focal = size[1] / 2 / np.tan(np.radians(angle) / 2)
    roll = rng.normal(0, np.radians(3 if mount == "mast" else 8))
    return Camera(position, look_at(position, target, roll), float(focal), size, mount)
