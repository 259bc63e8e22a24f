"""Notices from stamps alone that messages get lost on the way."""

from __future__ import annotations

from collections import deque

import numpy as np

LONG = 1.8
"""An interval this many times the usual one is a gap."""


class Gaps:
    """Looks at the intervals between the last stamps of one stream."""

    def __init__(self, window: int = 60) -> None:
        self._intervals: deque[int] = deque(maxlen=window)
        self._last = 0

    def add(self, stamp: int) -> None:
        """One more message; stamps that stand still or jump back are no interval."""
        if self._last and stamp > self._last:
            self._intervals.append(stamp - self._last)
        self._last = stamp

    @property
    def lost_share(self) -> float:
        """Estimated share of messages that never came, 0..1; 0 until there is enough to judge."""
        if len(self._intervals) < 10:
            return 0.0
        # The shorter intervals show the rate: when half of the messages are lost, the median lies.
        usual = float(np.percentile(self._intervals, 20))
        missing = sum(round(i / usual) - 1 for i in self._intervals if i > LONG * usual)
        return missing / (missing + len(self._intervals) + 1)
