"""What goes out: publishers, and only the work that somebody listens to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from segan_ros.drawing.overlay import overlay
from segan_ros.frame import CompletedScene, Frame
from segan_ros.messages.writing import to_amodal_labels, to_graph, to_message, to_objects
from segan_ros.msg import AmodalObjectArray, OcclusionGraph, OrientedBoxArray
from segan_ros.ros.markers import to_markers
from segan_ros.ros.qos import with_overrides
from segan_ros.ros.space import oriented_boxes, to_boxes, to_points
from segan_ros.timing import timed

TYPES = {
    "objects": AmodalObjectArray,
    "occlusion_graph": OcclusionGraph,
    "amodal_labels": Image,
    "visualization": Image,
    "boxes": OrientedBoxArray,
    "points": PointCloud2,
    "markers": MarkerArray,
}
"""Message type of each output topic, all under the node's name."""

SPATIAL = frozenset({"boxes", "points", "markers"})
"""Outputs that need depth and camera_info."""

BEFORE_PAINTING = SPATIAL | {"occlusion_graph", "amodal_labels"}
"""Outputs that need no appearance: planners do not wait for the painter."""


class Outputs:
    """The publishers. Reliable, so that both kinds of subscriber hear them."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.RELIABLE)
        self._publishers: dict[str, LifecyclePublisher] = {}
        try:
            for name, kind in TYPES.items():
                topic = f"~/{name}"
                self._publishers[name] = node.create_lifecycle_publisher(
                    kind, topic, **with_overrides(node, "publisher", topic, qos)
                )
        except Exception:
            self.close()
            raise

    @property
    def wanted(self) -> frozenset[str]:
        """Outputs that somebody subscribes to right now."""
        return frozenset(n for n, p in self._publishers.items() if p.get_subscription_count() > 0)

    def publish(
        self, names: Collection[str], frame: Frame, scene: CompletedScene, header: Header
    ) -> None:
        """Publish the outputs `names` of one frame, the most awaited first.

        The seconds of the stages ``encode`` and ``publish`` are added to the scene's timings.
        """
        boxes = cache(lambda: oriented_boxes(frame, scene))
        makers: dict[str, Callable[[], Any]] = {
            "occlusion_graph": lambda: to_graph(scene.graph, header),
            "amodal_labels": lambda: to_amodal_labels(scene, header),
            "objects": lambda: to_objects(scene, header),
            "boxes": lambda: to_boxes(boxes(), header),
            "points": lambda: to_points(frame, scene, header),
            "markers": lambda: to_markers(boxes(), scene, header),
            "visualization": lambda: to_message(overlay(frame, scene), "rgb8", header),
        }
        for name, make in makers.items():
            if name in names:
                with timed(scene.timings, "encode"):
                    message = make()
                with timed(scene.timings, "publish"):
                    self._publishers[name].publish(message)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}
