"""This node and that of an earlier revision: the same frames, in turns, on one machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from processes import cost_of
from robot import GRAPH, OBJECTS, STAGES, Robot

from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import Frame
from segan_ros.replay.node_process import NodeError, NodeProcess, live_environment

ROOT = Path(__file__).resolve().parents[1]
NOW, BEFORE = "now", "before"

START, WARM_UP, REST = 90.0, 5, 0.03
"""Seconds that a node may take to load its model; frames before the measured ones; seconds between
two turns, in which the networks' threads come to rest."""

CAMERA_RATE = 30.0
"""Frames per second of the camera that both nodes then listen to, one after the other."""


RUN = """
import sys
sys.path.insert(0, {folder!r})
import {module} as program
assert program.__file__.startswith({folder!r}), program.__file__
sys.exit(program.main())
"""
"""The node of the package in a folder, whatever is installed."""


class _NodeOf(NodeProcess):
    """The node whose package lies in `folder`."""

    def __init__(
        self, folder: Path, parameters: dict[str, str], remappings: dict[str, str], log: Path
    ) -> None:
        super().__init__(parameters, remappings, log)
        built = (folder / "CMakeLists.txt").read_text()
        found = re.search(r"install_executable\(segan_node ([\w.]+)\)", built)
        if found is None:
            raise NodeError(f"{folder}: CMakeLists.txt names no segan_node")
        code = RUN.format(folder=str(folder), module=found[1])
        self._command[:1] = [sys.executable, "-c", code]


@dataclass(frozen=True)
class Side:
    """What one node did. Milliseconds: medians from the image's stamp to receipt, and CPU time of a
    frame; resident MiB; frames per second answered of a 30 Hz camera; by stage, the node's own
    medians before that camera."""

    graph: float
    objects: float
    cpu: float
    memory: float
    rate: float
    stages: dict[str, float]


@dataclass(frozen=True)
class Pair:
    """Both nodes on the same frames."""

    now: Side
    before: Side


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The files of `revision`, in a folder that goes away.

    Raises:
        ValueError: there is no such revision.
    """
    command = ["git", "-C", str(ROOT), "archive", revision]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"--against {revision}: {done.stderr.decode().strip()}")
    with TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=done.stdout, check=True)
        yield Path(folder)


def compared(
    frame: Frame, parameters: dict[str, str], tree: Path, frames: int, seconds: float
) -> Pair:
    """Ask both nodes in turns, one frame at a time; then at the rate of a camera, one by one.

    Args:
        frame: what the camera sees.
        parameters: of both nodes.
        tree: files of the earlier revision.
        frames: of each node, one at a time.
        seconds: of the camera.
    """
    with ExitStack() as stack:
        os.environ.update(stack.enter_context(live_environment()))
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        robots, pids = {}, {}
        for name, source in ((NOW, ROOT), (BEFORE, tree)):
            process = _NodeOf(source, parameters, {"__ns": f"/{name}"}, scratch / name)
            node = stack.enter_context(process)
            robots[name] = stack.enter_context(Robot(frame, node.check, f"{name}/"))
            pids[name] = node.pid
            if problem := robots[name].wait_for_others(START):
                raise node.error(f"{name}: {problem}")
        cpu = dict.fromkeys(robots, 0.0)
        for turn in range(WARM_UP + frames):
            for name, robot in robots.items():
                if turn == WARM_UP:
                    for delays in robot.delays.values():
                        delays.clear()
                    cpu[name] = 0.0
                before = cost_of(pids[name]).cpu
                robot.wait_for(robot.send(), GRAPH, OBJECTS)
                cpu[name] += cost_of(pids[name]).cpu - before
                robot.wait(REST)
        stages = {name: robot.stages() for name, robot in robots.items()}
        sides = {}
        for name, robot in robots.items():
            graph, objects = (_median(robot, kind) for kind in (GRAPH, OBJECTS))
            memory = cost_of(pids[name]).memory
            per_frame, rate = 1e3 * cpu[name] / frames, _rate(robot, seconds)
            sides[name] = Side(graph, objects, per_frame, memory, rate, stages[name])
    return Pair(**sides)


def comparison(pairs: list[tuple[str, Pair]]) -> str:
    """A table: each figure of both nodes, and now over before; another of their stages."""
    columns = {
        "stamp to graph, ms": "graph",
        "stamp to objects, ms": "objects",
        "CPU per frame, ms": "cpu",
        "MiB": "memory",
        f"answered of {CAMERA_RATE:g}/s": "rate",
    }
    rows = []
    for case, pair in pairs:
        cells = [case]
        for field in columns.values():
            now, before = getattr(pair.now, field), getattr(pair.before, field)
            cells.append(f"{now:.1f} / {before:.1f} = {now / before:.2f}")
        rows.append(cells)
    stages = [
        (case, *(f"{pair.now.stages[s]:.1f} / {pair.before.stages[s]:.1f}" for s in STAGES))
        for case, pair in pairs
    ]
    tables = (("now / before", *columns), rows), (("median ms", *STAGES), stages)
    return "\n\n".join(markdown_table(*each) for each in tables)


def _median(robot: Robot, kind: str) -> float:
    delays = robot.delays[kind]
    if not delays:
        raise NodeError(f"no {kind} came; is the machine too busy?")
    return float(1e3 * np.median(list(delays.values())))


def _rate(robot: Robot, seconds: float) -> float:
    """Frames per second that are answered with objects, of a camera faster than that."""
    robot.delays[OBJECTS].clear()
    begin = time.monotonic()
    for number in range(int(seconds * CAMERA_RATE)):
        robot.wait(begin + number / CAMERA_RATE - time.monotonic())
        robot.send()
    answered = len(robot.delays[OBJECTS])
    return answered / (time.monotonic() - begin)
