"""`segan bench`: how long the networks of a model take for one frame, beside another model's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segan_ros.commands.options import add_model, add_precision, at_least
from segan_ros.drawing.tables import markdown_table
from segan_ros.runtime.benchmark import STAGES, compare
from segan_ros.runtime.model import Model, model_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_model(parser)
    add_precision(parser)
    parser.add_argument(
        "--against",
        metavar="MODEL",
        help="model to compare with (default: the paper's network sizes, random weights)",
    )
    parser.add_argument(
        "--objects", type=int, default=10, metavar="N", help="objects in the frame (10)"
    )
    parser.add_argument(
        "--repeat", type=int, default=7, metavar="N", help="runs; the median is reported (7)"
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="CPU threads (0: all cores)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Time both models in turns, in one process and one runtime, and print what was measured.

    Raises:
        ValueError, OSError: an argument or a model cannot be used.
    """
    for name in ("objects", "repeat"):
        if not 1 <= getattr(args, name) <= 1000:
            raise ValueError(f"--{name} is {getattr(args, name)}; it must lie in 1..1000")
    at_least(args, threads=0)
    with TemporaryDirectory() as scratch:
        ours = Model(model_folder(args.model), args.provider, args.threads, args.precision)
        ours.require(args.precision)
        other = Path(scratch)
        if args.against is None:
            from segan_ros.model.export import export_untrained

            export_untrained("paper", other)
        else:
            other = model_folder(args.against)
        theirs = Model(other, ours.provider, args.threads)
        result = compare(ours, theirs, args.objects, args.repeat)
    print(json.dumps(result, indent=1) if args.json else _table(result))
    return 0


def _table(result: dict[str, Any]) -> str:
    ours, theirs, ratio = result["ours"], result["theirs"], result["ratio"]
    return (
        f"Networks only, {result['objects']} objects, all painted; {result['provider']}; median "
        f"of {result['runs']} runs, the models in turns.\n\n"
    ) + markdown_table(
        ("ms", *(f"{m['model']} {m['precision']}" for m in (ours, theirs)), "ratio"),
        [[s, f"{ours[s]:.1f}", f"{theirs[s]:.1f}", f"{ratio[s]:.1f}"] for s in (*STAGES, "total")],
    )
