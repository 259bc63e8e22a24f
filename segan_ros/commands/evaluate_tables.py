"""The options of `segan evaluate` that fill the paper's tables, and what they do."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from segan_ros.commands.options import open_model
from segan_ros.completion import SceneCompleter
from segan_ros.paper.album import PICTURED, Album
from segan_ros.paper.page import tables_page
from segan_ros.paper.tables import NEIGHBOUR, TAKEN, Others, fill_tables, write_tables
from segan_ros.scoring.predicted import Segmenter
from segan_ros.storage.scenes import ScenePath, iterate_scenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    paper = parser.add_argument_group("the paper's tables")
    paper.add_argument(
        "--tables", action="store_true", help="fill the paper's Tables 1, 2 and 5 instead"
    )
    paper.add_argument(
        "--photographs",
        type=Path,
        metavar="DIR",
        help="scenes made from photographs: the same tables on these, as Table 4",
    )
    for option, table in (("--segmentor", "Table 1"), ("--painter", "Table 2")):
        paper.add_argument(
            option,
            action="append",
            default=[],
            type=_named_model,
            metavar="NAME=MODEL",
            help=f"add a row to {table} for another model, such as a baseline; may be repeated",
        )
    paper.add_argument(
        "--refiner",
        metavar="MODEL",
        help="model that refines predicted masks: adds two rows to Table 1",
    )
    paper.add_argument(
        "--library",
        type=Path,
        metavar="DIR",
        help="training scenes to search for nearest neighbours: adds a row to Table 2",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        ValueError: naming them.
    """
    for name in ("photographs", "segmentor", "painter", "refiner", "library"):
        if getattr(args, name) and not args.tables:
            raise ValueError(f"--{name} needs --tables")
    if not args.tables:
        return
    if args.use_depth:
        raise ValueError("--tables excludes --use-depth: the paper's method has no depth")
    if args.masks and args.photographs:
        raise ValueError("--masks excludes --photographs: run once for each")
    for named in (args.segmentor, args.painter):
        names = [*TAKEN, *(name for name, _ in named)]
        if len(set(names)) < len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f"rows must have different names; given twice: {', '.join(twice)}")


def run(
    args: argparse.Namespace,
    completer: SceneCompleter,
    folders: list[ScenePath],
    segmenter: Segmenter,
    source: str,
) -> int:
    """Fill the tables over `folders`, print them, and write them to ``--out``.

    Args:
        args: see `add_arguments`.
        completer: ours.
        folders: scene folders with ground truth.
        segmenter: gives the predicted visible masks.
        source: where these come from, in words.

    Raises:
        ValueError, OSError: a scene, a model or the library cannot be used.
    """

    def opened(model: str) -> SceneCompleter:
        return SceneCompleter(open_model(args, model))

    photographs = list(iterate_scenes(args.photographs)) if args.photographs else []
    painters = {name: opened(model) for name, model in args.painter}
    if args.library is not None:
        from segan_ros.training.neighbours import NeighbourPainter

        painters = {NEIGHBOUR: SceneCompleter(NeighbourPainter(args.library)), **painters}
    segmentors = {name: opened(model) for name, model in args.segmentor}
    refiner = opened(args.refiner) if args.refiner else None
    others = Others(segmentors, painters, refiner)
    # Only a folder takes pictures.
    most = PICTURED if args.out is not None else 0
    album = Album(folders, most)
    albums = {f"scenes of {args.scenes}": album}
    tables = fill_tables(completer, folders, segmenter, others, album=album)
    if photographs:
        albums["photographs"] = album = Album(photographs, most)
        found = fill_tables(
            completer, photographs, segmenter, others, title=", photographs", album=album
        )
        tables += [replace(t, name=t.name.replace("table", "table4-")) for t in found]
    heading = (
        f"Model {completer.model.spec.name} ({completer.model.provider}, "
        f"{completer.model.precision}) on {len(folders)} scenes "
        f"of {args.scenes}, depth unused. Predicted SV: {source}."
    )
    text = "\n\n".join([heading, *(t.markdown() for t in tables)])
    print(text)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        write_tables(args.out, tables, text)
        page = tables_page("The paper's tables", heading, tables, albums)
        (args.out / "tables.html").write_text(page)
    return 0


def _named_model(text: str) -> tuple[str, str]:
    """``NAME=MODEL`` in two."""
    name, _, model = text.partition("=")
    if not name or not model:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=MODEL")
    return name, model
