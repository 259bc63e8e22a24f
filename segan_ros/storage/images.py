"""Image files: read with errors that name them, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.messages.compressed import MAGIC
from segan_ros.storage.shards import PackedFile


def read_labels(path: str | Path | PackedFile) -> NDArray[Any]:
    """A label image, ``(H, W)`` integers as in the file.

    Raises:
        FileNotFoundError, ValueError: there is none, or it holds no ids.
    """
    content = read_bytes(path)
    labels = decoded(path, content, cv2.IMREAD_UNCHANGED)
    if content.startswith(MAGIC["jpeg"]):
        raise ValueError(f"{path}: a jpeg, which changes ids; save label images as png")
    if labels.ndim != 2:
        raise ValueError(
            f"{path}: a label image has one channel of ids, this one has {labels.shape[2]}; save "
            "palette and colour images of ids as 8- or 16-bit grey png"
        )
    return labels


def read_image(path: str | Path | PackedFile, flags: int) -> NDArray[Any]:
    """An image file as OpenCV reads it with `flags` (BGR). Raises FileNotFoundError, ValueError."""
    return decoded(path, read_bytes(path), flags)


def read_bytes(path: str | Path | PackedFile) -> bytes:
    path = Path(path) if isinstance(path, str) else path
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    return path.read_bytes()


def decoded(path: str | Path | PackedFile, content: bytes, flags: int) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # too many pixels
        image = None
    if image is None:
        raise ValueError(f"{path}: not a readable image")
    return image


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
