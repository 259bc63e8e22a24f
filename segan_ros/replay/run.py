"""Every frame of a bag: answered, scored, compared with the frame before, drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segan_ros.completion import TooManyObjectsError
from segan_ros.frame import CompletedScene, Frame
from segan_ros.host.progress import Progress, say
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.replay.earlier import EarlierRun
from segan_ros.replay.lasting import LastingIds, renamed_frame, renamed_scene
from segan_ros.replay.layers import layers, picture
from segan_ros.replay.replayed import (
    COMPARED,
    FLAT_HULL,
    FLAT_OURS,
    HULL,
    OURS,
    RAW,
    SCORED,
    TRUE,
    UNSTEADIED,
    AnswerOutline,
    ReplayedFrame,
)
from segan_ros.replay.report_page import Gallery
from segan_ros.replay.report_text import write_frame
from segan_ros.replay.rerun_log import RerunLog
from segan_ros.scoring.label_free import Moment, step
from segan_ros.scoring.matching import match_masks
from segan_ros.scoring.metrics import NAN, SceneScore, score_edges, score_scene, true_edges
from segan_ros.scoring.predicted import without_lost
from segan_ros.scoring.references import (
    convex_hulls,
    input_masks,
    rule_of_masks,
    true_masks,
)
from segan_ros.scoring.streams import StreamFrame
from segan_ros.storage.bag import Bag
from segan_ros.storage.bag_frame import BagFrame, Truth

NO_ANSWER = "no answer"


class Answer(NamedTuple):
    """What became of a frame.

    Args:
        scene: None without an answer.
        seconds: that it took; NaN without an answer.
        raw: the same frame by itself, where the answer was steadied over frames.
        flat: the same frame without its depth, where depth changes masks too; None elsewhere.
    """

    scene: CompletedScene | None = None
    seconds: float = NAN
    raw: CompletedScene | None = None
    flat: CompletedScene | None = None


@dataclass(frozen=True)
class Wanted:
    """What to make of each frame besides its scores.

    Args:
        out: folder for its result folder, or None.
        pictures: frames that get one in the report; 0 for no report.
        rrd: recording for the Rerun viewer, or None.
    """

    out: Path | None = None
    pictures: int = 0
    rrd: Path | None = None


@dataclass(frozen=True)
class TruthRoles:
    """What objects of the ground truth are: as the masks that the method gets.

    Args:
        ignored_ids, ignored_names: no objects, for no method. Ids are those of the masks.
        occluder_ids, occluder_names: occlude others, but are not scored themselves.
    """

    ignored_ids: frozenset[int] = frozenset()
    ignored_names: frozenset[str] = frozenset()
    occluder_ids: frozenset[int] = frozenset()
    occluder_names: frozenset[str] = frozenset()

    def applied(self, bag_frame: BagFrame) -> BagFrame:
        """`bag_frame` with its objects in their roles."""
        frame, truth, graph = bag_frame.frame, bag_frame.truth, bag_frame.true_graph
        if frame is None or self == EVERYTHING:
            return bag_frame
        seen = {} if truth is None else match_masks(truth.frame.labels, frame.labels).found
        ignored = np.isin(frame.labels, list(self.ignored_ids))
        frame = replace(frame, labels=np.where(ignored, 0, frame.labels))
        if truth is not None:
            only = self.occluder_ids | frozenset(frame.occluder_only)
            objects = (
                replace(o, scored=False)
                if seen.get(o.id, 0) in only or o.name in self.occluder_names
                else o
                for o in truth.objects
                if seen.get(o.id, 0) not in self.ignored_ids and o.name not in self.ignored_names
            )
            truth = replace(truth, objects=tuple(objects))
        if graph is not None:
            edges = (
                e
                for e in graph.edges
                if not {e.occluder_id, e.occludee_id} & self.ignored_ids
                and e.occludee_id not in self.occluder_ids
            )
            graph = replace(graph, edges=tuple(edges))
        return replace(bag_frame, frame=frame, truth=truth, true_graph=graph)


EVERYTHING = TruthRoles()


class Replay:
    """One pass over a bag; afterwards `pictures` holds those for the report, by index.

    `usable` frames had image and mask, `with_depth` of them depth as well.

    Args:
        bag: open.
        truth: where ground truth comes from; None for the bag itself.
        earlier: run to show beside this one, or None.
        wanted: see `Wanted`.
        roles: see `TruthRoles`.

    Raises:
        ValueError: a recording is wanted but rerun-sdk is missing.
    """

    def __init__(
        self,
        bag: Bag,
        truth: Truth | None,
        earlier: EarlierRun | None,
        wanted: Wanted,
        roles: TruthRoles = EVERYTHING,
    ) -> None:
        self._roles = roles
        self.bag, self._truth, self._earlier, self._out = bag, truth, earlier, wanted.out
        self._gallery = Gallery(len(bag.stamps), wanted.pictures) if wanted.pictures else None
        self._rerun = None if wanted.rrd is None else RerunLog(wanted.rrd)
        self._before: dict[str, Moment] = {}
        self._lasting = LastingIds()
        self.usable = self.with_depth = 0

    @property
    def pictures(self) -> dict[int, dict[str, Any]]:
        """For the report, by index of the frame."""
        return {} if self._gallery is None else self._gallery.pictures

    def run(self, answer: Callable[[BagFrame], Answer]) -> list[ReplayedFrame]:
        """Have every frame answered; what became of them, in recorded order."""
        # One after the other: what runs beside an answer would be in its latency.
        scored = map(self._scored, self._answered(answer))
        frames = list(Progress(scored, "scoring", total=len(self.bag.stamps), unit="frame"))
        if self._rerun is not None:
            self._rerun.close()
        return frames

    def _answered(self, answer: Callable[[BagFrame], Answer]) -> Iterator[tuple[BagFrame, Answer]]:
        for bag_frame in map(self._roles.applied, self.bag.frames(self._truth)):
            if bag_frame.frame is None:
                yield bag_frame, Answer()
                continue
            self.usable += 1
            depth = bag_frame.frame.depth
            self.with_depth += depth is not None and bool(np.isfinite(depth).any())
            try:
                yield bag_frame, answer(bag_frame)
            except TooManyObjectsError as error:
                yield replace(bag_frame, problem=str(error)), Answer()

    def _scored(self, answered: tuple[BagFrame, Answer]) -> ReplayedFrame:
        bag_frame, found = answered
        frame, scene, raw = bag_frame.frame, found.scene, found.raw
        if frame and scene and (ids := self._lasting.of(bag_frame, scene)):
            bag_frame = replace(bag_frame, frame=renamed_frame(frame, ids))
            raw, flat = (s and renamed_scene(s, ids) for s in (raw, found.flat))
            found = Answer(renamed_scene(scene, ids), found.seconds, raw, flat)
        result = self._judge(bag_frame, found)
        self._show(bag_frame, found.scene, result)
        return result

    def _judge(self, bag_frame: BagFrame, found: Answer) -> ReplayedFrame:
        before, self._before = self._before, {}
        answer = found.scene
        if bag_frame.frame is None or answer is None:
            problem = bag_frame.problem or NO_ANSWER
            return ReplayedFrame(bag_frame.index, bag_frame.stamp, None, problem)
        answers = _answers_of(bag_frame, answer, found.flat)
        compared = {m: Moment(bag_frame.frame, answers[m]) for m in COMPARED if m in answers}
        self._before = compared
        scores = {m: score(bag_frame, answers[m]) for m in SCORED if m in answers}
        return ReplayedFrame(
            bag_frame.index,
            bag_frame.stamp,
            AnswerOutline.of(answer),
            latency=found.seconds,
            scores={m: s for m, s in scores.items() if s is not None},
            steps={m: step(before[m], now) for m, now in compared.items() if m in before},
            stream=_over_frames(bag_frame, {OURS: answer, UNSTEADIED: found.raw}),
        )

    def _show(
        self, bag_frame: BagFrame, scene: CompletedScene | None, frame: ReplayedFrame
    ) -> None:
        if bag_frame.frame is None:
            return
        if self._gallery is not None:
            worth = frame.frame_score if self._earlier is None else self._earlier.change(frame)
            if scene is None:
                worth = NAN  # no more to be seen than on any other photograph
            self._gallery.offer(frame.index, worth, lambda: self._picture(bag_frame, scene))
        if scene is None:
            return
        if self._out is not None:
            write_frame(self._out, frame.index, bag_frame.frame, scene)
        if self._rerun is not None:
            self._rerun.add(bag_frame.frame, scene, frame)

    def _picture(self, bag_frame: BagFrame, scene: CompletedScene | None) -> dict[str, Any]:
        frame = bag_frame.frame
        assert frame is not None
        scenes = [scene and layers(frame, scene, bag_frame.truth)]
        if self._earlier is not None:
            then = None
            try:
                then = self._earlier.scene(bag_frame.stamp, frame)
            except ValueError as error:
                say(f"segan: warning: {error}", error=True)
            scenes.append(then and layers(frame, then, bag_frame.truth))
        return {**picture(frame), "scenes": scenes}


def _over_frames(
    bag_frame: BagFrame, answers: Mapping[str, CompletedScene | None]
) -> dict[str, StreamFrame]:
    """The frame as one of a stream, by method; empty without the true masks."""
    if bag_frame.truth is None or bag_frame.frame is None:
        return {}
    truth = bag_frame.truth
    shown = set(match_masks(truth.frame.labels, bag_frame.frame.labels).found)
    true = true_edges(truth.frame.labels, [o for o in truth.objects if o.id in shown])
    scored = {o.id for o in truth.objects if o.scored}
    true = {edge: pixels for edge, pixels in true.items() if edge[1] in scored}
    found = {}
    for method, scene in answers.items():
        if scene is not None:
            tracks = {o.id: o.track_id for o in scene.objects if o.id in shown}
            pairs = {(e.occluder_id, e.occludee_id) for e in scene.graph.edges}
            edges = frozenset(e for e in pairs if tracks.keys() >= set(e))
            found[method] = StreamFrame(
                tracks, edges, frozenset(e for e in true if tracks.keys() >= set(e))
            )
    return found


def score(bag_frame: BagFrame, answer: CompletedScene) -> SceneScore | None:
    """Against the true whole masks or, without any, the true graph; None without either."""
    if bag_frame.truth is not None:
        found = {o.id for o in answer.objects}
        return without_lost(score_scene(bag_frame.truth, answer), found)
    if bag_frame.true_graph is None:
        return None
    graph = bag_frame.true_graph
    edges = {(e.occluder_id, e.occludee_id): e.overlap_area for e in graph.edges}
    return SceneScore((), score_edges(edges, graph.object_ids, answer.graph))


def _answers_of(
    bag_frame: BagFrame, answer: CompletedScene, flat: CompletedScene | None
) -> dict[str, CompletedScene]:
    """The answer, the references' and, where it is known, the truth."""
    frame, rule = bag_frame.frame, EdgeRule()
    assert frame is not None
    answers = {OURS: answer, HULL: convex_hulls(frame, rule), RAW: input_masks(frame, rule)}
    if frame.depth is not None:
        answers[FLAT_OURS] = flat or _depth_unused(frame, answers[OURS])
        answers[FLAT_HULL] = _depth_unused(frame, answers[HULL])
    if bag_frame.truth is not None:
        answers[TRUE] = true_masks(bag_frame.truth, rule)
    return answers


def _depth_unused(frame: Frame, scene: CompletedScene) -> CompletedScene:
    """The objects of `scene` with the graph that their masks alone give. Trees would look for
    borders, which masks as the segmenter drew them need not share."""
    edges = find_edges(frame.labels, scene.objects, rule_of_masks(EdgeRule()))
    return replace(scene, graph=build_graph((o.id for o in scene.objects), edges))
