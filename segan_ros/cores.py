"""How many CPU cores this process may use: containers and services often get a part of them."""

from __future__ import annotations

import math
import os
from pathlib import Path

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
