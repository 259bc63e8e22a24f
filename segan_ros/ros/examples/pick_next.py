"""Prints, for every image, what can be picked next and where it is: `ros2 run segan_ros pick_next`.

The graph and the boxes of one image carry the same header: they are matched by its stamp.
"""

from __future__ import annotations

from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from segan_ros.msg import OcclusionGraph, OrientedBoxArray


class PickNext(Node):
    """Listens to ``/segan/occlusion_graph`` and, where there is depth, to ``/segan/boxes``."""

    def __init__(self) -> None:
        super().__init__("pick_next")
        self._graph, self._boxes = OcclusionGraph(), OrientedBoxArray()
        self.create_subscription(OcclusionGraph, "segan/occlusion_graph", self._on_graph, 5)
        self.create_subscription(OrientedBoxArray, "segan/boxes", self._on_boxes, 5)

    def _on_graph(self, graph: OcclusionGraph) -> None:
        self._graph = graph
        # removal_order starts with layer 0. What an edge leads to there hides and is hidden.
        front = graph.removal_order[: list(graph.layers).count(0)]
        covered = {edge.occludee_id for edge in graph.edges}
        ids = ", ".join(f"{i}, partly covered" if i in covered else str(i) for i in front)
        self.get_logger().info(
            f"free to pick: {ids or 'nothing'} (of {len(graph.object_ids)} objects)"
        )
        self._say_where()

    def _on_boxes(self, boxes: OrientedBoxArray) -> None:
        self._boxes = boxes
        self._say_where()

    def _say_where(self) -> None:
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
    """Print until Ctrl-C."""
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(PickNext())
