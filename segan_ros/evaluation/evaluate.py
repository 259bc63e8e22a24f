"""`segan evaluate`: strict scores of a model and of the references, over a folder of scenes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.evaluation import tables_command
from segan_ros.evaluation.matching import count_masks
from segan_ros.evaluation.metrics import SceneScore, score_scene
from segan_ros.evaluation.predicted import (
    PredictedScores,
    Segmenter,
    masks_of,
    naming,
    noisy_masks,
    predicted_section,
    read_with_truth,
    score_predicted,
)
from segan_ros.evaluation.references import (
    convex_hulls,
    input_masks,
    painted_by_telea,
    true_masks,
)
from segan_ros.evaluation.reliability import (
    Reliability,
    decided_pixels,
    reliability,
    reliability_section,
    reliability_svg,
    undecided,
)
from segan_ros.evaluation.sheet import object_sheet, ranked_pairs
from segan_ros.evaluation.summary import Summary, bin_by_occlusion, summarise
from segan_ros.evaluation.tables import (
    SCORE_COLUMNS,
    SCORE_LEGEND,
    counts_line,
    markdown_table,
    number,
    output_folder,
    score_cells,
    write_csv,
    write_json,
)
from segan_ros.inference import PRECISIONS, PROVIDERS, Model, model_folder
from segan_ros.scenes import LabelledScene, ScenePath, iterate_scenes, write_image

OURS, TELEA = "segan", "segan's masks, Telea"

MASK_METHODS = (OURS, "convex hull", "input mask", "true masks")
"""Rows of the mask and edge tables."""

PAINT_METHODS = (OURS, TELEA)
"""Rows of the painting table; both paint the same pixels."""

PICTURED = 12
"""Objects on each of the two pictures."""


@dataclass(frozen=True)
class Evaluation:
    """Scores of every method over the same scenes.

    Args:
        scenes: names of the scenes.
        scores: method -> one score per scene.
        reliability: of our probabilities of hidden pixels.
        predicted: the same for predicted visible masks, one per scene; empty when not asked for.
    """

    scenes: tuple[str, ...]
    scores: Mapping[str, tuple[SceneScore, ...]]
    reliability: Reliability
    predicted: tuple[PredictedScores, ...] = ()

    def predicted_summaries(self) -> dict[str, Summary]:
        """Method -> summary of its scores with predicted visible masks."""
        methods = self.predicted[0].scores if self.predicted else ()
        return {m: summarise([p.scores[m] for p in self.predicted]) for m in methods}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--scenes", type=Path, required=True, help="folder of scene folders with ground truth"
    )
    parser.add_argument("--model", default="tabletop", help="shipped model or model folder")
    parser.add_argument("--provider", default="auto", choices=["auto", *PROVIDERS])
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for scores.md, scores.json, *.csv, reliability.svg, worst.jpg, objects.jpg; "
        "with --tables for tables.md, tables.html, table*.csv",
    )
    parser.add_argument("--limit", type=int, help="score the first LIMIT scenes only")
    parser.add_argument(
        "--use-depth", action="store_true", help="let depth confirm or reject edges, for all rows"
    )
    predicted = parser.add_mutually_exclusive_group()
    predicted.add_argument(
        "--noisy-masks",
        type=int,
        nargs="?",
        const=1,
        metavar="SEED",
        help="score with spoilt visible masks too (docs/mask_noise.md); SEED 1 unless given",
    )
    predicted.add_argument(
        "--masks", type=Path, help="score with a segmenter's masks too: folder of <scene>.png"
    )
    tables_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score the scenes that the arguments name; print the tables, and write them to ``--out``.

    Raises:
        ValueError, OSError: an argument, a scene or the model cannot be used.
    """
    if args.limit is not None and args.limit < 1:
        raise ValueError(f"--limit is {args.limit}; it must be at least 1")
    folders = list(islice(iterate_scenes(args.scenes), args.limit))
    if args.out is not None:
        output_folder(args.out)
    tables_command.check(args)
    if args.tables and args.noisy_masks is None and args.masks is None:
        args.noisy_masks = 1
    segmenter, source = _segmenter(args)
    model = Model(model_folder(args.model), args.provider, precision=args.precision)
    model.require(args.precision)
    completer = SceneCompleter(model)
    if args.tables:
        assert segmenter is not None
        return tables_command.run(args, completer, folders, segmenter, source)
    evaluation = evaluate(completer, folders, args.use_depth, segmenter)
    heading = (
        f"Model {model.spec.name} ({model.provider}, {model.precision}) on {args.scenes}, depth"
        f" {'used where there is some' if args.use_depth else 'unused'}."
    )
    text = report(evaluation, heading, source)
    print(text)
    if args.out is not None:
        write(args.out, evaluation, text)
        scores = [s.objects for s in evaluation.scores[OURS]]
        for name, worst in (("worst", True), ("objects", False)):
            pairs = ranked_pairs(completer, folders, scores, PICTURED, worst)
            write_image(args.out / f"{name}.jpg", object_sheet(pairs, columns=2))
    return 0


def _segmenter(args: argparse.Namespace) -> tuple[Segmenter | None, str]:
    """Where predicted masks come from, and that in words."""
    if args.noisy_masks is not None:
        if args.noisy_masks < 0:
            raise ValueError(f"--noisy-masks is {args.noisy_masks}; a seed is 0 or more")
        return noisy_masks(args.noisy_masks), f"true masks, spoilt with seed {args.noisy_masks}"
    if args.masks is not None:
        return masks_of(args.masks), f"the label images in {args.masks}"
    return None, ""


def evaluate(
    completer: SceneCompleter,
    folders: list[ScenePath],
    use_depth: bool = False,
    segmenter: Segmenter | None = None,
) -> Evaluation:
    """Score `completer` and the references on every scene folder, with predicted masks too when
    there is a `segmenter`.

    Raises:
        ValueError: a scene has no ground truth.
    """
    scores: dict[str, list[SceneScore]] = {m: [] for m in (*MASK_METHODS, TELEA)}
    predicted, probabilities, all_pixels = [], reliability(), undecided(completer)
    for folder in tqdm(folders, unit="scene"):
        scene = read_with_truth(folder)
        if not use_depth:
            scene = replace(scene, frame=replace(scene.frame, depth=None))
        with naming(folder):
            for method, score in score_methods(completer, scene).items():
                scores[method].append(score)
            answer = all_pixels.complete(scene.frame, paint=False)
            probabilities += reliability([decided_pixels(scene, answer)])
            if segmenter is not None:
                seen = segmenter(folder.name, scene)
                predicted.append(score_predicted(completer, scene, seen))
    return Evaluation(
        tuple(f.name for f in folders),
        {method: tuple(s) for method, s in scores.items()},
        probabilities,
        tuple(predicted),
    )


def score_methods(completer: SceneCompleter, scene: LabelledScene) -> dict[str, SceneScore]:
    """Scores of all methods on one scene."""
    frame, rule = scene.frame, completer.settings.edges
    ours, perfect = completer.complete(frame), true_masks(scene, rule)
    painted = replace(perfect, objects=tuple(completer.paint(frame, perfect.objects)))
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
    if ours.true_mask_objects:
        parts += ["### Painting", *_painting(summaries)]
    our_objects = [o for s in evaluation.scores[OURS] for o in s.objects]
    parts += reliability_section(evaluation.reliability, our_objects)
    if evaluation.predicted:
        parts += predicted_section(source, evaluation.predicted, summaries)
    return "\n\n".join(parts)


def _painting(summaries: Mapping[str, Summary]) -> tuple[str, str]:
    ours = summaries[OURS]
    legend = f"""\
Colour difference in 0..1, mean over objects with 5-95 % occlusion. Predicted masks: true invisible
pixels that are predicted too ({ours.painted_objects} objects). True masks: all invisible pixels
({ours.true_mask_objects} objects)."""
    rows = []
    for method in PAINT_METHODS:
        s = summaries[method]
        rows.append([method, *map(number, (s.l1, s.l2, s.true_mask_l1, s.true_mask_l2))])
    header = ("method", "L1, predicted masks", "L2", "L1, true masks", "L2")
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
