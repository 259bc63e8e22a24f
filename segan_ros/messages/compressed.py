"""Compressed image messages, seen as the raw ones they hold."""

from __future__ import annotations

import struct
import sys
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.codecs import jpeg, png, rvl
from segan_ros.codecs.complete import ends_with
from segan_ros.messages.encodings import MAX_SIDE, REMEDIES, encoding_problem, layout
from segan_ros.messages.images import MessageError
from segan_ros.messages.kinds import IMAGE, Make

MAX_PIXELS = 1 << 26
"""Of a compressed image: a few bytes must not grow into gigabytes."""

_END = {"jpeg": jpeg.END, "png": b"IEND", "rvl": b""}
_DEPTH_HEADER = struct.Struct("<iff")
_RVL_SIZE = struct.Struct("<II")
_MOSAIC, _YUV = "bayer_", ("yuv", "uyvy", "yuyv", "nv12", "nv21", "nv24")
"""How the encodings begin of which a grey file keeps a mosaic, or no colours."""


class CompressedPicture:
    """A ``sensor_msgs/CompressedImage``, with the fields of the ``sensor_msgs/Image`` it holds.

    Size and encoding are read from the first bytes; pixels are decoded when `data` is asked for, so
    that a frame nobody uses costs nothing. See `decode_compressed`.
    """

    is_bigendian = int(sys.byteorder == "big")

    def __init__(self, message: Any, topic: str, name: str) -> None:
        self.header, self._topic, self._name = message.header, topic, name
        self._format, self._bytes = message.format, bytes(message.data)
        self._quantization: tuple[float, float] | None = None
        source, _, self._transport = message.format.partition(";")
        self._source = source.strip()
        if "compressedDepth" in self._transport:
            self._take_off_depth_header()
        self._kind = self._find_kind()
        form = self._read_header()
        self._check_size()
        # A frame may do without depth, but not if it is found to be damaged only then.
        damaged = topic == "depth" and not self._is_sound
        if damaged or not ends_with(self._bytes, _END[self._kind]):
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
        if self._kind == "rvl":
            stream = self._bytes[_RVL_SIZE.size :]
            return rvl.decode(stream, self.width * self.height).reshape(self.height, self.width)
        how = cv2.IMREAD_UNCHANGED
        if self._topic == "image":
            colour = cv2.IMREAD_COLOR if self.encoding == "bgr8" else cv2.IMREAD_GRAYSCALE
            how = colour | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.imdecode(np.frombuffer(self._bytes, np.uint8), how)

    def _take_off_depth_header(self) -> None:
        """What image_transport's compressedDepth writes before the file."""
        if self._topic != "depth":
            raise MessageError(
                "bad_encoding", f"{self._name} is {self._format!r}, which is for depth only"
            )
        if self._source == "32FC1":
            start = self._bytes[: _DEPTH_HEADER.size].ljust(_DEPTH_HEADER.size, b"\0")
            _, scale, offset = _DEPTH_HEADER.unpack(start)
            self._quantization = scale, offset
        self._bytes = self._bytes[_DEPTH_HEADER.size :]

    def _find_kind(self) -> str:
        begins = {"jpeg": jpeg.SIGNATURE, "png": png.SIGNATURE}
        kind = next((k for k, start in begins.items() if self._bytes.startswith(start)), "")
        if not kind and self._topic == "depth" and "rvl" in self._transport:
            return "rvl"
        if kind == "png" or (kind and self._topic == "image"):
            return kind
        content = kind or "neither jpeg nor png"
        found = f"{self._name} has format {self._format!r} and contains {content}"
        if self._topic == "image":
            raise MessageError("bad_encoding", f"{found}; publish it as jpeg or png")
        plugin, kinds = "compressed", "png"
        if "compressedDepth" in self._transport:
            plugin, kinds = "compressedDepth", "png or rvl"
        raise MessageError(
            "bad_encoding",
            f"{found}; other formats change the values, publish it as {kinds}: set the "
            f"publisher's parameter {self._name}.{plugin}.format",
        )

    def _read_header(self) -> png.Header:
        """Take over the size; the form of the pixels in the words of png."""
        if self._kind == "png":
            form = png.header(self._bytes)
        elif self._kind == "jpeg":
            size = jpeg.header(self._bytes)
            form = png.Header(*size[:2], 8, png.GREY if size.components == 1 else png.COLOUR)
        else:
            start = self._bytes[: _RVL_SIZE.size].ljust(_RVL_SIZE.size, b"\0")
            width, height = _RVL_SIZE.unpack(start)
            form = png.Header(width, height, 16, png.GREY)
        self.width, self.height = form.width, form.height
        return form

    @cached_property
    def _is_sound(self) -> bool:
        """False for a png that is damaged; of a jpeg nothing is known before it is decoded."""
        return not self._bytes.startswith(png.SIGNATURE) or png.is_sound(self._bytes)

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
            return self._colour_encoding(form)
        if self._topic == "instance_mask" and form.holds_ids:
            return "16UC1" if form.bits == 16 else "mono8"
        if self._topic == "depth" and (form.bits, form.colour_type) == (16, png.GREY):
            return "16UC1" if self._quantization is None else "32FC1"
        wanted = "grey or palette" if self._topic == "instance_mask" else "16-bit grey"
        raise MessageError(
            "bad_encoding",
            f"{self._name} is {form.kind}; publish it as {wanted} png{REMEDIES[self._topic]}",
        )

    def _colour_encoding(self, form: png.Header) -> str:
        """A grey file may hold a mosaic, or be all that is left of colours: its source tells."""
        if not form.is_grey:
            return "bgr8"
        source = "mono16" if form.bits > 8 else self._source
        if source.startswith(_YUV):
            problem = f"encoding {source!r}, whose colours are lost; publish it as rgb8 or bgr8"
        elif source.startswith(_MOSAIC) or source in ("mono16", "16UC1", "32FC1"):
            problem = encoding_problem(source, "image")
        else:
            return "bgr8"
        if problem:
            raise MessageError(
                "bad_encoding",
                f"{self._name} has format {self._format!r} and contains a grey image made from "
                f"{problem}",
            )
        return source

    def _truncated(self) -> MessageError:
        return MessageError(
            "truncated",
            f"{self._name}: its {len(self._bytes)} compressed bytes are damaged or truncated; look "
            "for losses between its publisher and this node",
        )


def decode_compressed(message: Any, topic: str = "image", name: str = "") -> CompressedPicture:
    """What a ``sensor_msgs/CompressedImage`` holds, to be used like a ``sensor_msgs/Image``.

    Colour images are jpeg or png and come out as ``bgr8``, mosaics as they are. Labels are png,
    grey or with a palette whose indices are the ids; never jpeg, which changes ids. Depth is grey
    png of 16 bits, plain or with the header of image_transport's ``compressedDepth``, which may
    hold 32FC1 as inverse depth and may be RVL instead of png.

    Args:
        message: from outside.
        topic: key of `ENCODINGS`.
        name: what to call it in errors, where that is not `topic`.

    Raises:
        MessageError: ``bad_encoding``, ``bad_size`` or ``truncated``; the last also when `data` of
            the result is first read.
    """
    return CompressedPicture(message, topic, name or topic)
