"""Where completed objects are in space, from depth and camera intrinsics: boxes and points.

All in the camera's optical frame (REP 103: x right, y down, z ahead), in metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import crop
from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.rays import pixel_rays

FEWEST_POINTS = 16
"""Visible pixels with depth that a box needs."""

MOST_POINTS = 1000
"""Points of a part of the object that the box is found from."""

TURNS = 4
"""Rounds of turning a box about each of its axes."""

STARTS = [np.eye(3)] + [cv2.Rodrigues(np.pi / 4 * axis)[0] for axis in np.eye(3)]
"""Rotations from which the smallest box is looked for."""

SLACK = 0.1
"""By how much of itself the range of nearly all depths is widened: further ones are strays."""

THICKNESS = 0.001
"""Metres that are added to the sides of boxes to compare them: flat ones have no volume."""

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

TRIED_DEPTHS = 8
"""Depths that are tried for a hidden pixel, within those seen of its object."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """A box around an object.

    Args:
        centre: ``(3,)`` metres.
        rotation: ``(3, 3)`` right-handed; its columns are the box's axes, the longest first.
        size: ``(3,)`` metres along these axes.
        measured: ``(3,)`` share of `size` along each axis that visible points span, 0..1; the rest
            is inferred from the whole mask.
        truncated: the whole mask touches the image border: the object may extend beyond the box.
    """

    centre: NDArray[np.float64]
    rotation: NDArray[np.float64]
    size: NDArray[np.float64]
    measured: NDArray[np.float64]
    truncated: bool


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen of an object in space.

    Args:
        item: the object.
        points: ``(n, 3)`` metres.
        near, far: depths between which the object lies.
    """

    item: AmodalObject
    points: NDArray[np.float64]
    near: float
    far: float


def sight_of(frame: Frame, item: AmodalObject) -> Sight | None:
    """What is seen of `item`; None without depth, without a camera matrix, or with fewer than
    `FEWEST_POINTS` pixels of known depth."""
    if frame.depth is None or frame.camera_matrix is None:
        return None
    metres = crop(frame.depth, item.box)
    seen = item.visible & np.isfinite(metres) & (metres > 0)
    if np.count_nonzero(seen) < FEWEST_POINTS:
        return None
    # Pixels of a mask's border often carry the depth of what lies behind it.
    near, far = np.percentile(metres[seen], (2, 98))
    near, far = near - SLACK * (far - near), far + SLACK * (far - near)
    seen &= (metres >= near) & (metres <= far)
    points = _known(_rays(frame, item, seen) * metres[seen, None])
    return Sight(item, points, near, far) if len(points) >= FEWEST_POINTS else None


def oriented_box(frame: Frame, item: AmodalObject) -> OrientedBox | None:
    """The smallest box around one object's camera-side surface, its hidden part included.

    It has the orientation of the visible part. A hidden pixel has no depth: each one on the rim of
    the whole mask is placed along its ray where it lies least outside the box of the visible part.

    Args:
        frame: must hold depth and a camera matrix for a result.
        item: one of its completed objects.

    Returns:
        None where `sight_of` gives none.
    """
    sight = sight_of(frame, item)
    return None if sight is None else box_around(frame, sight)


def box_around(
    frame: Frame,
    sight: Sight,
    axes: NDArray[np.float64] | None = None,
    bottom: float | None = None,
) -> OrientedBox:
    """The box along some axes.

    Args:
        frame: the picture.
        sight: what is seen of the object.
        axes: ``(3, 3)``, as columns; None for those of the smallest box around what is seen.
        bottom: where along the last of `axes` the box ends at least; None where what is seen and
            the rim of what is hidden say it alone.
    """
    if axes is None:
        axes = _axes(sight.points)
    along = sight.points @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    span = high - low
    if bottom is not None:
        low[2] = min(low[2], bottom)
    item = sight.item
    inner = cv2.erode(
        item.amodal.astype(np.uint8), CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    rim = item.invisible & (inner == 0)
    rays = _known(_rays(frame, item, rim)) @ axes
    if len(rays):
        tried = rays[:, None] * np.linspace(sight.near, sight.far, TRIED_DEPTHS)[:, None]
        outside = np.maximum(low - tried, 0) + np.maximum(tried - high, 0)
        best = (outside**2).sum(axis=2).argmin(axis=1)
        hidden = tried[np.arange(len(best)), best]
        if bottom is not None:
            hidden[:, 2] = np.maximum(hidden[:, 2], low[2])  # nothing is below what carries it
        low, high = np.minimum(low, hidden.min(axis=0)), np.maximum(high, hidden.max(axis=0))
    longest_first = np.argsort(low - high, kind="stable")
    centre = axes @ ((low + high) / 2)
    axes = axes[:, longest_first]
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    size = high - low
    # A side without extent is known as it is.
    measured = np.divide(span, size, out=np.ones(3), where=size > 0)
    return OrientedBox(centre, axes, size[longest_first], measured[longest_first], item.truncated)


@dataclass(frozen=True, eq=False)
class Points:
    """Visible pixels in space.

    Args:
        places: ``(n, 3)`` float32 metres.
        colours: ``(n, 3)`` uint8 RGB.
        ids: ``(n,)`` int32, the object that each belongs to.
    """

    places: NDArray[np.float32]
    colours: NDArray[np.uint8]
    ids: NDArray[np.int32]


def visible_points(frame: Frame, objects: Iterable[AmodalObject]) -> Points:
    """What is seen of `objects`, one after the other; nothing without depth or camera matrix."""
    places, colours, ids = [], [], []
    if frame.depth is not None and frame.camera_matrix is not None:
        for item in objects:
            metres = crop(frame.depth, item.box)
            seen = item.visible & np.isfinite(metres) & (metres > 0)
            found = _rays(frame, item, seen) * metres[seen, None]
            good = np.isfinite(found[:, 0])
            places.append(found[good])
            colours.append(crop(frame.rgb, item.box)[seen][good])
            ids.append(np.full(len(places[-1]), item.id, np.int32))
    return Points(
        np.concatenate([np.zeros((0, 3)), *places]).astype(np.float32),
        np.concatenate([np.zeros((0, 3), np.uint8), *colours]),
        np.concatenate([np.zeros(0, np.int32), *ids]),
    )


def _known(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those without NaN."""
    return points[np.isfinite(points[:, 0])]


def _rays(frame: Frame, item: AmodalObject, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`pixel_rays` of the pixels of `mask`, a mask inside the object's box."""
    rows, columns = np.nonzero(mask)
    return pixel_rays(frame, rows + item.box[1], columns + item.box[0])


def _axes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions of the smallest box that is found around `points`, as columns.

    Those of largest variance lie askew to the faces of what is seen. From there, and from there
    turned by 45 degrees, the box is turned about one axis after the other, each time to the
    smallest area across it.
    """
    points = _some(points)
    _, spread = np.linalg.eigh(np.cov(points.T))
    found = [_turned(points, np.asarray(spread @ start, float)) for start in STARTS]

    def volume(axes: NDArray[np.float64]) -> float:
        return float(np.prod(np.ptp(points @ axes, axis=0) + THICKNESS))

    return min(found, key=volume)


def _turned(points: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    for _ in range(TURNS):
        for fixed in range(3):
            pair = [(fixed + 1) % 3, (fixed + 2) % 3]
            _, _, degrees = cv2.minAreaRect((points @ axes[:, pair]).astype(np.float32))
            cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            axes[:, pair] = axes[:, pair] @ np.array([[cosine, -sine], [sine, cosine]])
    return axes


def _some(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `MOST_POINTS` of them, spread evenly."""
    return points[:: -(-len(points) // MOST_POINTS)]
