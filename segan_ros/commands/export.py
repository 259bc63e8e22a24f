"""`segan export`: a checkpoint becomes a model folder, two ONNX files and ``model.yaml``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from segan_ros.commands.options import add_out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="PATH",
        help="checkpoint of `segan train`, or the folder (its --out) that holds last.pt",
    )
    add_out(parser, "model folder to write", required=True)


def run(args: argparse.Namespace) -> int:
    from segan_ros.model.export import export, read_checkpoint

    checkpoint = args.checkpoint
    if checkpoint.is_dir():
        checkpoint /= "last.pt"
        if not checkpoint.is_file():
            raise ValueError(
                f"{args.checkpoint}: no last.pt in this folder; give a checkpoint, or the folder "
                "that `segan train` wrote to"
            )
    trained = read_checkpoint(checkpoint)
    for stage in trained.training["stages"]:
        if re.search(r" \d+ of \d+ steps", stage):
            print(f"warning: unfinished ({stage}); neither calibrated nor scored since it began")
    export(trained, args.out)
    size = sum(f.stat().st_size for f in args.out.glob("*.onnx")) / 1e6
    print(f"{args.out}: {trained.spec.name}, {size:.1f} MB")
    return 0
