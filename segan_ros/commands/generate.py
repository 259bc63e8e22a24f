"""`segan generate`: labelled tabletop scenes, or a bag of one pile."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.synthesis.bag import write_bag
from segan_ros.synthesis.folder import parse_size
from segan_ros.synthesis.generate import generate
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.statistics import measure, report
from segan_ros.synthesis.workforce import Workforce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan generate`."""
    what = parser.add_argument_group("what to make: --out, --bag or --stats")
    what.add_argument("--out", type=Path, metavar="DIR", help="write scenes into DIR")
    what.add_argument("--bag", type=Path, help="write a bag: a new folder, or a new .mcap file")
    what.add_argument(
        "--stats",
        nargs="?",
        const="",
        metavar="DIR",
        help="print the distribution of the scenes in DIR, or in --out",
    )
    parser.add_argument("--scenes", type=int, metavar="N", help="how many (100)")
    parser.add_argument("--split", default="train", help="train, val or test (train)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (0)")
    parser.add_argument("--size", metavar="WxH", help="pixels (320x240; bag: 640x480)")
    parser.add_argument(
        "--objects", default="families", help="families, or all: assets too (families)"
    )
    parser.add_argument(
        "--lifts",
        action="store_true",
        help="lift every object in turn, write which others that disturbs; one scene per pile",
    )
    parser.add_argument("--shards", type=int, metavar="K", help="pack K scenes in a tar file")
    parser.add_argument("--workers", type=int, default=0, metavar="W", help="processes (all cores)")
    parser.add_argument("--ray", metavar="ADDRESS", help="work on a Ray cluster: auto, HOST:PORT")
    parser.add_argument("--frames", type=int, default=15, help="of the bag (15)")
    parser.add_argument("--rate", type=float, default=2.0, metavar="HZ", help="of the bag (2)")


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
        raise ValueError("--stats does not say of what; give --stats DIR, or --out DIR too")
    if args.stats and args.out and args.scenes is None:
        raise ValueError("--stats DIR measures what is there: leave out --out, or give --scenes")
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
    if args.workers < 0:
        raise ValueError(f"--workers is {args.workers}; give 1 or more, or 0 for one per core")
    return Workforce(args.workers, args.ray or "")


def _per_shard(args: argparse.Namespace) -> int:
    if args.shards is not None and args.shards < 1:
        raise ValueError(f"--shards is {args.shards}; at least 1 scene goes into a tar file")
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
        raise ValueError(f"--bag goes without {', '.join(named)}: they are of scenes")
