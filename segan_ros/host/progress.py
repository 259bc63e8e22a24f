"""Progress bars, on a terminal only: in a log file every step would be a line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Progress(tqdm):
    """An iterable or a count with a bar; arguments as of `tqdm`."""

    def __init__(self, items: Iterable[T] | None = None, *args: Any, **options: Any) -> None:
        # None: hidden where stderr is no terminal.
        super().__init__(items, *args, **{"disable": None} | options)


def say(text: str, error: bool = False) -> None:
    """Print a line, above the bar if there is one; to stderr if it is about an `error`."""
    tqdm.write(text, file=sys.stderr if error else sys.stdout)
