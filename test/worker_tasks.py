"""Tasks that other processes can import."""

import os
import signal
from pathlib import Path


def double(number: int) -> int:
    """Twice `number`."""
    return 2 * number


def die_once(marker: str) -> str:
    """Kill this process, unless the file `marker` says that it was done."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def die(_: int) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> None:
    """An error of the task's own."""
    raise ValueError(f"{number} is refused")
