"""`segan pack`: scenes in one small file, which a GPU learns from without waiting for a CPU."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from segan_ros.commands.options import at_least
from segan_ros.storage.output import check_output
from segan_ros.storage.scenes import iterate_scenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--scenes",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="scenes with ground truth, all of one size: folders of scene folders or shards",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="file to write, ending in .npz"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N scenes of each")
    parser.add_argument(
        "--variants",
        type=int,
        default=4,
        metavar="N",
        help="extra masks of each scene beside the true ones, each in the style of a segmenter (4)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="random seed of the drawings (1)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        ValueError, OSError: an argument or a scene cannot be used, or the file not be written.
    """
    from segan_ros.training.packs import SUFFIX, write_pack

    at_least(args, limit=1, variants=0, seed=0)
    if args.out.suffix != SUFFIX:
        raise ValueError(f"--out is {args.out}; it must end in {SUFFIX}")
    check_output(args.out.parent)
    folders = [f for d in args.scenes for f in islice(iterate_scenes(d), args.limit)]
    objects = write_pack(args.out, folders, variants=args.variants, seed=args.seed)
    size = args.out.stat().st_size / 1e6
    print(f"{len(folders)} scenes with {objects} objects in {args.out}, {size:.1f} MB")
    return 0
