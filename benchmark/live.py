#!/usr/bin/env python3
"""The node as its user sees it: real DDS, separate processes, camera stamp to graph received.

    .venv/bin/python benchmark/live.py [--quick] [--against REVISION] [--json FILE]

Beside every measurement, in turns with it, stands a node that only echoes the image.
With --against, in turns with it stands the node of that revision. docs/performance.md says how to
read the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from against import checkout, compared, comparison
from pile import pile
from processes import Cost, cost_of, processor
from robot import ECHO, GRAPH, OBJECTS, STAGES, Robot

from segan_ros.drawing.tables import markdown_table
from segan_ros.host.resources import resource_path
from segan_ros.replay.node_process import NodeError, NodeProcess, live_environment
from segan_ros.runtime.model import PROVIDERS, Model, model_folder

HERE = Path(__file__).resolve().parent
SIZES = {"VGA": (480, 640), "1080p": (1080, 1920)}
OBJECTS_IN_VIEW = (1, 10, 20)
LIMIT = 15.0
"""Milliseconds that our own work may cost at VGA with 10 objects."""

START, WARM_UP = 90.0, 5
"""Seconds that the node may take to load its model; frames that go before the measured ones."""

REST = 0.03
"""Seconds between two turns: the networks' threads come to rest."""

FLOOD_RATE = 30.0


@dataclass(frozen=True)
class Case:
    """What is looked at, and whether hidden parts are painted."""

    size: str
    objects: int
    appearance: bool

    @property
    def judged(self) -> bool:
        """Whether the limits are meant for it."""
        return self.size == "VGA" and self.objects == 10


@dataclass
class Result:
    """What was measured; all times in milliseconds.

    `graph`, `all` and `echo` are the delays from the image's stamp to the receipt of the graph, of
    the objects too, and of the echoed image: medians and 95 % values.
    """

    case: Case
    graph: tuple[float, float]
    all: tuple[float, float]
    echo: tuple[float, float]
    stages: dict[str, float]
    cpu_per_frame: float
    memory: float
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def graph_overhead(self) -> float:
        """Our own work until the graph: all but the segmentor."""
        return self.graph[0] - self.stages["segment"]

    @property
    def overhead(self) -> float:
        """Our own work until the objects: all but both networks."""
        return self.all[0] - self.stages["segment"] - self.stages["paint"]


def main() -> int:
    """Measure and print; 2 when something cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="VGA, 10 objects, some frames")
    parser.add_argument("--frames", type=int, help="frames of each case (40, quick: 15)")
    parser.add_argument("--model", default="tabletop", help="shipped model or model folder")
    parser.add_argument("--provider", default="auto", choices=["auto", *PROVIDERS])
    parser.add_argument("--threads", type=int, default=0, help="as the node's parameter")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument(
        "--against", metavar="REVISION", help="compare with the node of a git revision"
    )
    args = parser.parse_args()
    frames = args.frames or (15 if args.quick else 40)
    sizes, counts = (["VGA"], [10]) if args.quick else (list(SIZES), OBJECTS_IN_VIEW)
    cases = [Case(s, n, a) for s in sizes for n in counts for a in (False, True)]
    results: list[Result] = []
    flood: dict[str, Any] = {}
    try:
        model = model_folder(args.model).resolve()
        if args.provider == "tensorrt":
            Model(model, args.provider)  # builds what is missing: a case does not wait for that
        parameters = {
            "model": str(model),
            "provider": args.provider,
            "threads": str(args.threads),
            "diagnostics_period": "0.5",
        }
        if args.against is not None:
            seconds = 1.0 if args.quick else 5.0
            return _compare(cases, parameters, args.against, (frames, seconds), args.json)
        for case in _told(cases):
            with _scene(case, parameters) as (robot, pid):
                results.append(measured(case, robot, pid, frames))
                if case.judged and case.appearance:
                    flood = flooded(robot, pid, 3.0 if args.quick else 20.0)
    except (NodeError, ValueError, OSError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 2
    print(f"{processor()}; {flood['provider']}; {frames} frames of each case\n")
    print(report(results, flood))
    if args.json:
        document = [
            {**asdict(r), "graph_overhead": r.graph_overhead, "overhead": r.overhead}
            for r in results
        ]
        everything = {"machine": processor(), "cases": document, "flood": flood}
        args.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


def _compare(
    cases: list[Case],
    parameters: dict[str, str],
    revision: str,
    length: tuple[int, float],
    file: Path | None,
) -> int:
    """Print, and write to `file`, how both nodes did; `length`: see `compared`."""
    with checkout(revision) as tree:
        pairs = []
        for case in _told(cases):
            frame = pile(resource_path("demo/tabletop.mcap"), SIZES[case.size], case.objects)
            wanted = parameters | {"publish_appearance": str(case.appearance).lower()}
            pairs.append((_name(case), compared(frame, wanted, tree, *length)))
    print(f"{processor()}; {length[0]} frames of each case, in turns with {revision}\n")
    print(comparison(pairs))
    if file:
        document = [{"case": name, **asdict(pair)} for name, pair in pairs]
        everything = {"machine": processor(), "against": revision, "cases": document}
        file.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


def measured(case: Case, robot: Robot, pid: int, frames: int) -> Result:
    """Ask segan and the echo in turns, one frame at a time, so that nothing waits in a queue."""
    wanted = (GRAPH, OBJECTS)
    for _ in range(WARM_UP):
        robot.wait_for(robot.send(), *wanted)
        robot.wait_for(robot.send_to_echo(), ECHO)
    for delays in robot.delays.values():
        delays.clear()
    cpu = 0.0
    for _ in range(frames):
        before = cost_of(pid).cpu
        robot.wait_for(robot.send(), *wanted)
        cpu += cost_of(pid).cpu - before
        robot.wait(REST)
        robot.wait_for(robot.send_to_echo(), ECHO)
        robot.wait(REST)
    return Result(
        case,
        *(_spread(robot.delays[k]) for k in (GRAPH, OBJECTS, ECHO)),
        stages=robot.stages(),
        cpu_per_frame=1e3 * cpu / frames,
        memory=cost_of(pid).memory,
        counts=_counts(robot.values),
    )


def flooded(robot: Robot, pid: int, seconds: float) -> dict[str, Any]:
    """Send more frames than can be answered: does the delay stay bounded, the memory flat?"""
    before = _counts(robot.values)
    robot.delays[GRAPH].clear()
    costs: list[Cost] = []
    begin = time.monotonic()
    for number in range(int(seconds * FLOOD_RATE)):
        robot.wait(begin + number / FLOOD_RATE - time.monotonic())
        robot.send()
        if number % int(FLOOD_RATE) == 0:
            costs.append(cost_of(pid))
    duration, used = time.monotonic() - begin, cost_of(pid).cpu - costs[0].cpu
    robot.wait(2.0)
    values = robot.values
    return {
        "rate": FLOOD_RATE,
        "seconds": seconds,
        "graph": _spread(robot.delays[GRAPH]),
        "work": robot.median("total") - robot.median("wait") - robot.median("queue"),
        "memory": (costs[len(costs) // 4].memory, costs[-1].memory),
        "cpu_percent": 100 * used / duration,
        "counts": {k: v - before[k] for k, v in _counts(values).items()},
        "provider": values.get("provider", ""),
    }


def report(results: list[Result], flood: dict[str, Any]) -> str:
    """Everything as Markdown."""
    rows = [
        (
            _name(r.case),
            _pair(r.graph),
            f"{r.graph_overhead:.1f}",
            _pair(r.all),
            f"{r.overhead:.1f}",
            _pair(r.echo),
            f"{r.graph_overhead / r.echo[0]:.1f}, {r.overhead / r.echo[0]:.1f}",
            f"{r.cpu_per_frame:.0f}",
            f"{r.memory:.0f}",
            "/".join(str(r.counts[k]) for k in ("in", "out", "dropped")),
        )
        for r in results
    ]
    heading = (
        "ms, median / 95 %",
        "stamp to graph",
        "less segmentor",
        "stamp to objects",
        "less networks",
        "echo",
        "x echo",
        "CPU per frame",
        "MiB",
        "in/out/dropped",
    )
    stages = [(_name(r.case), *(f"{r.stages[s]:.1f}" for s in STAGES)) for r in results]
    lines = [markdown_table(heading, rows), "", markdown_table(("median ms", *STAGES), stages), ""]
    for result in results:
        if result.case.judged:
            lines.append(_verdict(result, "graph", result.graph_overhead))
            lines.append(_verdict(result, "objects", result.overhead))
    counts, two = flood["counts"], 2 * flood["work"]
    lines.append(
        f"- overload, {flood['rate']:g} frames/s for {flood['seconds']:g} s, VGA, 10, painted: "
        f"{counts['in']} in, {counts['out']} out, {counts['dropped']} dropped; stamp to graph "
        f"{_pair(flood['graph'])} ms, two frames' work {two:.0f} ms: "
        f"{_kept(flood['graph'][1] <= two)}; memory {flood['memory'][0]:.0f} -> "
        f"{flood['memory'][1]:.0f} MiB; CPU {flood['cpu_percent']:.0f} %"
    )
    return "\n".join(lines)


@contextmanager
def _scene(case: Case, parameters: dict[str, str]) -> Iterator[tuple[Robot, int]]:
    """The three processes, ready; and the node's process id."""
    frame = pile(resource_path("demo/tabletop.mcap"), SIZES[case.size], case.objects)
    parameters = parameters | {"publish_appearance": str(case.appearance).lower()}
    with live_environment() as environment, TemporaryDirectory() as scratch:
        os.environ.update(environment)
        with (
            NodeProcess(parameters, {}, Path(scratch) / "node.log") as node,
            _echo(),
            Robot(frame, node.check) as robot,
        ):
            if problem := robot.wait_for_others(START):
                raise node.error(problem)
            yield robot, node.pid


@contextmanager
def _echo() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, str(HERE / "echo.py")])
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _told(cases: list[Case]) -> Iterator[Case]:
    for number, case in enumerate(cases, 1):
        print(f"[{number}/{len(cases)}] {_name(case)}", file=sys.stderr, flush=True)
        yield case


def _name(case: Case) -> str:
    return f"{case.size}, {case.objects}{', painted' if case.appearance else ''}"


def _spread(delays: dict[int, float]) -> tuple[float, float]:
    """Median and 95 % in milliseconds."""
    if not delays:
        raise NodeError("no answer came; the first lines of the node's log may say why")
    values = 1e3 * np.array(list(delays.values()))
    return float(np.median(values)), float(np.percentile(values, 95))


def _counts(values: dict[str, str]) -> dict[str, int]:
    dropped = [int(v) for k, v in values.items() if k.startswith("image.dropped.")]
    return {
        "in": int(values.get("image.received", 0)),
        "out": int(values.get("image.published", 0)),
        "dropped": sum(dropped),
    }


def _pair(spread: tuple[float, float]) -> str:
    return f"{spread[0]:.1f} / {spread[1]:.1f}"


def _verdict(result: Result, what: str, overhead: float) -> str:
    return (
        f"- {_name(result.case)}, until the {what}: {overhead:.1f} ms beside the networks; limit "
        f"{LIMIT:g} ms: {_kept(overhead <= LIMIT)}"
    )


def _kept(well: bool) -> str:
    return "kept" if well else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
