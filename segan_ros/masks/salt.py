"""Salt: single wrong pixels strewn over a label image, as noise or a damaged transfer leaves them.

Each would be a border of its own, and one far from its object spoils the box of that.
"""

from __future__ import annotations

import numpy as np

from segan_ros.boxes import distinct, run_starts
from segan_ros.masks.habits import Numbers

REACH = 2
"""Rows and columns: a pixel of a thin part of an object has others of it this near, salt none."""


FEW = 12
"""Masks that may consist of single pixels: more of them are false ids."""


def remove_salt(numbers: Numbers) -> int:
    """Give each grain to the mask, or the background, that is on three of its four sides or on all
    of them. Sides outside of the image count as alike.

    Up to `FEW` masks of which nothing else is left stay: they are tiny objects.

    Args:
        numbers: ``(h, w)``, 0 unlabelled, n the n-th mask; changed in place.

    Returns:
        The pixels that were changed.
    """
    height, width = numbers.shape
    start = run_starts(numbers)
    length = np.diff(start, append=numbers.size)
    y, x = np.divmod(start[length == 1], width)
    sides = np.stack(
        [
            numbers[y, (x - 1).clip(0)],
            numbers[y, (x + 1).clip(max=width - 1)],
            numbers[(y - 1).clip(0), x],
            numbers[(y + 1).clip(max=height - 1), x],
        ]
    )
    # Three of four are alike: two of the first three are, and one of these is the value.
    around = np.where(sides[0] == sides[1], sides[0], sides[2])
    own = numbers[y, x]
    outside = np.stack([x == 0, x == width - 1, y == 0, y == height - 1])
    grain = ((sides == around) | outside).sum(0) >= 3
    grain &= around != own
    y, x, around, own = y[grain], x[grain], around[grain], own[grain]
    if not len(y):
        return 0
    window = np.arange(-REACH, REACH + 1)[:, None]
    rows, columns = y + window, x + window
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    near = numbers[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)[None]]
    alone = ((near == own) & inside).sum((0, 1)) == 1
    y, x, around, own = y[alone], x[alone], around[alone], own[alone]
    pixels = np.bincount(numbers.reshape(-1)[start], length)
    lost = np.bincount(own, minlength=len(pixels))
    whole = (own > 0) & (lost[own] == pixels[own])
    if len(distinct(own[whole])) <= FEW:
        y, x, around = y[~whole], x[~whole], around[~whole]
    numbers[y, x] = around
    return len(y)
