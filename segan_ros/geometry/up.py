"""Which way is up, and how high what the objects stand on lies.

Heights are metres along up from the camera: what lies below it has negative ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Frame
from segan_ros.geometry.rays import pixel_rays

SAMPLES, EVERY, PLANES, ROUNDS = 1200, 3, 60, 2
"""Pixels of the background that are looked at, every how many-th of them planes are tried on, how
many planes are tried, and rounds of fitting the best one to what lies on it."""

NEAR = 0.004, 0.01
"""What lies on a plane: within so many metres, or this share of its depth."""

FEWEST_SAMPLES = 40
"""Background pixels of known depth that a plane needs."""

STANDS, FLOATS = 0.03, 0.5
"""Metres from a plane within which the lowest thing that is seen of an object stands on it; and
what a plane counts on which no object stands, where one that all stand on counts 1 more."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Up:
    """The direction against gravity, and the plane that the objects stand on.

    Args:
        direction: ``(3,)`` float64 unit vector in the camera's optical frame.
        confidence: 1 where it was given; where it comes from the background, the share of the
            background that lies on the plane, 0..1.
        ground: height of the plane; None where hardly any background is seen.
    """

    direction: Array
    confidence: float = 1.0
    ground: float | None = None


def find_up(frame: Frame) -> Up | None:
    """`frame.up`, else the normal of the plane that the objects stand on.

    That is the plane that most of the background, of what has no label, lies on; the lowest visible
    points of the objects tell it from walls and from the floor beside a table. The same frame
    always gives the same answer.

    Returns:
        None where up is not given and there is no depth, no camera matrix, or next to no
        background.
    """
    background, things, owners = _samples(frame)
    if len(background) < FEWEST_SAMPLES:
        return None if frame.up is None else Up(frame.up)
    limit = np.maximum(NEAR[0], NEAR[1] * background[:, 2])
    normals, offsets = _candidates(background, frame.up)
    if not len(normals):
        return None
    off = np.abs(background[::EVERY] @ normals.T - offsets)
    support = (off < limit[::EVERY, None]).mean(axis=0)
    stand = _standing(things, owners, normals, offsets)
    best = (support * (FLOATS + stand)).argmax()
    normal, offset = normals[best], offsets[best]
    for _ in range(ROUNDS):
        found = background[np.abs(background @ normal - offset) < limit]
        if len(found) < FEWEST_SAMPLES / 4:
            return None if frame.up is None else Up(frame.up)
        if frame.up is None:
            middle = found.mean(axis=0)
            off_middle = found - middle
            normal = _towards_camera(np.linalg.eigh(off_middle.T @ off_middle)[1][:, 0], middle)
            offset = normal @ middle
        else:
            offset = np.median(found @ normal)
    on_it = np.abs(background @ normal - offset) < limit
    if frame.up is not None:
        return Up(frame.up, ground=float(offset))
    return Up(np.asarray(normal, float), float(on_it.mean()), float(offset))


def _candidates(background: Array, up: Array | None) -> tuple[Array, Array]:
    """Normals ``(n, 3)``, towards the camera, and offsets ``(n,)`` of planes through points of the
    `background`; all with the normal `up` where that is given."""
    rng = np.random.default_rng(0)
    a, b, c = (background[rng.integers(len(background), size=PLANES)] for _ in range(3))
    if up is not None:
        return np.tile(up, (PLANES, 1)), a @ up
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-9
    normals, a = normals[good] / length[good, None], a[good]
    offsets = (normals * a).sum(axis=1)
    side = np.where(offsets > 0, -1, 1)
    return normals * side[:, None], offsets * side


def _towards_camera(normal: Array, point: Array) -> Array:
    """`normal` of a plane through `point`, on the side from which the camera looks at it."""
    return normal if normal @ point < 0 else -normal


def _standing(things: Array, owners: NDArray[np.int32], normals: Array, offsets: Array) -> Array:
    """``(n,)`` share of the objects whose lowest point lies on each plane, see `STANDS`.

    Args:
        things: ``(m, 3)`` points of objects.
        owners: ``(m,)`` their ids.
        normals, offsets: ``(n, 3)`` and ``(n,)`` of the planes.
    """
    if not len(things):
        return np.zeros(len(normals))
    order = np.argsort(owners, kind="stable")
    begins = np.flatnonzero(np.diff(owners[order], prepend=-1))
    lowest = np.minimum.reduceat(things[order] @ normals.T - offsets, begins)
    return (np.abs(lowest) < STANDS).mean(axis=0)


def _samples(frame: Frame) -> tuple[Array, Array, NDArray[np.int32]]:
    """Points ``(n, 3)`` of unlabelled and ``(m, 3)`` of labelled pixels, spread over the picture,
    where their depth is known, and the ids ``(m,)`` of the latter."""
    step = max(int(np.sqrt(frame.labels.size / SAMPLES / 2)), 1)
    ids = frame.labels[step // 2 :: step, step // 2 :: step]
    none = np.zeros((0, 3))
    if frame.depth is None or frame.camera_matrix is None:
        return none, none, ids[:0, 0]
    metres = frame.depth[step // 2 :: step, step // 2 :: step]
    rows, columns = np.nonzero(np.isfinite(metres) & (metres > 0))
    ids, metres = ids[rows, columns], metres[rows, columns]
    points = pixel_rays(frame, step // 2 + step * rows, step // 2 + step * columns)
    points = points * metres[:, None]
    known = np.isfinite(points[:, 0])
    is_thing = ids > 0
    return points[known & ~is_thing], points[known & is_thing], ids[known & is_thing]
