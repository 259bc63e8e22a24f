"""Pictures and depth of boxes on a table, by casting rays: exact, and quick to make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CAMERA = np.array([[550.0, 0, 319.5], [0, 550.0, 239.5], [0, 0, 1]])
SIZE = (480, 640)
TABLE_COLOUR = (150, 140, 130)


@dataclass(frozen=True)
class Box:
    """Standing on the table or at a height, turned by `angle` degrees; metres.

    The table is at z = 0, x to the right of the camera, y away from it.
    """

    x: float
    y: float
    size: tuple[float, float, float]
    colour: tuple[int, int, int]
    angle: float = 0.0
    bottom: float = 0.0


def look(
    boxes: list[Box], tilt: float = 50.0, distance: float = 0.8, size: tuple[int, int] = SIZE
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Colour, depth in metres, true labels 1, 2, ... and camera matrix.

    Args:
        boxes: the later one wins where two are equally far.
        tilt: degrees that the camera looks down.
        distance: metres to the point of the table that it looks at.
        size: height and width.
    """
    camera = CAMERA * (size[1] / SIZE[1])
    camera[2, 2] = 1
    columns, rows = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    rays = np.stack(
        [
            (columns - camera[0, 2]) / camera[0, 0],
            (rows - camera[1, 2]) / camera[1, 1],
            np.ones(size),
        ],
        -1,
    )
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    # Rows: right, down and ahead of the camera in the world.
    turn = np.array([[1, 0, 0], [0, -sine, -cosine], [0, cosine, -sine]])
    ways = rays @ turn
    start = -distance * turn[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(ways[..., 2] < 0, -start[2] / ways[..., 2], np.nan)
        labels, rgb = np.zeros(size, np.int32), np.full((*size, 3), TABLE_COLOUR, np.uint8)
        for number, box in enumerate(boxes, 1):
            at, face = _hit(box, start, ways)
            nearer = at <= np.where(np.isnan(depth), np.inf, depth)
            depth[nearer], labels[nearer] = at[nearer], number
            shade = np.array([0.8, 0.65, 1.0])[face]
            rgb[nearer] = (np.array(box.colour) * shade[..., None])[nearer]
    return rgb, depth.astype(np.float32), labels, camera


def _hit(box: Box, start: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far along each way the box is met, inf where it is not, and on which axis."""
    c, s = np.cos(np.radians(box.angle)), np.sin(np.radians(box.angle))
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    half = np.array(box.size) / 2
    origin = turn @ (start - np.array([box.x, box.y, box.bottom + half[2]]))
    along = ways @ turn.T
    one, other = (-half - origin) / along, (half - origin) / along
    near, far = np.minimum(one, other), np.maximum(one, other)
    at, end = near.max(-1), far.min(-1)
    return np.where((at < end) & (at > 0), at, np.inf), near.argmax(-1)
