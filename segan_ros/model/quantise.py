"""``segan quantise``: the networks of a model folder in 8-bit integers, beside the 32-bit ones."""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.crops import Planes
from segan_ros.inference import Model, model_folder
from segan_ros.scenes import iterate_scenes, read_scene_frame

Feed = dict[str, Planes]
"""Input name -> array: one call of a network."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--model", required=True, help="model folder; the new files go into it")
    parser.add_argument(
        "--scenes", type=Path, required=True, help="what to calibrate on: never the test split"
    )
    parser.add_argument("--limit", type=int, default=40, help="scenes (40)")


def run(args: argparse.Namespace) -> int:
    """Write ``segmentor.int8.onnx`` and ``painter.int8.onnx`` and name them in ``model.yaml``.

    Raises:
        ValueError, OSError: an argument, a scene or the model cannot be used.
    """
    if args.limit < 1:
        raise ValueError(f"--limit is {args.limit}; it must be at least 1")
    folder = model_folder(args.model)
    if not Path(args.model).expanduser().is_dir():
        raise ValueError(
            f"--model {args.model} is a shipped model, which stays as it is; copy {folder} and "
            "give the copy"
        )
    calls = record(folder, list(islice(iterate_scenes(args.scenes), args.limit)))
    description = yaml.safe_load((folder / "model.yaml").read_text())
    for name, feeds in calls.items():
        section = description[name]
        source = folder / section["file"]
        target = source.with_suffix(".int8.onnx")
        quantise(source, target, feeds)
        section["int8_file"] = target.name
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {len(feeds)} calls looked at")
    (folder / "model.yaml").write_text(
        yaml.safe_dump(description, sort_keys=False, width=100, default_flow_style=None)
    )
    return 0


def record(folder: Path, scenes: Sequence[Any]) -> dict[str, list[Feed]]:
    """What both networks are given when `scenes` are completed.

    Raises:
        ValueError: in none of the scenes anything is hidden.
    """
    recorder = _Recorder(folder)
    completer = SceneCompleter(recorder)
    for scene in tqdm(scenes, unit="scene"):
        completer.complete(read_scene_frame(scene))
    for name, feeds in recorder.calls.items():
        if not feeds:
            raise ValueError(f"the scenes give the {name} nothing to do; calibrate on others")
    return recorder.calls


def quantise(source: Path, target: Path, feeds: Sequence[Feed]) -> None:
    """Static quantisation to QDQ: weights per channel, all symmetric, biases left as they are.

    TensorRT's parser takes this form alone (it refuses quantised biases).

    Args:
        source: ONNX, fp32.
        target: written in one step.
        feeds: typical calls; they set the ranges of activations.
    """
    with tempfile.TemporaryDirectory() as scratch:
        prepared, made = Path(scratch) / "prepared.onnx", Path(scratch) / "made.onnx"
        logging.disable(logging.WARNING)  # it advises to do what is done here
        try:
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        finally:
            logging.disable(logging.NOTSET)
        quantize_static(
            str(prepared),
            str(made),
            _Calls(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "ConvTranspose", "MatMul", "Gemm"],
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
            },
        )
        model = onnx.load(str(made))
        part = target.with_suffix(".part")
        onnx.save(model, str(part))
        part.replace(target)


class _Recorder(Model):
    """A model that keeps what it is asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.calls: dict[str, list[Feed]] = {"segmentor": [], "painter": []}

    def segment(self, planes: Planes, boxes: Planes) -> Planes:
        feed = {"planes": planes}
        if self.spec.segmentor.view == "image":
            feed["boxes"] = boxes
        self.calls["segmentor"].append(feed)
        return super().segment(planes, boxes)

    def paint(self, canvases: Planes) -> Planes:
        self.calls["painter"].append({"canvas": canvases})
        return super().paint(canvases)


class _Calls(CalibrationDataReader):
    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds: Iterator[Feed] = iter(feeds)

    def get_next(self) -> Feed | None:
        feed = next(self._feeds, None)
        return feed and {k: np.ascontiguousarray(v) for k, v in feed.items()}
