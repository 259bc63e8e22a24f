"""CPU cores: how many this process may use, as containers and services often get a part of them;
and work that is shared among them."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 4
"""More would hold more scenes in memory, and wait for the same networks."""

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores by affinity (`taskset`, ``--cpuset-cpus``) and quota (``--cpus``, ``CPUQuota=``)."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.floor(min(affinity or 1, _quota(cgroups, own))))


def thread_limit() -> int:
    """Threads for libraries that would count the machine's cores; 0 where all of them are usable,
    so that the library's own choice holds."""
    cores = usable_cores()
    return cores if cores < (os.cpu_count() or 1) else 0


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int = 0
) -> Iterator[Result]:
    """What `work` makes of each of `items`, in their order.

    Networks, codecs and OpenCV leave Python to other threads while they compute: one scene is read
    or written while another is completed.

    Args:
        work: what is done in the threads. What it raises is raised where its result is due; items
            after it may have been worked on.
        items: taken in the caller's thread, a few ahead.
        threads: 0 for one per usable core, `MOST_THREADS` at most.
    """
    threads = threads or min(usable_cores(), MOST_THREADS)
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for unfinished in pending:
                unfinished.cancel()


def _quota(cgroups: Path, own: Path) -> float:
    """Cores' worth of time that control groups grant; inf where they set no limit."""
    try:
        if (cgroups / "cgroup.controllers").exists():  # version 2
            group = next(
                line.removeprefix("0::/")
                for line in own.read_text().splitlines()
                if line.startswith("0::/")
            )
            granted, period = (cgroups / group / "cpu.max").read_text().split()
        else:
            granted = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text()
        return int(granted) / int(period) if int(granted) > 0 else math.inf
    except (OSError, StopIteration, ValueError):  # no such files, or "max"
        return math.inf
