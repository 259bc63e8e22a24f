"""What goes out: publishers, and only the work that somebody listens to."""

from __future__ import annotations

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
        if "occlusion_graph" in wanted:
            self._publishers["occlusion_graph"].publish(to_graph(scene.graph, header))
        if "objects" in wanted:
            self._publishers["objects"].publish(to_objects(scene, header))
        if "amodal_labels" in wanted:
            self._publishers["amodal_labels"].publish(to_amodal_labels(scene, header))
        if "visualization" in wanted:
            picture = to_message(overlay(frame, scene), "rgb8", header)
            self._publishers["visualization"].publish(picture)
        if "markers" in wanted:
            self._publishers["markers"].publish(to_markers(frame, scene, header))

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}
