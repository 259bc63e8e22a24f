"""Plays recorded messages to a running node and collects its answers, as serialised bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from segan_ros.messages.stamps import serialised_stamp
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.ros.peer import Peer
from segan_ros.ros.segmenters import message_class
from segan_ros.storage.bag import RawMessage

CLASSES = {
    "image": Image,
    "instance_mask": Image,
    "depth": Image,
    "camera_info": CameraInfo,
    "label_names": String,
}
"""Message class of each input, by its name at the node."""

INPUTS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
OUTPUTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


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


class Player(Peer):
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
        super().__init__("segan_player", check=check)
        self.answers: dict[int, Answer] = {}
        self._missing: set[int] = set()
        self._topics = topics
        classes = {**CLASSES, "instance_mask": message_class(parameters)}
        for name, topic in topics.items():
            self.advertise(classes[name], topic, INPUTS)
        # Raw: unpacking here would delay what is measured.
        self.listen(AmodalObjectArray, f"{node}/objects", self._on_objects, OUTPUTS, raw=True)
        self.listen(OcclusionGraph, f"{node}/occlusion_graph", self._on_graph, OUTPUTS, raw=True)
        self.follow(node[1:])

    @property
    def counters(self) -> str:
        """What the node last counted of the messages it received, answered and dropped."""
        counts = [
            f"{key} {value}"
            for key, value in self.values.items()
            if key.startswith(("image.", "instance_mask.")) and value.isdigit()
        ]
        return ", ".join(counts) or "no diagnostics received"

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
            self.wait(begin + (message.time - first) / 1e9 / rate - time.monotonic())
            # The clock is read first: publishing may hand the processor to the node.
            if message.name not in ("camera_info", "label_names"):
                self._answer(message.stamp).sent = time.monotonic()
            self.publish(self._topics[message.name], message.data)
            tell()
        while done < len(expected):
            before = done
            end = time.monotonic() + patience
            while done == before and time.monotonic() < end:
                self.wait(0.05)
                tell()
            if done == before:
                return

    def _answer(self, stamp: int) -> Answer:
        return self.answers.setdefault(stamp, Answer(time.monotonic()))

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
