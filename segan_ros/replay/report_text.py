"""What a replay leaves behind for people at a terminal: tables, and pictures of each frame."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from segan_ros.drawing.completed import completed_sheet
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import overlay
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.frame import CompletedScene, Frame, Image
from segan_ros.replay.replayed import OURS, ReplayedFrame, Totals, latency_ms, scores_of
from segan_ros.scoring.label_free import StepSummary
from segan_ros.scoring.metrics import NAN
from segan_ros.scoring.streams import PROMPT, SOON, StreamScore
from segan_ros.scoring.tables import SCORE_COLUMNS, SCORE_LEGEND, counts_line, score_cells
from segan_ros.storage.results import write_result

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

STEP_COLUMNS = ("method", "whole IoU", "visible IoU", "edges changed", "revealed IoU", "recall")

STEP_LEGEND = """\
Frame to frame, which needs no ground truth. whole IoU, visible IoU: of an object's mask with its
mask in the frame before. edges changed: share of the edges between the same objects that appeared
or vanished. revealed: what came into view when an object was removed, compared with what had been
predicted there."""


STREAM_COLUMNS = (
    "method",
    "id switches",
    "edge changes",
    "true changes",
    "flicker",
    "edge F1",
    "shown in time",
)

STREAM_LEGEND = f"""\
Over frames. id switches: share of the objects, over all frames, whose track changed. edge changes:
edges that appeared or vanished between objects in both frames; true changes: the same of the true
edges. flicker: changes undone within {SOON} frames while the true edge did not change. edge F1:
over all frames. shown in time: share of the lasting true changes shown within {PROMPT} frames,
their own included."""


def report(frames: Sequence[ReplayedFrame], heading: str) -> str:
    """The tables as Markdown: one line per frame, then the means beside the references'."""
    totals = Totals.of(frames)
    parts = [heading, markdown_table(COLUMNS, map(_line, frames))]
    if totals.scores:
        rows = [[method, *score_cells(s)] for method, s in totals.scores.items()]
        parts += [
            counts_line(totals.scores[OURS]),
            SCORE_LEGEND,
            markdown_table(("method", *SCORE_COLUMNS), rows),
        ]
    if totals.steps:
        parts += [STEP_LEGEND, _step_table(totals.steps), _still_line(totals.steps[OURS])]
    if totals.streams and totals.frames > 1:
        parts += [STREAM_LEGEND, _stream_table(totals.streams)]
    parts.append(_totals_line(frames, totals))
    return "\n\n".join(parts)


def write_frame(out: Path, index: int, frame: Frame, scene: CompletedScene) -> None:
    """Write the result folder of one frame, with pictures, as ``frame_000`` into `out`."""
    pictures: dict[str, Image | str] = {
        "overlay.png": overlay(frame, scene),
        "completed.png": completed_sheet(frame, scene),
        "graph.svg": graph_svg(scene.graph, scene),
    }
    write_result(frame_folder(out, index), scene, pictures)


def frame_folder(out: Path, index: int) -> Path:
    """Where the result of a frame lies in the folder of a run."""
    return out / f"frame_{index:03d}"


def clear_frames(out: Path) -> None:
    """Remove what `write_frame` wrote into `out` in an earlier run."""
    for folder in out.glob("frame_*"):
        if re.fullmatch(r"frame_\d{3,}", folder.name) and (folder / "graph.json").exists():
            shutil.rmtree(folder)


def _line(frame: ReplayedFrame) -> list[str]:
    if frame.answer is None:
        return [str(frame.index), *["–"] * (len(COLUMNS) - 2), f"UNANSWERED: {frame.problem}"]
    scores = scores_of(frame.scores.get(OURS))
    return [
        str(frame.index),
        str(len(frame.answer.objects)),
        str(frame.answer.occluded),
        str(frame.answer.edges),
        number(frame.latency * 1000, 0),
        *(number(scores.get(k, NAN), 2) for k in ("sf", "si", "order_accuracy", "edge_f1")),
        " ".join(map(str, frame.answer.removal_order)),
    ]


def _step_table(steps: Mapping[str, StepSummary]) -> str:
    rows = []
    for method, s in steps.items():
        cells = s.whole_iou, s.visible_iou, s.edge_changes, s.revealed_iou, s.revealed_recall
        rows.append([method, *map(number, cells)])
    return markdown_table(STEP_COLUMNS, rows)


def _stream_table(streams: Mapping[str, StreamScore]) -> str:
    rows = [
        [
            method,
            f"{s.switches} of {s.tracked} ({100 * s.switch_share:.2f} %)" if s.tracked else "–",
            str(s.changes),
            str(s.true_changes),
            str(s.flicker),
            number(s.edge_f1),
            f"{number(s.prompt, 2)} of {len(s.delays)}" if s.delays else "–",
        ]
        for method, s in streams.items()
    ]
    return markdown_table(STREAM_COLUMNS, rows)


def _still_line(steps: StepSummary) -> str:
    text = f"The camera was static in {steps.still_steps} of {steps.steps} steps"
    if not steps.still_steps:
        return f"{text}, so revealed parts cannot be measured."
    return f"{text}; {steps.revealed} objects came into view when another was removed."


def _totals_line(frames: Sequence[ReplayedFrame], totals: Totals) -> str:
    latency = latency_ms(frames)
    answered = totals.frames - len(totals.unanswered)
    text = (
        f"{answered} of {totals.frames} frames answered: {totals.objects} objects,"
        f" {totals.occluded} of them occluded, {totals.edges} edges."
    )
    if answered:
        text += (
            f" Latency {latency['median']:.0f} ms (median), {latency['mean']:.0f} ms (mean),"
            f" {latency['max']:.0f} ms (largest)."
        )
    if totals.unanswered:
        text += f"\nUNANSWERED frames: {', '.join(map(str, totals.unanswered))}"
    return text
