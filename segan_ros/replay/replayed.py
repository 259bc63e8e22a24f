"""What is known of a replayed frame, and of all of them: plain numbers, also as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from segan_ros.frame import CompletedScene
from segan_ros.scoring.label_free import Step, StepSummary, summarise_steps
from segan_ros.scoring.metrics import NAN, ObjectScore, SceneScore
from segan_ros.scoring.streams import StreamFrame, StreamScore, score_stream
from segan_ros.scoring.summary import Summary, mean, summarise

DIGITS = 9
"""Decimals in ``replay.json``: sums of many numbers differ in the last ones with where in memory
they lie, and so from run to run."""

OURS, HULL, RAW, TRUE = "segan", "convex hull", "input mask", "true masks"

FLAT_OURS, FLAT_HULL = f"{OURS}, depth unused", f"{HULL}, depth unused"
"""The same without depth, for frames that have depth: the edges that the same masks give, and
offline also the masks, with a model that sees depth."""

UNSTEADIED = f"{OURS}, each frame by itself"
"""The answers before they were steadied over frames."""

SCORED = (OURS, HULL, RAW, FLAT_OURS, FLAT_HULL)
"""What is scored against ground truth, ours first."""

COMPARED = (OURS, HULL, TRUE)
"""What is compared from frame to frame."""


@dataclass(frozen=True)
class ObjectOutline:
    """What the tables say of one completed object; masks are in the pictures."""

    id: int
    layer: int
    score: float
    visible_area: int
    amodal_area: int
    occlusion_ratio: float
    truncated: bool


@dataclass(frozen=True)
class AnswerOutline:
    """What the tables say of an answer.

    Args:
        objects: in ascending order of their ids.
        edges: how many.
        removal_order: ids, front to back.
    """

    objects: tuple[ObjectOutline, ...]
    edges: int
    removal_order: tuple[int, ...]

    @classmethod
    def of(cls, scene: CompletedScene) -> AnswerOutline:
        """The outline of `scene`."""
        objects = tuple(
            ObjectOutline(
                o.id,
                o.layer,
                o.score,
                o.visible_area,
                o.amodal_area,
                o.occlusion_ratio,
                o.truncated,
            )
            for o in scene.objects
        )
        return cls(objects, len(scene.graph.edges), scene.graph.removal_order)

    @property
    def occluded(self) -> int:
        """How many objects have a hidden part."""
        return sum(o.occlusion_ratio > 0 for o in self.objects)


@dataclass(frozen=True)
class ReplayedFrame:
    """One frame and what came of it.

    Args:
        index: 0 for the first image of the bag.
        stamp: the image's, nanoseconds.
        answer: None if it went unanswered.
        problem: why it did, else empty.
        latency: seconds until the answer, NaN without.
        scores: by `SCORED`; empty without answer or without truth.
        steps: by `COMPARED`: from the frame before; empty where one of the two has no answer.
        stream: `OURS` and, if steadied, `UNSTEADIED`: for the scores over frames; empty without the
            true masks.
    """

    index: int
    stamp: int
    answer: AnswerOutline | None
    problem: str = ""
    latency: float = NAN
    scores: Mapping[str, SceneScore] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    stream: Mapping[str, StreamFrame] = field(default_factory=dict)

    @property
    def frame_score(self) -> float:
        """What frames are sorted by, the larger the better.

        With truth the mean of SF, SI and edge F1, or of those that are defined; without truth the
        steadiness of the step into this frame; -1 when unanswered.
        """
        if self.answer is None:
            return -1.0
        if OURS in self.scores:
            summary = summarise([self.scores[OURS]])
            return mean((summary.sf, summary.si, summary.edge_f1))
        return self.steps[OURS].steadiness if OURS in self.steps else NAN


@dataclass(frozen=True)
class Totals:
    """Means over the frames of a run.

    Args:
        frames: how many images the bag has.
        unanswered: indices.
        objects, occluded, edges: sums over the answers.
        scores: by method; empty without truth.
        steps: by method; empty without two answered frames in a row.
        streams: by method; empty without truth.
    """

    frames: int
    unanswered: tuple[int, ...]
    objects: int
    occluded: int
    edges: int
    scores: Mapping[str, Summary]
    steps: Mapping[str, StepSummary]
    streams: Mapping[str, StreamScore]

    @classmethod
    def of(cls, frames: Sequence[ReplayedFrame]) -> Totals:
        """The totals of `frames`."""
        answers = [f.answer for f in frames if f.answer is not None]
        scored = {m: [f.scores[m] for f in frames if m in f.scores] for m in SCORED}
        streams = {m: [f.stream[m] for f in frames if m in f.stream] for m in (OURS, UNSTEADIED)}
        stepped = {m: [f.steps[m] for f in frames if m in f.steps] for m in COMPARED}
        return cls(
            len(frames),
            tuple(f.index for f in frames if f.answer is None),
            sum(len(a.objects) for a in answers),
            sum(a.occluded for a in answers),
            sum(a.edges for a in answers),
            {m: summarise(s) for m, s in scored.items() if s},
            {m: summarise_steps(s) for m, s in stepped.items() if s},
            {m: score_stream(s) for m, s in streams.items() if s},
        )


def to_json(frames: Sequence[ReplayedFrame]) -> dict[str, Any]:
    """``replay.json`` without its heading: the same for the same answers, so no times."""
    content = {"summary": asdict(Totals.of(frames)), "frames": [_frame_to_json(f) for f in frames]}
    return _rounded(content)


def timings_to_json(frames: Sequence[ReplayedFrame]) -> dict[str, Any]:
    """``timings.json``: what differs from run to run."""
    return {
        "latency_ms": latency_ms(frames),
        "frames": [{"index": f.index, "latency_ms": f.latency * 1000} for f in frames],
    }


def latency_ms(frames: Sequence[ReplayedFrame]) -> dict[str, float]:
    """Median, mean and largest latency in milliseconds; NaN without answers."""
    times = [f.latency * 1000 for f in frames if f.answer is not None]
    return {
        "median": statistics.median(times) if times else NAN,
        "mean": mean(times),
        "max": max(times, default=NAN),
    }


def scores_of(score: SceneScore | None) -> dict[str, float]:
    """The scores of one frame by name; empty without truth."""
    if score is None:
        return {}
    summary = summarise([score])
    names = ("sf", "si", "hallucination", "order_accuracy", "edge_f1")
    return {name: getattr(summary, name) for name in names}


def _frame_to_json(frame: ReplayedFrame) -> dict[str, Any]:
    answer = frame.answer
    ours = frame.scores.get(OURS)
    truth = {o.id: o for o in ours.objects} if ours else {}
    return {
        "index": frame.index,
        "stamp": frame.stamp,
        "problem": frame.problem,
        "frame_score": frame.frame_score,
        "answer": answer
        and {
            "objects": len(answer.objects),
            "occluded": answer.occluded,
            "edges": answer.edges,
            "removal_order": answer.removal_order,
        },
        **{method: scores_of(frame.scores.get(method)) for method in SCORED},
        "steps": {method: _step_to_json(s) for method, s in frame.steps.items()},
        "objects": [{**asdict(o), **_truth_of(truth.get(o.id))} for o in answer.objects]
        if answer
        else [],
    }


def _truth_of(score: ObjectScore | None) -> dict[str, Any]:
    if score is None:
        return {}
    return {
        "name": score.name,
        "true_occlusion": score.occlusion,
        "sf": score.sf,
        "si": score.si if score.partly_hidden else NAN,
        "hallucination": score.hallucination,
        "l1": score.l1,
    }


def _step_to_json(step: Step) -> dict[str, Any]:
    revealed = [{**asdict(r), "iou": r.iou} for r in step.revealed]
    return {**asdict(step), "steadiness": step.steadiness, "revealed": revealed}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, DIGITS) if isinstance(value, float) else value
