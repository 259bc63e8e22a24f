"""Log lines that a stream may cause: each kind once in a while, with a count of the rest."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

PERIOD = 10.0
"""Seconds between two lines of the same kind."""


class Notices:
    """Speaks through `logger`, and keeps the last text of each kind for the diagnostics."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}
        self.last: dict[str, str] = {}

    def warn(self, kind: str, text: str) -> None:
        """Log `text` as a warning unless another of its kind was logged a moment ago."""
        # ROS knows a caller by its line, and refuses two severities from the same one.
        if line := self._due(kind, text):
            self._logger.warning(line)

    def error(self, kind: str, text: str) -> None:
        """The same as an error; the last line of `text` is the one that matters."""
        if line := self._due(kind, text):
            self._logger.error(line)

    def _due(self, kind: str, text: str) -> str:
        """What is to be logged now; empty if nothing is."""
        now = time.monotonic()
        with self._lock:
            self.last[kind] = text.strip().splitlines()[-1]
            when, kept_back = self._said.get(kind, (-PERIOD, 0))
            if now - when < PERIOD:
                self._said[kind] = (when, kept_back + 1)
                return ""
            self._said[kind] = (now, 0)
        return f"{text} ({kept_back} more like this)" if kept_back else text


class RosHandler(logging.Handler):
    """Passes on what the floors below say through Python's logging."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """One line to the ROS log."""
        if record.levelno >= logging.ERROR:
            self._logger.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())
