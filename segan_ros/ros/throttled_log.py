"""Throttled logging: each kind of line once per period, with a count of those held back."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

PERIOD = 10.0
"""Seconds between two lines about events of the same kind."""
REMINDER = 30.0
"""Seconds between two lines about the same lasting condition."""


class ThrottledLog:
    """Logs through `logger`, and keeps the last text of each kind for the diagnostics."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._logged: dict[str, tuple[float, int]] = {}
        self.last: dict[str, str] = {}

    def warn(self, kind: str, text: str) -> bool:
        """Log `text` as a warning unless another of its kind was logged a moment ago; whether it
        was."""
        # ROS knows a caller by its line, and refuses two severities from the same one.
        if line := self._due(kind, text):
            self._logger.warning(line)
        return bool(line)

    def error(self, kind: str, text: str) -> None:
        """The same as an error; the last line of `text` is the one that matters."""
        if line := self._due(kind, text):
            self._logger.error(line)

    def held_back(self, kind: str) -> int:
        """How many lines of `kind` were not logged since the last one that was."""
        with self._lock:
            return self._logged.get(kind, (0.0, 0))[1]

    def remind(self, kind: str, text: str, error: bool = False) -> bool:
        """Log a lasting condition now and then; whether it was logged now."""
        line = self._due(kind, text, REMINDER, counts=False)
        if line and error:
            self._logger.error(line)
        elif line:
            self._logger.warning(line)
        return bool(line)

    def _due(self, kind: str, text: str, period: float = PERIOD, counts: bool = True) -> str:
        """What is to be logged now; empty if nothing is."""
        now = time.monotonic()
        with self._lock:
            self.last[kind] = text.strip().splitlines()[-1]
            when, suppressed = self._logged.get(kind, (-period, 0))
            if now - when < period:
                self._logged[kind] = (when, suppressed + counts)
                return ""
            self._logged[kind] = (now, 0)
        return f"{text} ({suppressed} similar)" if suppressed else text


class RosHandler(logging.Handler):
    """Forwards the records of Python's logging, which the rooms below use, to the ROS log."""

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
