"""Publishes /diagnostics, and logs each warning of theirs, so that none needs a viewer."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile

from segan_ros.ros.diagnostics import Diagnostics
from segan_ros.ros.interface import DIAGNOSTICS
from segan_ros.ros.qos import with_overrides
from segan_ros.ros.report import Report
from segan_ros.ros.throttled_log import ThrottledLog
from segan_ros.ros.verdict import ERROR, OK, Verdict


class DiagnosticsPublisher:
    """Judges reports and says the result.

    Args:
        node: publishes, and logs that all is well again.
        throttled: logs what is wrong.
        diagnostics: judges.
    """

    def __init__(
        self, node: Node, throttled: ThrottledLog, diagnostics: Diagnostics | None = None
    ) -> None:
        self._node, self._throttled = node, throttled
        self._diagnostics = diagnostics or Diagnostics()
        self._warned = False
        self._publisher = node.create_publisher(
            DIAGNOSTICS.kind,
            DIAGNOSTICS.name,
            **with_overrides(node, "publisher", DIAGNOSTICS.name, QoSProfile(depth=1)),
        )

    def publish(self, report: Report) -> None:
        """Publish the status of `report`; log it, throttled, where something is wrong."""
        name = self._node.get_fully_qualified_name()[1:]
        verdict, status = self._diagnostics.assess(name, report)
        self._log(verdict, report.state == "active" and report.enabled)
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _log(self, verdict: Verdict, works: bool) -> None:
        if verdict.kind:
            logged = self._throttled.remind(verdict.kind, verdict.text, verdict.level == ERROR)
            self._warned = self._warned or logged
        elif verdict.level == OK:
            if self._warned and works:
                self._node.get_logger().info(f"recovered: {verdict.text}")
            self._warned = False
