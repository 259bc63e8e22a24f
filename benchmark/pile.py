"""Frames of any size with any number of objects, put together from the shipped bag."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segan_ros.boxes import crop, tight_box
from segan_ros.frame import Frame, Image, Mask
from segan_ros.storage.bags import open_bag

SPREAD = 0.5
"""Side of the square that holds the middle of every object, in heights of the image."""

Cutout = tuple[Image, Mask]
"""Colours and visible mask of one object."""


def pile(bag: Path, size: tuple[int, int], count: int, seed: int = 0) -> Frame:
    """A heap of `count` objects on the ground of the bag's first frame.

    Every object is cut out of the bag as it is seen there, and laid on those before it.

    Args:
        bag: with images and instance masks.
        size: height and width of the result.
        count: objects that are seen, ids 1 .. `count`.
        seed: the same one gives the same heap.
    """
    with open_bag(bag) as opened:
        first = next(f.frame for f in opened.frames() if f.frame is not None)
    scale = size[0] / first.size[0]
    pieces = [_cutout(first, i, scale) for i in first.object_ids]
    height, width = size
    ground = cv2.inpaint(
        first.rgb, cv2.dilate((first.labels > 0).astype(np.uint8), np.ones((9, 9))), 3, 0
    )
    rgb = np.asarray(cv2.resize(ground, (width, height)), np.uint8)
    labels = np.zeros(size, np.int32)
    random = np.random.default_rng(seed)
    reach = SPREAD * height / 2
    for object_id in range(1, count + 1):
        colours, mask = pieces[object_id % len(pieces)]
        for _ in range(50):
            middle = np.array(size) / 2 + random.uniform(-reach, reach, 2)
            trial = _laid(labels, mask, middle, object_id)
            if len(np.unique(trial[trial > 0])) == object_id:
                break
        else:
            raise ValueError(f"no room for object {object_id} of {count} in {width}x{height}")
        rows, columns = np.nonzero((trial == object_id) & (labels != object_id))
        y0, x0 = _corner(mask, middle)
        rgb[rows, columns] = colours[rows - y0, columns - x0]
        labels = trial
    return Frame(rgb, labels)


def _cutout(frame: Frame, object_id: int, scale: float) -> Cutout:
    box = tight_box(frame.labels == object_id)
    side = max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale))
    mask = (crop(frame.labels, box) == object_id).astype(np.uint8)
    return (
        np.asarray(cv2.resize(crop(frame.rgb, box), side), np.uint8),
        cv2.resize(mask, side, interpolation=cv2.INTER_NEAREST) > 0,
    )


def _corner(mask: Mask, middle: np.ndarray) -> tuple[int, int]:
    return int(middle[0] - mask.shape[0] / 2), int(middle[1] - mask.shape[1] / 2)


def _laid(labels: np.ndarray, mask: Mask, middle: np.ndarray, object_id: int) -> np.ndarray:
    """`labels` with `mask` laid on top."""
    y0, x0 = _corner(mask, middle)
    result = labels.copy()
    rows, columns = np.nonzero(mask)
    rows, columns = rows + y0, columns + x0
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    result[rows[inside], columns[inside]] = object_id
    return result
