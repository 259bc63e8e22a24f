"""What a process costs, from /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of a process so far: seconds of CPU time in all its threads, resident memory in MiB."""

    cpu: float
    memory: float


def cost_of(pid: int) -> Cost:
    """Read it. Raises OSError when there is no such process."""
    # The second field is the name, in brackets, and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    return Cost(
        (int(fields[11]) + int(fields[12])) / TICKS,
        int(resident.group(1)) / 1024 if resident else 0.0,
    )


def processor() -> str:
    """Name of the CPU and how many cores this process may use."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{found.group(1) if found else 'unknown CPU'}, {len(os.sched_getaffinity(0))} cores"
