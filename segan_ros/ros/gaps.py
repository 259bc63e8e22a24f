"""Notices from stamps alone that messages get lost on the way."""

from __future__ import annotations

from collections import deque

import numpy as np

PAUSE = 10
"""An interval this many times the usual one is no loss: somebody stopped the stream."""
OFF_BEAT = 0.2
"""What an interval may differ from a multiple of the usual one, as a share of it."""
REGULAR = 0.8
"""Share of intervals on the beat from which on the stream has one."""


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

    def interrupt(self) -> None:
        """Messages are left out on purpose until the next `add`."""
        self._last = 0

    @property
    def lost_share(self) -> float:
        """Estimated share of messages that never came, 0..1; 0 until there is enough to judge."""
        if len(self._intervals) < 10:
            return 0.0
        intervals = np.array(self._intervals)
        # The shorter intervals show the rate: when half of the messages are lost, the median lies.
        usual = np.median(intervals[intervals <= 1.5 * np.percentile(intervals, 20)])
        beats = intervals / usual
        beats = beats[beats <= PAUSE]
        whole = np.maximum(beats.round(), 1)
        # Where a camera is triggered now and then, a long interval says nothing.
        if np.mean(np.abs(beats - whole) < OFF_BEAT) < REGULAR:
            return 0.0
        missing = float(np.sum(whole - 1))
        return missing / (missing + len(beats) + 1)
