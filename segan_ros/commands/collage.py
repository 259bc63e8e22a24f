"""`segan collage`: labelled scenes of photographed objects, cut out and pasted over each other."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segan_ros.commands.options import add_out, at_least
from segan_ros.host.progress import Progress
from segan_ros.storage.photographs import (
    photograph_paths,
    read_photographs,
)
from segan_ros.storage.scene_writer import scene_files
from segan_ros.synthesis.collage import TENTHS, VERSION, collage, longest_side, read_cut_outs
from segan_ros.synthesis.folder import SceneFolders, claimed, parse_size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan collage`."""
    parser.add_argument(
        "--cutouts",
        required=True,
        metavar="DIR",
        help="png files of objects on a transparent background, in DIR and the folders below",
    )
    parser.add_argument(
        "--grounds", required=True, metavar="DIR", help="photographs for the background"
    )
    add_out(parser, "folder for the scenes", required=True)
    parser.add_argument(
        "--scenes", type=int, default=100, metavar="N", help="how many scenes (100)"
    )
    parser.add_argument(
        "--split",
        default="train",
        help="train, val or test: which cut-outs to use; the name of a cut-out's folder, its kind, "
        "determines its split (train)",
    )
    parser.add_argument(
        "--every-cutout",
        action="store_true",
        help="use every cut-out for --split, where each split has its own --cutouts",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same scenes (0)")
    parser.add_argument(
        "--size", default="320x240", metavar="WxH", help="image size in pixels (320x240)"
    )


def run(args: argparse.Namespace) -> int:
    """Make the scenes that are not there yet.

    Raises:
        ValueError, OSError: an argument cannot be used, or something cannot be read or written.
    """
    if args.split not in TENTHS:
        raise ValueError(f"--split is {args.split!r}; choose from {', '.join(TENTHS)}")
    at_least(args, scenes=1, seed=0)
    size = parse_size(args.size)
    _refuse_inside(args.out, args.cutouts, args.grounds)
    longest = longest_side(size)
    cut_outs, passed_over = read_cut_outs(args.cutouts, args.split, longest, args.every_cutout)
    grounds = read_photographs(args.grounds)
    identity = {
        "version": VERSION,
        "split": args.split,
        "seed": args.seed,
        "size": list(size),
        "objects": "cut-outs",
        "assets": digest_of([c.path for c in cut_outs] + photograph_paths(args.grounds)),
    }
    with claimed(args.out, identity):
        store = SceneFolders(args.out, args.scenes)
        for number in Progress(store.missing(), str(args.out), unit="scene"):
            rng = np.random.default_rng((list(TENTHS).index(args.split), args.seed, number))
            scene = collage(cut_outs, grounds[rng.integers(len(grounds))], size, rng)
            store.add(number, scene_files(scene))
    print(f"{args.out}: {args.scenes} {args.split} scenes from {len(cut_outs)} cut-outs")
    for reason, count in passed_over.most_common():
        print(f"  skipped {count} files: {reason}")
    return 0


def digest_of(paths: Sequence[Path]) -> str:
    """Of names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _refuse_inside(out: Path, *inputs: str) -> None:
    for folder in inputs:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise ValueError(
                f"--out is {out}, inside {folder}: its scenes would be read as input; "
                "choose a folder outside it"
            )
