"""`segan train`: from scene folders to a checkpoint."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segan_ros.training.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="what to train, such as config/train/tabletop.yaml",
    )
    instead = parser.add_argument_group("override keys of FILE")
    instead.add_argument(
        "--data", action="extend", nargs="+", metavar="DIR", help="training scenes (data.train)"
    )
    instead.add_argument("--val", metavar="DIR", help="validation scenes (data.val)")
    instead.add_argument(
        "--photographs", metavar="DIR", help="photographs, or '' for none (data.photographs)"
    )
    instead.add_argument(
        "--weights",
        metavar="MODEL",
        help="model folder, shipped model or checkpoint to start from (model.weights)",
    )
    instead.add_argument("--out", metavar="DIR", help="folder for checkpoints (out)")
    instead.add_argument(
        "--workers", type=int, metavar="N", help="processes that load batches (workers)"
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
        weights=args.weights,
        out=args.out,
        workers=args.workers,
    )
    with joined() as processes:
        try:
            checkpoint = train(config, processes=processes)
        except KeyboardInterrupt as stop:
            if processes.leads:
                print(f"segan: {_where_to_go_on(config, stop)}", file=sys.stderr)
            return 130
        if processes.leads:
            print(
                f"{checkpoint} is trained; next: segan export --checkpoint {checkpoint} --out DIR"
            )
    return 0


def _where_to_go_on(config: Config, stop: KeyboardInterrupt) -> str:
    said, checkpoint = str(stop) or "stopped", Path(config.out) / "last.pt"
    if not checkpoint.exists():
        return f"{said} before the first step: nothing to save"
    return f"{said}; {checkpoint} is saved, and the same command resumes from it"


if __name__ == "__main__":  # of torchrun
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    raise SystemExit(run(_parser.parse_args()))
