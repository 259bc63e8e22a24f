"""What ROS has and PyPI lacks: cv_bridge and tf_transformations, or the same by other means.

PyPI's ``cv-bridge`` is the ROS 1 one and answers wrongly with numpy 2, so a bridge is used only
after it has decoded a small known image correctly.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.messages.encodings import layout
from segan_ros.messages.images import decode
from segan_ros.messages.kinds import IMAGE, ros_message

LOG = logging.getLogger(__name__)

BRIDGED = (
    *("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "mono16"),
    *("8UC1", "8UC3", "8UC4", "16UC1", "32SC1", "32FC1"),
)
"""Encodings that all versions of cv_bridge know alike."""


def to_array(message: Any) -> NDArray[Any]:
    """``(H, W)`` or ``(H, W, C)`` in this machine's byte order, without row padding.

    The message must have passed `images.check`. May share memory with it.
    """
    bridge = cv_bridge()
    dtype, channels = layout(message.encoding)
    # cv_bridge takes rows for whole pixels and shears the image when they are not.
    sheared = message.step % (channels * dtype.itemsize)
    if bridge is None or sheared or message.encoding not in BRIDGED:
        return decode(message)
    return bridge.imgmsg_to_cv2(message, desired_encoding="passthrough")


@cache
def cv_bridge() -> Any | None:
    """A `CvBridge` that works, or None."""
    try:
        bridge = import_module("cv_bridge").CvBridge()
        sound = all(
            np.array_equal(bridge.imgmsg_to_cv2(m, desired_encoding="passthrough"), decode(m))
            for m in _probes()
        )
    except ImportError:
        return None
    except Exception as error:  # a broken installation may raise anything
        LOG.warning("cv_bridge is not used, it fails on a small image: %s", error)
        return None
    if not sound:
        LOG.warning("cv_bridge is not used, it decodes a small image wrongly")
        return None
    return bridge


def _probes() -> list[Any]:
    """Two rows of padded pixels in both byte orders."""
    found = []
    for encoding, big in (("rgb8", 0), ("16UC1", 0), ("16UC1", 1)):
        dtype, channels = layout(encoding)
        step = 4 * channels * dtype.itemsize
        found.append(
            ros_message(
                IMAGE,
                height=2,
                width=3,
                encoding=encoding,
                is_bigendian=big,
                step=step,
                data=bytes(range(2 * step)),
            )
        )
    return found


def quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """x, y, z, w of a ``(3, 3)`` rotation matrix, w not negative.

    By tf_transformations where ROS has it; elsewhere by transforms3d, on which it rests, and which
    orders w, x, y, z.
    """
    try:
        from tf_transformations import quaternion_from_matrix
    except ImportError:
        return quaternion_by_transforms3d(rotation)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    x, y, z, w = quaternion_from_matrix(matrix)
    return float(x), float(y), float(z), float(w)


def quaternion_by_transforms3d(
    rotation: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """What `quaternion` gives without tf_transformations."""
    from transforms3d.quaternions import mat2quat

    w, x, y, z = mat2quat(rotation)
    return float(x), float(y), float(z), float(w)
