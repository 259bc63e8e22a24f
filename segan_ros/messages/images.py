"""Image messages <-> arrays, with every check that an image from outside needs.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.messages.kinds import IMAGE, Make, ros_message

Decoder = Callable[[Any], NDArray[Any]]
"""Makes the raw pixels of a checked message: `decode`, or cv_bridge where ROS has it."""

COLOUR = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8")
LABELS = ("mono8", "8UC1", "16UC1", "mono16", "32SC1")
DEPTH = ("16UC1", "32FC1")
ENCODINGS = {"image": COLOUR, "instance_mask": LABELS, "depth": DEPTH}
"""What each input may carry, by topic name."""

REMEDIES = {
    "image": "",
    "instance_mask": ", one object id per pixel and 0 or less for background",
    "depth": ": millimetres in 16UC1, metres in 32FC1",
}

MAX_SIDE = 16384


_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
}


class MessageError(ValueError):
    """A message cannot be used.

    Args:
        reason: short key under which the drop is counted, e.g. ``bad_encoding``.
        text: names the value, the limit and the remedy.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


_LAYOUTS = {
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "rgba8": (np.uint8, 4),
    "bgra8": (np.uint8, 4),
    "mono8": (np.uint8, 1),
    "8UC1": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "16UC1": (np.uint16, 1),
    "32SC1": (np.int32, 1),
    "32FC1": (np.float32, 1),
}


def layout(encoding: str) -> tuple[np.dtype[Any], int]:
    """Type and number of the values of a pixel. Raises KeyError for an unknown encoding."""
    kind, channels = _LAYOUTS[encoding]
    return np.dtype(kind), channels


def check(message: Any, topic: str, name: str = "") -> None:
    """Refuse an image that cannot be decoded as what `topic` carries. Costs microseconds.

    Args:
        message: from outside.
        topic: key of `ENCODINGS`.
        name: what to call it in errors, where that is not `topic`.

    Raises:
        MessageError: ``bad_encoding``, ``bad_size`` or ``truncated``.
    """
    name = name or topic
    if message.encoding not in ENCODINGS[topic]:
        raise MessageError(
            "bad_encoding",
            f"{name} has encoding {message.encoding!r}; publish it as "
            f"{', '.join(ENCODINGS[topic])}{REMEDIES[topic]}",
        )
    width, height = message.width, message.height
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise MessageError(
            "bad_size", f"{name} is {width}x{height}; each side must lie in 1..{MAX_SIDE} pixels"
        )
    dtype, channels = layout(message.encoding)
    row = width * channels * dtype.itemsize
    if message.step < row:
        raise MessageError(
            "truncated",
            f"{name} has step {message.step} but a row of {width} {message.encoding} pixels "
            f"takes {row} bytes; the publisher must set step",
        )
    needed = message.step * height
    if len(message.data) < needed:
        raise MessageError(
            "truncated",
            f"{name} has {len(message.data)} bytes of data but {width}x{height} "
            f"{message.encoding} with step {message.step} takes {needed}; the message was cut "
            "short by its publisher",
        )


def check_same_size(image: Any, other: Any, name: str) -> None:
    """Refuse a label or depth image of another size than the image.

    Raises:
        MessageError: ``size_mismatch``.
    """
    if (image.width, image.height) != (other.width, other.height):
        raise MessageError(
            "size_mismatch",
            f"{name} is {other.width}x{other.height} but the image is "
            f"{image.width}x{image.height}; publish both at the same resolution",
        )


def decode(message: Any) -> NDArray[Any]:
    """What cv_bridge's ``passthrough`` gives, without cv_bridge."""
    dtype, channels = layout(message.encoding)
    row = message.width * channels * dtype.itemsize
    if bool(message.is_bigendian) != (sys.byteorder == "big"):
        dtype = dtype.newbyteorder()
    data = np.frombuffer(message.data, np.uint8, message.step * message.height)
    pixels = data.reshape(message.height, message.step)[:, :row].view(dtype)
    if channels > 1:
        pixels = pixels.reshape(message.height, message.width, channels)
    return pixels.astype(dtype.newbyteorder("="), copy=False)


def to_rgb(message: Any, decoder: Decoder = decode) -> NDArray[np.uint8]:
    """A checked colour image as ``(H, W, 3)`` uint8; may share memory with `message`."""
    pixels = np.ascontiguousarray(decoder(message))
    if message.encoding == "rgb8":
        return pixels
    return cv2.cvtColor(pixels, _TO_RGB[message.encoding]).astype(np.uint8, copy=False)


def to_labels(message: Any, decoder: Decoder = decode) -> NDArray[np.int32]:
    """A checked label image as ``(H, W)`` int32."""
    return decoder(message).astype(np.int32)


def to_depth(message: Any, decoder: Decoder = decode) -> NDArray[np.float32]:
    """A checked depth image as ``(H, W)`` float32 metres, NaN where unknown."""
    pixels = decoder(message)
    metres = pixels.astype(np.float32)
    if message.encoding == "16UC1":
        metres *= np.float32(0.001)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def image_message(
    pixels: NDArray[Any], encoding: str, header: Any, make: Make = ros_message
) -> Any:
    """``(H, W)`` or ``(H, W, C)`` as an image message in this machine's byte order."""
    pixels = np.ascontiguousarray(pixels)
    return make(
        IMAGE,
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=pixels.strides[0] if pixels.size else 0,
        data=pixels.reshape(-1).view(np.uint8),
    )
