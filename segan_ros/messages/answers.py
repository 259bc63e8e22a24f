"""What the package says in its own messages, both ways: completed scenes, graphs, true objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import clip, crop, tight_box, union
from segan_ros.frame import (
    AmodalObject,
    CompletedScene,
    Evidence,
    OcclusionEdge,
    OcclusionGraph,
    free_objects,
)
from segan_ros.messages.images import image_message
from segan_ros.messages.kinds import GRAPH, OBJECTS, Make, ros_message
from segan_ros.messages.mask_crops import CropWriter, box_of, to_appearance, to_mask
from segan_ros.truth import TrueObject


def objects_message(
    scene: CompletedScene,
    header: Any,
    only: Collection[int] | None = None,
    make: Make = ros_message,
    names: Mapping[int, str] | None = None,
) -> Any:
    """An ``AmodalObjectArray``.

    Args:
        scene: its objects.
        header: of the image.
        only: ids of those that are wanted; None for all.
        make: makes the messages.
        names: by id, what an object truly is; then its id is that of its track, too.
    """
    crops = CropWriter(header, make)
    objects = [
        make(
            "segan_ros/msg/AmodalObject",
            id=item.id,
            track_id=item.track_id if names is None else str(item.id),
            class_id=item.name if names is None else names[item.id],
            score=float(item.score),
            visible_mask=crops.mask(item.visible, item.box),
            amodal_mask=crops.mask(item.amodal, item.box),
            appearance=crops.appearance(item.appearance, item.amodal, item.box),
            visible_area=item.visible_area,
            amodal_area=item.amodal_area,
            occlusion_ratio=float(item.occlusion_ratio),
            layer=item.layer,
            truncated=bool(item.truncated),
            depth_median=float(item.depth_median),
            lift_probability=float(item.lift_probability),
            occluded_by_unlabelled=bool(item.occluded_by_unlabelled),
            occluder_only=bool(item.occluder_only),
        )
        for item in scene.objects
        if only is None or item.id in only
    ]
    height, width = scene.size
    return make(OBJECTS, header=header, image_height=height, image_width=width, objects=objects)


def graph_message(graph: OcclusionGraph, header: Any, make: Make = ros_message) -> Any:
    """An ``OcclusionGraph``; layers beyond uint16 cannot occur, they are fewer than the objects."""
    return make(
        GRAPH,
        header=header,
        object_ids=np.array(graph.object_ids, np.uint32),
        layers=np.array(graph.layers, np.uint16),
        edges=[edge_message(e, make) for e in graph.edges],
        is_acyclic=graph.is_acyclic,
        removal_order=np.array(graph.removal_order, np.uint32),
        supports=[edge_message(e, make) for e in graph.supports],
        free_ids=np.array(sorted(graph.free), np.uint32),
        up=make(
            "geometry_msgs/msg/Vector3",
            **dict(zip("xyz", graph.up or (0.0, 0.0, 0.0), strict=True)),
        ),
        up_confidence=float(graph.up_confidence),
    )


def edge_message(edge: OcclusionEdge, make: Make = ros_message) -> Any:
    """An ``OcclusionEdge``."""
    return make(
        "segan_ros/msg/OcclusionEdge",
        occluder_id=edge.occluder_id,
        occludee_id=edge.occludee_id,
        score=float(edge.score),
        overlap_area=edge.overlap_area,
        overlap_ratio=float(edge.overlap_ratio),
        depth_gap=float(edge.depth_gap),
        evidence=int(edge.evidence),
        lift_risk=float(edge.lift_risk),
        blocks_lift=bool(edge.blocks_lift),
        set_aside=bool(edge.set_aside),
    )


def amodal_labels_message(scene: CompletedScene, header: Any, make: Make = ros_message) -> Any:
    """Whole masks in one label image, 16UC1 (32SC1 where an id needs it).

    Where masks overlap the front-most object wins: what is seen before what is not, then the
    lower layer.
    """
    labels = np.zeros(scene.size, np.int32)
    behind_first = sorted(scene.objects, key=lambda o: (-o.layer, -o.id))
    for item in behind_first:
        crop(labels, item.box)[item.amodal] = item.id
    for item in behind_first:
        crop(labels, item.box)[item.visible] = item.id
    if max((o.id for o in scene.objects), default=0) > np.iinfo(np.uint16).max:
        return image_message(labels, "32SC1", header, make)
    return image_message(labels.astype(np.uint16), "16UC1", header, make)


def to_scene(objects: Any, graph: Any) -> CompletedScene:
    """What the node answered, from an ``AmodalObjectArray`` and an ``OcclusionGraph``.

    Messages carry no probabilities: they are 1 inside the whole mask and 0 elsewhere.
    """
    size = objects.image_height, objects.image_width
    return CompletedScene(size, tuple(_object(o, size) for o in objects.objects), to_graph(graph))


def to_graph(message: Any) -> OcclusionGraph:
    """The graph of an ``OcclusionGraph`` message."""
    # Bags of before 0.8 lack some fields.
    ids = tuple(map(int, message.object_ids))
    edges = tuple(map(_edge, message.edges))
    supports = tuple(map(_edge, getattr(message, "supports", ())))
    up = getattr(message, "up", None)
    direction = None if up is None else (float(up.x), float(up.y), float(up.z))
    return OcclusionGraph(
        ids,
        tuple(map(int, message.layers)),
        edges,
        bool(message.is_acyclic),
        tuple(map(int, message.removal_order)),
        supports,
        free=frozenset(map(int, getattr(message, "free_ids", free_objects(ids, edges, supports)))),
        up=direction if direction and any(direction) else None,
        up_confidence=float(getattr(message, "up_confidence", 0)),
    )


def _edge(message: Any) -> OcclusionEdge:
    return OcclusionEdge(
        int(message.occluder_id),
        int(message.occludee_id),
        float(message.score),
        int(message.overlap_area),
        float(message.overlap_ratio),
        float(message.depth_gap),
        Evidence(int(message.evidence)),
        float(getattr(message, "lift_risk", "nan")),
        bool(getattr(message, "blocks_lift", True)),
        bool(getattr(message, "set_aside", False)),
    )


def to_true_labels(message: Any) -> NDArray[np.int32] | None:
    """``(H, W)`` int32 true visible ids of an ``AmodalObjectArray``; None if it holds none."""
    box = (0, 0, message.image_width, message.image_height)
    labels = np.zeros((message.image_height, message.image_width), np.int32)
    for item in message.objects:
        if item.id > np.iinfo(np.int32).max:
            raise ValueError(f"the ground truth has the id {item.id}; ids must be below 2^31")
        labels[to_mask(item.visible_mask, box)] = item.id
    return labels if labels.any() else None


def to_truth(message: Any) -> tuple[TrueObject, ...]:
    """Ground truth from an ``AmodalObjectArray``; an object may have no visible pixel."""
    objects = []
    for item in message.objects:
        amodal = to_mask(item.amodal_mask, (0, 0, message.image_width, message.image_height))
        appearance = to_appearance(item.appearance, tight_box(amodal))
        objects.append(TrueObject(int(item.id), amodal, item.class_id, appearance))
    return tuple(objects)


def _object(message: Any, size: tuple[int, int]) -> AmodalObject:
    masks = [m for m in (message.visible_mask, message.amodal_mask) if m.image.width]
    if not masks:
        raise ValueError(f"object {message.id} has empty masks")
    box = union(*(clip(box_of(m), size) for m in masks))
    amodal = to_mask(message.amodal_mask, box)
    return AmodalObject(
        int(message.id),
        box,
        to_mask(message.visible_mask, box),
        amodal,
        amodal.astype(np.float32),
        to_appearance(message.appearance, box),
        float(message.score),
        int(message.layer),
        bool(message.truncated),
        float(message.depth_median),
        name=message.class_id,
        track_id=message.track_id,
        lift_probability=float(getattr(message, "lift_probability", "nan")),
        occluded_by_unlabelled=bool(getattr(message, "occluded_by_unlabelled", False)),
        occluder_only=bool(getattr(message, "occluder_only", False)),
    )
