"""Subscribes to camera_info, also where it was published once, for all to come."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from segan_ros.ros.qos import LATCHED, with_overrides

CAMERA = "camera_info"


class CameraInput:
    """Subscribes on creation.

    Args:
        node: subscribes.
        qos: unless overridden.
        receive: called with each message; must not raise.
    """

    def __init__(self, node: Node, qos: QoSProfile, receive: Callable[[CameraInfo], None]) -> None:
        self._node, self._receive = node, receive
        self._heard = False
        overridden = with_overrides(node, "subscription", CAMERA, qos)
        self._subscriptions: list[Subscription] = [
            node.create_subscription(CameraInfo, CAMERA, self._on_message, **overridden)
        ]
        self.topic: str = self._subscriptions[0].topic_name

    def look_for_latched(self) -> None:
        """Subscribe once more where a calibration was published before, once for all to come.

        Only then: such a subscription makes publishers of other cameras warn that it does not fit.
        """
        if self._heard or len(self._subscriptions) > 1:
            return
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if QoSDurabilityPolicy.TRANSIENT_LOCAL in {p.qos_profile.durability for p in publishers}:
            overridden = with_overrides(self._node, "subscription", CAMERA, LATCHED)
            self._subscriptions.append(
                self._node.create_subscription(CameraInfo, CAMERA, self._on_latched, **overridden)
            )

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_message(self, message: CameraInfo) -> None:
        self._heard = True
        self._receive(message)

    def _on_latched(self, message: CameraInfo) -> None:
        """What comes later comes to the ordinary subscription as well."""
        if not self._heard:
            self._on_message(message)
