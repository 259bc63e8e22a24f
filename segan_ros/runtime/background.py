"""Engines built in the background, while the model serves on another provider."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable

from segan_ros.runtime.engine_builder import Watch

LOG = logging.getLogger(__name__)


class EngineBuild:
    """A thread that builds, and says how far it is.

    Args:
        work: builds the engines and changes over to them; it gives every builder's process to the
            function it is called with.
    """

    def __init__(self, work: Callable[[Watch], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._failure = ""
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="segan engines", daemon=True)
        self._thread.start()

    def status(self, provider: str) -> str:
        """``building 35 s``, ``ready`` or ``failed: ...``; `provider` is what serves instead."""
        if self._thread.is_alive():
            return f"building {time.monotonic() - self._start:.0f} s, serving on {provider}"
        return f"failed: {self._failure}; serving on {provider}" if self._failure else "ready"

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the build came to an end, well or not, within `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End it."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._process = process
            if self._stopped:
                process.kill()

    def _run(self) -> None:
        try:
            self._work(self._watch)
        except Exception as error:
            self._failure = "stopped" if self._stopped else str(error) or repr(error)
            if not self._stopped:
                LOG.error("cannot use the engines: %s", self._failure)
