"""The other side of the node: a camera with a segmenter, and a planner that takes the time."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from segan_ros.frame import Frame
from segan_ros.msg import AmodalObjectArray, OcclusionGraph

SECOND = 1_000_000_000
SETTLE = 0.5
"""Seconds after discovery: that the node sees our subscribers, too, cannot be asked."""

CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
ANSWERS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

GRAPH, OBJECTS, ECHO = "graph", "objects", "echo"


class Robot:
    """Publishes a frame again and again, always with the time of day as its stamp.

    Use as a context manager, in the environment of `node_process.live_environment`.

    Args:
        frame: what the camera sees.
        check: called all the time; raises when waiting has become pointless.
        namespace: of the node to ask, ending in a slash; with one, there is no echo.
    """

    def __init__(self, frame: Frame, check: Callable[[], None], namespace: str = "") -> None:
        self._check, self._namespace = check, namespace
        self.delays: dict[str, dict[int, float]] = {GRAPH: {}, OBJECTS: {}, ECHO: {}}
        """Kind of answer -> stamp of the image -> seconds from stamp to receipt."""
        self._status = DiagnosticStatus()
        # Serialised once, as a camera driver has them ready: its own cost is not ours.
        self._image = serialize_message(_message(frame.rgb, "rgb8"))
        self._mask = serialize_message(_message(frame.labels.astype(np.uint16), "16UC1"))
        if not rclpy.ok():
            rclpy.init()
        self._node = Node("robot", namespace=namespace.rstrip("/") or None)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._publishers = {
            topic: self._node.create_publisher(Image, topic, CAMERA)
            for topic in ("image", "instance_mask", "echo/in")
            if not (namespace and topic == "echo/in")
        }
        self._subscriptions = [
            self._node.create_subscription(kind, topic, self._taker(name), ANSWERS)
            for name, kind, topic in (
                (GRAPH, OcclusionGraph, "segan/occlusion_graph"),
                (OBJECTS, AmodalObjectArray, "segan/objects"),
                (ECHO, Image, "echo/out"),
            )
            if not (namespace and name == ECHO)
        ]
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def __enter__(self) -> Robot:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def wait_for_others(self, timeout: float) -> str:
        """Wait until segan and the echo are found; why they are not, or an empty text."""
        end = time.monotonic() + timeout
        while self._lonely():
            if self._status.level == DiagnosticStatus.ERROR:
                return f"the node cannot start: {self._status.message}"
            if time.monotonic() > end:
                return f"segan or the echo was not ready within {timeout:g} s"
            self.spin(0.05)
        self.spin(SETTLE)
        return ""

    @property
    def values(self) -> dict[str, str]:
        """The node's diagnostics, as last heard."""
        return {v.key: v.value for v in self._status.values}

    def send(self) -> int:
        """Publish the frame to segan; returns its stamp."""
        stamp = time.time_ns()
        self._publishers["image"].publish(_stamped(self._image, stamp))
        self._publishers["instance_mask"].publish(_stamped(self._mask, stamp))
        return stamp

    def send_to_echo(self) -> int:
        """Publish the image to the echo; returns its stamp."""
        stamp = time.time_ns()
        self._publishers["echo/in"].publish(_stamped(self._image, stamp))
        return stamp

    def wait(self, stamp: int, *kinds: str, patience: float = 3.0) -> bool:
        """Whether all answers of these `kinds` came within `patience` seconds."""
        end = time.monotonic() + patience
        while not all(stamp in self.delays[k] for k in kinds):
            if time.monotonic() > end:
                return False
            self._check()
            self._executor.spin_once(timeout_sec=0.1)
        return True

    def spin(self, seconds: float) -> None:
        """Take in what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check()
            self._executor.spin_once(timeout_sec=min(left, 0.1))

    def _lonely(self) -> bool:
        return not (
            all(p.get_subscription_count() for p in self._publishers.values())
            and all(s.get_publisher_count() for s in self._subscriptions)
        )

    def _taker(self, kind: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            now, stamp = time.time_ns(), message.header.stamp
            sent = stamp.sec * SECOND + stamp.nanosec
            self.delays[kind][sent] = (now - sent) / SECOND

        return take

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(f"{self._namespace}segan"):
                self._status = status


def _message(pixels: np.ndarray, encoding: str) -> Image:
    pixels = np.ascontiguousarray(pixels)
    return Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels.strides[0],
        data=array("B", pixels.tobytes()),
    )


def _stamped(message: bytes, stamp: int) -> bytes:
    """A serialised message with another stamp: the 8 bytes after CDR's own 4."""
    return message[:4] + struct.pack("<iI", *divmod(stamp, SECOND)) + message[12:]
