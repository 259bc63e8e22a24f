"""`segan evaluate`: strict scores of a model and of the references, over a folder of scenes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from segan_ros.commands import evaluate_tables as tables_command
from segan_ros.commands.options import (
    add_model,
    add_out,
    add_precision,
    add_scenes,
    at_least,
    open_model,
)
from segan_ros.completion import SceneCompleter
from segan_ros.masks.styles import STYLES
from segan_ros.scoring.evaluation import OURS, evaluate, report, write
from segan_ros.scoring.lift_report import lifts_report
from segan_ros.scoring.lifts import evaluate_lifts
from segan_ros.scoring.predicted import (
    Segmenter,
    masks_of,
    noisy_masks,
)
from segan_ros.scoring.sheet import object_sheet, ranked_objects
from segan_ros.scoring.styles import DEPTH
from segan_ros.storage.images import write_image
from segan_ros.storage.output import check_output
from segan_ros.storage.scenes import ScenePath, iterate_scenes

PICTURED = 12
"""Objects on each of the two pictures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_scenes(parser, "scenes with ground truth", required=True)
    add_model(parser)
    add_precision(parser)
    add_out(
        parser,
        "where to write scores.md, scores.json, *.csv, reliability.svg, worst.jpg, objects.jpg; "
        "with --tables: tables.md, tables.html, table*.csv; with --lifts: lifts.md",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="score the first N scenes only")
    parser.add_argument(
        "--use-depth", action="store_true", help="let depth confirm or reject edges, in all rows"
    )
    parser.add_argument(
        "--lifts",
        action="store_true",
        help="score the removal order, on scenes of segan generate --lifts (docs/lifting.md)",
    )
    predicted = parser.add_mutually_exclusive_group()
    predicted.add_argument(
        "--noisy-masks",
        type=int,
        nargs="?",
        const=1,
        metavar="SEED",
        help="also score imperfect visible masks: the true ones with random segmentation errors "
        "(docs/mask_noise.md) of this SEED (1)",
    )
    predicted.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="also score a segmenter's masks: label images <scene>.png in DIR",
    )
    parser.add_argument(
        "--mask-style",
        choices=[*STYLES, "all", DEPTH],
        metavar="NAME",
        help="also score true masks redrawn as one kind of segmenter draws them: "
        f"{', '.join(STYLES)}, or all of these; {DEPTH} scores those that the depth segmenter "
        "finds on noisy depth (docs/mask_styles.md). With --lifts: such masks and depth",
    )
    tables_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score the scenes that the arguments name; print the tables, and write them to ``--out``.

    Raises:
        ValueError, OSError: an argument, a scene or the model cannot be used.
    """
    at_least(args, limit=1, noisy_masks=0)
    folders = list(islice(iterate_scenes(args.scenes), args.limit))
    if args.out is not None:
        check_output(args.out)
    tables_command.check(args)
    if args.lifts:
        return _lifts(args, folders)
    if args.tables and args.noisy_masks is None and args.masks is None:
        args.noisy_masks = 1
    segmenter, source = _segmenter(args)
    model = open_model(args)
    completer = SceneCompleter(model)
    if args.tables:
        assert segmenter is not None
        return tables_command.run(args, completer, folders, segmenter, source)
    evaluation = evaluate(completer, folders, args.use_depth, segmenter, _styles(args))
    heading = (
        f"Model {model.spec.name} ({model.provider}, {model.precision}) on {args.scenes}, depth"
        f" {'used where available' if args.use_depth else 'unused'}."
    )
    text = report(evaluation, heading, source)
    print(text)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        write(args.out, evaluation, text)
        scores = [s.objects for s in evaluation.scores[OURS]]
        for name, worst in (("worst", True), ("objects", False)):
            shown = ranked_objects(
                completer, folders, scores, PICTURED, worst, use_depth=args.use_depth
            )
            write_image(args.out / f"{name}.jpg", object_sheet(shown, columns=2))
    return 0


def _lifts(args: argparse.Namespace, folders: Sequence[ScenePath]) -> int:
    others = {
        "--tables": args.tables,
        "--use-depth": args.use_depth,
        "--noisy-masks": args.noisy_masks is not None,
        "--masks": args.masks is not None,
    }
    if named := [option for option, used in others.items() if used]:
        raise ValueError(f"--lifts excludes {', '.join(named)}")
    model = open_model(args)
    piles = evaluate_lifts(SceneCompleter(model), folders, _styles(args))
    heading = f"Model {model.spec.name} ({model.provider}, {model.precision}) on {args.scenes},"
    text = lifts_report(piles, heading)
    print(text)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "lifts.md").write_text(text + "\n")
    return 0


def _styles(args: argparse.Namespace) -> tuple[str, ...]:
    return {None: (), "all": tuple(STYLES)}.get(args.mask_style, (args.mask_style,))


def _segmenter(args: argparse.Namespace) -> tuple[Segmenter | None, str]:
    """Where predicted masks come from, and that in words."""
    if args.noisy_masks is not None:
        return noisy_masks(
            args.noisy_masks
        ), f"true masks with segmentation errors, seed {args.noisy_masks}"
    if args.masks is not None:
        return masks_of(args.masks), f"the label images in {args.masks}"
    return None, ""
