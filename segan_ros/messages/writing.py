"""What the package says in its own messages: CompletedScene -> objects, graph, label image."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from segan_ros.boxes import tight_box
from segan_ros.frame import AmodalObject, CompletedScene, OcclusionEdge, OcclusionGraph
from segan_ros.msg import AmodalObject as AmodalObjectMsg
from segan_ros.msg import AmodalObjectArray, InstanceMask
from segan_ros.msg import OcclusionEdge as OcclusionEdgeMsg
from segan_ros.msg import OcclusionGraph as OcclusionGraphMsg


def to_objects(
    scene: CompletedScene, header: Header, only: Collection[int] | None = None
) -> AmodalObjectArray:
    """All objects of `scene`, or those whose ids are in `only`."""
    message = AmodalObjectArray()
    message.header = header
    message.image_height, message.image_width = scene.size
    message.objects = [_object(o, header) for o in scene.objects if only is None or o.id in only]
    return message


def to_graph(graph: OcclusionGraph, header: Header) -> OcclusionGraphMsg:
    """The whole graph; layers beyond uint16 cannot occur, they are fewer than the objects."""
    message = OcclusionGraphMsg()
    message.header = header
    message.object_ids = list(graph.object_ids)
    message.layers = list(graph.layers)
    message.edges = [to_edge(e) for e in graph.edges]
    message.is_acyclic = graph.is_acyclic
    message.removal_order = list(graph.removal_order)
    return message


def to_edge(edge: OcclusionEdge) -> OcclusionEdgeMsg:
    """One edge."""
    return OcclusionEdgeMsg(
        occluder_id=edge.occluder_id,
        occludee_id=edge.occludee_id,
        score=float(edge.score),
        overlap_area=edge.overlap_area,
        overlap_ratio=float(edge.overlap_ratio),
        depth_gap=float(edge.depth_gap),
        evidence=int(edge.evidence),
    )


def to_amodal_labels(scene: CompletedScene, header: Header) -> Image:
    """Whole masks in one label image, 16UC1 (32SC1 where an id needs it).

    Where masks overlap the front-most object wins: what is seen before what is not, then the
    lower layer.
    """
    labels = np.zeros(scene.size, np.int32)
    behind_first = sorted(scene.objects, key=lambda o: (-o.layer, -o.id))
    for item in behind_first:
        _part(labels, item)[item.amodal] = item.id
    for item in behind_first:
        _part(labels, item)[item.visible] = item.id
    if max((o.id for o in scene.objects), default=0) > np.iinfo(np.uint16).max:
        return to_message(labels, "32SC1", header)
    return to_message(labels.astype(np.uint16), "16UC1", header)


def _part(labels: NDArray[np.int32], item: AmodalObject) -> NDArray[np.int32]:
    x0, y0, x1, y1 = item.box
    return labels[y0:y1, x0:x1]


def _object(item: AmodalObject, header: Header) -> AmodalObjectMsg:
    message = AmodalObjectMsg()
    message.id = item.id
    message.score = float(item.score)
    message.visible_mask = _mask(item, item.visible, header)
    message.amodal_mask = _mask(item, item.amodal, header)
    if item.appearance is not None:
        rgba = np.zeros((*item.amodal.shape, 4), np.uint8)
        opaque = cv2.cvtColor(item.appearance, cv2.COLOR_RGB2RGBA)
        cv2.copyTo(opaque, item.amodal.view(np.uint8), rgba)
        message.appearance = _crop(item.box[0], item.box[1], rgba, "rgba8", header)
    message.visible_area = item.visible_area
    message.amodal_area = item.amodal_area
    message.occlusion_ratio = float(item.occlusion_ratio)
    message.layer = item.layer
    message.truncated = bool(item.truncated)
    message.depth_median = float(item.depth_median)
    return message


def _mask(item: AmodalObject, mask: NDArray[np.bool_], header: Header) -> InstanceMask:
    x0, y0, x1, y1 = tight_box(mask)
    pixels = mask[y0:y1, x0:x1].astype(np.uint8) * 255
    return _crop(item.box[0] + x0, item.box[1] + y0, pixels, "mono8", header)


def _crop(x: int, y: int, pixels: NDArray[Any], encoding: str, header: Header) -> InstanceMask:
    message = InstanceMask()
    message.x, message.y = x, y
    message.image = to_message(pixels, encoding, header)
    return message


def to_message(pixels: NDArray[Any], encoding: str, header: Header) -> Image:
    """``(H, W)`` or ``(H, W, C)`` as an image message in this machine's byte order."""
    pixels = np.ascontiguousarray(pixels)
    message = Image()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels.strides[0] if pixels.size else 0
    # Assigning an array.array costs microseconds, assigning anything else tens of milliseconds.
    data = array("B")
    if pixels.size:
        data.frombytes(pixels.data.cast("B"))
    message.data = data
    return message
