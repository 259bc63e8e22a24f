"""Plays recorded messages to a running node and collects its answers, as serialised bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from segan_ros.messages.stamps import serialised_stamp
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.ros.segmenters import message_class
from segan_ros.storage.bag import RawMessage

CLASSES = {
    "image": Image,
    "instance_mask": Image,
    "depth": Image,
    "camera_info": CameraInfo,
}
"""Message class of each input, by its name at the node."""

SETTLE = 0.5
"""Seconds between discovery and the first frame: whether the node has discovered our subscriptions,
too, cannot be asked, and it computes only outputs that have subscribers."""


@dataclass
class Answer:
    """What became of one stamp.

    Args:
        sent: when its last image, mask or depth went out, seconds of `time.monotonic`.
        objects: serialised ``AmodalObjectArray``, empty until it comes.
        graph: serialised ``OcclusionGraph``, empty until it comes.
        received: when the graph came in.
    """

    sent: float
    objects: bytes = b""
    graph: bytes = b""
    received: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether both parts are there."""
        return bool(self.objects and self.graph)


class Player:
    """Use as a context manager, in the environment of `node_process.live_environment`.

    Args:
        topics: names of `CLASSES` -> topics to publish.
        node: full name of the node that answers.
        check: called all the time; raises when waiting has become pointless.
        parameters: of the node; ``segmenter`` and ``segmenter_type`` say what the masks are.
    """

    def __init__(
        self,
        topics: Mapping[str, str],
        node: str,
        check: Callable[[], None],
        parameters: Mapping[str, str],
    ) -> None:
        self.answers: dict[int, Answer] = {}
        self._missing: set[int] = set()
        self._name, self._check = node, check
        self._status = DiagnosticStatus()
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("segan_player", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        inputs = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        classes = {**CLASSES, "instance_mask": message_class(parameters)}
        self._publishers = {
            name: self._node.create_publisher(classes[name], topic, inputs)
            for name, topic in topics.items()
        }
        outputs = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        # Raw: unpacking here would delay what is measured.
        self._subscriptions = [
            self._node.create_subscription(kind, f"{node}/{topic}", callback, outputs, raw=True)
            for kind, topic, callback in (
                (AmodalObjectArray, "objects", self._on_objects),
                (OcclusionGraph, "occlusion_graph", self._on_graph),
            )
        ]
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def __enter__(self) -> Player:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    @property
    def counters(self) -> str:
        """What the node last counted of the messages it received, answered and dropped."""
        counts = [
            f"{v.key} {v.value}"
            for v in self._status.values
            if v.key.startswith(("image.", "instance_mask.")) and v.value.isdigit()
        ]
        return ", ".join(counts) or "no diagnostics received"

    def wait_for_node(self, timeout: float) -> str:
        """Wait until the node subscribes to the inputs and offers the outputs.

        Args:
            timeout: seconds.

        Returns:
            Why it is not ready; empty when all is well.
        """
        end = time.monotonic() + timeout
        while (missing := self._unmatched()) and time.monotonic() < end:
            self._spin(time.monotonic() + 0.05)
            if self._status.level == DiagnosticStatus.ERROR:
                return f"the node cannot start: {self._status.message}"
        if missing:
            return (
                f"the node was not ready within {timeout:g} s (it does not use"
                f" {', '.join(missing)})"
            )
        self._spin(time.monotonic() + SETTLE)
        return ""

    def play(
        self,
        messages: Iterable[RawMessage],
        expected: set[int],
        rate: float,
        patience: float,
        progress: Callable[[int], object],
    ) -> None:
        """Publish `messages` as they were recorded, then wait for what is missing.

        Args:
            messages: in recorded order.
            expected: stamps that ought to be answered.
            rate: 2 plays twice as fast as recorded.
            patience: seconds to wait for another answer after the last message.
            progress: called with the number of newly answered stamps.
        """
        begin, first, done = time.monotonic(), None, 0
        self._missing = set(expected)

        def tell() -> None:
            nonlocal done
            now = len(expected) - len(self._missing)
            progress(now - done)
            done = now

        for message in messages:
            first = message.time if first is None else first
            self._spin(begin + (message.time - first) / 1e9 / rate)
            # The clock is read first: publishing may hand the processor to the node.
            if message.name != "camera_info":
                self._answer(message.stamp).sent = time.monotonic()
            self._publishers[message.name].publish(message.data)
            tell()
        while done < len(expected):
            before = done
            end = time.monotonic() + patience
            while done == before and time.monotonic() < end:
                self._spin(time.monotonic() + 0.05)
                tell()
            if done == before:
                return

    def _unmatched(self) -> list[str]:
        self._check()
        silent = [p.topic_name for p in self._publishers.values() if not p.get_subscription_count()]
        deaf = [s.topic_name for s in self._subscriptions if not s.get_publisher_count()]
        return silent + deaf

    def _spin(self, until: float) -> None:
        """Take in answers until then; at least look once."""
        while True:
            self._check()
            left = until - time.monotonic()
            self._executor.spin_once(timeout_sec=max(0.0, min(left, 0.1)))
            if left <= 0:
                return

    def _answer(self, stamp: int) -> Answer:
        return self.answers.setdefault(stamp, Answer(time.monotonic()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(self._name[1:]):
                self._status = status

    def _on_objects(self, data: bytes) -> None:
        stamp = serialised_stamp(data)
        self._answer(stamp).objects = data
        self._look_at(stamp)

    def _on_graph(self, data: bytes) -> None:
        stamp = serialised_stamp(data)
        answer = self._answer(stamp)
        answer.graph, answer.received = data, time.monotonic()
        self._look_at(stamp)

    def _look_at(self, stamp: int) -> None:
        if self.answers[stamp].complete:
            self._missing.discard(stamp)
