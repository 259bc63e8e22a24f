"""The node in a process and a ROS domain of its own: found, started, watched, stopped."""

import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from running import runs

from segan_ros.replay import node_process
from segan_ros.replay.node_process import (
    NodeError,
    NodeProcess,
    find_node,
    live_environment,
    profile_variable,
)


def executable(prefix: Path, script: str) -> Path:
    path = prefix / node_process.EXECUTABLE
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(0o755)
    return path


def test_node_is_found_in_this_environment_first_then_in_workspaces(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'nothing'}:{tmp_path / 'ws'}")
    monkeypatch.delenv("COLCON_PREFIX_PATH", raising=False)
    with pytest.raises(NodeError, match=r"found no lib/segan_ros/segan_node in .*\./run demo"):
        find_node()
    of_workspace = executable(tmp_path / "ws", "")
    assert find_node() == of_workspace
    of_venv = executable(tmp_path / "venv", "")
    assert find_node() == of_venv


@pytest.fixture
def process(tmp_path, monkeypatch):
    """Starts a script in the node's place."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    def start(script: str) -> NodeProcess:
        executable(tmp_path, script)
        return NodeProcess({"model": "m"}, {"image": "/camera/image"}, tmp_path / "node.log")

    return start


def wait_for(node: NodeProcess, text: str) -> None:
    while text not in node.log.read_text():
        node.check()


def test_node_gets_its_parameters_and_remappings(process):
    with process("import sys, time; print(sys.argv[1:], flush=True); time.sleep(60)") as node:
        wait_for(node, "]")
        said = "['--ros-args', '-p', 'model:=m', '-r', 'image:=/camera/image']"
        assert said in node.log.read_text()


def test_node_that_dies_is_reported_with_its_last_words(process):
    with (
        process("print('cannot load the model'); raise SystemExit(3)") as node,
        pytest.raises(NodeError, match=r"ended by itself \(exit code 3\)") as error,
    ):
        while True:
            node.check()
    assert "| cannot load the model" in str(error.value)


@pytest.mark.parametrize(
    ("handler", "trouble"),
    [
        ("lambda *_: sys.exit(0)", ""),
        ("lambda *_: sys.exit(5)", "the node did not stop cleanly (exit code 5)"),
        ("signal.SIG_IGN", "the node did not stop within 0.5 s of SIGINT and was killed"),
    ],
)
def test_end_of_the_node_is_checked(process, monkeypatch, handler, trouble):
    monkeypatch.setattr(node_process, "STOP_TIMEOUT", 0.5)
    script = f"""
import signal, sys, time
signal.signal(signal.SIGINT, {handler})
print("ready", flush=True)
while True: time.sleep(0.01)
"""
    with process(script) as node:
        wait_for(node, "ready")
        assert node.stop() == trouble


STANDING_IN = """
import signal, time
signal.signal(signal.SIGINT, lambda *_: print("asked to stop", flush=True))
print("ready", flush=True)
while True: time.sleep(0.01)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_while_the_node_stops_kills_it(process, hangup, number):
    """The node does not heed SIGINT; whoever waits for it is told to end."""
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end, process(STANDING_IN) as node:
        wait_for(node, "ready")
        pid = node.pid
        asked = partial(wait_for, node, "asked to stop")
        threading.Thread(target=lambda: asked() or os.kill(os.getpid(), number)).start()
        begin = time.monotonic()
        node.stop()
    assert time.monotonic() - begin < node_process.STOP_TIMEOUT
    assert end.value.code == 128 + number
    assert not runs(pid)
    assert signal.getsignal(number) is before


def test_ignored_hangup_stays_ignored(process, hangup):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with process("import time; time.sleep(60)"):
        os.kill(os.getpid(), signal.SIGHUP)


def test_domain_of_the_user_is_left_alone_and_the_profile_wins(monkeypatch):
    monkeypatch.setattr(node_process, "resource_path", Path)
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    monkeypatch.delenv(profile_variable(), raising=False)
    monkeypatch.setenv("ROS_DOMAIN_ID", "101")  # outside of those that are given away
    with live_environment() as environment:
        assert environment["ROS_DOMAIN_ID"] != "101"
        assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
        assert environment[profile_variable()] == "config/fastdds.xml"
    monkeypatch.setenv(profile_variable(), "mine.xml")
    with live_environment() as environment:
        assert environment[profile_variable()] == "mine.xml"


@pytest.mark.parametrize("library, name", [("fastrtps", "FASTRTPS"), ("fastdds", "FASTDDS")])
def test_profile_has_the_name_that_the_installed_fast_dds_knows(
    monkeypatch, tmp_path, library, name
):
    (tmp_path / "ros" / "share" / library).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "python"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'workspace'}:{tmp_path / 'ros'}")
    monkeypatch.delenv("COLCON_PREFIX_PATH", raising=False)
    assert profile_variable() == f"{name}_DEFAULT_PROFILES_FILE"


def test_replays_at_the_same_time_do_not_hear_each_other(monkeypatch):
    monkeypatch.setattr(node_process, "resource_path", Path)
    with ExitStack() as stack:
        taken = [stack.enter_context(live_environment())["ROS_DOMAIN_ID"] for _ in range(30)]
    assert len(set(taken)) == 30
