"""Subscribes to the inputs, checks their messages and pairs them by stamp."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from segan_ros.messages.camera import to_camera
from segan_ros.messages.compressed import decode_compressed
from segan_ros.messages.images import MessageError, check, check_same_size
from segan_ros.messages.label_names import to_names
from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.messages.stamps import stamp_of
from segan_ros.ros.counters import Counters
from segan_ros.ros.gravity import Gravity
from segan_ros.ros.latched_input import CAMERA, NAMES, LatchedInput
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.qos import with_overrides
from segan_ros.ros.segmenters import message_class
from segan_ros.ros.settings import to_reading
from segan_ros.ros.snapshots import Snapshot
from segan_ros.ros.stream_monitor import Loss, Silence
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, Match, Synchronizer
from segan_ros.ros.topic_types import type_problems
from segan_ros.ros.transports import OTHER, transport_of

RELIABILITY = {
    "best_effort": QoSReliabilityPolicy.BEST_EFFORT,
    "reliable": QoSReliabilityPolicy.RELIABLE,
}
COMPRESSED_TOPICS = {IMAGE: "compressed", MASK: "compressed", DEPTH: "compressedDepth"}
"""Where image_transport publishes what is compressed, below the topic of the raw images."""

HINTS = {
    "bad_stamp": "{stream} has no valid stamp; its publisher must set header.stamp, by which "
    "images and masks are paired",
    "duplicate_stamp": "{stream} arrives several times with the same stamp; its publisher must set "
    "header.stamp to the time of each image",
    "queue_full": "more messages of {stream} are waiting than sync_queue holds, because their "
    "partners come late; set sync_queue to messages per second times seconds of delay, and "
    "sync_timeout above that delay",
    "clock_jump": "stamps jumped back (a restarted bag or another clock): waiting messages were "
    "dropped",
}


class Inputs:
    """Subscribes on creation; hands on snapshots whose messages were checked and fit together.

    Args:
        node: subscribes.
        parameters: QoS and how to match.
        counters: learns of every message.
        deliver: called with each complete snapshot; must not block.
        changed: called when an input stops, or comes again.
        names: class by label of label images, until `label_names` says otherwise.
    """

    def __init__(
        self,
        node: Node,
        parameters: LiveParameters,
        counters: Counters,
        deliver: Callable[[Snapshot], None],
        changed: Callable[[], None],
        *,
        names: Mapping[int, str] | None = None,
    ) -> None:
        self._node, self._parameters = node, parameters
        self._counters, self._deliver, self._changed = counters, deliver, changed
        self._camera: CameraInfo | None = None
        self.names = names or {}
        self._size: Image | None = None
        self._problems: dict[str, str] = {}
        self._logged: dict[str, str] = {}
        self.loss = Loss()
        self.enabled = True
        self._synchronizer = Synchronizer(
            self._drop, queue=parameters["sync_queue"], depth=parameters["use_depth"]
        )
        self.update()
        qos = QoSProfile(
            depth=parameters["input_depth"],
            reliability=RELIABILITY[parameters["input_reliability"]],
        )
        streams = [IMAGE, MASK] + [DEPTH] * (parameters["use_depth"] != "never")
        self._subscriptions: dict[str, Subscription] = {}
        self._latched: dict[str, LatchedInput] = {}
        try:
            mask_class = message_class(parameters)
            for stream in streams:
                kind = mask_class if stream == MASK else Image
                self._subscriptions[stream] = self._subscribe(stream, kind, qos)
            self._latched[CAMERA] = LatchedInput(node, CameraInfo, CAMERA, qos, self._on_camera)
            if self._labels:
                self._latched[NAMES] = LatchedInput(node, String, NAMES, qos, self._on_names)
            self.gravity = Gravity(node, parameters, partial(self._tell, "up"))
        except Exception:
            self._unsubscribe()
            raise
        topics = {s: subscription.topic_name for s, subscription in self._subscriptions.items()}
        self.topics: dict[str, str] = topics | {CAMERA: self._latched[CAMERA].topic}
        self._silences = {stream: Silence(time.monotonic()) for stream in streams}
        self._silent = self.silent
        # Waiting is measured in real time: simulated time may stand still.
        self._look_for_depth()
        self._timer = node.create_timer(
            0.1, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    @property
    def jumps(self) -> int:
        """How often stamps jumped back."""
        return self._synchronizer.jumps

    @property
    def silent(self) -> frozenset[str]:
        """Inputs that have stopped, or have not begun."""
        now = time.monotonic()
        return frozenset(s for s, silence in self._silences.items() if silence.is_silent(now))

    @property
    def publishers(self) -> dict[str, int]:
        """How many publishers the topic of each input has."""
        return {s: self._node.count_publishers(t) for s, t in self.topics.items()}

    @property
    def elsewhere(self) -> dict[str, str]:
        """Topics of the other transport that are published, by input."""
        streams = self.topics.keys() - {CAMERA}
        other = {s: self._topic(s, OTHER[transport_of(s, self._parameters)]) for s in streams}
        return {s: t for s, t in other.items() if self._node.count_publishers(t)}

    @property
    def type_problems(self) -> tuple[str, ...]:
        """Inputs whose topics carry other types, with the remedy."""
        latched = {name: one.subscription for name, one in self._latched.items()}
        return tuple(type_problems(self._node, self._subscriptions | latched))

    @property
    def calibrated(self) -> bool:
        """Whether a camera_info with a calibration came in."""
        return self._camera is not None and any(self._camera.k)

    @property
    def camera_problem(self) -> str:
        """What is wrong with camera_info or depth, or with the cameras that they come from."""
        return "; ".join(p for p in tuple(self._problems.values()) if p)

    def waiting(self, stream: str) -> int:
        """Messages of `stream` that wait for a partner."""
        return len(self._synchronizer.waiting(stream))

    def update(self) -> None:
        """Take over parameters that may change at any time."""
        self._synchronizer.slop = round(self._parameters["sync_slop"] * 1e9)
        self._synchronizer.timeout = self._parameters["sync_timeout"]

    def close(self, reason: str) -> None:
        """Unsubscribe and drop what waits."""
        self._unsubscribe()
        self.gravity.close()
        self._node.destroy_timer(self._timer)
        self._synchronizer.clear(reason)

    def _unsubscribe(self) -> None:
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        for latched in self._latched.values():
            latched.close()

    def _subscribe(self, stream: str, kind: type[Any], qos: QoSProfile) -> Subscription:
        transport = transport_of(stream, self._parameters)
        compressed = transport == "compressed"
        # rclpy remaps the name itself: one that is remapped already would be so twice.
        topic = self._topic(stream, transport) if compressed else stream
        return self._node.create_subscription(
            CompressedImage if compressed else kind,
            topic,
            partial(self._on_image, stream),
            **with_overrides(self._node, "subscription", topic, qos),
        )

    def _on_names(self, message: String) -> None:
        try:
            self.names, problem = to_names(message), ""
        except MessageError as error:
            problem = str(error)
        self._tell(NAMES, problem)

    def _topic(self, stream: str, transport: str) -> str:
        topic = self._node.resolve_topic_name(stream)
        # Below the remapped name, as image_transport has it.
        return f"{topic}/{COMPRESSED_TOPICS[stream]}" if transport == "compressed" else topic

    def _on_image(self, stream: str, message: Any) -> None:
        # An exception in a callback would end the node's executor.
        try:
            matches = self._receive(stream, message, time.monotonic())
        except Exception as error:
            self._counters.fail(stream, error)
        else:
            self._hand_on(matches)

    def _on_timer(self) -> None:
        self._look_for_depth()
        for latched in self._latched.values():
            latched.look_for_latched()
        self._hand_on(self._synchronizer.poll(time.monotonic()))
        if (silent := self.silent) != self._silent:
            self._silent = silent
            self._changed()

    def _look_for_depth(self) -> None:
        """Depth of a triggered camera comes seldom: its publisher tells that it will come."""
        topic = self.topics.get(DEPTH)
        published = topic is not None and self._node.count_publishers(topic) > 0
        self._synchronizer.depth_is_published = published

    def _hand_on(self, matches: list[Match]) -> None:
        for match in matches:
            try:
                self._match(match)
            except Exception as error:
                self._counters.fail(IMAGE, error)

    def _receive(self, stream: str, message: Any, now: float) -> list[Match]:
        self._counters.receive(stream)
        self._silences[stream].heard(now)
        if not self.enabled:
            self._counters.drop(stream, "disabled")
            self.loss.interrupt()
            return []
        stamp = stamp_of(message.header)
        if stream == IMAGE:
            self.loss.add(stamp)  # what is refused has not been lost on the way
        try:
            if isinstance(message, CompressedImage):
                message = decode_compressed(message, stream)
            elif stream != MASK or self._labels:
                check(message, stream)
        except MessageError as error:
            self._counters.drop(stream, error.reason, str(error))
            return []
        return self._synchronizer.add(stream, stamp, message, now)

    def _match(self, match: Match) -> None:
        depth = match.depth
        try:
            if self._labels:
                check_same_size(match.image, match.mask, MASK)
        except MessageError as error:
            self._refuse(match, error)
            return
        if depth is not None:
            try:
                check_same_size(match.image, depth, DEPTH)
            except MessageError as error:
                if self._parameters["use_depth"] == "always":
                    self._refuse(match, error)
                    return
                self._counters.drop(DEPTH, error.reason, str(error))
                depth = None
            else:
                self._counters.finish(DEPTH)
        self._counters.finish(MASK)
        self._look_at_cameras(match.image, depth)
        self._deliver(
            Snapshot(
                *(match.image, match.mask, depth, self._camera, match.arrived),
                reading=to_reading(self._parameters, self._counters.read_masks, self.names),
                tell=self._tell,
                up=self.gravity.at(match.image.header),
            )
        )

    def _look_at_cameras(self, image: Image, depth: Image | None) -> None:
        """Find out whether camera_info and depth belong to `image`."""
        camera, ours = self._camera, image.header.frame_id
        self._size = Image(width=image.width, height=image.height)
        if camera is not None:
            self._look_at_camera_info(camera)
        for name, message in ((CAMERA, camera), ("depth", depth)):
            theirs = message.header.frame_id if message is not None else ""
            strange = ours and theirs and ours != theirs
            self._tell(
                f"frame_of_{name}",
                f"{name} has frame_id {theirs!r}, but the image has {ours!r}: use the {name} that "
                "is registered to the image, or give both the same frame_id"
                if strange
                else "",
            )

    @property
    def _labels(self) -> bool:
        """Whether masks come as label images; else they are checked when they are read."""
        return bool(self._parameters["segmenter"] == LABEL_IMAGE)

    def _refuse(self, match: Match, error: MessageError) -> None:
        """Drop all of `match`."""
        self._counters.drop(IMAGE, error.reason, str(error))
        self._counters.drop(MASK, error.reason)
        if match.depth is not None:
            self._counters.drop(DEPTH, error.reason)

    def _on_camera(self, message: CameraInfo) -> None:
        self._counters.receive(CAMERA)
        self._counters.finish(CAMERA)
        self._camera = message
        self._look_at_camera_info(message)

    def _look_at_camera_info(self, camera: CameraInfo) -> None:
        """Alone, and beside the last image."""
        self._tell(CAMERA, to_camera(camera, self._size, self._parameters["rectified"]).remark)

    def _tell(self, of_what: str, problem: str) -> None:
        """Note a problem, or that there is none any more; log it once while it stays the same.

        May be called from the worker's thread, too.
        """
        self._problems[of_what] = problem
        # What the log holds back now is due again with the next frame.
        new = problem and self._logged.get(of_what) != problem
        if not new or self._counters.throttled.warn(f"bad_{of_what}", problem):
            self._logged[of_what] = problem

    def _drop(self, stream: str, reason: str) -> None:
        self._counters.drop(stream, reason, HINTS.get(reason, "").format(stream=stream))
