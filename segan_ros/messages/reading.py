"""Messages -> plain data, without ROS: frames, answers of the node, ground truth.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import tight_box
from segan_ros.frame import (
    AmodalObject,
    Box,
    CompletedScene,
    Evidence,
    Image,
    Mask,
    OcclusionEdge,
    OcclusionGraph,
)
from segan_ros.messages.images import (
    check,
    to_labels,
    to_rgb,
)
from segan_ros.truth import TrueObject


def to_scene(objects: Any, graph: Any) -> CompletedScene:
    """What the node answered, from an ``AmodalObjectArray`` and an ``OcclusionGraph``.

    Messages carry no probabilities: they are 1 inside the whole mask and 0 elsewhere.
    """
    size = objects.image_height, objects.image_width
    return CompletedScene(size, tuple(_object(o, size) for o in objects.objects), to_graph(graph))


def to_graph(message: Any) -> OcclusionGraph:
    """The graph of an ``OcclusionGraph`` message."""
    edges = [
        OcclusionEdge(
            int(e.occluder_id),
            int(e.occludee_id),
            float(e.score),
            int(e.overlap_area),
            float(e.overlap_ratio),
            float(e.depth_gap),
            Evidence(int(e.evidence)),
        )
        for e in message.edges
    ]
    return OcclusionGraph(
        tuple(map(int, message.object_ids)),
        tuple(map(int, message.layers)),
        tuple(edges),
        bool(message.is_acyclic),
        tuple(map(int, message.removal_order)),
    )


def to_true_labels(message: Any) -> NDArray[np.int32] | None:
    """``(H, W)`` int32 true visible ids of an ``AmodalObjectArray``; None if it holds none."""
    box = (0, 0, message.image_width, message.image_height)
    labels = np.zeros((message.image_height, message.image_width), np.int32)
    for item in message.objects:
        if item.id > np.iinfo(np.int32).max:
            raise ValueError(f"the ground truth has the id {item.id}; ids must be below 2^31")
        labels[_mask(item.visible_mask, box)] = item.id
    return labels if labels.any() else None


def to_truth(message: Any) -> tuple[TrueObject, ...]:
    """Ground truth from an ``AmodalObjectArray``; an object may have no visible pixel."""
    height, width = message.image_height, message.image_width
    objects = []
    for item in message.objects:
        amodal = _mask(item.amodal_mask, (0, 0, width, height))
        appearance = None
        if item.appearance.image.width:
            appearance = _appearance(item.appearance, tight_box(amodal))
        objects.append(TrueObject(int(item.id), amodal, item.class_id, appearance))
    return tuple(objects)


def _object(message: Any, size: tuple[int, int]) -> AmodalObject:
    boxes = [_box(m, size) for m in (message.visible_mask, message.amodal_mask) if m.image.width]
    if not boxes:
        raise ValueError(f"object {message.id} has empty masks")
    lows, highs = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    box = int(lows[0]), int(lows[1]), int(highs[0]), int(highs[1])
    amodal = _mask(message.amodal_mask, box)
    return AmodalObject(
        int(message.id),
        box,
        _mask(message.visible_mask, box),
        amodal,
        amodal.astype(np.float32),
        _appearance(message.appearance, box) if message.appearance.image.width else None,
        float(message.score),
        int(message.layer),
        bool(message.truncated),
        float(message.depth_median),
    )


def _box(crop: Any, size: tuple[int, int]) -> Box:
    """Where an InstanceMask lies, cut to an image of `size` (height, width)."""
    right, bottom = crop.x + crop.image.width, crop.y + crop.image.height
    return max(crop.x, 0), max(crop.y, 0), min(right, size[1]), min(bottom, size[0])


def _appearance(crop: Any, box: Box) -> Image:
    check(crop.image, "image", "appearance")
    return _placed(crop, box, to_rgb(crop.image))


def _mask(crop: Any, box: Box) -> Mask:
    if not crop.image.width:
        return np.zeros((box[3] - box[1], box[2] - box[0]), bool)
    check(crop.image, "instance_mask", "a mask")
    return _placed(crop, box, to_labels(crop.image)) > 0


def _placed(crop: Any, box: Box, pixels: NDArray[Any]) -> NDArray[Any]:
    """The part of an InstanceMask's `pixels` in `box`; zeros where `box` reaches past them."""
    result = np.zeros((box[3] - box[1], box[2] - box[0], *pixels.shape[2:]), pixels.dtype)
    x0, y0 = max(crop.x, box[0]), max(crop.y, box[1])
    x1 = max(min(crop.x + crop.image.width, box[2]), x0)
    y1 = max(min(crop.y + crop.image.height, box[3]), y0)
    part = pixels[y0 - crop.y : y1 - crop.y, x0 - crop.x : x1 - crop.x]
    result[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] = part
    return result
