"""Reads a photo that masks belong to, as its pixels lie in the file, whatever EXIF says.

Cameras held upright store their pixels lying and note in EXIF how to turn them. Viewers and
`cv2.imread` turn the picture; the node, which gets pixels alone, never does.
"""

from __future__ import annotations

import logging
import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from segan_ros.frame import Image
from segan_ros.storage.images import decoded, read_bytes
from segan_ros.storage.shards import PackedFile

LOG = logging.getLogger(__name__)

TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored upside down",
    5: "turned by 90 degrees and mirrored",
    6: "turned clockwise by 90 degrees",
    7: "turned by 90 degrees and mirrored",
    8: "turned counterclockwise by 90 degrees",
}
"""How viewers show a picture, by its EXIF orientation; 1 and anything else: as it is."""

_ORIENTATION, _SHORT = 0x0112, 3


def read_photo(
    path: str | Path | PackedFile, size: tuple[int, ...] | None = None, stated: str = "the masks:"
) -> Image:
    """``(H, W, 3)`` uint8 RGB. A log message warns of pictures that viewers turn.

    Args:
        path: of the photo.
        size: height and width it must have, those of its masks.
        stated: where they come from, for the error: "... but <stated> WxH".

    Raises:
        FileNotFoundError, ValueError: there is none, it cannot be read or has another size.
    """
    content = read_bytes(path)
    bgr = decoded(path, content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    height, width = bgr.shape[:2]
    turn = orientation(content)
    if size is not None and size != (height, width):
        raise ValueError(f"{path}: {_size_problem((height, width), size, stated, turn)}")
    if turn in TURNS:
        LOG.warning(
            "%s: viewers show it %s because of its EXIF orientation %d, but masks must fit its "
            "pixels as stored; if they were drawn on what viewers show, save it turned and without "
            "EXIF, as `mogrify -auto-orient` does",
            path,
            TURNS[turn],
            turn,
        )
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False)


def check_size(path: Path, have: tuple[int, int], size: tuple[int, ...], stated: str) -> None:
    """Refuse masks of another size than their photo.

    Args:
        path: of the photo, whose EXIF may explain it.
        have: its height and width.
        size: height and width that it must have.
        stated: as for `read_photo`.

    Raises:
        ValueError: the sizes differ.
    """
    if size != have:
        turn = 1
        with suppress(OSError):
            turn = orientation(path.read_bytes())
        raise ValueError(f"{path}: {_size_problem(have, size, stated, turn)}")


def _size_problem(have: tuple[int, int], size: tuple[int, ...], stated: str, turn: int) -> str:
    remedy = "give both at the same resolution"
    if turn >= 5 and size == have[::-1]:
        remedy = (
            f"viewers show the image {TURNS[turn]} because of its EXIF orientation {turn}: "
            "save it turned and without EXIF, as `mogrify -auto-orient` does"
        )
    return f"the image is {have[1]}x{have[0]} but {stated} {size[1]}x{size[0]}; {remedy}"


def orientation(content: bytes) -> int:
    """The EXIF orientation of a jpeg or png, 1 where there is none."""
    for mark in (b"Exif\0\0", b"eXIf"):
        if (at := content.find(mark)) >= 0:
            return _orientation(content[at + len(mark) :])
    return 1


def _orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for n in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * n)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return int(value)
    except struct.error:  # damaged
        return 1
    return 1
