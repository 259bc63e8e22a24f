"""`segan evaluate`: strict scores of a model and of the references, over a folder of scenes."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from segan_ros.commands import evaluate_tables as tables_command
from segan_ros.completion import SceneCompleter
from segan_ros.runtime.model import PRECISIONS, PROVIDERS, Model, model_folder
from segan_ros.scoring.evaluation import OURS, evaluate, report, write
from segan_ros.scoring.predicted import (
    Segmenter,
    masks_of,
    noisy_masks,
)
from segan_ros.scoring.sheet import object_sheet, ranked_objects
from segan_ros.storage.images import write_image
from segan_ros.storage.output import output_folder
from segan_ros.storage.scenes import iterate_scenes

PICTURED = 12
"""Objects on each of the two pictures."""


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
            shown = ranked_objects(completer, folders, scores, PICTURED, worst)
            write_image(args.out / f"{name}.jpg", object_sheet(shown, columns=2))
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
