"""Which message belongs to which image, by stamps in nanoseconds: live and in bags alike."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence


def partner(
    stamps: Sequence[int],
    stamp: int,
    slop: int,
    is_free: Callable[[int], bool] = lambda _: True,
) -> int | None:
    """The one of sorted `stamps` that belongs to an image of `stamp`; None if there is none.

    An equal stamp does; else the nearest one, not farther than `slop`. What has exactly the stamp
    of another image belongs to that one.

    Args:
        stamps: of masks, say.
        stamp: of the image.
        slop: nanoseconds.
        is_free: whether one of `stamps` that differs from `stamp` belongs to no other image.
    """
    near = stamps[bisect_left(stamps, stamp - slop) : bisect_right(stamps, stamp + slop)]
    free = [s for s in near if s == stamp or is_free(s)]
    return min(free, key=lambda s: (abs(s - stamp), s), default=None)


def nearest(stamps: Sequence[int], stamp: int) -> int | None:
    """The one of sorted `stamps` nearest to `stamp`; None if there is none."""
    after = bisect_left(stamps, stamp)
    return min(stamps[max(after - 1, 0) : after + 1], key=lambda s: abs(s - stamp), default=None)
