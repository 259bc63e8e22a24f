"""Checked messages of one moment -> a frame."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from segan_ros.frame import (
    Frame,
)
from segan_ros.messages.camera import to_camera
from segan_ros.messages.images import (
    MessageError,
    check,
    check_same_size,
    to_depth,
    to_labels,
    to_rgb,
)

LOG = logging.getLogger(__name__)


@cache
def without_depth(reason: str) -> None:
    """Say, once for each `reason`, that frames are completed without their depth."""
    LOG.warning("%s; such frames are completed without depth", reason)


def to_frame(image: Any, mask: Any, depth: Any = None, camera_info: Any = None) -> Frame:
    """A frame from ``sensor_msgs/Image`` messages and a ``CameraInfo``; the last two may be None.

    As at the node, a camera that is not calibrated or has another resolution is an unknown one, and
    depth that cannot be used is left out, with a warning.

    Raises:
        ValueError: an encoding is not supported, a message is cut short, or sizes differ.
    """
    check(image, "image")
    check(mask, "instance_mask")
    metres = None
    if depth is not None:
        try:
            check(depth, "depth")
            check_same_size(image, depth, "depth")
            metres = to_depth(depth)
        except MessageError as error:
            without_depth(str(error))
    stamp = image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
    matrix, distortion = to_camera(camera_info, image)
    return Frame(to_rgb(image), to_labels(mask), metres, matrix, stamp, distortion)
