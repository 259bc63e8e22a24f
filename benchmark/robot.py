"""The other side of the node: a camera with a segmenter, and a planner that takes the time."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from segan_ros.frame import Frame
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.ros.peer import Peer

SECOND = 1_000_000_000

CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
ANSWERS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

GRAPH, OBJECTS, ECHO = "graph", "objects", "echo"

STAGES = (
    *("wait", "queue", "decode", "fit", "crop", "segment", "graph", "follow"),
    *("paint", "encode", "publish"),
)
"""As the node names them on /diagnostics."""


class Robot(Peer):
    """Publishes a frame again and again, always with the time of day as its stamp.

    Use as a context manager, in the environment of `node_process.live_environment`.

    Args:
        frame: what the camera sees.
        check: called all the time; raises when waiting has become pointless.
        namespace: of the node to ask, ending in a slash; with one, there is no echo.
    """

    def __init__(self, frame: Frame, check: Callable[[], None], namespace: str = "") -> None:
        super().__init__("robot", namespace.rstrip("/"), check)
        self.delays: dict[str, dict[int, float]] = {GRAPH: {}, OBJECTS: {}, ECHO: {}}
        """Kind of answer -> stamp of the image -> seconds from stamp to receipt."""
        # Serialised once, as a camera driver has them ready: its own cost is not ours.
        self._image = serialize_message(_message(frame.rgb, "rgb8"))
        self._mask = serialize_message(_message(frame.labels.astype(np.uint16), "16UC1"))
        echo = not namespace
        for topic in ("image", "instance_mask", "echo/in")[: 2 + echo]:
            self.advertise(Image, topic, CAMERA)
        for name, kind, topic in (
            (GRAPH, OcclusionGraph, "segan/occlusion_graph"),
            (OBJECTS, AmodalObjectArray, "segan/objects"),
            (ECHO, Image, "echo/out"),
        )[: 2 + echo]:
            self.listen(kind, topic, self._taker(name), ANSWERS)
        self.follow(f"{namespace}segan")

    def median(self, stage: str) -> float:
        """Median milliseconds of a stage, as the node said last; 0 if it has none of that name."""
        return float(self.values.get(f"ms.{stage}.median", 0))

    def stages(self) -> dict[str, float]:
        """The medians of all `STAGES`, once the node has spoken again."""
        self.wait(1.0)
        return {stage: self.median(stage) for stage in STAGES}

    def send(self) -> int:
        """Publish the frame to segan; returns its stamp."""
        stamp = time.time_ns()
        self.publish("image", _stamped(self._image, stamp))
        self.publish("instance_mask", _stamped(self._mask, stamp))
        return stamp

    def send_to_echo(self) -> int:
        """Publish the image to the echo; returns its stamp."""
        stamp = time.time_ns()
        self.publish("echo/in", _stamped(self._image, stamp))
        return stamp

    def wait_for(self, stamp: int, *kinds: str, patience: float = 3.0) -> bool:
        """Whether all answers of these `kinds` came within `patience` seconds."""
        return bool(self.wait(patience, lambda: all(stamp in self.delays[k] for k in kinds)))

    def _taker(self, kind: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            now, stamp = time.time_ns(), message.header.stamp
            sent = stamp.sec * SECOND + stamp.nanosec
            self.delays[kind][sent] = (now - sent) / SECOND

        return take


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
