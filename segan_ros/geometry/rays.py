"""The rays that pixels see, through lenses that bend them too.

All in the camera's optical frame (REP 103: x right, y down, z ahead).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop
from segan_ros.frame import Frame

NEWTON, STEP = 10, 1e-6
"""Rounds of looking for the ray of a pixel, and the step that tells where to go."""

GRID = 8
"""Pixels between two for which a ray is looked for."""


def pixel_rays(
    frame: Frame, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    """``(n, 3)`` points at 1 m depth that pixels of `frame`, which has a camera matrix, see; NaN
    where the lens model gives none."""
    assert frame.camera_matrix is not None
    ones = np.ones(len(rows))
    if frame.distortion is None:
        pixels = np.stack([columns, rows, ones])
        return np.asarray(np.linalg.inv(frame.camera_matrix) @ pixels, float).T
    lens = frame.camera_matrix.tobytes(), frame.distortion.tobytes()
    return np.column_stack([_straightened(*lens, frame.size)[rows, columns], ones])


def rise(frame: Frame, up: NDArray[np.float64], part: Box) -> NDArray[np.float32]:
    """``(h, w)`` how far the rays of the pixels in `part` rise along `up` at 1 m depth; as
    `pixel_rays`, for a whole part of the picture."""
    assert frame.camera_matrix is not None
    x0, y0, x1, y1 = part
    if frame.distortion is None:
        across, down, start = (up @ np.linalg.inv(frame.camera_matrix)).tolist()
        columns = np.arange(x0, x1, dtype=np.float32) * np.float32(across)
        rows = np.arange(y0, y1, dtype=np.float32) * np.float32(down) + np.float32(start)
        return np.asarray(rows[:, None] + columns, np.float32)
    lens = frame.camera_matrix.tobytes(), frame.distortion.tobytes()
    return np.asarray(crop(_straightened(*lens, frame.size), part) @ up[:2] + up[2], np.float32)


@lru_cache(maxsize=4)
def _straightened(
    camera_matrix: bytes, distortion: bytes, size: tuple[int, int]
) -> NDArray[np.float64]:
    """``(H, W, 2)`` x and y at 1 m depth of what each pixel sees through a lens that bends.

    By Newton's method from the straight ray outwards: OpenCV's own way ends far off at the corners
    of wide lenses. NaN where it finds no ray that the lens sends there.

    Args:
        camera_matrix, distortion: bytes of the float64 arrays, so that lenses can be looked up.
        size: height and width.
    """
    matrix = np.frombuffer(camera_matrix).reshape(3, 3)
    coefficients = np.frombuffer(distortion)
    height, width = size
    # Every GRID-th pixel will do, and one more all around: in between it is smooth.
    along, across = (GRID * (np.arange(-1, -(-side // GRID) + 1) + 0.5) - 0.5 for side in size)
    columns, rows = np.meshgrid(across, along)
    pixels = np.stack([columns.ravel(), rows.ravel()], 1)

    def shown(places: NDArray[np.float64]) -> NDArray[np.float64]:
        ahead = np.column_stack([places, np.ones(len(places))])
        zero = np.zeros(3)
        pixels = cv2.projectPoints(ahead, zero, zero, matrix, coefficients)[0]
        return np.asarray(pixels, float).reshape(-1, 2)

    straight = np.linalg.inv(matrix) @ np.column_stack([pixels, np.ones(len(pixels))]).T
    places = straight[:2].T.copy()
    steps = np.eye(2) * STEP
    with np.errstate(all="ignore"):
        for _ in range(NEWTON):
            missed = shown(places) - pixels
            to_x, to_y = ((shown(places + step) - pixels - missed) / STEP for step in steps)
            determinant = to_x[:, 0] * to_y[:, 1] - to_x[:, 1] * to_y[:, 0]
            x = missed[:, 0] * to_y[:, 1] - missed[:, 1] * to_y[:, 0]
            y = missed[:, 1] * to_x[:, 0] - missed[:, 0] * to_x[:, 1]
            places -= np.stack([x, y], 1) / determinant[:, None]
        off = np.abs(shown(places) - pixels).max(1)
    places[~(off < 0.1)] = np.nan
    coarse = places.reshape(len(along), len(across), 2)
    fine = cv2.resize(coarse, None, fx=GRID, fy=GRID, interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[GRID : GRID + height, GRID : GRID + width], float)
