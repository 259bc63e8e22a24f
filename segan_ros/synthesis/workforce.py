"""Tasks in order over workers of this machine or of a Ray cluster; dead ones are replaced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from segan_ros.synthesis.processes import Processes

if TYPE_CHECKING:
    from segan_ros.synthesis.ray_workers import RayWorkers

Item = TypeVar("Item")
Result = TypeVar("Result")

DEATHS = 3
"""So often may workers die before the next result comes."""


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
                            f"workers died {DEATHS} times in a row, possibly out of memory; with "
                            "fewer --workers, the same command resumes where it stopped"
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
