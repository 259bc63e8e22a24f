"""Reads a frame from loose files: a photo, its label image, its depth image."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.depth import MILLIMETRE, depth_problem, to_metres
from segan_ros.frame import Frame
from segan_ros.storage.images import read_image, read_labels
from segan_ros.storage.photo import read_photo
from segan_ros.storage.shards import PackedFile

LOG = logging.getLogger(__name__)


def read_frame(
    rgb: str | Path | PackedFile,
    labels: str | Path | PackedFile,
    depth: str | Path | PackedFile | None = None,
    camera_matrix: NDArray[np.float64] | None = None,
    up: NDArray[np.float64] | None = None,
    *,
    depth_scale: float = MILLIMETRE,
) -> Frame:
    """Read a photo, its label image and its depth; see `read_photo`, `read_labels`, `read_depth`.

    Raises:
        FileNotFoundError, ValueError: as the files deserve, naming the file.
    """
    ids = read_labels(labels)
    picture = read_photo(rgb, ids.shape, f"{labels} is")
    metres = None if depth is None else read_depth(depth, depth_scale)
    try:
        frame = Frame(picture, ids.astype(np.int32), metres, camera_matrix, up=up)
    except ValueError as error:
        raise ValueError(f"{rgb}, {labels}: {error}") from None
    if frame.depth is not None and (problem := depth_problem(frame.depth, frame.labels)):
        LOG.warning("%s: %s", depth, problem)
    return frame


def read_depth(path: str | Path | PackedFile, scale: float = MILLIMETRE) -> NDArray[np.float32]:
    """``(H, W)`` metres, NaN unknown, of a 16-bit image of steps of `scale` metres; 0 and 65535 are
    unknown.

    Raises:
        FileNotFoundError, ValueError: as the file deserves.
    """
    steps = read_image(path, cv2.IMREAD_UNCHANGED)
    if steps.dtype != np.uint16 or steps.ndim != 2:
        channels = steps.shape[2] if steps.ndim > 2 else 1
        raise ValueError(
            f"{path}: depth is a 16-bit one-channel image, got {steps.dtype} with {channels} "
            "channels; save it as 16-bit grey png in millimetres, or in other steps and give "
            "their length as --depth-scale"
        )
    return to_metres(steps, scale)
