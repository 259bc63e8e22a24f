"""Ids that mean the same object in every frame, where those of the bag do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from segan_ros.frame import CompletedScene, Frame, OcclusionEdge, OcclusionGraph
from segan_ros.scoring.matching import match_masks
from segan_ros.storage.bag_frame import BagFrame

OTHERS = 1_000_000
"""From here on, ids of tracks whose names are no numbers."""


class LastingIds:
    """Finds the ids of one stream, frame after frame.

    With ground truth they are the true ones: of the object whose visible mask a mask overlaps by
    more than half. Without, they are the numbers of the tracks.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, bag_frame: BagFrame, scene: CompletedScene) -> dict[int, int]:
        """New id by id of the frame; empty where the ids can stay as they are."""
        frame = bag_frame.frame
        assert frame is not None
        if bag_frame.truth is not None:
            true = bag_frame.truth.frame.labels
            found = match_masks(true, frame.labels).found
            if all(mine == theirs for mine, theirs in found.items()):
                return {}
            ids = {seen: i for i, seen in found.items()}
            known = (o.id for o in bag_frame.truth.objects)
            above = max([int(true.max(initial=0)), *known]) + 1
            for n, seen in enumerate(i for i in frame.object_ids if i not in ids):
                ids[seen] = above + n
            return ids
        if not all(o.track_id for o in scene.objects):
            return {}
        ids = {o.id: self._number(o.track_id) for o in scene.objects}
        return {} if all(old == new for old, new in ids.items()) else ids

    def _number(self, track: str) -> int:
        if track.isdecimal() and 0 < int(track) < OTHERS:
            return int(track)
        return self._numbers.setdefault(track, OTHERS + len(self._numbers))


def renamed_frame(frame: Frame, ids: Mapping[int, int]) -> Frame:
    """`frame` with `ids` instead of its own; what has none is no object."""
    table = np.zeros(int(frame.labels.max(initial=0)) + 1, np.int32)
    table[list(ids)] = list(ids.values())

    def keys(known: Mapping[int, Any] | None) -> dict[int, Any] | None:
        return None if known is None else {ids[i]: v for i, v in known.items() if i in ids}

    return replace(
        frame,
        labels=table[frame.labels.clip(0)],
        names=keys(frame.names),
        track_ids=keys(frame.track_ids),
        occluder_only=frozenset(ids[i] for i in frame.occluder_only if i in ids),
    )


def renamed_scene(scene: CompletedScene, ids: Mapping[int, int]) -> CompletedScene:
    """`scene` with `ids` instead of its own."""
    objects = (
        replace(
            o,
            id=ids[o.id],
            in_front=o.in_front and {ids[i]: p for i, p in o.in_front.items() if i in ids},
        )
        for o in scene.objects
    )
    ordered = tuple(sorted(objects, key=lambda o: o.id))
    return replace(scene, objects=ordered, graph=_renamed_graph(scene.graph, ids))


def _renamed_graph(graph: OcclusionGraph, ids: Mapping[int, int]) -> OcclusionGraph:
    layers = {ids[i]: n for i, n in zip(graph.object_ids, graph.layers, strict=True)}
    order = tuple(ids[i] for i in graph.removal_order)
    safety = graph.safety
    if safety is not None:
        place = np.argsort([ids[i] for i in sorted(graph.removal_order)])
        safety = safety[np.ix_(place, place)]

    def edges(known: tuple[OcclusionEdge, ...]) -> tuple[OcclusionEdge, ...]:
        renamed = (
            replace(e, occluder_id=ids[e.occluder_id], occludee_id=ids[e.occludee_id])
            for e in known
        )
        return tuple(sorted(renamed, key=lambda e: (e.occludee_id, e.occluder_id)))

    return replace(
        graph,
        object_ids=tuple(sorted(layers)),
        layers=tuple(layers[i] for i in sorted(layers)),
        edges=edges(graph.edges),
        supports=edges(graph.supports),
        removal_order=order,
        free=frozenset(ids[i] for i in graph.free),
        safety=safety,
    )
