"""`segan replay --against`: an earlier run, read back from the folder that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import clip, crop
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.frame import (
    AmodalObject,
    CompletedScene,
    Evidence,
    Frame,
    OcclusionEdge,
    OcclusionGraph,
    free_objects,
)
from segan_ros.replay.replayed import OURS, ReplayedFrame, Totals
from segan_ros.replay.report_text import frame_folder
from segan_ros.scoring.metrics import NAN
from segan_ros.storage.images import read_image

METRICS = {
    "SF": "sf",
    "SI": "si",
    "hallucination": "hallucination",
    "order accuracy": "order_accuracy",
    "edge F1": "edge_f1",
}
STEP_METRICS = {"whole IoU": "whole_iou", "revealed IoU": "revealed_iou"}

MOST_NAMED = 5
"""Frames that got worse and are named."""


class EarlierRun:
    """An earlier run.

    Args:
        path: the folder that was its ``--out``, or its ``replay.json``.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, path: Path) -> None:
        file = path / "replay.json" if path.is_dir() else path
        self.folder = file.parent
        if not file.exists():
            raise ValueError(f"{file}: no such file; --against takes the --out of an earlier run")
        try:
            self.content: dict[str, Any] = json.loads(file.read_text())
            frames = {f["stamp"]: f for f in self.content["frames"]}
            self._index = {stamp: int(f["index"]) for stamp, f in frames.items()}
            self._scores = {
                stamp: (_nan(f["frame_score"]), f["answer"] is not None, bool(f[OURS]))
                for stamp, f in frames.items()
            }
            self.summary: dict[str, Any] = dict(self.content["summary"])
            self.heading: str = self.content["heading"]
            timings = self.folder / "timings.json"
            self.timings = json.loads(timings.read_text()) if timings.exists() else None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file}: is not what `segan replay --out` of this version writes"
                f" ({type(error).__name__}: {error}); run it again"
            ) from None

    def change(self, frame: ReplayedFrame) -> float:
        """How much larger the frame score of an image is now; NaN if it then had none, or one that
        measures another thing, as it does with truth and without."""
        score, answered, with_truth = self._scores.get(frame.stamp, (NAN, False, False))
        both = answered and frame.answer is not None
        if both and with_truth != (OURS in frame.scores):
            return NAN
        return frame.frame_score - score

    def scene(self, stamp: int, frame: Frame) -> CompletedScene | None:
        """What was answered to `frame` then; None if that is not on disk.

        Raises:
            ValueError: its files do not fit the frame.
        """
        index = self._index.get(stamp)
        folder = None if index is None else frame_folder(self.folder, index)
        if folder is None or not (folder / "graph.json").exists():
            return None
        try:
            return _read_result(folder, frame)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{folder}: does not match the bag or is damaged ({error}); run it again"
            ) from None


def comparison(earlier: EarlierRun, frames: list[ReplayedFrame]) -> str:
    """This run beside the earlier one as Markdown, and the frames that got worse."""
    totals = Totals.of(frames)
    then = earlier.summary
    rows = []
    for kind, names in (("scores", METRICS), ("steps", STEP_METRICS)):
        now_all = getattr(totals, kind).get(OURS)
        then_all = then.get(kind, {}).get(OURS)
        for title, name in names.items() if now_all and then_all else ():
            now, was = getattr(now_all, name), _nan(then_all.get(name))
            rows.append(
                [
                    title,
                    number(now),
                    number(was),
                    f"{round(now - was, 3) + 0:+.3f}".replace("+nan", "–"),
                ]
            )
    changes = ((earlier.change(f), f.index) for f in frames)
    # NaN, where a frame has no score, is no change, and would spoil the sorting.
    worse = [f"{i} ({d:+.2f})" for d, i in sorted(c for c in changes if c[0] < -0.005)]
    parts = [
        f"Against {earlier.heading}",
        markdown_table(("score", "this run", "earlier run", "difference"), rows),
        f"Worse in {len(worse)} of {len(frames)} frames"
        + (f", most in {', '.join(worse[:MOST_NAMED])}." if worse else "."),
    ]
    return "\n\n".join(parts)


def _nan(value: float | None) -> float:
    return NAN if value is None else value


def _read_result(folder: Path, frame: Frame) -> CompletedScene:
    objects = []
    for item in json.loads((folder / "objects.json").read_text()):
        box = tuple(item["box"])
        if clip(box, frame.size) != box:
            raise ValueError(f"object {item['id']} lies outside the image")
        full = _picture(folder / f"amodal_{item['id']}.png", cv2.IMREAD_GRAYSCALE, frame)
        amodal = crop(full, box) > 0
        painted = folder / f"appearance_{item['id']}.png"
        colours = _picture(painted, cv2.IMREAD_COLOR, frame) if painted.exists() else None
        objects.append(
            AmodalObject(
                item["id"],
                box,
                (crop(frame.labels, box) == item["id"]) & amodal,
                amodal,
                amodal.astype(np.float32),
                None if colours is None else np.ascontiguousarray(crop(colours, box)[..., ::-1]),
                item["score"],
                item["layer"],
                item["truncated"],
                occluded_by_unlabelled=item.get("occluded_by_unlabelled", False),
                occluder_only=item.get("occluder_only", False),
            )
        )
    return CompletedScene(frame.size, tuple(objects), _read_graph(folder / "graph.json"))


def _picture(path: Path, flags: int, frame: Frame) -> NDArray[Any]:
    """A picture of the size of `frame`. Raises OSError, ValueError."""
    pixels = read_image(path, flags)
    if pixels.shape[:2] != frame.size:
        raise ValueError(
            f"{path.name} is {pixels.shape[1]}x{pixels.shape[0]} but the image is "
            f"{frame.size[1]}x{frame.size[0]}"
        )
    return pixels


def _read_graph(path: Path) -> OcclusionGraph:
    content = json.loads(path.read_text())
    ids, edges = content["object_ids"], tuple(map(_read_edge, content["edges"]))
    supports = tuple(map(_read_edge, content.get("supports", ())))
    up = content.get("up")
    return OcclusionGraph(
        tuple(ids),
        tuple(content["layers"]),
        edges,
        content["is_acyclic"],
        tuple(content["removal_order"]),
        supports,
        free=frozenset(content.get("free", free_objects(ids, edges, supports))),
        up=None if up is None else (up[0], up[1], up[2]),
        up_confidence=content.get("up_confidence", 0.0),
    )


def _read_edge(stated: dict[str, Any]) -> OcclusionEdge:
    unknown = {k: _nan(stated.get(k)) for k in ("depth_gap", "lift_risk")}
    return OcclusionEdge(**{**stated, **unknown, "evidence": Evidence(stated["evidence"])})
