"""`segan generate`: labelled tabletop scenes, or a bag of one pile."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.commands.options import add_out, at_least
from segan_ros.synthesis.bag import write_bag
from segan_ros.synthesis.folder import parse_size
from segan_ros.synthesis.generate import generate
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.statistics import measure, report
from segan_ros.synthesis.workforce import Workforce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan generate`."""
    what = parser.add_argument_group("what to make: --out, --bag or --stats")
    add_out(what, "where to write scenes; a run that was stopped goes on there")
    what.add_argument(
        "--bag", type=Path, metavar="PATH", help="bag to write: a new folder, or a new .mcap file"
    )
    what.add_argument(
        "--stats",
        nargs="?",
        const="",
        metavar="DIR",
        help="print the statistics of the scenes in DIR, or in --out",
    )
    parser.add_argument("--scenes", type=int, metavar="N", help="how many scenes (100)")
    parser.add_argument(
        "--split",
        default="train",
        help="train, val or test: each has objects and piles of its own (train)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (0)")
    parser.add_argument(
        "--size", metavar="WxH", help="of the pictures, in pixels (320x240; bag: 640x480)"
    )
    parser.add_argument(
        "--objects",
        default="families",
        help="families: parametric shapes; all: those and the meshes of `segan assets` (families)",
    )
    parser.add_argument(
        "--lifts",
        action="store_true",
        help="lift every object in turn and write which others that disturbs; one scene per pile",
    )
    parser.add_argument(
        "--shards", type=int, metavar="N", help="write tar files of N scenes instead of folders"
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes (0: one per core)"
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="work on a Ray cluster: auto, or HOST:PORT"
    )
    parser.add_argument(
        "--frames", type=int, default=15, metavar="N", help="frames in the bag (15)"
    )
    parser.add_argument(
        "--rate", type=float, default=2.0, metavar="HZ", help="frames per second in the bag (2)"
    )


def run(args: argparse.Namespace) -> int:
    """Generate the scenes that are not there yet, or a bag; print what they are like.

    Raises:
        ValueError, OSError: an argument cannot be used, or something cannot be written.
    """
    wants_stats = args.stats is not None
    if args.bag and (args.out or wants_stats):
        raise ValueError("--bag goes without --out and --stats")
    if not (args.bag or args.out or wants_stats):
        raise ValueError("give --out DIR, --bag OUT.mcap or --stats DIR")
    if args.stats == "" and not args.out:
        raise ValueError("--stats needs scenes: give --stats DIR, or --out DIR too")
    if args.stats and args.out and args.scenes is None:
        raise ValueError("--stats DIR counts existing scenes: leave out --out, or give --scenes")
    if not args.bag and (args.frames, args.rate) != (15, 2.0):
        raise ValueError("--frames and --rate go with --bag")
    size = parse_size(args.size or ("640x480" if args.bag else "320x240"))
    if args.bag:
        _refuse_with_bag(args)
        write_bag(args.bag, args.seed, size, args.frames, args.rate)
        print(f"{args.bag}: {args.frames} frames at {args.rate:g} Hz")
        return 0
    if args.out and (args.scenes is not None or not wants_stats):
        scenes = 100 if args.scenes is None else args.scenes
        job = Job(args.split, args.seed, size, scenes, args.objects, args.lifts)
        rejected = generate(job, args.out, _workforce(args), _per_shard(args))
        print(f"{args.out}: {job.scenes} {job.split} scenes of seed {job.seed} are there")
        for reason, count in rejected.most_common():
            print(f"  rejected {count} piles: {reason}")
    if wants_stats:
        print(report(measure(Path(args.stats) if args.stats else args.out)))
    return 0


def _workforce(args: argparse.Namespace) -> Workforce:
    at_least(args, workers=0)
    return Workforce(args.workers, args.ray or "")


def _per_shard(args: argparse.Namespace) -> int:
    at_least(args, shards=1)
    return args.shards or 0


def _refuse_with_bag(args: argparse.Namespace) -> None:
    """A bag shows one pile of its own kind: options of scenes would say nothing."""
    given = {
        "--scenes": args.scenes is not None,
        "--split": args.split != "train",
        "--objects": args.objects != "families",
        "--lifts": args.lifts,
        "--shards": args.shards is not None,
        "--ray": args.ray is not None,
    }
    if named := [option for option, used in given.items() if used]:
        raise ValueError(f"--bag goes without {', '.join(named)}, which are for scenes")
