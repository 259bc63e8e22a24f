"""One thread for the heavy work: the newest item only, and calls that wait for their result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MAX_CALLS = 8
"""Calls that may wait; more are refused, which bounds memory."""


class WorkerStopped(RuntimeError):
    """The worker ended before it came to this call."""


class Worker(Generic[T]):
    """Runs `handle` on the newest item, in its own thread, until `stop`.

    `stopping` is set once `stop` was called.

    Args:
        handle: called with each item that is not replaced by a newer one first.
        failed: called with item and exception when `handle` raises; the thread lives on.
    """

    def __init__(
        self, handle: Callable[[T], None], failed: Callable[[T, Exception], None], name: str
    ) -> None:
        self._handle, self._failed = handle, failed
        self._wake = threading.Condition()
        self._slot: list[T] = []
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._busy = False
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def load(self) -> int:
        """Items in the slot and in work, 0..2."""
        with self._wake:
            return len(self._slot) + self._busy

    def offer(self, item: T) -> T | None:
        """Put the newest item in the slot; return the one it replaced, which is not handled."""
        with self._wake:
            replaced = self._slot.pop() if self._slot else None
            self._slot.append(item)
            self._wake.notify()
        return replaced

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run `function` in turn with the items; its result or exception goes to the future.

        Raises:
            WorkerStopped: the worker was stopped.
            OverflowError: `MAX_CALLS` wait already.
        """
        future: Future[T] = Future()
        with self._wake:
            if self.stopping.is_set():
                raise WorkerStopped("the node was deactivated; activate it and ask again")
            if len(self._calls) >= MAX_CALLS:
                raise OverflowError(f"{MAX_CALLS} requests are already waiting; try again later")
            self._calls.append((function, future))
            self._wake.notify()
        return future

    def stop(self) -> list[T]:
        """End the thread after the item in work; fail the waiting calls; return unhandled items."""
        with self._wake:
            self.stopping.set()
            self._wake.notify()
        self._thread.join()
        while self._calls:
            self._calls.popleft()[1].set_exception(
                WorkerStopped("the node was deactivated before it reached this request")
            )
        left, self._slot = self._slot, []
        return left

    def _run(self) -> None:
        called = False
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self.stopping.is_set() or self._calls or self._slot)
                if self.stopping.is_set():
                    return
                # A call first, but not after a call: a flood of calls must not starve the items.
                its_turn = self._calls and not (called and self._slot)
                call = self._calls.popleft() if its_turn else None
                item = None if call else self._slot.pop()
                self._busy = call is None
            called = call is not None
            if call is not None:
                _answer(*call)
            else:
                try:
                    self._handle(item)  # type: ignore[arg-type]
                except Exception as error:
                    self._failed(item, error)  # type: ignore[arg-type]
                with self._wake:
                    self._busy = False


def _answer(function: Callable[[], Any], future: Future[Any]) -> None:
    try:
        result = function()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)
