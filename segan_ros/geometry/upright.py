"""Which way is up, and where things are when the third axis points there.

Heights are metres along up from the camera: what lies below it has negative ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate
from segan_ros.frame import AmodalObject, Frame, Mask
from segan_ros.geometry.rays import pixel_rays, rise

SAMPLES, TRIED, PLANES, ROUNDS = 1200, 3, 60, 2
"""Pixels of the background that are looked at, every how many-th of them planes are tried on, how
many planes are tried, and rounds of fitting the best one to what lies on it."""

NEAR = 0.004, 0.01
"""What lies on a plane: within so many metres, or this share of its depth."""

FEWEST_SAMPLES = 40
"""Background pixels of known depth that a plane needs."""


AROUND, THIN = 8, 5
"""Pixels around the objects in which the background is looked at, and up to which what rises there
may be a rim of an object or a mixture of two depths."""

RAISED = 0.01
"""Metres, and share of its depth, by which something must lie above the ground not to be it."""

POINTS, HIDDEN, FEWEST_POINTS = 40, 16, 8
"""Visible and hidden points of an object that are looked at, and visible ones of known depth that
it needs."""

REACH = 0.4
"""Metres from the middle of what is seen of an object, beyond which none of it is hidden."""


@dataclass(frozen=True, eq=False)
class Up:
    """The direction against gravity.

    Args:
        direction: ``(3,)`` float64 unit vector in the camera's optical frame.
        confidence: 1 where it was given; where it comes from the background, the share of the
            background that lies on one plane, 0..1.
    """

    direction: NDArray[np.float64]
    confidence: float = 1.0


def find_up(frame: Frame) -> Up | None:
    """`frame.up`; else the normal of the plane that most of the background lies on.

    The background is what has no label: of a table with things on it, that plane is the table. The
    same frame always gives the same answer.

    Returns:
        None where up is not given and there is no depth, no camera matrix, or next to no
        background.
    """
    if frame.up is not None:
        return Up(frame.up)
    points = _background(frame)
    if len(points) < FEWEST_SAMPLES:
        return None
    rng = np.random.default_rng(0)
    a, b, c = (points[rng.integers(len(points), size=PLANES)] for _ in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-9
    normals, a = normals[good] / length[good, None], a[good]
    if not len(normals):
        return None
    limit = np.maximum(NEAR[0], NEAR[1] * points[:, 2])
    offsets = (normals * a).sum(axis=1)
    off = np.abs(points[::TRIED] @ normals.T - offsets)
    best = (off < limit[::TRIED, None]).sum(axis=0).argmax()
    on_it = np.abs(points @ normals[best] - offsets[best]) < limit
    for _ in range(ROUNDS):
        middle = points[on_it].mean(axis=0)
        _, axes = np.linalg.eigh(np.cov((points[on_it] - middle).T))
        normal = axes[:, 0]
        on_it = np.abs((points - middle) @ normal) < limit
        if np.count_nonzero(on_it) < FEWEST_SAMPLES / 4:
            return None
    # The camera looks at the upper side of the table.
    normal = normal if normal @ middle < 0 else -normal
    return Up(np.asarray(normal, float), float(on_it.mean()))


@dataclass(frozen=True, eq=False)
class Upright:
    """What is seen, in a frame whose third axis is up.

    Args:
        points: by id, ``(40, 3)`` float64 metres, a spread of the object's visible points; some
            more than once where it has fewer.
        footprints: by id, ``(v, 2)`` corners of the convex hull of the object, measured level: what
            is seen of it, and its hidden part as if that were as high.
        ground: height of what lies under the objects: the median of the background, or the lowest
            objects where hardly any background is seen.
    """

    points: Mapping[int, NDArray[np.float64]]
    footprints: Mapping[int, NDArray[np.float64]]
    ground: float


def set_upright(frame: Frame, objects: Iterable[AmodalObject], up: Up) -> Upright:
    """The visible points of `objects` along `up`; objects with too little depth are left out.

    The frame must have depth and a camera matrix, or nothing is found.
    """
    objects, turn = list(objects), _turn(up.direction)
    points, footprints = {}, {}
    if frame.depth is not None and frame.camera_matrix is not None and objects:
        seen = [_places(o.visible, o.box, 2 * POINTS) for o in objects]
        hidden = [_places(o.invisible, o.box, HIDDEN) for o in objects]
        places = np.concatenate([*seen, *hidden])
        rays = pixel_rays(frame, places[:, 0], places[:, 1]) @ turn.T
        rays_of = np.split(rays, np.cumsum([len(some) for some in (*seen, *hidden)])[:-1])
        for item, at, to, rest in zip(
            objects, seen, rays_of, rays_of[len(objects) :], strict=False
        ):
            metres = frame.depth[at[:, 0], at[:, 1]]
            found = to[metres > 0] * metres[metres > 0, None]
            found = found[np.isfinite(found[:, 0])]
            if len(found) < FEWEST_POINTS:
                continue
            found = points[item.id] = found[_spread(len(found), POINTS)]
            level = np.concatenate([found, _levelled(rest, found, turn)])[:, :2]
            footprints[item.id] = np.asarray(cv2.convexHull(level.astype(np.float32))[:, 0], float)
    background = (_background(frame) @ turn.T)[:, 2]
    if len(background) >= FEWEST_SAMPLES:
        ground = float(np.median(background))
    else:
        ground = min((float(np.percentile(p[:, 2], 5)) for p in points.values()), default=0.0)
    return Upright(points, footprints, ground)


def _places(mask: Mask, box: Box, wanted: int) -> NDArray[np.intp]:
    """``(n, 2)`` rows and columns in the picture of at most `wanted` pixels of a mask in its box,
    spread over it."""
    found = np.flatnonzero(mask)
    if not len(found):
        return np.zeros((0, 2), np.intp)
    places = np.stack(np.divmod(found[_spread(len(found), wanted)], mask.shape[1]), axis=1)
    return np.asarray(places + box[1::-1], np.intp)


def _levelled(
    rays: NDArray[np.float64], seen: NDArray[np.float64], turn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(n, 3)`` points along upright `rays` of hidden pixels, taken to be as high as the middle of
    what is `seen` of the object; none where that is far off."""
    if not len(rays):
        return rays
    ordered = np.sort(seen, axis=0)  # as np.median does it, in a tenth of the time
    middle = (ordered[(len(seen) - 1) // 2] + ordered[len(seen) // 2]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        points = rays * (middle[2] / rays[:, 2:])
        away = points - middle
        near = ((away * away).sum(axis=1) < REACH * REACH) & (points @ turn[:, 2] > 0)
    return np.asarray(points[near], float)


def raised(frame: Frame, up: Up, ground: float) -> Mask:
    """``(H, W)`` bool: what is unlabelled, near an object, and no part of the ground: a hand, a
    rim of the bin, an object that the segmenter missed.

    Args:
        frame: with depth and a camera matrix, or nothing is found.
        up: which way is up.
        ground: see `Upright`.
    """
    result = np.zeros(frame.size, bool)
    if frame.depth is None or frame.camera_matrix is None:
        return result
    everywhere = (frame.labels > 0).view(np.uint8)
    x, y, width, height = cv2.boundingRect(everywhere)
    part = clip(dilate((x, y, x + width, y + height), AROUND + THIN), frame.size)
    labelled, metres = crop(everywhere, part), crop(frame.depth, part)
    around = cv2.dilate(labelled, np.ones((2 * AROUND + 1,) * 2, np.uint8)) > labelled
    heights = metres * rise(frame, up.direction, part)
    found = around & (heights > np.float32(ground) + RAISED * np.maximum(metres, 1))
    # Edges of things often have no depth: that makes nothing thin.
    thick = found | (around & ~(metres > 0))
    opened = cv2.morphologyEx(thick.view(np.uint8), cv2.MORPH_OPEN, np.ones((THIN,) * 2, np.uint8))
    crop(result, part)[:] = found & (opened > 0)
    return result


def _spread(count: int, wanted: int) -> NDArray[np.intp]:
    """`wanted` indices, evenly over `count` things; some twice where these are fewer."""
    return np.linspace(0, max(count - 1, 0), wanted if count else 0).astype(np.intp)


def _turn(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(3, 3)`` rotation that takes `up` to the third axis."""
    across = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(up, across), up])


def _background(frame: Frame) -> NDArray[np.float64]:
    """``(n, 3)`` points of unlabelled pixels, spread over the picture."""
    step = max(int(np.sqrt(frame.labels.size / SAMPLES / 2)), 1)
    rows, columns = np.nonzero(frame.labels[step // 2 :: step, step // 2 :: step] <= 0)
    return _points(frame, step // 2 + step * rows, step // 2 + step * columns)


def _points(frame: Frame, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """``(n, 3)`` what these pixels see, where that is known."""
    if frame.depth is None or frame.camera_matrix is None:
        return np.zeros((0, 3))
    metres = frame.depth[rows, columns]
    known = np.isfinite(metres) & (metres > 0)
    points = pixel_rays(frame, rows[known], columns[known]) * metres[known, None]
    return np.asarray(points[np.isfinite(points[:, 0])], float)
