"""Publishers of the outputs; each output is computed only while it has subscribers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from std_msgs.msg import Header

from segan_ros.drawing.overlay import overlay
from segan_ros.frame import CompletedScene, Frame
from segan_ros.geometry.standing_boxes import standing_boxes
from segan_ros.host.timing import timed
from segan_ros.messages.answers import amodal_labels_message, graph_message, objects_message
from segan_ros.messages.images import image_message
from segan_ros.ros.detections import detection_outputs, to_detections_2d, to_detections_3d
from segan_ros.ros.interface import OUTPUTS
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.markers import to_markers
from segan_ros.ros.qos import LATCHED, LIVE, with_overrides
from segan_ros.ros.space import to_boxes, to_points

SPATIAL = frozenset({"boxes", "points", "markers", "detections_3d"})
"""Outputs that need depth and camera_info."""

BEFORE_PAINTING = SPATIAL | {"occlusion_graph", "amodal_labels", "detections_2d"}
"""Outputs that need no appearance, and are published before the painter runs."""


class Outputs:
    """The publishers: reliable, so that best-effort and reliable subscribers both match.

    Args:
        node: publishes.
        parameters: which outputs there are, and whether those who come late get the last answer.

    Raises:
        DetectionsError: vision_msgs is asked for and cannot be used.
    """

    def __init__(self, node: LifecycleNode, parameters: LiveParameters) -> None:
        self._node = node
        self._latched: bool = parameters["latched"]
        qos = LATCHED if self._latched else LIVE
        more = detection_outputs() if parameters["publish_detections"] else ()
        self._publishers: dict[str, LifecyclePublisher] = {}
        try:
            for each in (*OUTPUTS, *more):
                self._publishers[each.name.removeprefix("~/")] = node.create_lifecycle_publisher(
                    each.kind, each.name, **with_overrides(node, "publisher", each.name, qos)
                )
        except Exception:
            self.close()
            raise

    @property
    def wanted(self) -> frozenset[str]:
        """Names of the outputs that have subscribers at the moment, or, latched, may get some."""
        if self._latched:
            return frozenset(self._publishers)
        return frozenset(n for n, p in self._publishers.items() if p.get_subscription_count() > 0)

    def publish(
        self,
        names: Collection[str],
        frame: Frame,
        scene: CompletedScene,
        header: Header,
        timings: dict[str, float],
    ) -> None:
        """Publish the outputs `names` of one frame, the most urgent first.

        The seconds of the stages ``encode`` and ``publish`` are added to `timings`.
        """
        boxes = cache(lambda: standing_boxes(frame, scene))
        makers: dict[str, Callable[[], Any]] = {
            "occlusion_graph": lambda: graph_message(scene.graph, header),
            "amodal_labels": lambda: amodal_labels_message(scene, header),
            "objects": lambda: objects_message(scene, header),
            "boxes": lambda: to_boxes(boxes(), header),
            "points": lambda: to_points(frame, scene, header),
            "markers": lambda: to_markers(boxes(), scene, header),
            "detections_2d": lambda: to_detections_2d(scene, header),
            "detections_3d": lambda: to_detections_3d(boxes(), scene, header),
            "visualization": lambda: image_message(overlay(frame, scene), "rgb8", header),
        }
        for name, make in makers.items():
            if name in names:
                with timed(timings, "encode"):
                    message = make()
                with timed(timings, "publish"):
                    self._publishers[name].publish(message)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}
