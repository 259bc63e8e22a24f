"""The networks of a model folder in 8-bit integers, calibrated on scenes."""

from __future__ import annotations

import logging
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.shape_inference import quant_pre_process

from segan_ros.completion import SceneCompleter
from segan_ros.crops.planes import PLANE_CHANNELS
from segan_ros.frame import Planes
from segan_ros.host.progress import Progress
from segan_ros.runtime.model import Model
from segan_ros.runtime.spec import SegmentorSpec
from segan_ros.storage.scenes import read_scene_frame

Feed = dict[str, Planes]
"""Input name -> array: one call of a network."""

OPERATORS = ["Conv", "ConvTranspose", "MatMul", "Gemm"]
TRIED = 24
"""Objects that the error is measured on."""

ERROR = 0.02
"""See `quantise`. On validation scenes it cost the shipped segmentor 0.001 of SI at most."""


@dataclass(frozen=True)
class Form:
    """How a provider wants its 8-bit networks.

    Args:
        activations: their type.
        symmetric: whether the zero point is 0.
    """

    activations: QuantType
    symmetric: bool

    @property
    def options(self) -> dict[str, bool]:
        """For ONNX Runtime's quantiser."""
        signs = {"ActivationSymmetric": self.symmetric, "WeightSymmetric": True}
        return {**signs, "QuantizeBias": False}


FORMS = {"openvino": Form(QuantType.QUInt8, False), "tensorrt": Form(QuantType.QInt8, True)}
"""CPUs multiply unsigned activations with signed weights. TensorRT takes symmetric signed ones
alone, which after a ReLU use half of their range; and its parser refuses quantised biases."""


def record(folder: Path, scenes: Sequence[Any]) -> dict[str, list[Feed]]:
    """What both networks are given when `scenes` are completed.

    Raises:
        ValueError: in none of the scenes anything is hidden.
    """
    recorder = _Recorder(folder)
    completer = SceneCompleter(recorder)
    for scene in Progress(scenes, unit="scene"):
        frame = read_scene_frame(scene)
        completer.complete(frame)
        if recorder.spec.segmentor.sees_depth and frame.depth is not None:
            completer.complete(replace(frame, depth=None))
    for name, feeds in recorder.calls.items():
        if not feeds:
            raise ValueError(f"no scene needs the {name}; calibrate on scenes with occlusion")
    return recorder.calls


def everywhere(feed: Feed) -> Planes:
    """Each pixel of the outputs counts."""
    return np.ones((1, 1, 1, 1), np.float32)


def on_others(spec: SegmentorSpec) -> Callable[[Feed], Planes]:
    """What a segmentor says counts on the other objects' pixels, where nearly all hidden parts lie:
    visible pixels are given. With ``occluders: any`` it counts everywhere."""
    if spec.view != "roi" or spec.occluders == "any" or "others" not in spec.planes:
        return everywhere
    channel = sum(PLANE_CHANNELS[p] for p in spec.planes[: spec.planes.index("others")])
    return lambda feed: (feed["planes"][:, channel, None] > 0.5).astype(np.float32)


def quantise(
    source: Path,
    target: Path,
    feeds: Sequence[Feed],
    *,
    runs_on: str = "openvino",
    error: float = ERROR,
    counts: Callable[[Feed], Planes] = everywhere,
) -> tuple[int, int]:
    """Static quantisation to QDQ: weights per channel, biases left as they are.

    The first layers make most of the error, for little of the work: as few of them as possible stay
    in 32 bits.

    Args:
        source: ONNX, fp32.
        target: written in one step.
        feeds: typical calls; they set the ranges of activations.
        runs_on: key of `FORMS`: the provider that the file is for.
        error: largest root mean square change of the outputs, which lie in 0..1.
        counts: where the outputs of a call count: 0 or 1, for each object and pixel.

    Returns:
        How many layers are in 8 bits, and how many there are.

    Raises:
        ValueError: even the last layer by itself changes more, or nothing counts.
    """
    form = FORMS[runs_on]
    with tempfile.TemporaryDirectory() as scratch:
        prepared, made, best = (Path(scratch) / f"{n}.onnx" for n in ("prepared", "made", "best"))
        logging.disable(logging.WARNING)  # it advises to do what is done here
        try:
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        finally:
            logging.disable(logging.NOTSET)
        ranges = _ranges(prepared, Path(scratch) / "ranges.onnx", feeds, form)
        layers = _named_layers(prepared)
        tried = _spread(feeds, TRIED)
        exact, weights = _answers(prepared, tried), [counts(feed) for feed in tried]

        def serves(first: int) -> bool:
            """Whether the layers from `first` on can be in 8 bits; if so, they are kept."""
            quantiser = QDQQuantizer(
                load_model_with_shape_infer(prepared),
                per_channel=True,
                reduce_range=False,
                weight_qType=QuantType.QInt8,
                activation_qType=form.activations,
                tensors_range=ranges,
                nodes_to_quantize=[],
                nodes_to_exclude=layers[:first],
                op_types_to_quantize=OPERATORS,
                extra_options=form.options,
            )
            quantiser.quantize_model()
            quantiser.model.save_model_to_file(str(made))
            good = _difference(exact, _answers(made, tried), weights) <= error
            if good:
                shutil.copyfile(made, best)
            return good

        # Every one that serves has fewer layers left as they are than the one before.
        first = bisect_left(range(len(layers)), True, key=serves)
        if first == len(layers):
            raise ValueError(f"{source}: in 8 bits its output changes by more than {error}")
        part = target.with_suffix(".part")
        shutil.copyfile(best, part)
        part.replace(target)
    return len(layers) - first, len(layers)


def _named_layers(path: Path) -> list[str]:
    """Names of the layers that can be quantised; they are told apart by names, so all get some."""
    model = onnx.load(str(path))
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}_{node.name}"
    onnx.save(model, str(path))
    layers = [n.name for n in model.graph.node if n.op_type in OPERATORS]
    if not layers:
        raise ValueError(f"no layer of the network is one of {', '.join(OPERATORS)}")
    return layers


def _spread(feeds: Sequence[Feed], count: int) -> list[Feed]:
    """One object of each of `count` calls, drawn at random."""
    drawn = np.random.default_rng(0).permutation(len(feeds))[:count]
    return [{k: v[:1] for k, v in feeds[i].items()} for i in drawn]


def _ranges(model: Path, scratch: Path, feeds: Sequence[Feed], form: Form) -> Any:
    """Least and greatest value of each activation."""
    calibrator = create_calibrator(
        model, OPERATORS, str(scratch), extra_options={"symmetric": form.symmetric}
    )
    calibrator.collect_data(_Calls(feeds))
    return calibrator.compute_data()


def _answers(model: Path, feeds: Sequence[Feed]) -> list[Planes]:
    """Computed as written: unoptimised, no CPU's 8-bit arithmetic plays a part."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    return [session.run(None, feed)[0] for feed in feeds]


def _difference(
    exact: Sequence[Planes], rough: Sequence[Planes], weights: Sequence[Planes]
) -> float:
    """Root of the weighted mean square; weights are taken at the pixels of the outputs."""
    total = counted = 0.0
    for a, b, weight in zip(exact, rough, weights, strict=True):
        rows, columns = (
            np.arange(out) * size // out
            for out, size in zip(a.shape[2:], weight.shape[2:], strict=True)
        )
        counts = np.broadcast_to(weight[:, :, rows[:, None], columns], a.shape)
        total += float((counts * (a - b) ** 2).sum())
        counted += float(counts.sum())
    if not counted:
        raise ValueError("no calibration scene has objects that touch; use scenes in which they do")
    return (total / counted) ** 0.5


class _Recorder(Model):
    """A model that keeps what it is asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, precision="fp32")
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
