"""Reads a frame from loose files: a photo, its label image, its depth image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Frame
from segan_ros.storage.images import read_image, read_labels
from segan_ros.storage.photo import read_photo
from segan_ros.storage.shards import PackedFile


def read_frame(
    rgb: str | Path | PackedFile,
    labels: str | Path | PackedFile,
    depth: str | Path | PackedFile | None = None,
    camera_matrix: NDArray[np.float64] | None = None,
    up: NDArray[np.float64] | None = None,
) -> Frame:
    """Read a picture, its label image (8 or 16 bit) and its depth (16 bit, millimetres, 0 unknown).

    Raises:
        FileNotFoundError, ValueError: as the files deserve, naming the file.
    """
    ids = read_labels(labels)
    picture = read_photo(rgb, ids.shape, f"{labels} is")
    metres = None
    if depth is not None:
        millimetres = read_image(depth, cv2.IMREAD_UNCHANGED)
        if millimetres.dtype != np.uint16 or millimetres.ndim != 2:
            raise ValueError(
                f"{depth}: depth is a 16-bit one-channel image in mm, got {millimetres.dtype}"
            )
        metres = np.where(
            millimetres > 0, millimetres.astype(np.float32) / 1000, np.float32(np.nan)
        )
    try:
        return Frame.from_arrays(picture, ids, metres, camera_matrix, up=up)
    except ValueError as error:
        raise ValueError(f"{rgb}, {labels}: {error}") from None
