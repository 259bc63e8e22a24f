"""Logs, for every image, what can be picked next and where: `ros2 run segan_ros pick_next`.

The graph and the boxes of one image carry the same header: they are matched by its stamp.
"""

from __future__ import annotations

from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from segan_ros.msg import OcclusionGraph, OrientedBoxArray


class PickNext(Node):
    """Subscribes to ``/segan/occlusion_graph`` and ``/segan/boxes``, which needs depth."""

    def __init__(self) -> None:
        super().__init__("pick_next")
        self._graph, self._boxes = OcclusionGraph(), OrientedBoxArray()
        self.create_subscription(OcclusionGraph, "segan/occlusion_graph", self._on_graph, 5)
        self.create_subscription(OrientedBoxArray, "segan/boxes", self._on_boxes, 5)

    def _on_graph(self, graph: OcclusionGraph) -> None:
        self._graph = graph
        # removal_order takes the safest first. An occludee of layer 0 is part of a cycle.
        layer = dict(zip(graph.object_ids, graph.layers, strict=True))
        front = [i for i in graph.removal_order if layer[i] == 0]
        occluded = {edge.occludee_id for edge in graph.edges}
        ids = ", ".join(f"{i} (partly occluded)" if i in occluded else str(i) for i in front)
        count = f"{len(front)} of {len(graph.object_ids)} objects can be picked now"
        self.get_logger().info(f"{count}: {ids}" if ids else count)
        self._log_where()

    def _on_boxes(self, boxes: OrientedBoxArray) -> None:
        self._boxes = boxes
        self._log_where()

    def _log_where(self) -> None:
        # Either may come first.
        if self._boxes.header != self._graph.header or not self._graph.removal_order:
            return
        best = self._graph.removal_order[0]
        for box in self._boxes.boxes:
            if box.id == best:
                p, s = box.pose.position, box.size
                self.get_logger().info(
                    f"next: {best} at ({p.x:.3f}, {p.y:.3f}, {p.z:.3f}) m in "
                    f"{self._boxes.header.frame_id}, {s.x:.3f} x {s.y:.3f} x {s.z:.3f} m"
                )


def main() -> None:
    """Log until Ctrl-C."""
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(PickNext())
