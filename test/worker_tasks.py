"""Tasks that other processes can import."""

import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    """Twice `number`."""
    return 2 * number


def last_first(marker: str) -> str:
    """Mark that it began; the one called 0 ends after the one called 3 began."""
    Path(marker).touch()
    end = time.monotonic() + 20
    while marker.endswith("/0") and not Path(marker).with_name("3").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return marker


def alone(place: str) -> bool:
    """Whether nobody else is at `place` for a while."""
    try:
        Path(place).mkdir()
    except FileExistsError:
        return False
    time.sleep(0.1)
    Path(place).rmdir()
    return True


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
