"""`segan quantise`: the networks of a model folder in 8-bit integers, beside the 32-bit ones."""

from __future__ import annotations

import argparse
from itertools import islice

import yaml

from segan_ros.commands.options import add_scenes, at_least
from segan_ros.home import expanded
from segan_ros.runtime.model import model_folder
from segan_ros.storage.scenes import iterate_scenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="DIR",
        help="model folder; the 8-bit networks are added to it",
    )
    add_scenes(parser, "scenes to calibrate on; never the test split", required=True)
    parser.add_argument(
        "--limit", type=int, default=40, metavar="N", help="calibrate on the first N scenes (40)"
    )


def run(args: argparse.Namespace) -> int:
    """Write ``segmentor.int8.onnx`` and ``painter.int8.onnx`` and name them in ``model.yaml``.

    Raises:
        ValueError, OSError: an argument, a scene or the model cannot be used.
    """
    from segan_ros.model.quantise import quantise, record

    at_least(args, limit=1)
    folder = model_folder(args.model)
    if not expanded(args.model).is_dir():
        raise ValueError(
            f"--model {args.model} is a shipped model, which is not modified; copy {folder} and "
            "name the copy"
        )
    calls = record(folder, list(islice(iterate_scenes(args.scenes), args.limit)))
    description = yaml.safe_load((folder / "model.yaml").read_text())
    for name, feeds in calls.items():
        section = description[name]
        source = folder / section["file"]
        target = source.with_suffix(".int8.onnx")
        quantise(source, target, feeds)
        section["int8_file"] = target.name
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, calibrated on {len(feeds)} calls")
    (folder / "model.yaml").write_text(
        yaml.safe_dump(description, sort_keys=False, width=100, default_flow_style=None)
    )
    return 0
