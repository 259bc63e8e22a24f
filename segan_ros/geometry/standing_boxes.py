"""Boxes that stand on what carries them: upright, and down to the ground or what lies below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import CompletedScene, Evidence, Frame
from segan_ros.geometry.oriented_boxes import OrientedBox, Sight, box_around, sight_of
from segan_ros.geometry.up import Up, find_up
from segan_ros.geometry.upright import set_upright

TOP, BOTTOM = 95, 2
"""Percentiles of the heights of visible points that count as an object's top and bottom."""

SUNK = 0.01
"""Metres by which an object may reach below the top of what carries it: depth is not exact."""


def standing_boxes(
    frame: Frame, scene: CompletedScene, only: Iterable[int] | None = None
) -> dict[int, OrientedBox]:
    """By id, the box of each object, or of those in `only`, that has enough depth.

    Where the scene's graph knows which way is up, one axis of a box is up, and it reaches down to
    what carries the object. Otherwise it is the smallest box around what is seen.

    Args:
        frame: must hold depth and a camera matrix for a result.
        scene: its objects and graph.
        only: ids.
    """
    sights = {o.id: sight for o in scene.objects if (sight := sight_of(frame, o)) is not None}
    wanted = list(sights) if only is None else sorted(sights.keys() & set(only))
    if scene.graph.up is None:
        return {i: box_around(frame, sights[i]) for i in wanted}
    up = np.array(scene.graph.up)
    found = find_up(replace(frame, up=up)) or Up(up)
    ground = found.ground
    if ground is None:
        ground = set_upright(frame, scene.objects, found).ground
    below: dict[int, list[int]] = {}
    for edge in (*scene.graph.edges, *scene.graph.supports):
        if edge.evidence & Evidence.SUPPORT and edge.occludee_id in sights:
            below.setdefault(edge.occluder_id, []).append(edge.occludee_id)
    tops = {i: float(np.percentile(s.points @ up, TOP)) for i, s in sights.items()}
    boxes = {}
    for i in wanted:
        axes = level_axes(sights[i], up)
        lowest = float(np.percentile(sights[i].points @ up, BOTTOM))
        carriers = [tops[p] for p in below.get(i, ()) if tops[p] <= lowest + SUNK]
        bottom = max([ground, *carriers])
        boxes[i] = box_around(frame, sights[i], axes, bottom)
    return boxes


def level_axes(sight: Sight, up: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(3, 3)`` axes of the smallest upright box around what is seen, as columns; the last is
    `up`."""
    across = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    across /= np.linalg.norm(across)
    level = np.stack([across, np.cross(up, across)], axis=1)
    _, _, degrees = cv2.minAreaRect((sight.points @ level).astype(np.float32))
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.column_stack([level @ np.array([[cosine, -sine], [sine, cosine]]), up])
