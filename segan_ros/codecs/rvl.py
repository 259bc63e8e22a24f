"""RVL: lossless depth of 16 bits (A. Wilson, "Fast Lossless Depth Image Compression", ISS 2017).

The stream is made of numbers: how many pixels are 0, how many after these are not, for each of
those the difference to the one before, and so on. A number is written in groups of three bits, the
lowest first; a fourth bit says whether another group follows. Eight of these make a word of 32
bits, the first one uppermost. Differences alternate in sign: 0, -1, 1, -2, 2 ...
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LONGEST = 11
"""Groups that a number of 32 bits takes."""


def decode(data: bytes, pixels: int) -> NDArray[np.uint16]:
    """The `pixels` of the image that `data` holds, row after row.

    Raises:
        ValueError: it does not hold them.
    """
    numbers = _numbers(data)
    values = memoryview(numbers.data)
    heads: list[int] = []
    lengths: list[int] = []
    at = done = 0
    while done < pixels:
        if at + 2 > len(values):
            raise ValueError(f"the stream ends after {done} of {pixels} pixels")
        zeros, others = values[at], values[at + 1]
        heads += at, at + 1
        lengths += zeros, others
        at += 2 + others
        done += zeros + others
        if at > len(values) or done > pixels or not zeros + others:
            raise ValueError(f"a run of {zeros} and {others} pixels does not fit {pixels}")
    differs = np.ones(at, bool)
    differs[heads] = False
    folded = numbers[:at][differs]
    result = np.zeros(pixels, np.uint16)
    is_other = np.repeat(np.arange(len(lengths)) % 2 > 0, lengths)
    result[is_other] = np.cumsum((folded >> 1) ^ -(folded & 1)).astype(np.uint16)
    return result


def _numbers(data: bytes) -> NDArray[np.int64]:
    words = np.frombuffer(data, "<u4", len(data) // 4)
    octets = words.astype(">u4").view(np.uint8)
    groups = np.empty(2 * len(octets), np.uint8)
    groups[::2], groups[1::2] = octets >> 4, octets & 15
    ends = np.flatnonzero(groups < 8)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        raise ValueError(f"a number takes {lengths.max()} groups, where {_LONGEST} are the most")
    groups = groups[: ends[-1] + 1]
    place = np.arange(len(groups)) - np.repeat(starts, lengths)
    return np.add.reduceat((groups & 7).astype(np.int64) << 3 * place, starts)
