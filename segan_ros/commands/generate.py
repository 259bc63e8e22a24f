"""`segan generate`: labelled tabletop scenes, or a bag of one pile."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.commands.options import add_out, at_least
from segan_ros.masks.styles import STYLES
from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.synthesis.bag import BagJob, write_bag
from segan_ros.synthesis.folder import parse_size
from segan_ros.synthesis.generate import generate
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.segmenting import PERFECT, WRITERS, Segmenter
from segan_ros.synthesis.statistics import measure, report
from segan_ros.synthesis.workforce import Workforce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan generate`."""
    what = parser.add_argument_group("output: --out, --bag or --stats")
    add_out(what, "folder for the scenes; an interrupted run resumes there")
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
        help="train, val or test, which share neither objects nor piles (train)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (0)")
    parser.add_argument(
        "--size", metavar="WxH", help="image size in pixels (320x240; bag: 640x480)"
    )
    parser.add_argument(
        "--objects",
        default="families",
        help="families: parametric shapes; all: those and the meshes of `segan assets`; or the "
        "folder of a set of your own (families)",
    )
    parser.add_argument(
        "--lifts",
        action="store_true",
        help="lift each object in turn and record which others it disturbs; one scene per pile",
    )
    parser.add_argument(
        "--shards", type=int, metavar="N", help="write tar files of N scenes instead of folders"
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="worker processes (0: one per core)"
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: auto, or HOST:PORT")
    bags = parser.add_argument_group("with --bag")
    bags.add_argument(
        "--stream",
        action="store_true",
        help="record a moving camera: objects leave the picture and come back, and are taken away "
        "one after another; also which way is up, on /camera/imu and /tf",
    )
    bags.add_argument("--frames", type=int, metavar="N", help="number of frames (15; --stream: 90)")
    bags.add_argument("--rate", type=float, metavar="HZ", help="frames a second (2; --stream: 10)")
    bags.add_argument(
        "--mask-style",
        default=PERFECT,
        choices=[PERFECT, *STYLES],
        help="draw the masks as this kind of segmenter would, frame by frame (%(default)s)",
    )
    bags.add_argument(
        "--permute-ids",
        action="store_true",
        help="shuffle the ids of the masks in each frame; ground truth keeps its ids",
    )
    bags.add_argument(
        "--segmenter",
        default=LABEL_IMAGE,
        choices=list(WRITERS),
        help="message format of the masks, see docs/segmenters.md (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Generate the scenes that are not there yet, or a bag; print what they are like.

    Raises:
        ValueError, OSError: an argument cannot be used, or something cannot be written.
    """
    wants_stats = args.stats is not None
    if args.bag and (args.out or wants_stats):
        raise ValueError("--bag excludes --out and --stats")
    if not (args.bag or args.out or wants_stats):
        raise ValueError("give --out DIR, --bag OUT.mcap or --stats DIR")
    if args.stats == "" and not args.out:
        raise ValueError("--stats needs scenes: give --stats DIR, or add --out DIR")
    if args.stats and args.out and args.scenes is None:
        raise ValueError("--stats DIR counts existing scenes: drop --out, or add --scenes")
    if not args.bag and (args.stream or (args.frames, args.rate) != (None, None)):
        raise ValueError("--stream, --frames and --rate need --bag")
    segmenter = Segmenter(args.mask_style, args.permute_ids, args.segmenter, args.seed)
    if not args.bag and segmenter != Segmenter(seed=args.seed):
        raise ValueError("--mask-style, --permute-ids and --segmenter need --bag")
    size = parse_size(args.size or ("640x480" if args.bag else "320x240"))
    if args.bag:
        _refuse_with_bag(args)
        frames = (90 if args.stream else 15) if args.frames is None else args.frames
        rate = (10.0 if args.stream else 2.0) if args.rate is None else args.rate
        write_bag(args.bag, BagJob(args.seed, size, frames, rate, args.stream, segmenter))
        print(f"{args.bag}: {frames} frames at {rate:g} Hz")
        return 0
    if args.out and (args.scenes is not None or not wants_stats):
        scenes = 100 if args.scenes is None else args.scenes
        job = Job(args.split, args.seed, size, scenes, args.objects, args.lifts)
        rejected = generate(job, args.out, _workforce(args), _per_shard(args))
        print(f"{args.out}: {job.scenes} {job.split} scenes, seed {job.seed}")
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
        raise ValueError(f"--bag excludes {', '.join(named)}, which are for scenes")
