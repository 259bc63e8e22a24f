"""Counts every incoming message: published or used, dropped for a reason, or in flight."""

from __future__ import annotations

import threading
import traceback
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from segan_ros.instances import Layered
from segan_ros.ros.throttled_log import ThrottledLog

WINDOW = 200
"""Frames over which latency percentiles are taken."""


@dataclass(frozen=True)
class Tally:
    """What happened to the messages of one input so far.

    `done` are published frames for the image, matched messages for the other inputs.
    """

    received: int = 0
    done: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """All that were dropped."""
        return sum(self.dropped.values())

    @property
    def in_flight(self) -> int:
        """Neither done nor dropped yet."""
        return self.received - self.done - self.lost

    def since(self, before: Tally) -> Tally:
        """The difference to an earlier tally."""
        dropped = {
            reason: count - before.dropped.get(reason, 0)
            for reason, count in self.dropped.items()
            if count > before.dropped.get(reason, 0)
        }
        return Tally(self.received - before.received, self.done - before.done, dropped)


class Counters:
    """Message counts by input, and how long the stages of a published frame took. Thread-safe.

    Args:
        throttled: is told why messages were dropped.
    """

    def __init__(self, throttled: ThrottledLog) -> None:
        self.throttled = throttled
        self._lock = threading.Lock()
        self._received: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}
        self._times: dict[str, deque[float]] = {}
        self._left_out: Counter[str] = Counter()
        self._masks = self._repeated = 0

    def receive(self, stream: str) -> None:
        """One message came in."""
        with self._lock:
            self._received[stream] += 1

    def finish(self, stream: str) -> None:
        """One message served its purpose."""
        with self._lock:
            self._done[stream] += 1

    def drop(self, stream: str, reason: str, why: str = "") -> None:
        """One message found no use; `why` is for people, where they should do something."""
        # Said before it is counted: diagnostics that count it give the reason.
        if why:
            self.throttled.warn(f"{stream}.{reason}", why)
        with self._lock:
            self._dropped.setdefault(stream, Counter())[reason] += 1

    def read_masks(self, found: Layered) -> None:
        """A segmenter's message was read; some of its masks may be no objects."""
        with self._lock:
            self._left_out.update(found.left_out)
            self._masks += len(found.instances)
            self._repeated += bool(found.repeated)

    @property
    def repeated(self) -> int:
        """Messages so far in which several masks had the same track id."""
        with self._lock:
            return self._repeated

    @property
    def masks(self) -> int:
        """Masks that became objects so far."""
        with self._lock:
            return self._masks

    @property
    def left_out(self) -> dict[str, int]:
        """Masks that were no objects so far, by reason."""
        with self._lock:
            return dict(self._left_out)

    def fail(self, stream: str, error: Exception) -> None:
        """One message met an error of ours; its traceback goes to the log."""
        text = "".join(traceback.format_exception(error))
        self.throttled.error("internal_error", f"{stream} dropped, the node keeps running: {text}")
        self.drop(stream, "internal_error")

    def time(self, stage: str, seconds: float) -> None:
        """How long a stage of a published frame took."""
        with self._lock:
            self._times.setdefault(stage, deque(maxlen=WINDOW)).append(seconds)

    def tally(self, stream: str) -> Tally:
        """What happened to one input so far."""
        with self._lock:
            return Tally(
                self._received[stream],
                self._done[stream],
                dict(self._dropped.get(stream, {})),
            )

    def percentiles(self) -> dict[str, tuple[float, float, float]]:
        """Median, 95 % and largest time of each stage in seconds, over the last `WINDOW` frames."""
        with self._lock:
            times = {stage: list(values) for stage, values in self._times.items()}
        return {
            stage: (float(np.median(v)), float(np.percentile(v, 95)), max(v))
            for stage, v in times.items()
        }
