"""`segan train`: from scene folders to a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="config/train/*.yaml"
    )
    parser.add_argument(
        "--data",
        action="extend",
        nargs="+",
        metavar="DIR",
        help="training scenes, instead of data.train",
    )
    parser.add_argument("--val", metavar="DIR", help="validation scenes, instead of data.val")
    parser.add_argument(
        "--photographs", metavar="DIR", help="instead of data.photographs; '' for none"
    )
    parser.add_argument("--out", metavar="DIR", help="where to write, instead of out")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that prepare batches, instead of workers",
    )


def run(args: argparse.Namespace) -> int:
    from segan_ros.training.config import read_config
    from segan_ros.training.processes import joined
    from segan_ros.training.train import train

    config = read_config(
        args.config,
        train=args.data,
        val=args.val,
        photographs=args.photographs,
        out=args.out,
        workers=args.workers,
    )
    with joined() as processes:
        checkpoint = train(config, processes=processes)
        if processes.leads:
            print(f"{checkpoint}: next, segan export --checkpoint {checkpoint} --out DIR")
    return 0


if __name__ == "__main__":  # of torchrun
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
