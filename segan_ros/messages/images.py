"""Image messages <-> arrays, with every check that an image from outside needs.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.depth import MILLIMETRE, to_metres
from segan_ros.messages.encodings import (
    MAX_SIDE,
    colours,
    encoding_problem,
    has_whole_pixels,
    layout,
    rows_of,
)
from segan_ros.messages.kinds import IMAGE, Make, ros_message

Decoder = Callable[[Any], NDArray[Any]]
"""Makes the raw pixels of a checked message: `decode`, or cv_bridge where ROS has it."""


class MessageError(ValueError):
    """A message cannot be used.

    Args:
        reason: short key under which the drop is counted, e.g. ``bad_encoding``.
        text: names the value, the limit and the remedy.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


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
    if problem := encoding_problem(message.encoding, topic):
        raise MessageError("bad_encoding", f"{name} has {problem}")
    width, height = message.width, message.height
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise MessageError(
            "bad_size", f"{name} is {width}x{height}; each side must lie in 1..{MAX_SIDE} pixels"
        )
    if not has_whole_pixels(message.encoding, width, height):
        raise MessageError(
            "bad_size",
            f"{name} is {width}x{height}; {message.encoding} needs an even width and height",
        )
    dtype, channels = layout(message.encoding)
    row = width * channels * dtype.itemsize
    if message.step < row:
        raise MessageError(
            "truncated",
            f"{name} has step {message.step} but a row of {width} {message.encoding} pixels "
            f"takes {row} bytes; the publisher must set step",
        )
    needed = message.step * rows_of(message.encoding, height)
    if len(message.data) < needed:
        raise MessageError(
            "truncated",
            f"{name} has {len(message.data)} bytes of data but {width}x{height} "
            f"{message.encoding} with step {message.step} takes {needed}; the publisher "
            "truncated the message",
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
    rows = rows_of(message.encoding, message.height)
    data = np.frombuffer(message.data, np.uint8, message.step * rows)
    pixels = data.reshape(rows, message.step)[:, :row].view(dtype)
    if channels > 1:
        pixels = pixels.reshape(rows, message.width, channels)
    return pixels.astype(dtype.newbyteorder("="), copy=False)


def to_rgb(message: Any, decoder: Decoder = decode) -> NDArray[np.uint8]:
    """A checked colour image as ``(H, W, 3)`` uint8; may share memory with `message`."""
    return colours(decoder(message), message.encoding)


def to_labels(message: Any, decoder: Decoder = decode) -> NDArray[np.int32]:
    """A checked label image as ``(H, W)`` int32."""
    return decoder(message).astype(np.int32)


def to_depth(
    message: Any, decoder: Decoder = decode, scale: float = MILLIMETRE
) -> NDArray[np.float32]:
    """A checked depth image as ``(H, W)`` float32 metres, NaN where unknown; see `to_metres`."""
    return to_metres(decoder(message), scale)


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
