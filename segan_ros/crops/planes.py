"""What the networks look at, in training as on the robot: widened boxes, planes, canvas (Eq. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Image, Mask, Planes
from segan_ros.runtime.spec import PLANE_CHANNELS

UNIT = np.float32(1 / 255)
"""From a byte to 0..1."""


def resized(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """`array` at `size` (height, width); bool becomes 0..1 float32.

    Bilinear when it grows. When it shrinks, the mean of 2x2 bilinear samples a pixel; beyond a
    quarter it is halved first, by means of 2x2 pixels, as often as that takes. This is nearly the
    mean over the pixel's area, in a third of the time.
    """
    if array.dtype == bool:
        return resized(_bytes(array), size) * UNIT
    height, width = size
    while array.shape[0] > 4 * height and array.shape[1] > 4 * width:
        rows, columns = array.shape[0] // 2, array.shape[1] // 2
        even = array[: 2 * rows, : 2 * columns]
        array = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
    if array.shape[0] <= height or array.shape[1] <= width:
        return cv2.resize(array, (width, height))
    samples = cv2.resize(array, (2 * width, 2 * height))
    return cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA)


def input_planes(
    rgb: Image,
    labels: NDArray[np.int32],
    object_id: int,
    size: tuple[int, int],
    planes: Sequence[str],
    *,
    depth: NDArray[np.float32] | None = None,
    reach: float = 1.0,
    out: Planes | None = None,
) -> Planes:
    """The planes a segmentor asks for, stacked as ``(C, h, w)`` float32 in 0..1.

    Args:
        rgb: ``(H, W, 3)`` uint8, already cut to what the segmentor is to see.
        labels: ``(H, W)``, cut alike.
        object_id: the object to complete.
        size: height and width of the result.
        planes: keys of `PLANE_CHANNELS`, in channel order.
        depth: ``(H, W)`` metres, cut alike, NaN unknown; None if there is none.
        reach: longer side of what the segmentor is to see, as a share of the picture's.
        out: array to put the result into, for example one of a batch; None for a new one.
    """
    if out is None:
        out = np.empty((sum(PLANE_CHANNELS[p] for p in planes), *size), np.float32)
    if labels.shape[0] > 4 * size[0] and labels.shape[1] > 4 * size[1]:
        # 16 samples a pixel tell of a mask what all do.
        labels = _nearest(labels, (4 * size[0], 4 * size[1]))
    # Masks are 0 or 255: OpenCV resamples bytes several times faster than floats.
    visible = resized(_bytes(labels == object_id), size)
    channel = 0
    for plane in planes:
        if plane == "rgb":
            _unit_planes(resized(rgb, size), out[channel : channel + 3])
        elif plane == "borders":
            out[channel] = _borders(labels, size)
        elif plane == "depth":
            _depth_planes(depth, labels == object_id, reach, out[channel : channel + 2])
        else:
            mask = visible
            if plane == "others":
                mask = cv2.subtract(resized(_bytes(labels > 0), size), visible)
            np.multiply(mask, UNIT, out=out[channel])
        channel += PLANE_CHANNELS[plane]
    return out


def grouped(
    labels: NDArray[Any], size: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
    """`labels` shrunk to `size`: ids, ascending; ``(h, w)`` which of them each pixel has; pixels of
    each. Tiny objects may be left out."""
    small = _nearest(labels, size)
    ids, index, counts = np.unique(small, return_inverse=True, return_counts=True)
    return ids, index.reshape(small.shape), counts


def labelled_area(labels: NDArray[Any], gap_width: int) -> Mask:
    """``(H, W)`` bool: labelled pixels, and gaps of up to `gap_width` pixels between them."""
    labelled = labels > 0
    if not gap_width:
        return labelled
    # What lies outside is no neighbour: a gap to the border of the picture stays one.
    padded = np.pad(labelled, gap_width).view(np.uint8)
    kernel = np.ones((gap_width + 1, gap_width + 1), np.uint8)
    wide = cv2.dilate(padded, kernel, anchor=(0, 0))
    closed = cv2.erode(wide, kernel, anchor=(gap_width, gap_width))
    inside = slice(gap_width, -gap_width)
    return closed[inside, inside].view(bool)


def median_depth(depth: NDArray[np.float32] | None, visible: Mask) -> float:
    """Median of the known `depth` (metres) of the pixels of `visible`, NaN where there is none."""
    if depth is None:
        return float("nan")
    seen = depth[visible]
    seen = seen[np.isfinite(seen)]
    return float(np.median(seen)) if len(seen) else float("nan")


def canvas(
    rgb: Image,
    visible: Mask,
    whole: Mask | NDArray[np.float32],
    size: tuple[int, int],
    *,
    out: Planes | None = None,
) -> Planes:
    """Eq. 1: the painter's input, ``(3, h, w)`` float32 in 0..1.

    Visible pixels keep their colour (see `unmarked`), hidden ones are red, the rest is blue: ``M =
    I*V + R*(O-V) + B*(J-O)`` with O the whole mask (the paper prints ``J-O-V``, but O contains V).

    Args:
        rgb: ``(H, W, 3)`` uint8.
        visible: ``(H, W)`` bool, V.
        whole: bool, or float32 in 0..1, O, at any size; raised to V where it is lower.
        size: height and width of the result.
        out: array to put the result into, for example one of a batch; None for a new one.
    """
    if out is None:
        out = np.empty((3, *size), np.float32)
    v = resized(visible, size)
    o = np.maximum(resized(whole, size), v)
    _unit_planes(unmarked(resized(rgb, size)), out)
    out *= v
    out[0] += o - v
    out[2] += 1 - o
    return out


def unmarked(rgb: Image) -> Image:
    """`rgb` with some green in what is nearly the pure red or blue that Eq. 1 marks pixels with: a
    painter would take it for hidden, or for no part of the object."""
    red = cv2.inRange(rgb, (225, 0, 0), (255, 30, 30))
    blue = cv2.inRange(rgb, (0, 0, 225), (30, 30, 255))
    marks = cv2.bitwise_or(red, blue) > 0
    if not marks.any():
        return rgb
    result = rgb.copy()
    result[marks, 1] = 31
    return result


def _borders(labels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """``(h, w)``: where a label meets another one, on its left or upper side; values below 0 are
    background."""
    small = _nearest(labels, size).clip(0)
    result = np.zeros(size, bool)
    result[:, 1:] = small[:, 1:] != small[:, :-1]
    result[1:] |= small[1:] != small[:-1]
    return result


def _depth_planes(
    depth: NDArray[np.float32] | None, visible: Mask, reach: float, out: Planes
) -> None:
    """How much nearer than the object each pixel is, and where that is known, into ``(2, h, w)``.

    0.5 is the object's own distance; 0 and 1 are half the width of the view farther and nearer, for
    a picture as wide as the scene is far away. Unknown pixels have 0.5 and 0; so has all, where
    nothing of the object was measured.
    """
    out[0], out[1] = 0.5, 0
    if depth is None:
        return
    size = (out.shape[1], out.shape[2])
    near, shown = _nearest(depth, size), _nearest(visible.view(np.uint8), size) > 0
    known = np.isfinite(near) & (near > 0)
    own = near[known & shown]
    # Something thin may lie between the samples.
    distance = float(np.median(own)) if len(own) else median_depth(depth, visible)
    if distance > 0:
        ahead = (distance - near) * np.float32(1 / (distance * reach)) + np.float32(0.5)
        np.copyto(out[0], ahead.clip(0, 1), where=known)
        out[1] = known


def _unit_planes(picture: Image, out: Planes) -> None:
    """``(h, w, 3)`` uint8 into ``(3, h, w)`` float32 in 0..1."""
    for channel in range(3):
        np.multiply(picture[..., channel], UNIT, out=out[channel])


def _nearest(labels: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    return cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)


def _bytes(mask: Mask) -> NDArray[np.uint8]:
    """0 or 255."""
    return mask.view(np.uint8) * np.uint8(255)
