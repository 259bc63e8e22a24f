"""JPEG files: what their header says."""

from __future__ import annotations

import struct
from typing import NamedTuple

SIGNATURE = b"\xff\xd8\xff"
END = b"\xff\xd9"

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class Header(NamedTuple):
    """Size in pixels, and how many colour components a pixel has."""

    width: int
    height: int
    components: int


def header(data: bytes) -> Header:
    """The header; zeros when no frame begins."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        kind, length = struct.unpack_from(">BH", data, at + 1)
        if kind == 0xFF:  # a fill byte
            at += 1
        elif kind in _FRAMES:
            height, width, components = struct.unpack_from(">HHB", data, at + 5)
            return Header(width, height, components)
        else:
            at += 2 + length
    return Header(0, 0, 0)
