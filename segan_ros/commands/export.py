"""`segan export`: a checkpoint becomes a model folder, two ONNX files and ``model.yaml``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--checkpoint", type=Path, required=True, metavar="FILE", help="written by `segan train`"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="model folder to write"
    )


def run(args: argparse.Namespace) -> int:
    from segan_ros.model.export import export, read_checkpoint

    trained = read_checkpoint(args.checkpoint)
    for stage in trained.training["stages"]:
        if re.search(r" \d+ of \d+ steps", stage):
            print(f"not finished, {stage}: neither calibrated nor scored since it began")
    export(trained, args.out)
    size = sum(f.stat().st_size for f in args.out.glob("*.onnx")) / 1e6
    print(f"{args.out}: {trained.spec.name}, {size:.1f} MB")
    return 0
