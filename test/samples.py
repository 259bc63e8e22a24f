"""Small frames and scenes that several tests look at."""

import numpy as np

from segan_ros.frame import Frame
from segan_ros.storage.images import encoded
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions


def frame_of(labels: np.ndarray, **extra) -> Frame:
    """Noise with these labels."""
    rgb = np.random.default_rng(0).integers(0, 255, (*labels.shape, 3), np.uint8)
    return Frame(rgb, labels.astype(np.int32), **extra)


def overlapping(height: int = 60, width: int = 90) -> np.ndarray:
    """Object 1, its right end under object 7."""
    labels = np.zeros((height, width), np.int32)
    labels[20:40, 20:45] = 1
    labels[15:45, 45:60] = 7
    return labels


def many_objects() -> np.ndarray:
    """Forty boxes side by side."""
    labels = np.zeros((240, 320), np.int32)
    for n in range(40):
        y, x = divmod(n, 8)
        labels[y * 48 : y * 48 + 46, x * 40 : x * 40 + 40] = n + 1
    return labels


def labelled_scene() -> LabelledScene:
    """Object 2 (8x8) lies behind object 300 (4x4), which covers 2x4 of it."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (24, 37, 3), np.uint8)
    behind, front = np.zeros((24, 37), bool), np.zeros((24, 37), bool)
    behind[4:12, 5:13] = True
    front[6:10, 11:15] = True
    labels = np.where(front, 300, np.where(behind, 2, 0)).astype(np.int32)
    depth = np.full((24, 37), 0.75, np.float32)
    depth[0, 0] = np.nan
    objects = (
        TrueObject(2, behind, "box", rng.integers(0, 255, (8, 8, 3), np.uint8)),
        TrueObject(300, front, "can"),
    )
    return LabelledScene(
        Frame(rgb, labels, depth, np.diag([500.0, 500.0, 1.0])),
        objects,
        true_occlusions(labels, objects),
        {"seed": 7},
    )


def turned_jpeg(rgb: np.ndarray, orientation: int) -> bytes:
    """A jpeg whose EXIF says how to turn it: 3 by 180 degrees, 6 by 90."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    exif = b"Exif\0\0" + tiff
    tag = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    jpeg = encoded(rgb, ".jpg")
    return jpeg[:2] + tag + jpeg[2:]
