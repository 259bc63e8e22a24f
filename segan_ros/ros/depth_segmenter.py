"""The node `depth_segmenter`: image, depth and camera_info in, a label image out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from segan_ros.depth import depth_problem
from segan_ros.depth_segmenter.segmenter import Settings, segment
from segan_ros.messages.bridge import to_array
from segan_ros.messages.camera import Camera, to_camera
from segan_ros.messages.compressed import decode_compressed
from segan_ros.messages.images import (
    MessageError,
    check,
    check_same_size,
    image_message,
    to_depth,
    to_rgb,
)
from segan_ros.messages.stamps import stamp_of
from segan_ros.ros.command_line import parameter_files
from segan_ros.ros.counters import Counters
from segan_ros.ros.depth_diagnostics import depth_values, judge_depth
from segan_ros.ros.depth_parameters import DEPTH_PARAMETERS, OWN
from segan_ros.ros.diagnostics import Diagnostics
from segan_ros.ros.diagnostics_publisher import DiagnosticsPublisher
from segan_ros.ros.inputs import COMPRESSED_TOPICS, HINTS, RELIABILITY
from segan_ros.ros.latched_input import CAMERA, LatchedInput
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.log_folder import spare_log_folder
from segan_ros.ros.parameter_files import mismatch
from segan_ros.ros.qos import LIVE, warn_of_unused_overrides, with_overrides
from segan_ros.ros.report import Report
from segan_ros.ros.stream_monitor import Silence
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, Match, Synchronizer
from segan_ros.ros.throttled_log import ThrottledLog
from segan_ros.ros.topic_types import type_problems
from segan_ros.ros.transports import transport_of
from segan_ros.ros.worker import Worker

LABELS = "instance_mask"
"""What is published."""

MOST = np.iinfo(np.uint16).max
"""The largest id of a 16-bit label image."""


@dataclass(frozen=True)
class Pair:
    """Image and depth of one moment, and the camera that they come from."""

    image: Any
    depth: Any
    camera: Camera


class DepthSegmenter(Node):
    """Publishes, for each image with depth, a label image of the objects on the largest plane.

    Args:
        name: of the node.
        options: as `rclpy.node.Node` takes them.
    """

    def __init__(self, name: str = "depth_segmenter", **options: Any) -> None:
        super().__init__(name, **options)
        self.counters = Counters(ThrottledLog(self.get_logger()))
        self._camera: CameraInfo | None = None
        self._problem, self._masks = "", 0
        given = LiveParameters(self, lambda: "active", self._update, DEPTH_PARAMETERS)
        self.parameters = given
        for unknown in given.unknown:
            self.get_logger().warning(f"parameter {unknown!r} is unknown and has no effect")
        for problem in given.problems:
            self.get_logger().error(f"{problem}; its default is used")
        # What no image can do without is depth here: to the synchroniser, its masks.
        self._synchronizer = Synchronizer(self._drop, queue=given["sync_queue"])
        self._update()
        self._publisher = self.create_publisher(
            Image, LABELS, **with_overrides(self, "publisher", LABELS, LIVE)
        )
        self._diagnostics = DiagnosticsPublisher(
            self,
            self.counters.throttled,
            Diagnostics("depth segmentation", judge_depth, depth_values),
        )
        self._worker: Worker[Pair] = Worker(self._handle, self._fail, "depth segmenter")
        qos = QoSProfile(
            depth=given["input_depth"], reliability=RELIABILITY[given["input_reliability"]]
        )
        self._inputs = {stream: self._subscribe(stream, qos) for stream in (IMAGE, DEPTH)}
        self._silences = {stream: Silence(time.monotonic()) for stream in self._inputs}
        self._camera_input = LatchedInput(self, CameraInfo, CAMERA, qos, self._on_camera)
        self._inputs[CAMERA] = self._camera_input.subscription
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.1, self._on_timer, clock=steady)
        self._report_timer = self.create_timer(
            given["diagnostics_period"], self._report, clock=steady
        )
        warn_of_unused_overrides(self)
        inputs = ", ".join(s.topic_name for s in self._inputs.values())
        self.get_logger().info(f"waiting for {inputs} to publish {self._publisher.topic_name}")

    def close(self) -> None:
        """Finish the frame in work, drop the one that waits."""
        self._synchronizer.clear("shut_down")
        for _ in self._worker.stop():
            self.counters.drop(IMAGE, "shut_down")

    def _update(self) -> None:
        """Take over parameters that may change at any time."""
        values = self.parameters.values
        self._settings = Settings(**{p.name: values[p.name] for p in OWN})
        self._synchronizer.slop = round(values["sync_slop"] * 1e9)
        self._synchronizer.timeout = values["sync_timeout"]

    def _subscribe(self, stream: str, qos: QoSProfile) -> Subscription:
        compressed = transport_of(stream, self.parameters) == "compressed"
        # Below the remapped name, as image_transport has it.
        below = f"{self.resolve_topic_name(stream)}/{COMPRESSED_TOPICS[stream]}"
        topic = below if compressed else stream
        return self.create_subscription(
            CompressedImage if compressed else Image,
            topic,
            partial(self._on_image, stream),
            **with_overrides(self, "subscription", topic, qos),
        )

    def _on_camera(self, message: CameraInfo) -> None:
        self.counters.receive(CAMERA)
        self.counters.finish(CAMERA)
        self._camera = message

    def _on_image(self, stream: str, message: Any) -> None:
        # An exception in a callback would end the node's executor.
        try:
            self._receive(stream, message)
        except MessageError as error:
            self.counters.drop(stream, error.reason, str(error))
        except Exception as error:
            self.counters.fail(stream, error)

    def _receive(self, stream: str, message: Any) -> None:
        self.counters.receive(stream)
        self._silences[stream].heard(time.monotonic())
        if isinstance(message, CompressedImage):
            message = decode_compressed(message, stream)
        else:
            check(message, stream)
        role = MASK if stream == DEPTH else IMAGE
        stamp = stamp_of(message.header)
        for match in self._synchronizer.add(role, stamp, message, time.monotonic()):
            self._match(match)

    def _on_timer(self) -> None:
        self._camera_input.look_for_latched()
        for match in self._synchronizer.poll(time.monotonic()):
            self._match(match)

    def _match(self, match: Match) -> None:
        image, depth = match.image, match.mask
        try:
            check_same_size(image, depth, DEPTH)
            camera = self._camera_of(image)
        except MessageError as error:
            self.counters.drop(IMAGE, error.reason, str(error))
            self.counters.drop(DEPTH, error.reason)
            return
        except Exception as error:
            self.counters.fail(IMAGE, error)
            self.counters.drop(DEPTH, "internal_error")
            return
        self.counters.finish(DEPTH)
        if not self._publisher.get_subscription_count():
            self.counters.drop(IMAGE, "no_subscriber")
        elif self._worker.offer(Pair(image, depth, camera)) is not None:
            self.counters.drop(IMAGE, "superseded")

    def _camera_of(self, image: Any) -> Camera:
        """Raises MessageError: it is not known."""
        if self._camera is None:
            raise MessageError(
                "no_camera",
                f"no camera_info on {self._camera_input.topic} so far, without which depth gives "
                "no points; start its publisher or remap camera_info",
            )
        camera = to_camera(self._camera, image, self.parameters["rectified"])
        if camera.matrix is None:
            problem = camera.remark or "camera_info is all zero; calibrate the camera"
            raise MessageError("bad_camera", problem)
        if camera.remark:
            self.counters.throttled.warn("camera", camera.remark)
        if camera.distortion is not None:
            self.counters.throttled.remind(
                "distortion",
                "camera_info has distortion, which is not taken into account: planes look curved "
                "where it is strong; rectify image and depth (image_proc) and set rectified",
            )
        return camera

    def _handle(self, pair: Pair) -> None:
        begun = time.monotonic()
        depth = to_depth(pair.depth, to_array, self.parameters["depth_scale"])
        assert pair.camera.matrix is not None
        rgb = to_rgb(pair.image, to_array)
        labels = segment(rgb, depth, pair.camera.matrix, self._settings)
        looked_at = labels if labels.any() else np.ones_like(labels)
        self._problem = depth_problem(depth, looked_at)
        if self._problem:
            self.counters.throttled.remind("depth", self._problem)
        self._masks += int(labels.max(initial=0))
        ids = labels.clip(max=MOST).astype(np.uint16)
        self._publisher.publish(image_message(ids, "16UC1", pair.image.header))
        self.counters.finish(IMAGE)
        self.counters.time("segment", time.monotonic() - begun)

    def _fail(self, pair: Pair, error: Exception) -> None:
        if isinstance(error, MessageError):
            self.counters.drop(IMAGE, error.reason, str(error))
        else:
            self.counters.fail(IMAGE, error)

    def _drop(self, role: str, reason: str) -> None:
        stream = DEPTH if role == MASK else IMAGE
        hint = HINTS.get(reason, "").format(stream=stream).replace("masks", "depth")
        self.counters.drop(stream, reason, hint)

    def report(self) -> Report:
        """The node at this moment."""
        now = time.monotonic()
        topics = {name: s.topic_name for name, s in self._inputs.items()}
        return Report(
            state="active",
            tallies={name: self.counters.tally(name) for name in self._inputs},
            silent=[s for s, silence in self._silences.items() if silence.is_silent(now)],
            topics=topics,
            publishers={name: self.count_publishers(topic) for name, topic in topics.items()},
            type_problems=tuple(type_problems(self, self._inputs)),
            parameters=self.parameters.values,
            times=self.counters.percentiles(),
            mask_problem=self._problem,
            masks=self._masks,
            texts=dict(self.counters.throttled.last),
            at=now,
        )

    def _report(self) -> None:
        self._report_timer.timer_period_ns = round(self.parameters["diagnostics_period"] * 1e9)
        self._diagnostics.publish(self.report())


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until a signal.

    Args:
        args: command line, program name first; by default that of the process.
    """
    args = list(sys.argv if args is None else args)
    parser = argparse.ArgumentParser(
        prog="depth_segmenter",
        usage="depth_segmenter [-h] [--ros-args ARGUMENT...]",
        description="Label images of the objects on a plane, from image, depth and camera_info, "
        "for segan_node: ros2 launch segan_ros segan.launch.py segmenter:=depth starts both.",
    )
    parser.parse_args(remove_ros_args(args)[1:])
    os.environ.update(spare_log_folder(os.environ))
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        # With rclpy's handlers a signal at start would leave half a node.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        print(f"depth_segmenter: ROS cannot start with these arguments: {error}", file=sys.stderr)
        return 1
    node = DepthSegmenter()
    for path in parameter_files(args):
        if problem := mismatch(path, node.get_fully_qualified_name()):
            node.get_logger().warning(problem)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with suppress(ExternalShutdownException):
        while not stopped.is_set():
            # The timeout is for the signals, which Python handles between two calls only.
            executor.spin_once(timeout_sec=0.2)
    node.close()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
