"""A run that is told to stop finishes its step and is saved, so that nothing it learned is lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

IMPATIENT = 1.0
"""Seconds after which another Ctrl-C counts as a second one: `torchrun` passes on the first."""


class Stopped(KeyboardInterrupt):
    """The run was told to stop and has been saved; the message says where and how to go on."""


@dataclass
class StopRequest:
    """Whether the run is to stop, and since when (`time.monotonic`)."""

    wanted: bool = False
    since: float = 0.0


@contextmanager
def stop_request(tells: bool = True) -> Iterator[StopRequest]:
    """Signals that would end this process become a request; a second Ctrl-C ends it at once.

    Args:
        tells: say on stderr that the signal was heard.
    """
    request = StopRequest()

    def ask(number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if not request.wanted:
            request.wanted, request.since = True, now
            if tells:  # not by print: the signal may have come in the middle of one
                os.write(2, b"\nstopping after this step; Ctrl-C again ends at once\n")
        elif number == signal.SIGINT and now - request.since > IMPATIENT:
            raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        # Under nohup SIGHUP is ignored, and stays so.
        before = {s: h for s in SIGNALS if (h := signal.getsignal(s)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_it_to_the_main_process(_: int) -> None:
    """For workers that prepare batches: a terminal sends Ctrl-C to them too."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
