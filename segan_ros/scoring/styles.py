"""Scores with masks as kinds of segmenters draw them: a row per style, beside true masks.

All styles but `DEPTH` are drawn from true masks; that one is a real segmenter's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import boxes_of
from segan_ros.completion import SceneCompleter
from segan_ros.depth_segmenter.segmenter import segment
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.masks.styles import drawn
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.matching import MaskCounts, Matching, count_masks
from segan_ros.scoring.metrics import SceneScore, score_scene
from segan_ros.scoring.predicted import guessed_frame
from segan_ros.scoring.references import convex_hulls, input_masks
from segan_ros.scoring.summary import Summary, summarise
from segan_ros.scoring.tables import SCORE_COLUMNS, score_cells
from segan_ros.truth import LabelledScene

DEPTH = "depth"
"""The style that is no drawing: what `segan_ros.depth_segmenter` finds in `noisy_depth`."""

SEED = 1
"""Of the styles that draw lots; each scene has its own draw."""


@dataclass(frozen=True)
class StyleScores:
    """One scene with its masks drawn in one style.

    Args:
        scores: method -> its score, over the objects that have a mask; edges over all.
        lost: objects that have none.
        matching: which masks stand for which objects, where a segmenter found them.
    """

    scores: Mapping[str, SceneScore]
    lost: int
    matching: Matching | None = None


@dataclass(frozen=True)
class StyledMasks:
    """The masks of one scene in one style; `matching` as in `StyleScores`."""

    labels: NDArray[np.int32]
    matching: Matching | None = None


def styled_masks(scene: LabelledScene, name: str, style: str) -> StyledMasks:
    """The masks of the scene `name` in `style`, under the ids of the objects that they stand for.

    Raises:
        ValueError: the style needs depth or a camera matrix, and the scene has none.
    """
    frame = scene.frame
    if style != DEPTH:
        rng = np.random.default_rng((SEED, zlib.crc32(name.encode())))
        return StyledMasks(drawn(frame.labels, style, rng))
    if frame.depth is None or frame.camera_matrix is None:
        raise ValueError(
            f"scene {name} has no depth or no camera_matrix, which --mask-style {DEPTH} needs"
        )
    noisy = noisy_depth(frame).depth
    assert noisy is not None
    guessed, matching = guessed_frame(frame, segment(frame.rgb, noisy, frame.camera_matrix))
    return StyledMasks(guessed.labels, matching)


def score_style(completer: SceneCompleter, scene: LabelledScene, masks: StyledMasks) -> StyleScores:
    """Complete `scene` from `masks`, and score against its true masks.

    True visible pixels decide what counts as hidden: a gap that is left open costs SF, not SI.
    """
    frame = replace(scene.frame, labels=masks.labels)
    rule, found = completer.settings.edges, boxes_of(frame.labels)
    answers = {
        "segan": completer.segment(frame),
        "convex hull": convex_hulls(frame, rule),
        "input mask": input_masks(frame, rule),
    }
    scores = {method: score_scene(scene, answer) for method, answer in answers.items()}
    lost = sum(o.id not in found for o in scores["segan"].objects)
    kept = {
        method: replace(score, objects=tuple(o for o in score.objects if o.id in found))
        for method, score in scores.items()
    }
    return StyleScores(kept, lost, masks.matching)


def style_summaries(scored: Sequence[StyleScores]) -> dict[str, Summary]:
    """Method -> summary over the scenes of one style."""
    return {m: summarise([s.scores[m] for s in scored]) for m in scored[0].scores}


def styles_section(
    styles: Mapping[str, Sequence[StyleScores]], true: Mapping[str, Summary]
) -> list[str]:
    """Heading, legend and table as Markdown.

    Args:
        styles: style -> one per scene.
        true: method -> its summary with true masks.
    """
    methods = next(iter(styles.values()))[0].scores
    rows = [["true masks", m, *score_cells(true[m]), "1.000", "1.000", "0"] for m in methods]
    for style, scored in styles.items():
        lost = sum(s.lost for s in scored)
        for method, summary in style_summaries(scored).items():
            share = (
                _share(summary.si, true[method].si),
                _share(summary.edge_f1, true[method].edge_f1),
            )
            cells = (*score_cells(summary), *map(number, share), str(lost))
            rows.append([style, method, *cells])
    legend = """\
True masks, redrawn as kinds of segmenters draw them (docs/mask_styles.md). Scores are taken against
the true masks, over the objects that have a mask; *lost* ones have none. Edges are over all
objects. Shares: SI and edge F1 over what the method reaches with true masks."""
    header = ("masks", "method", *SCORE_COLUMNS, "SI, share", "F1, share", "lost")
    return ["### Mask styles", legend, markdown_table(header, rows), *_found(styles)]


def styles_json(styles: Mapping[str, Sequence[StyleScores]]) -> dict[str, Any]:
    """What ``scores.json`` says of them."""
    return {
        style: {
            "lost": sum(s.lost for s in scored),
            "methods": {m: asdict(s) for m, s in style_summaries(scored).items()},
            **({"masks": asdict(counts)} if (counts := _counts(scored)) else {}),
        }
        for style, scored in styles.items()
    }


def _counts(scored: Sequence[StyleScores]) -> MaskCounts | None:
    """What became of the objects; None where masks were drawn."""
    matchings = [s.matching for s in scored if s.matching is not None]
    return count_masks(matchings) if matchings else None


def _found(styles: Mapping[str, Sequence[StyleScores]]) -> list[str]:
    """A line for each style whose masks a segmenter found."""
    return [
        f"`{style}` finds {c.found} of {c.objects} objects (mean IoU {c.iou:.3f}); {c.merged} are "
        f"merged with others, {c.missed} missed; {c.split} masks are split off, {c.spurious} "
        "match no object."
        for style, scored in styles.items()
        if (c := _counts(scored))
    ]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
