"""A camera that looks down at a table with a slab on it."""

import numpy as np

from segan_ros.frame import Frame

CAMERA = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
SIZE = 240, 320


def looking_down(degrees: float, box_height: float = 0.1, noise: float = 0.0) -> Frame:
    """A table 0.6 m below a camera that looks down by `degrees`, a box on it with the label 5."""
    angle = np.radians(degrees)
    up = np.array([0, -np.cos(angle), -np.sin(angle)])
    rows, columns = np.indices(SIZE)
    rays = np.stack([(columns - 160) / 300, (rows - 120) / 300, np.ones(SIZE)], axis=2)
    drop = -(rays @ up)
    depth = np.where(drop > 0.05, 0.6 / np.maximum(drop, 0.05), np.nan)
    labels = np.zeros(SIZE, np.int32)
    labels[90:150, 120:200] = 5
    depth[labels == 5] = ((0.6 - box_height) / drop)[labels == 5]
    if noise:
        depth *= 1 + np.random.default_rng(3).normal(0, noise, SIZE)
    return Frame(np.zeros((*SIZE, 3), np.uint8), labels, depth.astype(np.float32), CAMERA, up=up)
