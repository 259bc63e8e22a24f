"""Watches one input: whether it has stopped, and how many of its messages were lost on the way."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence

import numpy as np

SHORTEST = 1.0
"""Seconds that any input may be silent."""
PERIODS = 3
"""Periods that an input may be silent, and times its usual pauses."""

PAUSE = 10
"""An interval between stamps of more than this many periods is a pause, not a loss."""
OFF_BEAT = 0.2
"""How far an interval may be off a whole number of periods, in periods."""
REGULAR = 0.8
"""Share of intervals that are whole numbers of periods where a stream is periodic."""
RATE = 10
"""As many like intervals in a row are another rate of the camera, not a loss."""
ALIKE = 0.3
"""Share by which intervals of one rate may differ from their median: stamps are never exact."""


class Silence:
    """Whether an input has stopped, judged by its own period. All times are of one steady clock.

    An input is silent after three periods or one second, whichever is longer. Where it twice paused
    for longer than it had sent before, as a camera does that is triggered now and then, pauses up
    to three times as long are usual.
    """

    def __init__(self, now: float) -> None:
        self._last = self._begun = now
        self._sent = False
        self._intervals: deque[float] = deque(maxlen=20)
        self._pauses: deque[tuple[float, float]] = deque(maxlen=2)

    def heard(self, now: float) -> None:
        """A message came in."""
        if self._sent:
            if self.is_silent(now):
                self._pauses.append((self._last - self._begun, now - self._last))
                self._begun = now
            self._intervals.append(now - self._last)
        else:
            self._begun = now
        self._last, self._sent = now, True

    def is_silent(self, now: float) -> bool:
        """Whether messages ought to have come since the last one, or since the beginning."""
        return now - self._last > self._patience()

    def _patience(self) -> float:
        period = float(np.median(self._intervals)) if self._intervals else 0.0
        patience = max(SHORTEST, PERIODS * period)
        if len(self._pauses) == 2 and all(pause >= sent for sent, pause in self._pauses):
            patience = max(patience, PERIODS * min(pause for _, pause in self._pauses))
        return patience


class Loss:
    """Estimates from the stamps of a periodic stream which share of its messages never came."""

    def __init__(self, window: int = 60) -> None:
        self._intervals: deque[int] = deque(maxlen=window)
        self._last = 0

    def add(self, stamp: int) -> None:
        """One more message, stamp in nanoseconds; stamps that do not advance are left out."""
        if self._last and stamp > self._last:
            self._intervals.append(stamp - self._last)
        self._last = stamp

    def interrupt(self) -> None:
        """Messages are left out on purpose until the next `add`."""
        self._last = 0

    @property
    def share(self) -> float:
        """Estimated share of lost messages, 0..1; 0 until there are enough to judge."""
        if len(self._intervals) < 10:
            return 0.0
        intervals = np.array(self._intervals)
        # The shorter intervals show the period: where half of the messages are lost, the median
        # is too long.
        period = np.median(intervals[intervals <= 1.5 * np.percentile(intervals, 20)])
        beats = intervals / period
        beats = beats[beats <= PAUSE]
        off = np.abs(beats - np.maximum(beats.round(), 1))
        # Where a camera is triggered now and then, a long interval says nothing.
        if np.mean(off < OFF_BEAT) < REGULAR:
            return 0.0
        missing = _missing(beats.tolist())
        return missing / (missing + len(beats) + 1)


def _missing(beats: Sequence[float]) -> int:
    """Messages that are missing within `beats`, the periods between those that came.

    Losses come at random. Like intervals in a row are a slower rate; at either end of what is
    looked at, too few of them may be left, or have come, to tell.
    """
    inner = [run for run in _runs(beats)[1:-1] if len(run) < RATE]
    return sum(max(round(beat) - 1, 0) for run in inner for beat in run)


def _runs(beats: Sequence[float]) -> list[list[float]]:
    """`beats` in order, those together that differ by no more than a camera's clock does."""
    runs: list[list[float]] = []
    for beat in beats:
        usual = statistics.median(runs[-1]) if runs else 0.0
        if abs(beat - usual) <= ALIKE * usual:
            runs[-1].append(beat)
        else:
            runs.append([beat])
    return runs
