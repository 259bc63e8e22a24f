"""The real node for half an hour at 30 Hz, among faults: does it leak, lose frames, or hang?

    python benchmark/soak.py                       # 30 minutes, VGA, the shipped model
    python benchmark/soak.py --minutes 1 --model /path/of/a/model

Node, camera and this program are processes of their own. Every 30 seconds (in a short run, more
often) something goes wrong or changes; see `FAULTS`. Prints what it measured, and exits with 1 if a
check failed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy

from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.replay.node_process import NodeProcess, live_environment
from segan_ros.ros.peer import Peer
from segan_ros.runtime.model import model_folder

SECOND = 1_000_000_000
SIZE = 480, 640
GOOD, NO_MASK, BAD_ENCODING, TWICE, LATE_MASK = range(5)
"""What the camera may do with a frame."""
MISBEHAVIOUR = (0.9, 0.04, 0.02, 0.02, 0.02)
WARM_UP = 120.0
"""Seconds, or a third of a shorter run, after which memory must not grow."""


@dataclass(frozen=True)
class Sample:
    """The node's process at one moment: seconds, bytes, counts."""

    at: float
    resident: int
    threads: int
    files: int


@dataclass
class Soak:
    """What happened.

    Args:
        samples: of the node's process.
        faults: how often each was caused.
        surprises: answers of the node that ought to have been others.
        sent: images and masks that the cameras published.
        graphs: that came in here.
        counts: last diagnostics, with no frame on its way.
        errors: diagnostics of level ERROR.
        threads: of the clean node before the first frame and after the last.
        end: what was wrong with the end of the process; empty = nothing.
    """

    samples: list[Sample] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    sent: tuple[int, int] = (0, 0)
    graphs: int = 0
    counts: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    threads: tuple[int, int] = (0, 0)
    end: str = ""


def scenes(seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """VGA pictures and labels of eight boxes on the move."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 120, (*SIZE, 3), np.uint8)
    corners = rng.integers((80, 120), (300, 400), (8, 2))
    for n in itertools.count():
        rgb, labels = ground.copy(), np.zeros(SIZE, np.uint16)
        for i, (y, x) in enumerate(corners + 30 * np.sin(n / 5 + np.arange(16).reshape(8, 2))):
            part = np.s_[int(y) : int(y) + 90, int(x) : int(x) + 110]
            rgb[part], labels[part] = (30 * i, 255 - 30 * i, 128), i + 1
        yield rgb, labels


def camera(rate: float, seed: int, start: int, sent: Any) -> None:
    """A process: publishes images and masks, some of them wrong, until SIGTERM."""
    import rclpy
    from builtin_interfaces.msg import Time
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("soak_camera")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
    publishers = [node.create_publisher(Image, t, qos) for t in ("image", "instance_mask")]

    def publish(stream: int, pixels: np.ndarray, encoding: str, stamp: int) -> None:
        time_ = Time(sec=stamp // SECOND, nanosec=stamp % SECOND)
        height, width = pixels.shape[:2]
        message = Image(header=Header(stamp=time_, frame_id="camera"), height=height, width=width)
        message.encoding, message.step = encoding, pixels.strides[0]
        message.data = array("B", pixels.tobytes())
        sent[stream] += 1
        publishers[stream].publish(message)

    ready = list(itertools.islice(scenes(seed), 30))
    rng, begin = np.random.default_rng(seed), time.monotonic()
    late: tuple[np.ndarray, int] | None = None
    for n in itertools.count():
        time.sleep(max(0.0, begin + n / rate - time.monotonic()))
        rgb, labels = ready[n % len(ready)]
        stamp, what = start + round(n * SECOND / rate), rng.choice(5, p=MISBEHAVIOUR)
        publish(0, rgb, "yuv422" if what == BAD_ENCODING else "rgb8", stamp)
        if late is not None:
            publish(1, late[0], "16UC1", late[1])
            late = None
        if what == LATE_MASK:
            late = labels, stamp
        elif what != NO_MASK:
            publish(1, labels, "16UC1", stamp)
        if what == TWICE:
            publish(1, labels, "16UC1", stamp)


class Cameras:
    """One camera process at a time."""

    def __init__(self, rate: float) -> None:
        self._rate, self._context = rate, multiprocessing.get_context("spawn")
        self._process: Any = None
        self._seeds = itertools.count()
        self.sent = self._context.Array("q", 2, lock=False)

    def start(self, stamp: int | None = None) -> None:
        """A new one, whose stamps begin at `stamp`, or now."""
        stamp = time.time_ns() if stamp is None else stamp
        arguments = (self._rate, next(self._seeds), stamp, self.sent)
        self._process = self._context.Process(target=camera, args=arguments, daemon=True)
        self._process.start()

    def stop(self, kill: bool = False) -> None:
        """End it, or let it be gone without a word."""
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.join()


class Monitor(Peer):
    """Hears what the node says, and asks it for things."""

    def __init__(self) -> None:
        super().__init__("soak_monitor")
        self.graphs = 0
        self.errors: list[str] = []
        qos = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
        self.listen(OcclusionGraph, "/segan/occlusion_graph", self._on_graph, qos, raw=True)
        self.listen(AmodalObjectArray, "/segan/objects", lambda _: None, qos, raw=True)
        self.follow("segan", self._on_status)

    def _on_graph(self, _: bytes) -> None:
        self.graphs += 1

    def _on_status(self, status: DiagnosticStatus) -> None:
        if status.level == DiagnosticStatus.ERROR:
            self.errors.append(status.message)


class Faults:
    """What goes wrong or changes, one after the other."""

    def __init__(self, monitor: Monitor, cameras: Cameras, surprises: list[str]) -> None:
        self._monitor, self._cameras, self._surprises = monitor, cameras, surprises
        self._areas = itertools.cycle((100_000, 10))
        self.all: tuple[Callable[[], None], ...] = (
            self.parameters_change,
            self.camera_is_killed,
            self.model_is_reloaded,
            self.clock_jumps_back,
            self.node_is_disabled,
            self.requests_make_no_sense,
            self.node_is_deactivated,
        )

    def parameters_change(self) -> None:
        """One that is good, and one that must be refused."""
        area = next(self._areas)
        if self._set("min_overlap_area", area):
            self._surprises.append(f"min_overlap_area {area}")
        if not self._set("min_overlap_area", -1):
            self._surprises.append("min_overlap_area -1 was accepted")

    def camera_is_killed(self) -> None:
        """And started again."""
        self._cameras.stop(kill=True)
        self._cameras.start()

    def model_is_reloaded(self) -> None:
        """While frames come in."""
        from std_srvs.srv import Trigger

        self._expect(self._monitor.ask(Trigger, "/segan/reload", Trigger.Request()), "reload")

    def clock_jumps_back(self) -> None:
        """By more than fifty years, and then to now."""
        self._cameras.stop()
        self._cameras.start(SECOND)
        self._monitor.wait(2)
        self.camera_is_killed()

    def node_is_disabled(self) -> None:
        """And enabled again."""
        from std_srvs.srv import SetBool

        for enabled in (False, True):
            request = SetBool.Request(data=enabled)
            self._expect(self._monitor.ask(SetBool, "/segan/enable", request), "enable")
            self._monitor.wait(0.5)

    def requests_make_no_sense(self) -> None:
        """They get an answer all the same."""
        from segan_ros.srv import CompleteObjects, GetRemovalOrder

        for kind, name, request in (
            (CompleteObjects, "complete", CompleteObjects.Request()),
            (GetRemovalOrder, "removal_order", GetRemovalOrder.Request(target_id=99)),
        ):
            answer = self._monitor.ask(kind, f"/segan/{name}", request)
            if answer is None or answer.success or "internal" in answer.message:
                self._surprises.append(f"{name} of nonsense: {answer}")

    def node_is_deactivated(self) -> None:
        """And activated again."""
        self.change("deactivate", "activate")

    def change(self, *labels: str) -> None:
        """Go through transitions of the lifecycle."""
        from lifecycle_msgs.srv import ChangeState

        for label in labels:
            request = ChangeState.Request()
            request.transition.label = label
            self._expect(self._monitor.ask(ChangeState, "/segan/change_state", request), label)

    def _set(self, name: str, value: int) -> str:
        """Why the parameter was refused."""
        from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
        from rcl_interfaces.srv import SetParameters

        number = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=number)])
        answer = self._monitor.ask(SetParameters, "/segan/set_parameters", request)
        if answer is None:
            return "no answer"
        (result,) = answer.results
        return "" if result.successful else result.reason

    def _expect(self, answer: Any, what: str) -> None:
        if answer is None or not answer.success:
            self._surprises.append(f"{what}: {getattr(answer, 'message', 'no answer')}")


def sample(pid: int) -> Sample:
    """The node's process now."""
    status = Path(f"/proc/{pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return Sample(
        time.monotonic(),
        int(facts["VmRSS"].split()[0]) * 1024,
        int(facts["Threads"]),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
    )


def run(seconds: float, rate: float, parameters: dict[str, str], log: Path) -> Soak:
    """The whole thing; a fault every half minute, or more often in a short run."""
    soak, pause = Soak(), min(30.0, max(1.0, seconds / 20))
    with contextlib.ExitStack() as stack:
        os.environ.update(stack.enter_context(live_environment()))
        node = stack.enter_context(NodeProcess({**parameters, "autostart": "false"}, {}, log))
        monitor, cameras = Monitor(), Cameras(rate)
        stack.callback(monitor.close)
        stack.callback(cameras.stop, kill=True)
        faults = Faults(monitor, cameras, soak.surprises)
        for clean in (True, False):
            faults.change("configure", "activate")
            if not monitor.wait(60, lambda: not monitor.unmatched()):
                raise node.error("the node offers no graphs")
            monitor.wait(1)  # that the node knows of us, too, cannot be asked
            before = monitor.graphs
            cameras.start()
            if not monitor.wait(60, lambda b=before: monitor.graphs > b + 5):
                raise node.error("no frame was answered in a minute")
            if clean:
                # What libraries keep once they were used is no leak.
                cameras.stop()
                faults.change("deactivate", "cleanup")
                threads = sample(node.pid).threads
        begin, order = time.monotonic(), itertools.cycle(faults.all)
        next_fault = begin + pause
        while time.monotonic() < begin + seconds:
            monitor.wait(min(1.0, seconds / 100))
            node.check()
            soak.samples.append(sample(node.pid))
            if time.monotonic() > next_fault:
                fault = next(order)
                fault()
                soak.faults[fault.__name__] += 1
                next_fault = time.monotonic() + pause
        cameras.stop()
        monitor.wait(3)  # the last diagnostics are to be younger than the last frame
        soak.sent, soak.graphs = (cameras.sent[0], cameras.sent[1]), monitor.graphs
        soak.counts, soak.errors = monitor.values, monitor.errors
        faults.change("deactivate", "cleanup")
        soak.threads = threads, sample(node.pid).threads
        soak.end = node.stop()
    return soak


@dataclass(frozen=True)
class Check:
    """A line of the table."""

    name: str
    value: str
    limit: str
    good: bool


def checks(soak: Soak, max_growth: float) -> list[Check]:
    """What must hold; `max_growth` is a share of the memory after the warm-up."""
    begin, end = soak.samples[0].at, soak.samples[-1].at
    warm = begin + min(WARM_UP, (end - begin) / 3)
    quarter = (end - warm) / 4
    first = [s for s in soak.samples if warm <= s.at <= warm + quarter]
    last = [s for s in soak.samples if s.at >= end - quarter]

    def medians(name: str) -> tuple[float, float]:
        before = float(np.median([getattr(s, name) for s in first]))
        return before, float(np.median([getattr(s, name) for s in last]))

    found = []
    before, after = medians("resident")
    growth = after / before - 1
    text = f"{before / 1e6:.1f} -> {after / 1e6:.1f} MB, {growth:+.1%}"
    found.append(Check("memory after warm-up", text, f"{max_growth:+.1%}", growth <= max_growth))
    for name in ("threads", "files"):
        before, after = medians(name)
        found.append(Check(name, f"{before:g} -> {after:g}", "no more", after <= before))
    kept, left = soak.threads
    pool = cv2.getNumThreads() - 1  # OpenCV starts them when it first needs them, and keeps them
    limit = f"at most {pool} more, OpenCV's pool"
    found.append(Check("threads after cleanup", f"{kept} -> {left}", limit, left <= kept + pool))
    for stream, done in (("image", "published"), ("instance_mask", "matched")):
        numbers = {k: int(v) for k, v in soak.counts.items() if v.isdigit()}
        dropped = {
            k.rpartition(".")[2]: n
            for k, n in sorted(numbers.items())
            if k.startswith(f"{stream}.dropped.")
        }
        came, used = (numbers.get(f"{stream}.{key}", 0) for key in ("received", done))
        text = f"{came} = {used} {done}" + "".join(f" + {n} {k}" for k, n in dropped.items())
        complete = came > 0 and came == used + sum(dropped.values())
        found.append(Check(f"{stream} accounted for", text, "all", complete))
    published = int(soak.counts.get("image.published", -1))
    heard = f"{soak.graphs} of {published}"
    found.append(Check("graphs heard", heard, "all", soak.graphs == published))
    for name, texts in (("diagnostics at ERROR", soak.errors), ("surprises", soak.surprises)):
        found.append(Check(name, "; ".join(texts[:3]) or "none", "none", not texts))
    found.append(Check("end", soak.end or "exit code 0", "exit code 0", not soak.end))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the table; 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=30.0, help="images a second")
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--provider", default="auto")
    parser.add_argument("--max-growth", type=float, default=0.02, help="of memory, a share")
    parser.add_argument("--log", type=Path, help="file for all that the node prints")
    given = parser.parse_args(arguments)
    try:
        model = model_folder(given.model)
    except ValueError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        parameters = {
            "model": str(model),
            "provider": given.provider,
            "input_reliability": "reliable",
            "input_depth": "5",
        }
        log = given.log or Path(folder) / "node.log"
        soak = run(60 * given.minutes, given.rate, parameters, log)
    seconds = soak.samples[-1].at - soak.samples[0].at
    print(f"{seconds:.0f} s, {soak.sent[0]} images and {soak.sent[1]} masks sent")
    print("faults: " + ", ".join(f"{n} x {name}" for name, n in soak.faults.items()))
    table = checks(soak, given.max_growth)
    for check in table:
        verdict = "ok  " if check.good else "FAIL"
        print(f"{verdict} {check.name}: {check.value} (limit: {check.limit})")
    return 0 if all(check.good for check in table) else 1


if __name__ == "__main__":
    sys.exit(main())
