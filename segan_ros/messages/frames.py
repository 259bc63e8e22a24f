"""The messages of one moment -> a frame: for the node, its services and bags alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from segan_ros.frame import Frame
from segan_ros.messages.camera import to_camera
from segan_ros.messages.images import (
    Decoder,
    check,
    check_same_size,
    decode,
    to_depth,
    to_labels,
    to_rgb,
)
from segan_ros.messages.stamps import stamp_of

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """How messages are to be read, where they do not say it themselves.

    Args:
        rectified: image, mask and depth are; see `to_camera`.
        decoder: makes raw pixels of an image message.
    """

    rectified: bool = False
    decoder: Decoder = decode


def to_frame(
    image: Any,
    mask: Any,
    depth: Any = None,
    camera: Any = None,
    reading: Reading | None = None,
) -> Frame:
    """A frame from ``sensor_msgs/Image`` messages and a ``CameraInfo``; the last two may be None.

    A camera that is not calibrated or has another resolution is an unknown one.

    Raises:
        MessageError: a message cannot be used, or sizes differ.
    """
    reading = reading or Reading()
    check(image, "image")
    check(mask, "instance_mask")
    if depth is not None:
        check_depth(image, depth)
    matrix, distortion = to_camera(camera, image, reading.rectified)
    return Frame(
        to_rgb(image, reading.decoder),
        to_labels(mask, reading.decoder),
        None if depth is None else to_depth(depth, reading.decoder),
        matrix,
        stamp_of(image.header),
        distortion,
    )


def check_depth(image: Any, depth: Any) -> None:
    """Refuse depth that cannot be used with `image`. Raises MessageError."""
    check(depth, "depth")
    check_same_size(image, depth, "depth")


@cache
def without_depth(reason: str) -> None:
    """Say, once for each `reason`, that frames are completed without their depth."""
    LOG.warning("%s; such frames are completed without depth", reason)
