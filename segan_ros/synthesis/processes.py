"""Worker processes of this machine, which end with this one."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process

from segan_ros.host.cores import usable_cores

AHEAD = 4
"""Tasks that are handed out per worker: enough that a slow one leaves nobody idle."""


class Processes(ProcessPoolExecutor):
    """Processes of this machine, which end with this one; `ahead` tasks are handed out at a time.

    Args:
        workers: how many; 0 for one per core.
    """

    def __init__(self, workers: int) -> None:
        workers = workers or usable_cores()
        self.ahead = AHEAD * workers
        super().__init__(workers, get_context("spawn"), _end_with_parent)


def _end_with_parent() -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
