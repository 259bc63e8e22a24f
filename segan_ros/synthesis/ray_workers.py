"""Workers of a Ray cluster behind the interface of `concurrent.futures`. Needs the extra `ray`."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read on import: nothing is reported home

import ray
from ray.exceptions import RayError, RayTaskError

from segan_ros.synthesis.processes import AHEAD


class RayWorkers(Executor):
    """Tasks run on whatever machines the cluster has; Ray itself does those of lost ones again.

    Args:
        address: as `ray.init` takes it: ``auto``, ``HOST:PORT``, ``ray://HOST:PORT``, or ``local``
            for a cluster of this machine alone, which ends with us.
        workers: as many tasks at a time; 0 for all that the cluster has cores for.

    Raises:
        ConnectionError: there is no cluster.
    """

    def __init__(self, address: str, workers: int) -> None:
        _check_reachable(address)
        ray.init(
            address,
            num_cpus=workers or None if address == "local" else None,
            include_dashboard=False if address == "local" else None,
            runtime_env={"env_vars": {"LP_NUM_THREADS": "1"}},
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
        # The cluster runs all that it is given and has cores for.
        self.ahead = workers or AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._run = ray.remote(_call)

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of ``task(*args, **kwargs)``, which raises what `task` does."""
        answer: Future[Any] = Future()
        sent = self._run.remote(task, args, kwargs).future()
        sent.add_done_callback(lambda done: _pass_on(done, answer))
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; tasks in hand are dropped."""
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Ray itself takes minutes to find out."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"--ray is {address!r}: no Ray cluster answers there ({error}); give HOST:PORT "
            "as `ray start` printed it, auto, or local"
        ) from None


def _call(task: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return task(*args, **kwargs)


def _pass_on(done: Future[Any], answer: Future[Any]) -> None:
    error = done.exception()
    if isinstance(error, RayTaskError) and not isinstance(error.cause, RayError):
        answer.set_exception(error.cause)
    elif isinstance(error, RayTaskError):  # a worker that could not even read the task
        reason = str(error.cause).strip().splitlines()[-1]
        answer.set_exception(
            ChildProcessError(f"a worker cannot run segan_ros; install it there too ({reason})")
        )
    elif isinstance(error, RayError):
        answer.set_exception(BrokenExecutor(str(error)))
    elif error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
