"""Compressed image messages, seen as the raw ones they hold."""

from __future__ import annotations

import struct
import sys
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.messages import png
from segan_ros.messages.images import MAX_SIDE, REMEDIES, MessageError, layout
from segan_ros.messages.kinds import IMAGE, Make

MAX_PIXELS = 1 << 26
"""Of a compressed image: a few bytes must not grow into gigabytes."""

MAGIC = {"jpeg": b"\xff\xd8\xff", "png": png.SIGNATURE}
"""How files of each kind begin."""

_END = {"jpeg": b"\xff\xd9", "png": b"IEND"}
_TAIL = 4096
_JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_DEPTH_HEADER = struct.Struct("<iff")


class CompressedPicture:
    """A ``sensor_msgs/CompressedImage``, with the fields of the ``sensor_msgs/Image`` it holds.

    Size and encoding are read from the first bytes; pixels are decoded when `data` is asked for, so
    that a frame nobody uses costs nothing. See `decode_compressed`.
    """

    is_bigendian = int(sys.byteorder == "big")

    def __init__(self, message: Any, topic: str, name: str) -> None:
        self.header, self._topic, self._name = message.header, topic, name
        self._bytes, self._quantization = bytes(message.data), None
        source, _, transport = message.format.partition(";")
        plugin = "compressedDepth" if "compressedDepth" in transport else "compressed"
        if plugin == "compressedDepth":
            if topic != "depth":
                raise MessageError(
                    "bad_encoding", f"{name} is {message.format!r}, which is for depth alone"
                )
            if source.strip() == "32FC1":
                self._quantization = _DEPTH_HEADER.unpack(self._bytes[:12].ljust(12, b"\0"))[1:]
            self._bytes = self._bytes[_DEPTH_HEADER.size :]
        kind = next((k for k, magic in MAGIC.items() if self._bytes.startswith(magic)), "")
        if kind != "png" and (topic != "image" or not kind):
            raise MessageError(
                "bad_encoding",
                f"{name} has format {message.format!r} and holds {kind or 'neither jpeg nor png'}; "
                + (
                    "publish it as jpeg or png"
                    if topic == "image"
                    else "other formats change the values, publish it as png: the publisher's "
                    f"parameter {name}.{plugin}.format"
                ),
            )
        if kind == "png":
            form = png.header(self._bytes)
            self.width, self.height = form.width, form.height
        else:
            self.width, self.height = _jpeg_size(self._bytes)
            form = png.Header(self.width, self.height, 8, 2)
        self._check_size()
        # A frame may do without depth, but not if it is found to be damaged only then.
        damaged = topic == "depth" and not self._is_sound
        if damaged or _END[kind] not in self._bytes[-_TAIL:]:
            raise self._truncated()
        self.encoding = self._encoding(form)
        dtype, channels = layout(self.encoding)
        self.step = self.width * channels * dtype.itemsize

    @cached_property
    def data(self) -> NDArray[np.uint8]:
        """The pixels, row after row, as bytes.

        Raises:
            MessageError: ``truncated``.
        """
        # OpenCV may not come back from a damaged png.
        if not self._is_sound:
            raise self._truncated()
        try:
            pixels = self._pixels()
        except (cv2.error, ValueError):
            pixels = None
        if pixels is None or pixels.shape[:2] != (self.height, self.width):
            raise self._truncated()
        if self._quantization is not None:
            scale, offset = self._quantization
            with np.errstate(divide="ignore", invalid="ignore"):
                metres = np.float32(scale) / (pixels.astype(np.float32) - np.float32(offset))
            pixels = np.where(pixels > 0, metres, np.float32(np.nan))
        return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)

    def to_message(self, make: Make) -> Any:
        """The ``sensor_msgs/Image``. Raises MessageError like `data`."""
        names = ("header", "height", "width", "encoding", "is_bigendian", "step", "data")
        return make(IMAGE, **{name: getattr(self, name) for name in names})

    def _pixels(self) -> NDArray[Any] | None:
        if self._topic == "instance_mask":
            return png.stored_ids(self._bytes)
        how = cv2.IMREAD_UNCHANGED
        if self._topic == "image":
            how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.imdecode(np.frombuffer(self._bytes, np.uint8), how)

    @cached_property
    def _is_sound(self) -> bool:
        """False for a png that is damaged; of a jpeg nothing is known before it is decoded."""
        return not self._bytes.startswith(MAGIC["png"]) or png.is_sound(self._bytes)

    def _check_size(self) -> None:
        width, height = self.width, self.height
        sides = 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE
        if not sides or width * height > MAX_PIXELS:
            raise MessageError(
                "bad_size",
                f"{self._name} is {width}x{height}; each side must lie in 1..{MAX_SIDE} pixels, "
                f"and a compressed image may have {MAX_PIXELS} pixels",
            )

    def _encoding(self, form: png.Header) -> str:
        """What `data` is laid out like."""
        if self._topic == "image":
            return "bgr8"
        if self._topic == "instance_mask" and form.holds_ids:
            return "16UC1" if form.bits == 16 else "mono8"
        if self._topic == "depth" and (form.bits, form.colour_type) == (16, png.GREY):
            return "16UC1" if self._quantization is None else "32FC1"
        wanted = "grey or palette" if self._topic == "instance_mask" else "16-bit grey"
        raise MessageError(
            "bad_encoding",
            f"{self._name} is {form.kind}; publish it as {wanted} png{REMEDIES[self._topic]}",
        )

    def _truncated(self) -> MessageError:
        return MessageError(
            "truncated",
            f"{self._name}: its {len(self._bytes)} compressed bytes are damaged or cut short; look "
            "for losses between its publisher and this node",
        )


def decode_compressed(message: Any, topic: str = "image", name: str = "") -> CompressedPicture:
    """What a ``sensor_msgs/CompressedImage`` holds, to be used like a ``sensor_msgs/Image``.

    Colour images are jpeg or png and come out as ``bgr8``. Labels are png, grey or with a palette
    whose indices are the ids; never jpeg, which changes ids. Depth is grey png of 16 bits, plain or
    with the header of image_transport's ``compressedDepth``, which may hold 32FC1 as inverse depth.

    Args:
        message: from outside.
        topic: key of `ENCODINGS`.
        name: what to call it in errors, where that is not `topic`.

    Raises:
        MessageError: ``bad_encoding``, ``bad_size`` or ``truncated``; the last also when `data` of
            the result is first read.
    """
    return CompressedPicture(message, topic, name or topic)


def is_whole(content: bytes) -> bool:
    """False for a jpeg or png that is cut short or, as far as can be told, damaged."""
    if content.startswith(MAGIC["png"]):
        return png.is_sound(content)
    return not content.startswith(MAGIC["jpeg"]) or _END["jpeg"] in content[-_TAIL:]


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height; zeros when no frame begins."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = struct.unpack_from(">BH", data, at + 1)
        if kind == 0xFF:  # a fill byte
            at += 1
        elif kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + length
    return 0, 0
