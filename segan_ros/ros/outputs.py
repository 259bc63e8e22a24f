"""What goes out: publishers, and only the work that somebody listens to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from segan_ros.frame import CompletedScene, Frame
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.pictures import overlay
from segan_ros.ros.images import to_message
from segan_ros.ros.markers import to_markers
from segan_ros.ros.messages import to_amodal_labels, to_graph, to_objects

TYPES = {
    "objects": AmodalObjectArray,
    "occlusion_graph": OcclusionGraph,
    "amodal_labels": Image,
    "visualization": Image,
    "markers": MarkerArray,
}
"""Message type of each output topic, all under the node's name."""


class Outputs:
    """The publishers. Reliable, so that both kinds of subscriber hear them."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.RELIABLE)
        self._publishers = {
            name: node.create_lifecycle_publisher(kind, f"~/{name}", qos)
            for name, kind in TYPES.items()
        }

    @property
    def wanted(self) -> frozenset[str]:
        """Outputs that somebody subscribes to right now."""
        return frozenset(n for n, p in self._publishers.items() if p.get_subscription_count() > 0)

    def publish(
        self, wanted: frozenset[str], frame: Frame, scene: CompletedScene, header: Header
    ) -> None:
        """Publish the `wanted` outputs of one frame, the graph first: planners wait for it."""
        makers: dict[str, Callable[[], Any]] = {
            "occlusion_graph": lambda: to_graph(scene.graph, header),
            "objects": lambda: to_objects(scene, header),
            "amodal_labels": lambda: to_amodal_labels(scene, header),
            "visualization": lambda: to_message(overlay(frame, scene), "rgb8", header),
            "markers": lambda: to_markers(frame, scene, header),
        }
        # A frame goes out whole or not at all, so that its account is true when one of them fails.
        messages = {name: make() for name, make in makers.items() if name in wanted}
        for name, message in messages.items():
            self._publishers[name].publish(message)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}
