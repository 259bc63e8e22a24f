"""The other side of a node, for replays, benchmarks and tests: camera, segmenter and planner."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

if TYPE_CHECKING:
    from typing_extensions import Self

SETTLE = 0.5
"""Seconds between discovery and the first frame: whether the node has discovered our subscriptions,
too, cannot be asked, and it computes only outputs that have subscribers."""

PAUSE = 0.1
"""Seconds between two looks at what is waited for, while no message comes."""


class Peer:
    """Publishes, listens and asks; messages come in only while it waits. A context manager.

    Args:
        name: of its node.
        namespace: of its node.
        check: called all the time while it waits; raises when waiting has become pointless.
        context: to share with other nodes; None for one of its own.
    """

    def __init__(
        self,
        name: str,
        namespace: str = "",
        check: Callable[[], None] = lambda: None,
        context: Context | None = None,
    ) -> None:
        self._own_context = None
        if context is None:
            self._own_context = context = Context()
            rclpy.init(context=context)
        self._check = check
        self.node = Node(name, namespace=namespace or None, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._publishers: dict[str, Publisher] = {}
        self._subscriptions: list[Subscription] = []
        self._clients: dict[str, Client] = {}
        self.status = DiagnosticStatus()
        """What the node that is followed said last; see `follow`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the network."""
        self._executor.shutdown()
        self.node.destroy_node()
        if self._own_context is not None:
            rclpy.shutdown(context=self._own_context)

    @property
    def values(self) -> dict[str, str]:
        """The values of `status`."""
        return {v.key: v.value for v in self.status.values}

    def advertise(self, kind: Any, topic: str, qos: QoSProfile) -> Publisher:
        """A publisher; `publish` then reaches it by `topic`."""
        self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return self._publishers[topic]

    def publish(self, topic: str, message: Any) -> None:
        """Publish a message, or a serialised one."""
        self._publishers[topic].publish(message)

    def listen(
        self,
        kind: Any,
        topic: str,
        heard: Callable[[Any], None],
        qos: QoSProfile,
        raw: bool = False,
    ) -> None:
        """Call `heard` with every message, or with its bytes if it is to be `raw`."""
        self._subscriptions.append(self.node.create_subscription(kind, topic, heard, qos, raw=raw))

    def follow(
        self, node: str, heard: Callable[[DiagnosticStatus], object] = lambda _: None
    ) -> None:
        """Keep in `status` what `node`, a name without its first slash, says on /diagnostics."""

        def take(message: DiagnosticArray) -> None:
            for status in message.status:
                if status.name.startswith(node):
                    self.status = status
                    heard(status)

        self.node.create_subscription(DiagnosticArray, "/diagnostics", take, 10)

    def wait(
        self, seconds: float, condition: Callable[[], Any] = lambda: False, pause: float = PAUSE
    ) -> Any:
        """Take in messages for so long, at least once, or until `condition`; what that gave."""
        end = time.monotonic() + seconds
        while True:
            self._check()
            if result := condition():
                return result
            left = end - time.monotonic()
            self._executor.spin_once(timeout_sec=max(0.0, min(left, pause)))
            if left <= 0:
                return condition()

    def unmatched(self) -> list[str]:
        """Topics of ours that nobody else publishes or subscribes to yet."""
        silent = [p.topic_name for p in self._publishers.values() if not p.get_subscription_count()]
        return silent + [s.topic_name for s in self._subscriptions if not s.get_publisher_count()]

    def wait_for_others(self, timeout: float) -> str:
        """Wait until somebody subscribes to all we publish and publishes all we listen to.

        Args:
            timeout: seconds.

        Returns:
            Why that did not come about; empty when all is well.
        """

        def settled() -> bool:
            return self.status.level == DiagnosticStatus.ERROR or not self.unmatched()

        self.wait(timeout, settled)
        if self.status.level == DiagnosticStatus.ERROR:
            return f"the node cannot start: {self.status.message}"
        if missing := self.unmatched():
            return (
                f"the node was not ready within {timeout:g} s (it does not use"
                f" {', '.join(missing)})"
            )
        self.wait(SETTLE)
        return ""

    def ask(
        self, kind: Any, name: str, request: Any, seconds: float = 60.0, every: float = 60.0
    ) -> Any:
        """The answer of a service; None if none came within `seconds`.

        A server that has not discovered this client yet loses its answer, although the client has
        discovered the server: a question that changes nothing may be put again `every` few seconds.
        """
        # Kept, as to find a service takes longer than to ask it.
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(kind, name)
        if not self.wait(seconds, client.service_is_ready):
            return None
        asked: list[Any] = []
        begun = time.monotonic()

        def answered() -> Any:
            if time.monotonic() >= begun + every * len(asked):
                asked.append(client.call_async(request))
            return next((future for future in asked if future.done()), None)

        future = self.wait(seconds, answered)
        return future.result() if future else None
