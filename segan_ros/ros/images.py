"""Arrays -> sensor_msgs/Image."""

from __future__ import annotations

import sys
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def to_message(pixels: NDArray[Any], encoding: str, header: Header) -> Image:
    """``(H, W)`` or ``(H, W, C)`` as an image message in this machine's byte order."""
    pixels = np.ascontiguousarray(pixels)
    message = Image()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels.strides[0] if pixels.size else 0
    # Assigning an array.array costs microseconds, assigning anything else tens of milliseconds.
    data = array("B")
    if pixels.size:
        data.frombytes(pixels.data.cast("B"))
    message.data = data
    return message
