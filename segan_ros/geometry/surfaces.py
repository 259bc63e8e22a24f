"""Where to take an object: the middle of its visible surface, and the direction that it faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_POINTS = 16
"""Points that a surface needs."""

STRAYS = 2, 98
"""Percentiles of depth between which points count: those of a mask's border often carry the depth
of what lies behind it."""


@dataclass(frozen=True, eq=False)
class Surface:
    """What is seen of an object, in the frame of its points.

    Args:
        centroid: ``(3,)`` metres, the mean of its points.
        normal: ``(3,)`` unit vector across the plane through them, towards the camera.
    """

    centroid: NDArray[np.float64]
    normal: NDArray[np.float64]


def visible_surface(points: NDArray[np.floating]) -> Surface | None:
    """The surface of the visible `points` of one object.

    Args:
        points: ``(n, 3)`` metres in the camera's optical frame.

    Returns:
        None with fewer than `FEWEST_POINTS`.
    """
    if len(points) < FEWEST_POINTS:
        return None
    near, far = np.percentile(points[:, 2], STRAYS)
    kept = np.asarray(points[(points[:, 2] >= near) & (points[:, 2] <= far)], np.float64)
    centroid = kept.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((kept - centroid).T))
    normal = np.asarray(axes[:, 0], float)
    return Surface(centroid, -normal if normal @ centroid > 0 else normal)
