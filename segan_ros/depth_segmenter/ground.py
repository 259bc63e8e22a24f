"""The plane that things stand on: the largest one in sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.depth_segmenter.surface import Map, Surface

SAMPLES, PLANES, ROUNDS = 1500, 100, 3
"""Pixels that are looked at, planes that are tried, and rounds of fitting the best one to what lies
on it."""

NEAR = 0.01
"""What lies on a plane: within this share of the distance, or three times the noise."""

FEWEST = 100
"""Pixels with depth that a plane needs."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The points P with ``normal @ P == 1``, in the camera's optical frame, metres.

    Args:
        normal: ``(3,)`` float64; its length is 1 over the distance of the plane.
        share: of the pixels with depth that lie on it, 0..1.
    """

    normal: NDArray[np.float64]
    share: float

    def height(self, surface: Surface) -> Map:
        """``(h, w)`` metres from the plane towards the camera; below 0 behind the plane."""
        a, b, c = self.normal
        along = a * surface.x + b * surface.y + c
        return ((1 - along / surface.inverse) / np.linalg.norm(self.normal)).astype(np.float32)


def find_plane(surface: Surface) -> Plane | None:
    """The plane that most of what is seen lies on, the same each time; None with next to no depth.

    In the inverse depth of pixels a plane is an affine function: its coefficients are `normal`.
    """
    seen = np.flatnonzero(surface.known)
    if len(seen) < FEWEST:
        return None
    rng = np.random.default_rng(0)
    some = seen[rng.integers(len(seen), size=SAMPLES)]
    pixels = np.stack([surface.x.ravel()[some], surface.y.ravel()[some], np.ones(SAMPLES)], 1)
    inverse = surface.raw.ravel()[some].astype(float)
    rays = pixels / inverse[:, None]  # points, in metres
    near = max(NEAR, 3 * surface.noise)
    three = rng.integers(SAMPLES, size=(PLANES, 3))
    three = three[np.abs(np.linalg.det(pixels[three])) > 1e-4]
    if not len(three):
        return None
    normals = np.linalg.solve(rays[three], np.ones((len(three), 3, 1)))[..., 0]
    on_it = np.abs(rays @ normals.T - 1) < near
    normal = normals[on_it.sum(axis=0).argmax()]
    for _ in range(ROUNDS):
        on_it = np.abs(rays @ normal - 1) < near
        if np.count_nonzero(on_it) < 3:
            return None
        normal = np.linalg.lstsq(rays[on_it], np.ones(np.count_nonzero(on_it)), rcond=None)[0]
    return Plane(normal, float((np.abs(rays @ normal - 1) < near).mean()))
