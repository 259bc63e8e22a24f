"""What a replay leaves behind: a table, a machine-readable copy of it, pictures of each frame."""

from __future__ import annotations

import re
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segan_ros.evaluation.metrics import NAN, SceneScore
from segan_ros.evaluation.summary import mean, summarise
from segan_ros.evaluation.tables import (
    SCORE_COLUMNS,
    SCORE_LEGEND,
    counts_line,
    markdown_table,
    number,
    score_cells,
)
from segan_ros.frame import CompletedScene, Frame, Image
from segan_ros.pictures import completed_sheet, graph_svg, overlay
from segan_ros.results import write_result

COLUMNS = (
    "frame",
    "objects",
    "occluded",
    "edges",
    "ms",
    "SF",
    "SI",
    "order",
    "edge F1",
    "removal order",
)


@dataclass(frozen=True)
class ReplayedFrame:
    """One frame and what came of it.

    Args:
        index: 0 for the first image of the bag.
        stamp: the image's, nanoseconds.
        answer: size of the answer and its graph; None if it went unanswered.
        problem: why it did, else empty.
        latency: seconds until the answer, NaN without.
        ours: score of the answer; None without answer or without truth.
        hull: score of the convex hulls on the same frame.
    """

    index: int
    stamp: int
    answer: AnswerOutline | None
    problem: str = ""
    latency: float = NAN
    ours: SceneScore | None = None
    hull: SceneScore | None = None


@dataclass(frozen=True)
class AnswerOutline:
    """What the table says of an answer; the masks themselves are in the pictures.

    Args:
        objects: how many.
        occluded: how many have a hidden part.
        edges: how many.
        removal_order: ids, front to back.
    """

    objects: int
    occluded: int
    edges: int
    removal_order: tuple[int, ...]

    @classmethod
    def of(cls, scene: CompletedScene) -> AnswerOutline:
        """The outline of `scene`."""
        return cls(
            len(scene.objects),
            sum(bool(o.invisible.any()) for o in scene.objects),
            len(scene.graph.edges),
            scene.graph.removal_order,
        )


def report(frames: Sequence[ReplayedFrame], heading: str) -> str:
    """The tables as Markdown: one line per frame, then the means beside the reference's."""
    answered = [f for f in frames if f.answer is not None]
    parts = [heading, markdown_table(COLUMNS, map(_line, frames))]
    ours = [f.ours for f in answered if f.ours is not None]
    hull = [f.hull for f in answered if f.hull is not None]
    if ours:
        summary = summarise(ours)
        parts += [
            counts_line(summary),
            SCORE_LEGEND,
            markdown_table(
                ("method", *SCORE_COLUMNS),
                [
                    ["segan", *score_cells(summary)],
                    ["convex hull", *score_cells(summarise(hull))],
                ],
            ),
        ]
    parts.append(_totals(frames))
    return "\n\n".join(parts)


def to_json(frames: Sequence[ReplayedFrame]) -> dict[str, Any]:
    """The same for machines."""
    ours = [f.ours for f in frames if f.ours is not None]
    hull = [f.hull for f in frames if f.hull is not None]
    scores = {"segan": asdict(summarise(ours)), "convex hull": asdict(summarise(hull))}
    return {
        "summary": {
            "frames": len(frames),
            "unanswered": [f.index for f in frames if f.answer is None],
            "latency_ms": _latency_ms(frames),
            "scores": scores if ours else {},
        },
        "frames": [
            {
                "index": f.index,
                "stamp": f.stamp,
                "problem": f.problem,
                "latency_ms": f.latency * 1000,
                "answer": None if f.answer is None else asdict(f.answer),
                "segan": _scores(f.ours),
                "convex hull": _scores(f.hull),
            }
            for f in frames
        ],
    }


def write_frame(out: Path, index: int, frame: Frame, scene: CompletedScene) -> None:
    """Write the result folder of one frame, with pictures, as ``frame_000`` into `out`."""
    pictures: dict[str, Image | str] = {
        "overlay.png": overlay(frame, scene),
        "completed.png": completed_sheet(frame, scene),
        "graph.svg": graph_svg(scene.graph, scene),
    }
    write_result(out / f"frame_{index:03d}", scene, pictures)


def clear_frames(out: Path) -> None:
    """Remove what `write_frame` wrote into `out` in an earlier run."""
    for folder in out.glob("frame_*"):
        if re.fullmatch(r"frame_\d{3,}", folder.name) and (folder / "graph.json").exists():
            shutil.rmtree(folder)


def _line(frame: ReplayedFrame) -> list[str]:
    if frame.answer is None:
        return [str(frame.index), *["–"] * (len(COLUMNS) - 2), f"UNANSWERED: {frame.problem}"]
    scores = _scores(frame.ours)
    return [
        str(frame.index),
        str(frame.answer.objects),
        str(frame.answer.occluded),
        str(frame.answer.edges),
        number(frame.latency * 1000, 0),
        *(number(scores.get(k, NAN), 2) for k in ("sf", "si", "order_accuracy", "edge_f1")),
        " ".join(map(str, frame.answer.removal_order)),
    ]


def _scores(score: SceneScore | None) -> dict[str, float]:
    if score is None:
        return {}
    summary = summarise([score])
    return {
        "sf": summary.sf,
        "si": summary.si,
        "hallucination": summary.hallucination,
        "order_accuracy": summary.order_accuracy,
        "edge_f1": summary.edge_f1,
    }


def _totals(frames: Sequence[ReplayedFrame]) -> str:
    answered = [f.answer for f in frames if f.answer is not None]
    latency = _latency_ms(frames)
    text = (
        f"{len(answered)} of {len(frames)} frames answered:"
        f" {sum(a.objects for a in answered)} objects, {sum(a.occluded for a in answered)} of them"
        f" occluded, {sum(a.edges for a in answered)} edges."
    )
    if answered:
        text += (
            f" Latency {latency['median']:.0f} ms (median), {latency['mean']:.0f} ms (mean),"
            f" {latency['max']:.0f} ms (largest)."
        )
    if missing := [str(f.index) for f in frames if f.answer is None]:
        text += f"\nUNANSWERED frames: {', '.join(missing)}"
    return text


def _latency_ms(frames: Sequence[ReplayedFrame]) -> dict[str, float]:
    times = [f.latency * 1000 for f in frames if f.answer is not None]
    return {
        "median": statistics.median(times) if times else NAN,
        "mean": mean(times),
        "max": max(times, default=NAN),
    }
