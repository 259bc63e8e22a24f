"""Answers that do not flicker: what changes for a frame or two has not changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

import numpy as np

from segan_ros.boxes import Box, crop, intersection, relative, size_of
from segan_ros.frame import SECOND, AmodalObject, CompletedScene, OcclusionEdge, OcclusionGraph
from segan_ros.occlusion.graph import scene_graph
from segan_ros.tracks.latch import Key, Latch
from segan_ros.tracks.steady_masks import SteadyMasks

APPEARS, VANISHES, LINGERS, TURNS = 2, 2, 5, 3
"""Frames in a row, the first one included, that make an edge appear; vanish; vanish while at least
`LITTLE` still is behind the occluder; and that turn the order of two objects, or end a support."""

LITTLE = 0.003
"""Share of the occludee's whole mask: edges that come and go are mostly those of which little more
or less is hidden than the rule asks for."""

PLAIN_RATIO, PLAIN_SCORE = 0.01, 0.7
"""Overlap ratio and score of an edge that needs no second frame."""

LONGEST_PAUSE = 1.0
"""Seconds between two frames, either way, after which nothing said before counts; and seconds for
which it is remembered what was said of an object that is not there."""

SAME_SCENE = 1 / 3
"""Share of the objects, in two frames of at least three, that stay about where they were."""


class Steady:
    """Takes completed scenes in the order of their frames and gives them back without flicker.

    Occlusion and support edges, whether they block a lift, and the removal order change only when
    some frames in a row say so; layers follow. At once believed is what concerns an object that is
    new, or beside one that has gone. Objects are known by their `track_id`, or by their id where
    they have none.

    Args:
        masks: whether whole masks are steadied, too.
    """

    def __init__(self, masks: bool = False) -> None:
        self.masks = masks
        self._stamp = 0
        self._size = (0, 0)
        self._boxes: dict[str, Box] = {}
        self._forget()

    def __call__(self, scene: CompletedScene, stamp: int) -> CompletedScene:
        """`scene` without flicker.

        Args:
            scene: of the next frame.
            stamp: of that frame, nanoseconds.
        """
        names = _names(scene)
        boxes = {names[o.id]: o.box for o in scene.objects}
        if (
            abs(stamp - self._stamp) > LONGEST_PAUSE * SECOND
            or scene.size != self._size
            or self._is_new_scene(boxes)
        ):
            self._forget()
        self._size = scene.size
        fresh = set(self._fresh(boxes))
        self._stamp, self._boxes = stamp, boxes
        self._seen |= dict.fromkeys(boxes, stamp)
        if self.masks:
            scene = self._steady_masks(scene, names)
        graph = self._steady_graph(scene, names, fresh)
        self._forget_gone()
        layers = dict(zip(graph.object_ids, graph.layers, strict=True))
        objects = (
            o if o.layer == layers[o.id] else replace(o, layer=layers[o.id]) for o in scene.objects
        )
        return replace(scene, objects=tuple(objects), graph=graph)

    def _forget(self) -> None:
        self._boxes = {}
        self._seen: dict[str, int] = {}
        self._edges: dict[Key, OcclusionEdge] = {}
        self._latch = Latch()
        self._steady_masks = SteadyMasks()

    def _forget_gone(self) -> None:
        least = self._stamp - LONGEST_PAUSE * SECOND
        if gone := {name for name, seen in self._seen.items() if seen < least}:
            self._latch.forget(gone)
            self._seen = {n: seen for n, seen in self._seen.items() if n not in gone}
            self._edges = {k: e for k, e in self._edges.items() if gone.isdisjoint(k[1:])}

    def _is_new_scene(self, boxes: Mapping[str, Box]) -> bool:
        stayed = sum(_meet(boxes[n], self._boxes[n]) for n in boxes.keys() & self._boxes.keys())
        least = min(len(boxes), len(self._boxes))
        return least >= 3 and stayed < SAME_SCENE * least

    def _fresh(self, boxes: Mapping[str, Box]) -> Iterator[str]:
        """Names of objects that are new, or beside one that was there in the last frame."""
        gone = [box for name, box in self._boxes.items() if name not in boxes]
        for name, box in boxes.items():
            if name not in self._seen or any(_meet(box, other) for other in gone):
                yield name

    def _steady_graph(
        self, scene: CompletedScene, names: Mapping[int, str], fresh: Set[str]
    ) -> OcclusionGraph:
        raw = scene.graph
        edges = self._held("edge", raw.edges, scene, names, fresh)
        said = {(e.occluder_id, e.occludee_id) for e in edges}
        supports = [
            e
            for e in self._held("support", raw.supports, scene, names, fresh)
            if (e.occluder_id, e.occludee_id) not in said
        ]
        wins = self._wins([names[i] for i in raw.removal_order])
        in_order = sorted(raw.removal_order, key=lambda i: -wins[names[i]])
        if tuple(in_order) == raw.removal_order and _agree(edges, supports, raw):
            return raw
        rank = np.diag([float(wins[names[i]]) for i in sorted(raw.removal_order)])
        graph = scene_graph(scene.objects, edges, supports, rank)
        return replace(
            graph,
            up=raw.up,
            up_confidence=raw.up_confidence,
            safety=raw.safety,
        )

    def _held(
        self,
        kind: str,
        edges: Sequence[OcclusionEdge],
        scene: CompletedScene,
        names: Mapping[int, str],
        fresh: Set[str],
    ) -> list[OcclusionEdge]:
        """The edges that stand, each as it was last found."""
        ids = {name: i for i, name in names.items()}
        found = {(kind, names[e.occluder_id], names[e.occludee_id]): e for e in edges}
        asked = {k: e for k, e in self._edges.items() if k[0] == kind} | found
        held = []
        for key, edge in asked.items():
            _, occluder, occludee = key
            if occluder not in ids or occludee not in ids:
                continue
            now = key in found
            q, p = ids[occluder], ids[occludee]
            at_once = not fresh.isdisjoint((occluder, occludee)) or (now and _is_plain(edge))
            turned = (kind, occludee, occluder) in found
            if at_once:
                frames = 1
            elif now:
                frames = APPEARS
            elif kind == "support":
                frames = TURNS
            elif turned or _behind(scene.object(q), scene.object(p)) < LITTLE:
                frames = VANISHES
            else:
                frames = LINGERS
            if now:
                self._edges[key] = edge
            if self._latch(key, now, frames, False):
                blocks = self._latch(
                    (f"{kind} blocks", occluder, occludee),
                    edge.blocks_lift,
                    1 if at_once else TURNS,
                    edge.blocks_lift,
                )
                held.append(replace(edge, occluder_id=q, occludee_id=p, blocks_lift=blocks))
            elif not now:
                del self._edges[key]
        return held

    def _wins(self, order: Sequence[str]) -> Counter[str]:
        """How many others each object goes before, pair by pair."""
        wins: Counter[str] = Counter()
        for n, first in enumerate(order):
            for second in order[n + 1 :]:
                a, b = (first, second) if first < second else (second, first)
                before = self._latch(("before", a, b), a == first, TURNS, a == first)
                wins[a if before else b] += 1
        return wins


def _names(scene: CompletedScene) -> dict[int, str]:
    """By id a name that lasts, and that no other object of the scene has: segmenters may give two
    the same track."""
    count = Counter(o.track_id for o in scene.objects)
    return {
        o.id: o.track_id if o.track_id and count[o.track_id] == 1 else f"{o.track_id} id {o.id}"
        for o in scene.objects
    }


def _agree(
    edges: Sequence[OcclusionEdge], supports: Sequence[OcclusionEdge], graph: OcclusionGraph
) -> bool:
    """Whether these are the edges of `graph`, and block the same lifts."""

    def said(known: Sequence[OcclusionEdge]) -> set[tuple[int, int, bool]]:
        return {(e.occluder_id, e.occludee_id, e.blocks_lift) for e in known}

    return said(edges) == said(graph.edges) and said(supports) == said(graph.supports)


def _is_plain(edge: OcclusionEdge) -> bool:
    return edge.overlap_ratio >= PLAIN_RATIO and edge.score >= PLAIN_SCORE


def _behind(occluder: AmodalObject, occludee: AmodalObject) -> float:
    """Share of the occludee's whole mask that lies behind what is seen of the occluder."""
    both = intersection(occluder.box, occludee.box)
    if min(size_of(both)) <= 0:
        return 0.0
    seen = crop(occluder.visible, relative(both, occluder.box))
    hidden = crop(occludee.invisible, relative(both, occludee.box))
    return int(np.count_nonzero(seen & hidden)) / occludee.amodal_area


def _meet(a: Box, b: Box) -> bool:
    return min(size_of(intersection(a, b))) > 0
