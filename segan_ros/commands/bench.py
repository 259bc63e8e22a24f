"""`segan bench`: how long the networks of a model take for one frame, beside the paper's sizes."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from segan_ros.drawing.tables import markdown_table
from segan_ros.runtime.model import PRECISIONS, PROVIDERS, Model, model_folder

STAGES = ("segmentor", "painter")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--model", default="tabletop", help="shipped model or model folder")
    parser.add_argument(
        "--against",
        help="another model; default: the paper's sizes, exported now with random weights",
    )
    parser.add_argument("--provider", default="auto", choices=["auto", *PROVIDERS])
    parser.add_argument(
        "--precision", default="auto", choices=PRECISIONS, help="of the model, not of the other"
    )
    parser.add_argument("--objects", type=int, default=10, help="in the frame (10)")
    parser.add_argument("--repeat", type=int, default=7, help="runs, the median counts (7)")
    parser.add_argument("--threads", type=int, default=0, help="of the CPU, 0 = all cores")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")


def run(args: argparse.Namespace) -> int:
    """Time both models in turns, in one process and one runtime, and print what was measured.

    Raises:
        ValueError, OSError: an argument or a model cannot be used.
    """
    for name in ("objects", "repeat"):
        if not 1 <= getattr(args, name) <= 1000:
            raise ValueError(f"--{name} is {getattr(args, name)}; it must lie in 1..1000")
    if args.threads < 0:
        raise ValueError(f"--threads is {args.threads}; it must be 0, all cores, or more")
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


def compare(ours: Model, theirs: Model, objects: int, repeat: int) -> dict[str, Any]:
    """Median milliseconds of each network on one frame's objects, all of them painted.

    Args:
        ours, theirs: what is timed, in turns, so that both meet the same disturbances.
        objects: in the frame.
        repeat: turns; one more goes before them and does not count.

    Returns:
        ``{"ours", "theirs": {"model", "precision", "segmentor", "painter", "total"},
        "ratio": ...}``, ratio is theirs over ours.
    """
    calls = {"ours": _calls(ours, objects), "theirs": _calls(theirs, objects)}
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(repeat + 1):
        for who, networks in calls.items():
            for stage, call in networks.items():
                start = time.perf_counter()
                call()
                if turn:
                    seconds.setdefault((who, stage), []).append(time.perf_counter() - start)
    result: dict[str, Any] = {"provider": ours.provider, "objects": objects, "runs": repeat}
    for who, model in (("ours", ours), ("theirs", theirs)):
        times = {s: round(1000 * median(seconds[who, s]), 2) for s in STAGES}
        named = {"model": model.spec.name, "precision": model.precision}
        result[who] = {**named, **times, "total": round(sum(times.values()), 2)}
    result["ratio"] = {
        s: round(result["theirs"][s] / result["ours"][s], 2) for s in (*STAGES, "total")
    }
    return result


def _calls(model: Model, objects: int) -> dict[str, Callable[[], object]]:
    """Random pictures serve: the networks take the same time for all."""
    rng = np.random.default_rng(0)
    segmentor, painter = model.spec.segmentor, model.spec.painter
    planes = rng.random((objects, segmentor.channels, *segmentor.size), np.float32)
    boxes = np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (objects, 1))
    canvases = rng.random((objects, 3, *painter.size), np.float32)
    return {
        "segmentor": lambda: model.segment(planes, boxes),
        "painter": lambda: model.paint(canvases),
    }


def _table(result: dict[str, Any]) -> str:
    ours, theirs, ratio = result["ours"], result["theirs"], result["ratio"]
    return (
        f"Networks alone, {result['objects']} objects, all painted; {result['provider']}; median "
        f"of {result['runs']} runs in turns.\n\n"
    ) + markdown_table(
        ("ms", *(f"{m['model']} {m['precision']}" for m in (ours, theirs)), "ratio"),
        [[s, f"{ours[s]:.1f}", f"{theirs[s]:.1f}", f"{ratio[s]:.1f}"] for s in (*STAGES, "total")],
    )
