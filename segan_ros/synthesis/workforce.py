"""Who works: processes of this machine or of a Ray cluster, behind one `Executor`."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from segan_ros.synthesis.ray_workers import RayWorkers

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Tasks that are handed out per worker: enough that a slow one leaves nobody idle."""

DEATHS = 3
"""So often may workers die before the next result comes."""


class Processes(ProcessPoolExecutor):
    """Processes of this machine, which end with this one; `ahead` tasks are handed out at a time.

    Args:
        workers: how many; 0 for one per core.
    """

    def __init__(self, workers: int) -> None:
        workers = workers or os.cpu_count() or 1
        self.ahead = AHEAD * workers
        super().__init__(workers, get_context("spawn"), _end_with_parent)


class Workforce:
    """Starts workers, and starts them again when they die.

    Args:
        workers: how many; 0 for one per core.
        ray: address of a Ray cluster; empty for this machine.
    """

    def __init__(self, workers: int = 0, ray: str = "") -> None:
        self._workers, self._ray = workers, ray

    def in_order(
        self, task: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with its result; what a killed worker had in hand is done again.

        Args:
            task: a function that workers can import.
            items: taken a few at a time, so that they may be many.

        Raises:
            ChildProcessError: workers die again and again.
            Exception: whatever `task` raises.
        """
        source, deaths = iter(items), 0
        pool = self._start()
        waiting: deque[Item] = deque()
        futures: dict[int, Future[Result]] = {}
        taken = 0
        try:
            while True:
                waiting += islice(source, max(pool.ahead - len(waiting), 0))
                if not waiting:
                    return
                try:
                    for place, item in enumerate(waiting, taken):
                        if place not in futures:
                            futures[place] = pool.submit(task, item)
                    result = futures[taken].result()
                except BrokenExecutor:
                    deaths += 1
                    if deaths == DEATHS:
                        raise ChildProcessError(
                            f"workers died {DEATHS} times in a row; out of memory? give fewer "
                            "--workers, and run the same again: it goes on where it stopped"
                        ) from None
                    pool.shutdown(cancel_futures=True)
                    futures = {k: f for k, f in futures.items() if _succeeded(f)}
                    pool = self._start()
                    continue
                deaths = 0
                del futures[taken]
                taken += 1
                yield waiting.popleft(), result
        finally:
            pool.shutdown(cancel_futures=True)

    def _start(self) -> Processes | RayWorkers:
        if self._ray:
            from segan_ros.synthesis.ray_workers import RayWorkers

            return RayWorkers(self._ray, self._workers)
        return Processes(self._workers)


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _end_with_parent() -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
