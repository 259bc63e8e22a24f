"""PNG files as they are written: their header, their soundness, the ids that they store.

OpenCV stretches grey of 1, 2 and 4 bits to 0..255 and replaces the indices of a palette by its
colours: right for pictures, wrong for ids.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_ID = 65535
"""The largest id that a label image holds: a png has 16 bits at most."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"

GREY, COLOUR, PALETTE = 0, 2, 3
_GREY_ALPHA = 4

_KINDS = {
    GREY: "grey",
    COLOUR: "colour",
    PALETTE: "palette",
    _GREY_ALPHA: "grey-alpha",
    6: "colour-alpha",
}

_HEADER = struct.Struct(">IIBB")


class Header(NamedTuple):
    """What the first chunk says; all zero where it is not a header."""

    width: int
    height: int
    bits: int
    colour_type: int

    @property
    def kind(self) -> str:
        """In words, for messages."""
        return f"a {_KINDS.get(self.colour_type, 'damaged')} png of {self.bits} bits"

    @property
    def holds_ids(self) -> bool:
        """Whether each pixel is one number."""
        return self.colour_type in (GREY, PALETTE)

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours."""
        return self.colour_type in (GREY, _GREY_ALPHA)


def header(data: bytes) -> Header:
    """The header of the file `data`."""
    if data[12:16] != b"IHDR" or len(data) < 26:
        return Header(0, 0, 0, 0)
    return Header(*_HEADER.unpack_from(data, 16))


def is_animated(data: bytes) -> bool:
    """Whether there is more than one picture in it."""
    return any(kind == b"acTL" for kind, _ in _chunks(data))


def is_sound(data: bytes) -> bool:
    """Whether all chunks are there with the right checksums, and it is not an animation."""
    last = b""
    for kind, chunk in _chunks(data):
        if kind == b"acTL" or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            return False
        last = kind
    return last == b"IEND"


def stored_ids(data: bytes) -> NDArray[Any]:
    """The ids of a sound label image: ``(H, W)``, uint8, or uint16 where it has 16 bits.

    Of a palette image these are its indices, whatever the colours.

    Raises:
        ValueError: it has more than one number per pixel, or cannot be decoded.
    """
    form = header(data)
    if not form.holds_ids:
        raise ValueError(f"{form.kind}; ids are one number per pixel, in a grey or palette png")
    # As grey without a palette, transparency or gamma OpenCV decodes it at any bit depth.
    plain = [
        _as_grey(chunk) if kind == b"IHDR" else chunk
        for kind, chunk in _chunks(data)
        if kind in (b"IHDR", b"IDAT", b"IEND")
    ]
    pixels: NDArray[Any] | None
    try:
        content = np.frombuffer(SIGNATURE + b"".join(plain), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape != (form.height, form.width):
        raise ValueError("a png that cannot be decoded")
    stretched = 255 // (2**form.bits - 1) if form.bits < 8 else 1
    return pixels // stretched if stretched > 1 else pixels


def _as_grey(chunk: bytes) -> bytes:
    """The header chunk of the same pixels as grey ones."""
    body = chunk[4:17] + bytes([GREY]) + chunk[18:-4]
    return chunk[:4] + body + zlib.crc32(body).to_bytes(4, "big")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and all bytes of each chunk, up to the end of the image or the first one cut short."""
    at, kind = len(SIGNATURE), b""
    while at + 12 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield kind, data[at:end]
        at = end
