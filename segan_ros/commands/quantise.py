"""`segan quantise`: the networks of a model folder in 8-bit integers, beside the 32-bit ones."""

from __future__ import annotations

import argparse
from itertools import islice

import yaml

from segan_ros.commands.options import add_scenes, at_least
from segan_ros.host.home import expanded
from segan_ros.runtime.model import model_folder
from segan_ros.runtime.spec import INT8_PROVIDERS, ModelSpec, int8_key
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
        "--for",
        dest="runs_on",
        choices=INT8_PROVIDERS,
        default="openvino",
        help="what is to run them: openvino (CPUs) or tensorrt (GPUs) (openvino)",
    )
    parser.add_argument(
        "--error",
        type=float,
        default=0.02,
        metavar="E",
        help="largest root mean square change of the outputs, which lie in 0..1; the first layers "
        "stay in 32 bits as far as needed (0.02)",
    )
    parser.add_argument(
        "--limit", type=int, default=40, metavar="N", help="calibrate on the first N scenes (40)"
    )


def run(args: argparse.Namespace) -> int:
    """Write both 8-bit networks beside the 32-bit ones and name them in ``model.yaml``.

    Raises:
        ValueError, OSError: an argument, a scene or the model cannot be used.
    """
    from segan_ros.model.quantise import everywhere, on_others, quantise, record

    at_least(args, limit=1)
    if not 0 < args.error < 1:
        raise ValueError(f"--error is {args.error}; it must lie between 0 and 1")
    folder = model_folder(args.model)
    if not expanded(args.model).is_dir():
        raise ValueError(
            f"--model {args.model} is a shipped model, which is not modified; copy {folder} and "
            "name the copy"
        )
    calls = record(folder, list(islice(iterate_scenes(args.scenes), args.limit)))
    counts = {"segmentor": on_others(ModelSpec.read(folder).segmentor)}
    description = yaml.safe_load((folder / "model.yaml").read_text())
    for name, feeds in calls.items():
        section = description[name]
        source = folder / section["file"]
        target = source.with_suffix(f".{args.runs_on}.int8.onnx")
        done, layers = quantise(
            source,
            target,
            feeds,
            runs_on=args.runs_on,
            error=args.error,
            counts=counts.get(name, everywhere),
        )
        section[int8_key(args.runs_on)] = target.name
        print(
            f"{target}: {target.stat().st_size / 1e6:.1f} MB, {done} of {layers} layers in 8 bits, "
            f"calibrated on {len(feeds)} calls"
        )
    (folder / "model.yaml").write_text(
        yaml.safe_dump(description, sort_keys=False, width=100, default_flow_style=None)
    )
    return 0
