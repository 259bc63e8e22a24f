"""The real node in a process of its own: found, started, watched and stopped."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from segan_ros.host.resources import resource_path

EXECUTABLE = "lib/segan_ros/segan_node"

STOP_TIMEOUT = 10.0
"""Seconds that the node may take to end after SIGINT."""


class NodeError(ValueError):
    """The node cannot be found, ended by itself or did not answer; the message quotes its log."""


class NodeProcess:
    """Runs the node; use as a context manager, which stops it.

    Inside, SIGTERM and SIGHUP end this process by way of SystemExit, so that the node goes too.

    Args:
        parameters: ROS parameters.
        remappings: topic of the node -> topic to use.
        log: file that takes all the node prints.

    Raises:
        NodeError: no installation of the node is found.
    """

    def __init__(
        self, parameters: Mapping[str, str], remappings: Mapping[str, str], log: Path
    ) -> None:
        arguments = ["--ros-args"]
        for name, value in parameters.items():
            arguments += ["-p", f"{name}:={value}"]
        for name, value in remappings.items():
            arguments += ["-r", f"{name}:={value}"]
        self.log = log
        self._command = [str(find_node()), *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._signals = ExitStack()

    def __enter__(self) -> NodeProcess:
        with ExitStack() as stack, self.log.open("wb") as log:
            stack.enter_context(_exit_on_signals())
            # A group of its own: Ctrl-C reaches the node through us, once.
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509
            )
            self._signals = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._signals:
            self.stop()

    @property
    def pid(self) -> int:
        """Of the running node. Raises NodeError where none runs."""
        if self._process is None:
            raise self.error("the node does not run")
        return self._process.pid

    def check(self) -> None:
        """Raise NodeError if the node has ended."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise self.error(f"the node ended by itself ({describe_exit(code)})")

    def stop(self) -> str:
        """Stop the node if it runs; what was wrong with its end, or an empty text."""
        process = self._process
        if process is None:
            return ""
        try:
            process.send_signal(signal.SIGINT)
            code = process.wait(STOP_TIMEOUT)
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return f"the node did not stop within {STOP_TIMEOUT:g} s of SIGINT and was killed"
        finally:
            if process.returncode is not None:
                self._process = None
        return f"the node did not stop cleanly ({describe_exit(code)})" if code else ""

    def error(self, text: str) -> NodeError:
        """`text` with the last lines of the node's log."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        output = "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"
        return NodeError(f"{text}. Its last output ({self.log}):\n{output}")


def find_node() -> Path:
    """The node's executable: of this Python's environment, else of the sourced workspaces.

    Raises:
        NodeError: there is none.
    """
    prefixes = _prefixes()
    for prefix in prefixes:
        if os.access(path := prefix / EXECUTABLE, os.X_OK):
            return path
    raise NodeError(
        f"found no {EXECUTABLE} in {', '.join(map(str, prefixes))}; `./run demo` makes an"
        " environment that has it, on a robot source the workspace"
    )


def _prefixes() -> list[Path]:
    """Where ROS packages may be: this Python's environment, then the sourced workspaces."""
    named = [os.environ.get(name, "") for name in ("AMENT_PREFIX_PATH", "COLCON_PREFIX_PATH")]
    return [Path(p) for p in (sys.prefix, *os.pathsep.join(named).split(os.pathsep)) if p]


def profile_variable() -> str:
    """The environment variable that names Fast DDS its profile: Fast DDS 2, Jazzy's, has its own.

    Asked of the installed packages, since wheels set no ROS_DISTRO.
    """
    old = any((prefix / "share" / "fastrtps").is_dir() for prefix in _prefixes())
    return f"FAST{'RTPS' if old else 'DDS'}_DEFAULT_PROFILES_FILE"


@contextmanager
def live_environment() -> Iterator[dict[str, str]]:
    """Environment variables for the node and for us.

    The shipped transport profile, unless the user has set another; nobody but this machine; and a
    domain that nobody else uses until the end of the context. The user's own domain and range are
    not for us: a robot that runs in them must not hear the replayed frames.
    """
    profile = profile_variable()
    with _reserved_domain() as domain:
        yield {
            profile: os.environ.get(profile) or str(resource_path("config/fastdds.xml")),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_DOMAIN_ID": str(domain),
            "RCUTILS_COLORIZED_OUTPUT": "0",
        }


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit where they would end this process; main thread only."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    ours: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        wanted = (signal.SIGTERM, signal.SIGHUP)
        # Under nohup SIGHUP is ignored, and stays so.
        ours = [s for s in wanted if signal.getsignal(s) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, leave)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Called in the node's process: kill -9 of ours leaves no node behind. Linux alone can."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _reserved_domain() -> Iterator[int]:
    """A ROS domain id, 1..100, that nobody on this machine talks in and no other replay takes."""
    for domain in random.SystemRandom().sample(range(1, 101), 100):
        first_port = 7400 + 250 * domain
        # Whoever talks in a domain has bound its first port. Its last one serves as our sign on
        # the door: participants count up from the first and do not get there.
        with _bound(first_port) as discovery, _bound(first_port + 249) as sign:
            if discovery and sign:
                discovery.close()
                yield domain
                return
    raise NodeError(
        "all ROS domains 1..100 are in use on this machine; stop a program that uses one"
    )


@contextmanager
def _bound(port: int) -> Iterator[socket.socket | None]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.bind(("", port))
        except OSError:
            yield None
        else:
            yield found


def describe_exit(code: int) -> str:
    """An exit status in words."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
