"""Where completed objects are in space: oriented boxes from depth and camera intrinsics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.crops import cut
from segan_ros.frame import AmodalObject, Frame

FEWEST_POINTS = 16
"""Visible pixels with depth that a box needs."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """A box around an object in the camera's optical frame (REP 103: x right, y down, z ahead).

    Args:
        centre: ``(3,)`` metres.
        rotation: ``(3, 3)`` right-handed; its columns are the box's axes, the longest first.
        size: ``(3,)`` metres along these axes.
    """

    centre: NDArray[np.float64]
    rotation: NDArray[np.float64]
    size: NDArray[np.float64]


def oriented_box(frame: Frame, item: AmodalObject) -> OrientedBox | None:
    """The box of one object's camera-side surface, its hidden part included.

    Hidden pixels have no depth of their own: they continue the plane that fits the visible ones,
    within the range of depths that is seen.

    Args:
        frame: must hold depth and a camera matrix for a result.
        item: one of its completed objects.

    Returns:
        None without depth, without a camera matrix, or with fewer than `FEWEST_POINTS` pixels of
        known depth.
    """
    if frame.depth is None or frame.camera_matrix is None:
        return None
    metres = cut(frame.depth, item.box)
    seen = item.visible & np.isfinite(metres) & (metres > 0)
    if np.count_nonzero(seen) < FEWEST_POINTS:
        return None
    # Pixels of a mask's border often carry the depth of what lies behind it.
    near, far = np.percentile(metres[seen], (2, 98))
    seen &= (metres >= near) & (metres <= far)
    hidden = item.invisible
    guessed = np.clip(_plane(metres, seen)[hidden], near, far)
    points = np.concatenate(
        [
            _back_projected(frame, item, seen, metres[seen]),
            _back_projected(frame, item, hidden, guessed),
        ]
    )
    return _box_around(points)


def _plane(metres: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Least-squares plane over the pixels of `seen`, evaluated everywhere, ``(h, w)`` metres."""
    rows, columns = np.mgrid[: metres.shape[0], : metres.shape[1]]
    design = np.stack([columns[seen], rows[seen], np.ones(np.count_nonzero(seen))], axis=1)
    slope_x, slope_y, offset = np.linalg.lstsq(design, metres[seen].astype(float), rcond=None)[0]
    return slope_x * columns + slope_y * rows + offset


def _back_projected(
    frame: Frame, item: AmodalObject, mask: NDArray[np.bool_], metres: NDArray
) -> NDArray[np.float64]:
    """Points ``(n, 3)`` of the pixels of `mask`, whose depths are `metres`."""
    assert frame.camera_matrix is not None
    rows, columns = np.nonzero(mask)
    pixels = np.stack([columns + item.box[0], rows + item.box[1], np.ones(len(rows))])
    return (np.linalg.inv(frame.camera_matrix) @ pixels * metres).T


def _box_around(points: NDArray[np.float64]) -> OrientedBox:
    middle = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - middle).T))
    axes = vectors[:, ::-1]
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    along = (points - middle) @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    return OrientedBox(middle + axes @ ((low + high) / 2), axes, high - low)
