"""`segan study`: completions compared blind by people, and their votes tallied."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from segan_ros.commands.options import add_model, at_least, open_model
from segan_ros.completion import SceneCompleter
from segan_ros.drawing.tables import markdown_table
from segan_ros.host.progress import Progress
from segan_ros.paper.study import (
    Question,
    questions,
    read_votes,
    study_page,
    subjects,
    tally,
)
from segan_ros.scoring.references import painted_by_telea, true_masks
from segan_ros.storage.scenes import iterate_scenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan study`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--scenes", type=Path, metavar="DIR", help="scenes with ground truth")
    what.add_argument(
        "--tally", type=Path, nargs="+", metavar="FILE", help="count votes that the page saved"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("study.html"),
        metavar="FILE",
        help="page to write (study.html)",
    )
    parser.add_argument(
        "--objects", type=int, default=40, metavar="N", help="number of objects to ask about (40)"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed for objects and sides (0)")
    parser.add_argument(
        "--against", default="", metavar="MODEL", help="another model instead of Telea's inpainting"
    )
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Make the page, or count votes.

    Raises:
        ValueError, OSError: there is no scene that serves, or a file cannot be read or written.
    """
    if args.tally:
        return _count(args.tally)
    at_least(args, objects=1, seed=0)
    ours = SceneCompleter(open_model(args))
    other = SceneCompleter(open_model(args, args.against)) if args.against else None
    rng = np.random.default_rng(args.seed)
    asked: list[Question] = []
    folders = list(iterate_scenes(args.scenes))
    chosen = subjects(folders, args.objects, rng)
    for folder, scene, truth in Progress(chosen, total=args.objects, unit="object"):
        perfect = true_masks(scene, ours.settings.edges)
        rival = other.paint if other else painted_by_telea
        answers = {
            args.model: ours.paint(scene.frame, perfect, paint=[truth.id]),
            args.against or "Telea": rival(scene.frame, perfect),
        }
        asked += questions(folder, scene, truth, answers, rng)
    if not asked:
        raise ValueError(f"{args.scenes}: no partly hidden object with a true appearance")
    args.out.write_text(study_page([asked[i] for i in rng.permutation(len(asked))]))
    print(f"{args.out}: {len(asked)} pairs; open it in a browser, vote, and save the votes")
    print("then: segan study --tally votes-*.json")
    return 0


def _count(files: list[Path]) -> int:
    votes = [(path, read_votes(path)) for path in files]
    studies = {vote["study"] for _, cast in votes for vote in cast}
    if len(studies) > 1:
        raise ValueError(f"votes of different studies: {', '.join(sorted(studies))}")
    rows = []
    for name, cast in [*((p.name, v) for p, v in votes), ("all", [v for _, c in votes for v in c])]:
        for found in tally(cast):
            low, high = found.interval
            counts = map(str, (found.wins, found.losses, found.ties))
            shares = f"{found.share:.0%}", f"{low:.0%}-{high:.0%}"
            rows.append((name, found.first, found.second, *counts, *shares))
    header = (
        "voter",
        "first",
        "second",
        "first preferred",
        "second preferred",
        "ties",
        "share of first",
    )
    print(markdown_table((*header, "95 % interval"), rows))
    return 0
