"""Logs, for every image, what to pick next and where: `ros2 run segan_ros pick_next`.

`-p frame:=base_link` gives places in that frame, by TF; else they are in the image's optical frame.
Answers to one image carry the same header: they are matched by it.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2

from segan_ros.frame import AmodalObject, CompletedScene
from segan_ros.geometry.surfaces import visible_surface
from segan_ros.messages.answers import to_scene
from segan_ros.messages.stamps import stamp_of
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.ros.space import RECORD
from segan_ros.ros.transforms import TransformError, Transforms

KINDS = {"objects": AmodalObjectArray, "occlusion_graph": OcclusionGraph, "points": PointCloud2}

WAITING = 10
"""Images whose answers are not complete yet, at most."""


class PickNext(Node):
    """Subscribes to ``/segan/objects``, ``/segan/occlusion_graph`` and ``/segan/points``."""

    def __init__(self) -> None:
        super().__init__("pick_next")
        self._frame = self.declare_parameter("frame", "").value
        self._transforms = Transforms(self) if self._frame else None
        self._answers: OrderedDict[int, dict[str, Any]] = OrderedDict()
        for name, kind in KINDS.items():
            self.create_subscription(kind, f"segan/{name}", partial(self._hear, name), 5)

    def _hear(self, name: str, message: Any) -> None:
        answer = self._answers.setdefault(stamp_of(message.header), {})
        answer[name] = message
        if answer.keys() == KINDS.keys():
            del self._answers[stamp_of(message.header)]
            self._say(**answer)
        while len(self._answers) > WAITING:
            self._answers.popitem(last=False)

    def _say(
        self, objects: AmodalObjectArray, occlusion_graph: OcclusionGraph, points: PointCloud2
    ) -> None:
        log, scene = self.get_logger(), to_scene(objects, occlusion_graph)
        order = scene.graph.removal_order
        free = ", ".join(scene.object(i).label for i in order if i in scene.graph.free)
        log.info(
            f"{len(scene.graph.free)} of {len(order)} objects can be picked now"
            + (f": {free}" if free else "")
        )
        if not order:
            return
        best = scene.object(order[0])
        where = _where(self._transforms, self._frame, best.id, points)
        log.info(
            f"next: {best.label}{_hindrance(scene, best)}; lifting it disturbs nothing with "
            f"probability {best.lift_probability:.2f}; {where}"
        )
        log.info(_basis(occlusion_graph, best.depth_median))


def _hindrance(scene: CompletedScene, best: AmodalObject) -> str:
    """Why the safest object is not free; empty if it is."""
    if best.id in scene.graph.free:
        return ""
    if any(edge.occludee_id == best.id for edge in scene.graph.edges):
        return ", partly occluded"
    if best.occluded_by_unlabelled:
        return ", under something unlabelled"
    return ", blocked by an edge that was set aside"


def _where(transforms: Transforms | None, frame: str, object_id: int, cloud: PointCloud2) -> str:
    """Where to take the object: centroid and normal of what is seen of it."""
    records = np.frombuffer(cloud.data, RECORD)
    seen = records[records["id"] == object_id]
    surface = visible_surface(np.stack([seen[axis] for axis in "xyz"], axis=1))
    if surface is None:
        return "its position is not known without depth and camera_info"
    place, normal = surface.centroid, surface.normal
    if transforms is None:
        frame = cloud.header.frame_id
    else:
        try:
            way = transforms.between(frame, cloud.header.frame_id, stamp_of(cloud.header))
        except TransformError as error:
            return str(error)
        place, normal = way.rotation @ place + way.translation, way.rotation @ normal
    return f"take it at ({_numbers(place)}) m in {frame}, surface normal ({_numbers(normal)})"


def _numbers(vector: np.ndarray) -> str:
    return ", ".join(f"{x:.3f}" for x in vector)


def _basis(graph: OcclusionGraph, depth: float) -> str:
    """What these numbers rest on."""
    if np.isnan(depth):
        return "this rests on the image alone: every occlusion counts as if it blocked the lift"
    if graph.up == type(graph.up)():
        return (
            "this rests on depth without gravity: every occlusion counts as if it blocked the lift"
        )
    return f"this rests on depth and gravity (confidence {graph.up_confidence:.2f})"


def main() -> None:
    """Log until Ctrl-C."""
    rclpy.init()
    try:
        node = PickNext()
    except TransformError as error:
        raise SystemExit(str(error)) from None
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
