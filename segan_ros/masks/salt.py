"""Salt: single wrong pixels strewn over a label image, as noise or a damaged transfer leaves them.

Each would be a border of its own, and one far from its object spoils the box of that.
"""

from __future__ import annotations

import numpy as np

from segan_ros.boxes import run_starts
from segan_ros.masks.habits import Numbers

REACH = 2
"""Rows and columns: a pixel of a thin part of an object has others of it this near, salt none."""


def remove_salt(numbers: Numbers) -> int:
    """Give each grain to the mask, or the background, that is on all four sides of it.

    A mask of which nothing else is left stays: it is a tiny object.

    Args:
        numbers: ``(h, w)``, 0 unlabelled, n the n-th mask; changed in place.

    Returns:
        The pixels that were changed.
    """
    height, width = numbers.shape
    flat = numbers.reshape(-1)
    start = run_starts(numbers)
    single = np.flatnonzero(np.diff(start) == 1)
    place = start[single[single > 0]]
    inner = (place % width > 0) & (place % width < width - 1)
    place = place[inner & (place >= width) & (place < flat.size - width)]
    around = flat[place - 1]
    for step in (1, -width, width):
        alike = flat[place + step] == around
        place, around = place[alike], around[alike]
    if not len(place):
        return 0
    window = np.arange(-REACH, REACH + 1)
    rows = (place // width + window[:, None]).clip(0, height - 1)
    columns = (place % width + window[:, None]).clip(0, width - 1)
    own = flat[place]
    alone = (numbers[rows[:, None], columns[None]] == own).sum((0, 1)) == 1
    place, around, own = place[alone], around[alone], own[alone]
    pixels = np.bincount(flat)
    lost = np.bincount(own, minlength=len(pixels))
    stays = (own > 0) & (lost[own] == pixels[own])
    place, around = place[~stays], around[~stays]
    flat[place] = around
    return len(place)
