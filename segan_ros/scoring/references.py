"""What a method must beat: answers that need no learning, in the form of ours.

All of them take the visible masks as given. They draw their edges by the rule of ours, but for
``weighed``, whose trees read probabilities, which these have not: by ``coverage`` then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from segan_ros.boxes import boxes_of, crop, tight_box
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Mask
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.truth import LabelledScene

INPAINT_RADIUS = 5
"""Pixels that Telea's method looks around."""


def input_masks(frame: Frame, rule: EdgeRule) -> CompletedScene:
    """Every visible mask as it is: nothing is hidden."""
    return from_masks(frame, {i: frame.labels == i for i in boxes_of(frame.labels)}, rule)


def convex_hulls(frame: Frame, rule: EdgeRule) -> CompletedScene:
    """The convex hull of each visible mask, cut to where that object or another labelled one is."""
    labelled = frame.labels > 0
    return from_masks(
        frame,
        {i: convex_hull(frame.labels == i) & labelled for i in boxes_of(frame.labels)},
        rule,
    )


def true_masks(scene: LabelledScene, rule: EdgeRule) -> CompletedScene:
    """The true whole masks: what perfect segmentation would leave to the edge rule."""
    boxes = boxes_of(scene.frame.labels)
    return from_masks(scene.frame, {o.id: o.amodal for o in scene.objects if o.id in boxes}, rule)


def from_masks(frame: Frame, masks: Mapping[int, Mask], rule: EdgeRule) -> CompletedScene:
    """An answer made of given whole masks.

    Args:
        frame: picture, visible masks, optional depth.
        masks: by id, ``(H, W)`` bool; visible pixels of the object are added.
        rule: when objects hide each other. Masks without probabilities cannot be ``weighed``:
            ``coverage`` decides instead.
    """
    rule = rule_of_masks(rule)
    objects = []
    for object_id in sorted(masks):
        visible = frame.labels == object_id
        amodal = masks[object_id] | visible
        box = tight_box(amodal)
        inside = crop(amodal, box)
        objects.append(
            AmodalObject(object_id, box, crop(visible, box), inside, inside.astype(np.float32))
        )
    graph = build_graph(masks, find_edges(frame.labels, objects, rule, frame.depth))
    layers = dict(zip(graph.object_ids, graph.layers, strict=True))
    return CompletedScene(frame.size, tuple(replace(o, layer=layers[o.id]) for o in objects), graph)


def rule_of_masks(rule: EdgeRule) -> EdgeRule:
    """`rule`, or ``coverage`` for ``weighed``, whose trees know predicted masks alone."""
    return replace(rule, rule="coverage") if rule.rule == "weighed" else rule


def convex_hull(mask: Mask) -> Mask:
    """``(H, W)`` bool: the filled convex hull of the True pixels of `mask`."""
    filled = np.zeros(mask.shape, np.uint8)
    rows, columns = np.nonzero(mask)
    if len(rows):
        hull = cv2.convexHull(np.stack([columns, rows], axis=1).astype(np.int32))
        cv2.fillConvexPoly(filled, hull, 1)
    return filled > 0


def painted_by_telea(frame: Frame, scene: CompletedScene) -> CompletedScene:
    """`scene` with its hidden parts filled in by OpenCV's inpainting (Telea 2004).

    Only the object's own visible pixels are carried inwards: neighbours and background count as
    unknown, which is the better of the two ways to use it here.
    """
    objects = []
    for item in scene.objects:
        picture = crop(frame.rgb, item.box).copy()
        if item.amodal_area > item.visible_area:
            unknown = (~item.visible).astype(np.uint8)
            filled = cv2.inpaint(picture, unknown, INPAINT_RADIUS, cv2.INPAINT_TELEA)
            picture[item.invisible] = filled[item.invisible]
        objects.append(replace(item, appearance=picture))
    return replace(scene, objects=tuple(objects))
