"""Which mask and which depth image belong to which image. No ROS in here.

Stamps decide, in nanoseconds, by `pairing.partner`; the time of arrival only bounds the wait. The
three streams are taken for orderly: once a newer message of a stream is here, an older one with
exactly the wanted stamp is no longer expected, and the nearest within `slop` may take its place.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from segan_ros.messages.pairing import partner

IMAGE, MASK, DEPTH = STREAMS = ("image", "instance_mask", "depth")

JUMP_BACK = 500_000_000
"""Nanoseconds: a stamp this much older than the newest means a restarted clock or bag."""

BEHIND = 10
"""Messages of a stream older than its newest, before one that is newer again: a very short bag
starts again, or somebody's clock was set back a little."""

PATIENCE = 3
"""Images in a row that wait for depth in vain, before the next ones no longer wait."""


@dataclass(frozen=True)
class Match:
    """Messages that belong together.

    Args:
        stamp: of the image, nanoseconds.
        arrived: when the image came in, seconds of a monotonic clock.
        depth: None where none is used or none came in time.
    """

    stamp: int
    arrived: float
    image: Any
    mask: Any
    depth: Any = None


@dataclass(frozen=True)
class _Waiting:
    message: Any
    arrived: float


@dataclass
class _Stream:
    queue: OrderedDict[int, _Waiting] = field(default_factory=OrderedDict)
    newest: int | None = None
    matched: int | None = None
    behind: int = 0
    heard: float = -math.inf
    ordered: list[int] = field(default_factory=list)  # what was in the queue when `poll` began


class Synchronizer:
    """Matches the streams; every message that comes in is matched or dropped with a reason.

    Args:
        drop: called with stream and reason for every message that finds no use: ``no_partner``,
            ``no_depth``, ``queue_full``, ``duplicate_stamp``, ``bad_stamp``, ``late``,
            ``clock_jump``, or what `clear` is given.
        slop: nanoseconds between stamps that count as the same.
        timeout: seconds that a message waits.
        queue: messages of a stream that may wait.
        depth: ``never``; ``auto``: frames wait for depth while somebody publishes it with fitting
            stamps and otherwise do without; ``always``: frames without are dropped.

    `depth_is_published` is for its owner to set: somebody offers depth, though none came lately.
    """

    def __init__(
        self,
        drop: Callable[[str, str], None],
        slop: int = 0,
        timeout: float = 1.0,
        queue: int = 30,
        depth: str = "never",
    ) -> None:
        self._drop = drop
        self.slop, self.timeout, self.depth = slop, timeout, depth
        self._limit = queue
        self._streams = {name: _Stream() for name in STREAMS}
        self._alone: deque[tuple[int, float]] = deque(maxlen=max(queue, PATIENCE))
        self.jumps = 0
        self.depth_is_published = False

    def waiting(self, stream: str) -> list[int]:
        """Stamps of the messages of `stream` that are neither matched nor dropped yet."""
        return list(self._streams[stream].queue)

    def add(self, stream: str, stamp: int, message: Any, now: float) -> list[Match]:
        """Take in one message that arrived at `now`; return the frames that became complete."""
        state = self._streams[stream]
        if stamp <= 0:
            self._drop(stream, "bad_stamp")
            return []
        if state.newest is not None:
            state.behind = 0 if stamp > state.newest else state.behind + (stamp < state.newest)
            if stamp < state.newest - JUMP_BACK:
                self._jump_back(stamp, JUMP_BACK)
            elif state.behind >= BEHIND:
                self._jump_back(stamp, 0)
        if stamp in state.queue or stamp == state.matched:
            self._drop(stream, "duplicate_stamp")
        elif state.matched is not None and stamp < state.matched:
            self._drop(stream, "late")
        else:
            state.queue[stamp] = _Waiting(message, now)
            state.heard = now
            if stream == DEPTH and self._was_missed(stamp, now):
                self._alone.clear()
            state.newest = max(stamp, state.newest or stamp)
            if len(state.queue) > self._limit:
                del state.queue[min(state.queue)]
                self._drop(stream, "queue_full")
        return self.poll(now)

    def poll(self, now: float) -> list[Match]:
        """Return the frames that can be completed at `now`; drop what waited too long."""
        for state in self._streams.values():
            state.ordered = sorted(state.queue)
        found = []
        for stamp in self._streams[IMAGE].ordered:
            match = self._try(stamp, now)
            if match is not None:
                found.append(match)
        for name, state in self._streams.items():
            for stamp in [s for s, w in state.queue.items() if now - w.arrived >= self.timeout]:
                del state.queue[stamp]
                self._drop(name, "no_partner")
        return found

    def clear(self, reason: str) -> None:
        """Drop all that waits and forget the past."""
        for name, state in self._streams.items():
            for _ in range(len(state.queue)):
                self._drop(name, reason)
            self._streams[name] = _Stream()
        self._alone.clear()

    def _try(self, stamp: int, now: float) -> Match | None:
        waiting = self._streams[IMAGE].queue[stamp]
        overdue = now - waiting.arrived >= self.timeout
        mask, _ = self._partner(MASK, stamp, overdue)
        if mask is None:
            return None
        depth = None
        if self.depth != "never":
            expected = self.depth == "always" or self._expects_depth(now)
            gave_up = self.depth == "auto" and len(self._alone) >= PATIENCE
            if self.depth == "auto":
                # Waiting for what is optional must not cost the frame.
                overdue = overdue or self._cannot_wait(mask, now)
            depth, may_come = self._partner(DEPTH, stamp, overdue or gave_up or not expected)
            if depth is None and may_come:
                return None
            if depth is not None:
                self._alone.clear()
            elif expected and (overdue or gave_up):
                self._alone.append((stamp, waiting.arrived))
            if depth is None and self.depth == "always":
                del self._streams[IMAGE].queue[stamp]
                self._drop(IMAGE, "no_depth")
                return None
        return Match(
            stamp,
            waiting.arrived,
            self._take(IMAGE, stamp),
            self._take(MASK, mask),
            None if depth is None else self._take(DEPTH, depth),
        )

    def _cannot_wait(self, mask: int, now: float) -> bool:
        """Whether a mask, or an image, would be dropped if their frame waited any longer."""
        queues = [self._streams[s].queue for s in (IMAGE, MASK)]
        expired = now - self._streams[MASK].queue[mask].arrived >= self.timeout
        return expired or any(len(queue) >= self._limit for queue in queues)

    def _expects_depth(self, now: float) -> bool:
        return self.depth_is_published or now - self._streams[DEPTH].heard < self.timeout

    def _was_missed(self, stamp: int, now: float) -> bool:
        """Whether an image that went without depth should have waited for this one."""
        return any(
            abs(stamp - image) <= self.slop and now - arrived < self.timeout
            for image, arrived in self._alone
        )

    def _partner(self, stream: str, stamp: int, overdue: bool) -> tuple[int | None, bool]:
        """Stamp of the partner, or None; and whether a better one may still come."""
        state = self._streams[stream]
        if stamp in state.queue:
            return stamp, False
        may_come = not overdue and (state.newest is None or state.newest < stamp)
        if may_come:
            return None, True
        images = self._streams[IMAGE].queue

        def is_free(other: int) -> bool:
            # Depth of an older image is free: that image is overtaken once this one is used.
            owned = other in images and not (stream == DEPTH and other < stamp)
            return other in state.queue and not owned

        return partner(state.ordered, stamp, self.slop, is_free), False

    def _take(self, stream: str, stamp: int) -> Any:
        """Remove a message for use; older ones of its stream have been overtaken."""
        state = self._streams[stream]
        message = state.queue.pop(stamp).message
        state.matched = stamp
        for older in [s for s in state.queue if s < stamp]:
            del state.queue[older]
            self._drop(stream, "no_partner")
        return message

    def _jump_back(self, stamp: int, spared: int) -> None:
        """Forget what is newer than `stamp` by more than `spared` nanoseconds.

        What is spared may belong to the new run: a mask may be here before its image.
        """
        self.jumps += 1
        for name, state in self._streams.items():
            for newer in [s for s in state.queue if s > stamp + spared]:
                del state.queue[newer]
                self._drop(name, "clock_jump")
            state.newest, state.behind = max(state.queue, default=None), 0
            if state.matched is not None and state.matched >= stamp:
                state.matched = None
