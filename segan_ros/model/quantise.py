"""The networks of a model folder in 8-bit integers, calibrated on scenes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from segan_ros.completion import SceneCompleter
from segan_ros.frame import Planes
from segan_ros.progress import Progress
from segan_ros.runtime.model import Model
from segan_ros.storage.scenes import read_scene_frame

Feed = dict[str, Planes]
"""Input name -> array: one call of a network."""


def record(folder: Path, scenes: Sequence[Any]) -> dict[str, list[Feed]]:
    """What both networks are given when `scenes` are completed.

    Raises:
        ValueError: in none of the scenes anything is hidden.
    """
    recorder = _Recorder(folder)
    completer = SceneCompleter(recorder)
    for scene in Progress(scenes, unit="scene"):
        completer.complete(read_scene_frame(scene))
    for name, feeds in recorder.calls.items():
        if not feeds:
            raise ValueError(f"no scene needs the {name}; calibrate on scenes with occlusion")
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
