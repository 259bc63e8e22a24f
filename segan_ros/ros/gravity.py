"""Which way is up, as the robot knows it: a parameter, a frame on /tf, or an IMU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Imu
from std_msgs.msg import Header

from segan_ros.frame import SECOND
from segan_ros.messages.stamps import stamp_of
from segan_ros.ros.interface import IMU
from segan_ros.ros.qos import with_overrides
from segan_ros.ros.transforms import TransformError, Transforms
from segan_ros.ros.up_parameter import AUTO, NONE, to_up

GRAVITY, UNSTEADY = 9.81, 0.5
"""Metres per second squared; an IMU is being moved whose mean is not `GRAVITY`, or whose samples
are not their mean, by more than `UNSTEADY`."""

REST = 0.5
"""Seconds, by its stamps, that the IMU must have been at rest; the mean is taken over them."""

OLDEST = 1.0
"""Seconds that the last message of the IMU may be older than the image."""


class Gravity:
    """Hears /tf and an IMU, as far as the parameters ask for it.

    Args:
        node: subscribes.
        values: parameters by name.
        tell: called with what is wrong, or with nothing.

    Raises:
        TransformError: tf2_msgs is needed and not installed.
    """

    def __init__(self, node: Node, values: Any, tell: Callable[[str], None]) -> None:
        self._node, self._values, self._tell = node, values, tell
        self._measured: deque[tuple[int, NDArray[np.float64]]] = deque()
        self._imu_header = Header()
        self._imu = None
        self._transforms = Transforms(node) if self._needs_transforms else None
        if values["use_imu"]:
            qos = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.BEST_EFFORT)
            overridden = with_overrides(node, "subscription", IMU.name, qos)
            self._imu = node.create_subscription(IMU.kind, IMU.name, self._on_imu, **overridden)

    @property
    def source(self) -> str:
        """What tells which way is up."""
        if self._values["up"].strip() != AUTO:
            return "parameter up"
        if self._values["gravity_frame"] != NONE:
            return f"gravity_frame {self._values['gravity_frame']}"
        return f"imu on {self._imu.topic_name}" if self._imu else "background"

    def at(self, header: Header) -> NDArray[np.float64] | None:
        """``(3,)`` unit vector against gravity in the frame of an image with that header; None
        where the background has to tell."""
        try:
            up = self._at(header)
        except TransformError as error:
            self._tell(f"{error}; up is estimated from the background meanwhile")
            return None
        self._tell("")
        return up

    def close(self) -> None:
        """Unsubscribe."""
        if self._transforms is not None:
            self._transforms.close()
        if self._imu is not None:
            self._node.destroy_subscription(self._imu)

    @property
    def _needs_transforms(self) -> bool:
        return self._values["gravity_frame"] != NONE or self._values["use_imu"]

    def _at(self, header: Header) -> NDArray[np.float64] | None:
        if (given := to_up(self._values["up"])) is not None:
            return given
        frame, stamp = self._values["gravity_frame"], stamp_of(header)
        if frame != NONE:
            return self._turned(np.array([0.0, 0, 1]), frame, header.frame_id, stamp)
        if self._imu is None:
            return None
        where = self._imu.topic_name
        if not self._measured:
            raise TransformError(f"nothing received on {where}: start the IMU or remap the topic")
        first, last = self._measured[0][0], self._measured[-1][0]
        if (late := (stamp - last) / SECOND) > OLDEST:
            raise TransformError(
                f"the last message on {where} is {late:.1f} s older than the image (at most "
                f"{OLDEST:g} s); check its publisher and the clocks of the hosts"
            )
        if last - first < REST * SECOND:
            raise TransformError(f"{where} has been heard for less than {REST:g} s")
        samples = np.stack([measured for _, measured in self._measured])
        mean = samples.mean(axis=0)
        strength = float(np.linalg.norm(mean))
        if abs(strength - GRAVITY) > UNSTEADY:
            raise TransformError(
                f"{where} reads {strength:.2f} m/s2, expected {GRAVITY} +- {UNSTEADY:g} at rest: "
                "the IMU is moving, or not calibrated"
            )
        if (away := np.linalg.norm(samples - mean, axis=1).max()) > UNSTEADY:
            raise TransformError(
                f"{where} differs by {away:.2f} m/s2 from its mean over {REST:g} s, at most "
                f"{UNSTEADY:g} at rest: the IMU is moving"
            )
        # At rest an IMU measures what holds it up.
        return self._turned(mean / strength, self._imu_header.frame_id, header.frame_id, stamp)

    def _turned(
        self, up: NDArray[np.float64], source: str, target: str, stamp: int
    ) -> NDArray[np.float64]:
        if source == target:
            return up
        assert self._transforms is not None
        found = self._transforms.between(target, source, stamp).rotation @ up
        return np.asarray(found / np.linalg.norm(found), float)

    def _on_imu(self, message: Imu) -> None:
        a = message.linear_acceleration
        measured = np.array([a.x, a.y, a.z])
        if message.linear_acceleration_covariance[0] == -1 or not np.isfinite(measured).all():
            return  # it has no accelerometer, or nothing to say
        self._imu_header = message.header
        stamp, kept = stamp_of(message.header), self._measured
        if kept and kept[-1][0] > stamp:
            kept.clear()  # its clock was set back
        kept.append((stamp, measured))
        while len(kept) > 1 and stamp - kept[1][0] >= REST * SECOND:
            kept.popleft()
