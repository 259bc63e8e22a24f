"""Encodings of image messages: how their pixels lie, which input may have them, how to make RGB."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 16384

COLOUR = (
    *("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "8UC1", "8UC3", "8UC4"),
    *("yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"),
    *("bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"),
)
EXACT_COLOURS = ("rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "8UC4")
"""They keep the colour of every pixel by itself."""
LABELS = ("mono8", "8UC1", "16UC1", "mono16", "32SC1")
DEPTH = ("16UC1", "mono16", "32FC1")
ENCODINGS = {"image": COLOUR, "instance_mask": LABELS, "mask": LABELS, "depth": DEPTH}
"""What each input may carry, by topic name; ``mask``: one of many in a message."""

REMEDIES = {
    "image": "",
    "instance_mask": ", one object id per pixel and 0 or less for background",
    "mask": ", above 0 is inside",
    "depth": ": steps of depth_scale (millimetres) in 16UC1, metres in 32FC1",
}

_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    # Bare types say nothing about colours; who publishes them has them in OpenCV's order.
    "8UC1": cv2.COLOR_GRAY2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "8UC4": cv2.COLOR_BGRA2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    # OpenCV names a mosaic after its second row.
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
}

_BYTES = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "8UC3": 3, "8UC4": 4}
_BYTES |= dict.fromkeys(("yuv422", "uyvy", "yuv422_yuy2", "yuyv"), 2)
_WIDE = {"mono16": np.uint16, "16UC1": np.uint16, "32SC1": np.int32, "32FC1": np.float32}
_PLANES = ("nv12", "nv21")
_PAIRS = (*_PLANES, "yuv422", "uyvy", "yuv422_yuy2", "yuyv")
"""Two pixels side by side share their colour; of `_PLANES` also two above each other."""


def layout(encoding: str) -> tuple[np.dtype[Any], int]:
    """Type and number of the values of a pixel in a row. Raises KeyError for an unknown one."""
    if encoding in _WIDE:
        return np.dtype(_WIDE[encoding]), 1
    if encoding not in COLOUR:
        raise KeyError(encoding)
    return np.dtype(np.uint8), _BYTES.get(encoding, 1)


def rows_of(encoding: str, height: int) -> int:
    """Rows of data: some encodings have their colours below the picture."""
    return height * 3 // 2 if encoding in _PLANES else height


def has_whole_pixels(encoding: str, width: int, height: int) -> bool:
    """False where pixels share their colour and one is left over."""
    across = encoding in _PAIRS and width % 2
    return not across and not (encoding in _PLANES and height % 2)


def encoding_problem(encoding: str, topic: str) -> str:
    """Why `topic` cannot have `encoding`, with the remedy; empty if it can."""
    known = ENCODINGS[topic]
    if encoding in known:
        return ""
    if topic == "image" and encoding.startswith("bayer_"):
        return f"encoding {encoding!r}; run image_proc's DebayerNode and use its image_color topic"
    if topic == "image" and encoding in ("mono16", "16UC1", "32FC1"):
        return (
            f"encoding {encoding!r}, which has no fixed grey range: convert it to mono8; if it "
            "is a depth image, check the remapping"
        )
    problem = f"encoding {encoding!r}; publish it as {', '.join(known)}{REMEDIES[topic]}"
    if topic == "instance_mask" and encoding in EXACT_COLOURS:
        problem += (
            "; if every object has a colour of its own, set segmenter to colours (Gazebo: panoptic)"
        )
    return problem


def colours(pixels: NDArray[Any], encoding: str) -> NDArray[np.uint8]:
    """``(H, W, 3)`` RGB from pixels as `layout` says; shares memory where they are RGB already."""
    pixels = np.ascontiguousarray(pixels)
    if encoding == "rgb8":
        return pixels
    return cv2.cvtColor(pixels, _TO_RGB[encoding]).astype(np.uint8, copy=False)
