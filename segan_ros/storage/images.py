"""Image files: read with errors that name them, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.codecs import png
from segan_ros.codecs.complete import is_whole
from segan_ros.storage.shards import PackedFile


def read_labels(path: str | Path | PackedFile) -> NDArray[Any]:
    """A label image, ``(H, W)`` uint8 or uint16: the numbers in the file, of a palette the indices.

    Raises:
        FileNotFoundError, ValueError: there is none, or it holds no ids.
    """
    content = read_bytes(path)
    if not content.startswith(png.SIGNATURE):
        decoded(path, content, cv2.IMREAD_UNCHANGED)  # names what is no picture at all
        raise ValueError(
            f"{path}: a label image is a png, other formats change ids; save it as grey or palette "
            "png"
        )
    _refuse_cut_short(path, content)
    try:
        return png.stored_ids(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_image(path: str | Path | PackedFile, flags: int) -> NDArray[Any]:
    """An image file as OpenCV reads it with `flags` (BGR). Raises FileNotFoundError, ValueError."""
    return decoded(path, read_bytes(path), flags)


def read_bytes(path: str | Path | PackedFile) -> bytes:
    path = Path(path) if isinstance(path, str) else path
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    return path.read_bytes()


def decoded(path: str | Path | PackedFile, content: bytes, flags: int) -> NDArray[Any]:
    _refuse_cut_short(path, content)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # too many pixels
        image = None
    if image is None:
        raise ValueError(f"{path}: not a readable image")
    return image


def _refuse_cut_short(path: str | Path | PackedFile, content: bytes) -> None:
    """OpenCV leaves what is missing of a picture black or grey, without a word."""
    if content.startswith(png.SIGNATURE) and png.is_animated(content):
        raise ValueError(f"{path}: an animated png; save one picture of it")
    if not is_whole(content):
        raise ValueError(f"{path}: damaged or truncated; copy or save it again")


def write_image(path: Path, image: NDArray[Any]) -> None:
    """Write a grey, RGB or RGBA image, PNG or JPEG by its name. Raises OSError if it cannot."""
    path.write_bytes(encoded(image, path.suffix))


def encoded(image: NDArray[Any], kind: str = ".png") -> bytes:
    """A grey, RGB or RGBA image as PNG or JPEG. Raises ValueError where it is too large for it."""
    if image.ndim == 3:
        image = cv2.cvtColor(
            image, cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        )
    try:
        done, content = cv2.imencode(kind, image)
    except cv2.error:  # older versions raise where newer ones return False
        done = False
    if not done:
        raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} does not fit {kind}")
    return content.tobytes()
