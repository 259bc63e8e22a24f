"""RVL as its paper describes it, number by number, to compare the decoder with."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np


def encode(pixels: np.ndarray) -> bytes:
    """The stream of uint16 `pixels`, which may be of any shape."""
    groups = [group for number in _numbers(pixels.ravel().tolist()) for group in _groups(number)]
    groups += [0] * (-len(groups) % 8)
    words = [
        sum(group << 28 - 4 * n for n, group in enumerate(groups[at : at + 8]))
        for at in range(0, len(groups), 8)
    ]
    return np.array(words, "<u4").tobytes()


def _numbers(pixels: list[int]) -> Iterator[int]:
    runs = [(others, list(run)) for others, run in groupby(pixels, bool)]
    if runs and runs[0][0]:
        runs.insert(0, (False, []))
    if len(runs) % 2:
        runs.append((True, []))
    before = 0
    for others, run in runs:
        yield len(run)
        for value in run if others else ():
            difference, before = value - before, value
            yield -2 * difference - 1 if difference < 0 else 2 * difference


def _groups(number: int) -> Iterator[int]:
    while number > 7:
        yield 8 | number & 7
        number >>= 3
    yield number
