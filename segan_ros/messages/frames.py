"""The messages of one moment -> a frame: for the node, its services and bags alike."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.depth import MILLIMETRE, depth_problem
from segan_ros.frame import Frame
from segan_ros.instances import Layered
from segan_ros.messages.camera import to_camera
from segan_ros.messages.images import (
    Decoder,
    MessageError,
    check,
    check_same_size,
    decode,
    to_depth,
    to_labels,
    to_rgb,
)
from segan_ros.messages.kinds import IMAGE
from segan_ros.messages.stamps import stamp_of

LOG = logging.getLogger(__name__)

told: set[tuple[str, str]] = set()
"""Problems that were logged in this process: of what, and the text without its numbers."""

Tell = Callable[[str, str], None]
"""Takes an optional input, ``depth`` or ``camera_info``, and what is wrong with it; or nothing."""

MaskReader = Callable[[Any, Any, Decoder], Layered]
"""From a segmenter's message, the image that it belongs to, and a decoder to a label image; raises
MessageError."""


def label_image(mask: Any, image: Any, decoder: Decoder = decode) -> Layered:
    """A `MaskReader` of messages that are label images already."""
    check(mask, "instance_mask")
    check_same_size(image, mask, "instance_mask")
    return Layered(to_labels(mask, decoder))


@dataclass(frozen=True)
class Reading:
    """How messages are to be read, where they do not say it themselves.

    Args:
        rectified: image, mask and depth are; see `to_camera`.
        depth_scale: metres of one step of integer depth.
        needs_depth: frames whose depth cannot be used are refused, not completed without.
        decoder: makes raw pixels of an image message.
        masks: reads the segmenter's messages.
        mask_type: type of these; empty for any.
    """

    rectified: bool = False
    depth_scale: float = MILLIMETRE
    needs_depth: bool = False
    decoder: Decoder = decode
    masks: MaskReader = label_image
    mask_type: str = IMAGE


def warn_once(of_what: str, problem: str) -> None:
    """Log a problem, once for all that differ in their numbers alone."""
    if problem:
        kind = of_what, re.sub(r"\d+", "#", problem)
        if kind not in told:
            LOG.warning("%s", problem)
        told.add(kind)


def to_frame(
    image: Any,
    mask: Any,
    depth: Any = None,
    camera: Any = None,
    reading: Reading | None = None,
    *,
    up: NDArray[np.float64] | None = None,
    tell: Tell = warn_once,
) -> Frame:
    """A frame from the messages of one moment: image, masks, depth or None, ``CameraInfo`` or None.

    Depth and camera that cannot be used are left out, and `tell` learns why. `up` is that of
    `Frame`, where it is known.

    Raises:
        MessageError: image or mask cannot be used, or the depth that `reading` needs.
    """
    reading = reading or Reading()
    check(image, "image")
    found = reading.masks(mask, image, reading.decoder)
    metres = None
    if depth is not None:
        metres, problem = _metres(image, depth, found.labels, reading)
        tell("depth", problem)
    lens = to_camera(camera, image, reading.rectified)
    tell("camera_info", lens.remark)
    return Frame(
        to_rgb(image, reading.decoder),
        found.labels,
        metres,
        lens.matrix,
        stamp_of(image.header),
        lens.distortion,
        up,
        names=found.names or None,
        track_ids=found.track_ids or None,
        occluder_only=found.occluder_only,
    )


def check_depth(image: Any, depth: Any) -> None:
    """Refuse depth that cannot be used with `image`. Raises MessageError."""
    check(depth, "depth")
    check_same_size(image, depth, "depth")


def _metres(
    image: Any, depth: Any, labels: NDArray[np.int32], reading: Reading
) -> tuple[NDArray[np.float32] | None, str]:
    """Depth, or None, and what is wrong with it."""
    try:
        check_depth(image, depth)
        metres = to_depth(depth, reading.decoder, reading.depth_scale)
    except MessageError as error:
        if reading.needs_depth:
            raise
        return None, f"{error}; such frames are completed without depth"
    return metres, depth_problem(metres, labels)
