"""Subscribes to a topic of which the last message holds, also where it was published once, for all
to come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription

from segan_ros.ros.qos import LATCHED, with_overrides

CAMERA, NAMES = "camera_info", "label_names"


class LatchedInput:
    """Subscribes on creation.

    Args:
        node: subscribes.
        kind: class of the messages.
        name: of the topic, before remapping.
        qos: unless overridden.
        receive: called with each message; must not raise.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Any],
        name: str,
        qos: QoSProfile,
        receive: Callable[[Any], None],
    ) -> None:
        self._node, self._kind, self._name, self._receive = node, kind, name, receive
        self._heard = False
        self._subscriptions: list[Subscription] = []
        self._subscribe(qos, self._on_message)

    @property
    def subscription(self) -> Subscription:
        """The ordinary one."""
        return self._subscriptions[0]

    @property
    def topic(self) -> str:
        """Its full name."""
        return str(self.subscription.topic_name)

    def look_for_latched(self) -> None:
        """Subscribe once more where a message was published before, once for all to come.

        Only then: such a subscription makes other publishers warn that it does not fit.
        """
        if self._heard or len(self._subscriptions) > 1:
            return
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if QoSDurabilityPolicy.TRANSIENT_LOCAL in {p.qos_profile.durability for p in publishers}:
            self._subscribe(LATCHED, self._on_latched)

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, qos: QoSProfile, receive: Callable[[Any], None]) -> None:
        overridden = with_overrides(self._node, "subscription", self._name, qos)
        self._subscriptions.append(
            self._node.create_subscription(self._kind, self._name, receive, **overridden)
        )

    def _on_message(self, message: Any) -> None:
        self._heard = True
        self._receive(message)

    def _on_latched(self, message: Any) -> None:
        """What comes later comes to the ordinary subscription as well."""
        if not self._heard:
            self._on_message(message)
