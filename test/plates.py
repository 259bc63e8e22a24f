"""A plate before the camera, partly hidden: what boxes in space are measured on."""

import numpy as np

from segan_ros.frame import AmodalObject, Frame

CAMERA = np.array([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]])


def plate(depth: np.ndarray, hidden: int = 0) -> tuple[Frame, AmodalObject]:
    """A 100x40 pixel plate around the picture's centre, its `hidden` right columns hidden."""
    labels = np.zeros((240, 320), np.int32)
    labels[100:140, 110 : 210 - hidden] = 1
    whole = np.ones((40, 100), bool)
    visible = labels[100:140, 110:210] == 1
    item = AmodalObject(1, (110, 100, 210, 140), visible, whole, whole.astype(np.float32))
    rgb = np.zeros((240, 320, 3), np.uint8)
    return Frame(rgb, labels, depth.astype(np.float32), CAMERA), item
