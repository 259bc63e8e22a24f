"""Scores of a model and of the references beside it, over a folder of scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from segan_ros.completion import SceneCompleter
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.host.cores import side_by_side
from segan_ros.host.progress import Progress
from segan_ros.scoring.matching import count_masks
from segan_ros.scoring.metrics import SceneScore, score_scene
from segan_ros.scoring.outlines import NEAR
from segan_ros.scoring.predicted import (
    PredictedScores,
    Segmenter,
    naming,
    predicted_section,
    read_with_truth,
    score_predicted,
)
from segan_ros.scoring.references import convex_hulls, input_masks, painted_by_telea, true_masks
from segan_ros.scoring.reliability import (
    Reliability,
    decided_pixels,
    reliability,
    reliability_section,
    reliability_svg,
    undecided,
)
from segan_ros.scoring.styles import (
    StyleScores,
    score_style,
    styled_masks,
    styles_json,
    styles_section,
)
from segan_ros.scoring.summary import UNNAMED, Summary, bin_by_occlusion, by_kind, summarise
from segan_ros.scoring.tables import SCORE_COLUMNS, SCORE_LEGEND, counts_line, score_cells
from segan_ros.storage.output import write_csv, write_json
from segan_ros.storage.scenes import ScenePath
from segan_ros.truth import LabelledScene

OURS, TELEA = "segan", "segan's masks, Telea"

MASK_METHODS = (OURS, "convex hull", "input mask", "true masks")
"""Rows of the mask and edge tables."""

KIND_OBJECTS = 20
"""Hidden objects of a kind from which on its scores are shown."""

PAINT_METHODS = (OURS, TELEA)
"""Rows of the painting table; both paint the same pixels."""


@dataclass(frozen=True)
class Evaluation:
    """Scores of every method over the same scenes.

    Args:
        scenes: names of the scenes.
        scores: method -> one score per scene.
        reliability: of our probabilities of hidden pixels.
        predicted: the same for predicted visible masks, one per scene; empty when not asked for.
        styles: the same for masks drawn in each style that was asked for.
    """

    scenes: tuple[str, ...]
    scores: Mapping[str, tuple[SceneScore, ...]]
    reliability: Reliability
    predicted: tuple[PredictedScores, ...] = ()
    styles: Mapping[str, Sequence[StyleScores]] = field(default_factory=dict)

    def predicted_summaries(self) -> dict[str, Summary]:
        """Method -> summary of its scores with predicted visible masks."""
        methods = self.predicted[0].scores if self.predicted else ()
        return {m: summarise([p.scores[m] for p in self.predicted]) for m in methods}


def evaluate(
    completer: SceneCompleter,
    folders: list[ScenePath],
    use_depth: bool = False,
    segmenter: Segmenter | None = None,
    styles: Sequence[str] = (),
) -> Evaluation:
    """Score `completer` and the references on every scene folder, with predicted masks too when
    there is a `segmenter`, and with masks in each of `styles`.

    Raises:
        ValueError: a scene has no ground truth, or not what a style needs.
    """
    all_pixels = undecided(completer)

    def evaluated(folder: ScenePath) -> Evaluation:
        """Of one scene."""
        measured = scene = read_with_truth(folder)
        if not use_depth:
            scene = replace(scene, frame=replace(scene.frame, depth=None))
        with naming(folder):
            scores = score_methods(completer, scene)
            answer = all_pixels.segment(scene.frame)
            seen = None if segmenter is None else segmenter(folder.name, scene)
            drawn = {style: styled_masks(measured, folder.name, style) for style in styles}
            return Evaluation(
                (folder.name,),
                {method: (score,) for method, score in scores.items()},
                reliability([decided_pixels(scene, answer)]),
                () if seen is None else (score_predicted(completer, scene, seen),),
                {s: (score_style(completer, scene, masks),) for s, masks in drawn.items()},
            )

    found = list(Progress(side_by_side(evaluated, folders), total=len(folders), unit="scene"))
    return Evaluation(
        tuple(f.name for f in folders),
        {m: tuple(s for e in found for s in e.scores[m]) for m in (*MASK_METHODS, TELEA)},
        sum((e.reliability for e in found), reliability()),
        tuple(p for e in found for p in e.predicted),
        {style: tuple(s for e in found for s in e.styles[style]) for style in styles},
    )


def score_methods(completer: SceneCompleter, scene: LabelledScene) -> dict[str, SceneScore]:
    """Scores of all methods on one scene."""
    frame, rule = scene.frame, completer.settings.edges
    ours, perfect = completer.complete(frame), true_masks(scene, rule)
    painted = completer.paint(frame, perfect)
    return {
        OURS: score_scene(scene, ours, painted),
        "convex hull": score_scene(scene, convex_hulls(frame, rule)),
        "input mask": score_scene(scene, input_masks(frame, rule)),
        "true masks": score_scene(scene, perfect),
        TELEA: score_scene(scene, painted_by_telea(frame, ours), painted_by_telea(frame, perfect)),
    }


def report(evaluation: Evaluation, heading: str, source: str = "") -> str:
    """The tables as Markdown; `source` says in words where predicted masks come from."""
    summaries = {m: summarise(s) for m, s in evaluation.scores.items()}
    ours = summaries[OURS]
    bins = {
        m: bin_by_occlusion(o for s in evaluation.scores[m] for o in s.objects)
        for m in MASK_METHODS
        if m != "true masks"
    }
    parts = [
        f"{heading} {counts_line(ours)}",
        "### Masks and edges",
        SCORE_LEGEND,
        markdown_table(
            ("method", *SCORE_COLUMNS), ([m, *score_cells(summaries[m])] for m in MASK_METHODS)
        ),
        "### SI by occlusion",
        markdown_table(
            ("method", *(f"{b.low:.0%}-{b.high:.0%}" for b in bins[OURS])),
            [
                ["(objects)", *(str(b.objects) for b in bins[OURS])],
                *([m, *(number(b.si) for b in row)] for m, row in bins.items()),
            ],
        ),
    ]
    if kinds := _kinds(evaluation):
        parts += ["### By kind", *kinds]
    if ours.true_mask_objects:
        parts += ["### Painting", *_painting(summaries)]
    our_objects = [o for s in evaluation.scores[OURS] for o in s.objects]
    parts += reliability_section(evaluation.reliability, our_objects)
    if evaluation.predicted:
        parts += predicted_section(source, evaluation.predicted, summaries)
    if evaluation.styles:
        parts += styles_section(evaluation.styles, summaries)
    return "\n\n".join(parts)


def _kinds(evaluation: Evaluation) -> tuple[str, ...]:
    """Kinds of which enough objects are hidden to compare them; empty without."""
    ours, hull = (
        by_kind(o for s in evaluation.scores[m] for o in s.objects) for m in (OURS, "convex hull")
    )
    pairs = [
        (k, hull[k.name]) for k in ours.values() if k.objects >= KIND_OBJECTS and k.name != UNNAMED
    ]
    rows = [
        (k.name, f"{k.objects}", *map(number, (k.si, other.si, k.boundary, other.boundary)))
        for k, other in pairs
    ]
    if not rows:
        return ()
    legend = f"""\
Kinds of which at least {KIND_OBJECTS} objects are partly hidden. boundary: F-score of the hidden
outline, of which the share within {NEAR} pixels of the true one counts."""
    return legend, markdown_table(
        ("kind", "objects", "SI", "SI, hull", "boundary", "boundary, hull"), rows
    )


def _painting(summaries: Mapping[str, Summary]) -> tuple[str, str]:
    ours = summaries[OURS]
    legend = f"""\
Colour difference in 0..1, mean over objects with 5-95 % occlusion. Predicted masks: true invisible
pixels that are predicted too ({ours.painted_objects} objects). True masks: all invisible pixels
({ours.true_mask_objects} objects), against the object rendered alone, and in the light of the
picture: there, step: difference of neighbouring pixels across the border of what is seen and what
is painted, over that inside the lone render; detail: mean |Laplacian| of the paint over that of the
truth."""
    rows = []
    for method in PAINT_METHODS:
        s = summaries[method]
        alone = s.l1, s.l2, s.true_mask_l1, s.true_mask_l2
        rows.append([method, *map(number, (*alone, s.light_l1, s.step, s.detail))])
    both = ("L1, predicted masks", "L2", "L1, true masks", "L2")
    header = ("method", *both, "L1 in its light", "step", "detail")
    return legend, markdown_table(header, rows)


def write(out: Path, evaluation: Evaluation, text: str) -> None:
    """Write ``scores.md``, ``scores.json``, ``reliability.svg``, ``objects.csv`` and ``edges.csv``
    into `out`."""
    (out / "scores.md").write_text(text + "\n")
    (out / "reliability.svg").write_text(reliability_svg(evaluation.reliability))
    methods = {
        method: {
            "summary": asdict(summarise(scores)),
            "by_occlusion": [
                asdict(b) for b in bin_by_occlusion(o for s in scores for o in s.objects)
            ],
        }
        for method, scores in evaluation.scores.items()
    }
    content = {
        "heading": text.partition("\n")[0],
        "methods": methods,
        "calibration_error": evaluation.reliability.error,
    }
    if evaluation.predicted:
        content["predicted_masks"] = {
            **asdict(count_masks(p.matching for p in evaluation.predicted)),
            "methods": {m: asdict(s) for m, s in evaluation.predicted_summaries().items()},
        }
    if evaluation.styles:
        content["mask_styles"] = styles_json(evaluation.styles)
    write_json(out / "scores.json", content)
    named = [
        (method, scene, score)
        for method, scores in evaluation.scores.items()
        for scene, score in zip(evaluation.scenes, scores, strict=True)
    ]
    write_csv(
        out / "objects.csv",
        [{"method": m, "scene": s, **asdict(o)} for m, s, score in named for o in score.objects],
    )
    write_csv(
        out / "edges.csv",
        [{"method": m, "scene": s, **asdict(score.edges)} for m, s, score in named],
    )
