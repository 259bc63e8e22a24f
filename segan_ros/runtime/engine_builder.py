"""Builds an engine in a process of its own: ONNX Runtime holds Python's lock meanwhile, which would
stop the node; and a builder that runs out of memory leaves the node running."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segan_ros.runtime.network import MAX_BATCH, Network
from segan_ros.runtime.providers import ProviderError
from segan_ros.runtime.sessions import first_line, open_session

LOG = logging.getLogger(__name__)

REPORT_EVERY = 30
"""Seconds between two lines of the log while an engine is being built."""

PR_SET_PDEATHSIG = 1

Watch = Callable[[subprocess.Popen[bytes]], None]
"""Called with a builder's process as soon as it runs; whoever kills that ends the build."""


class EngineError(ProviderError):
    """An engine could not be built."""


def run_builder(
    network: Network,
    provider: str,
    options: dict[str, str],
    threads: int,
    watch: Watch | None,
) -> None:
    order = {
        "path": str(network.path.absolute()),
        "inputs": network.inputs,
        "provider": provider,
        "options": options,
        "threads": threads,
        "parent": os.getpid(),
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "segan_ros.runtime.engine_builder", json.dumps(order)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                # What the runtime prints must not come after the last line, the reason.
                "PYTHONUNBUFFERED": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we end it in our own way
        )
        if watch is not None:
            watch(process)
        code = _waited(process, network.path)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if code < 0:
        name = signal.Signals(-code).name
        raise EngineError(f"the engine builder was killed by {name}; is the machine out of memory?")
    if code:
        raise EngineError(
            first_line(lines[-1]) if lines else f"the engine builder exited with code {code}"
        )


def _waited(process: subprocess.Popen[bytes], path: Path) -> int:
    """The builder's exit code; a line in the log now and then until it ends."""
    start = time.monotonic()
    while True:
        try:
            return process.wait(REPORT_EVERY)
        except subprocess.TimeoutExpired:
            LOG.info("building the engine of %s: %d s", path, time.monotonic() - start)


def _builder(order: dict[str, Any]) -> None:
    """The builder's process: a session whose options make ONNX Runtime write its engine."""
    # Whoever kills the node must not leave a builder behind that holds the GPU for minutes.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != order["parent"]:  # it ended before that
        raise ValueError("the process that asked for this engine has ended")
    inputs = {name: tuple(shape) for name, shape in order["inputs"].items()}
    network = Network(Path(order["path"]), inputs)
    session = open_session(network, order["provider"], order["options"], order["threads"])
    for count in (1, MAX_BATCH):
        answers = session.run(None, network.zeros(count))
        if not all(np.isfinite(answer).all() for answer in answers):
            raise ValueError(
                f"the engine of {network.path} returns NaN or inf for a black image; choose "
                "precision fp32"
            )


if __name__ == "__main__":
    try:
        _builder(json.loads(sys.argv[1]))
    except Exception as failure:
        sys.exit(f"{failure}")
