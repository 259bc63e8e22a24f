"""A model without weights, for tests: the whole mask is the visible one grown by a few pixels."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

PLANES = ("rgb", "visible", "others")
VISIBLE_CHANNEL = 3
OPSET = helper.make_opsetid("", 17)
IR_VERSION = 8  # what the oldest supported ONNX Runtime reads


def write_dummy_model(folder: str | Path, size: tuple[int, int] = (32, 32), grow: int = 4) -> Path:
    """Write ``model.yaml``, ``segmentor.onnx`` and ``painter.onnx`` into `folder`; return it.

    Args:
        folder: made when needed.
        size: height and width of both networks' input.
        grow: pixels, at network size, by which the visible mask grows into the whole one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _save(_segmentor(size, grow), folder / "segmentor.onnx")
    _save(_painter(size), folder / "painter.onnx")
    (folder / "model.yaml").write_text(yaml.safe_dump(_description(size), sort_keys=False))
    return folder


def _description(size: tuple[int, int]) -> dict:
    return {
        "format": 1,
        "name": "dummy",
        "segmentor": {
            "file": "segmentor.onnx",
            "view": "roi",
            "size": list(size),
            "planes": list(PLANES),
            "roi": {"margin": 0.3, "of": "each_side"},
            "threshold": 0.5,
            "occluders": "labelled",
        },
        "painter": {"file": "painter.onnx", "size": list(size)},
    }


def _segmentor(size: tuple[int, int], grow: int) -> onnx.GraphProto:
    bounds = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("start", VISIBLE_CHANNEL), ("end", VISIBLE_CHANNEL + 1), ("axis", 1))
    ]
    side = 2 * grow + 1
    nodes = [
        helper.make_node("Slice", ["planes", "start", "end", "axis"], ["visible"]),
        helper.make_node(
            "MaxPool", ["visible"], ["probability"], kernel_shape=[side, side], pads=[grow] * 4
        ),
    ]
    planes = helper.make_tensor_value_info("planes", TensorProto.FLOAT, ["N", 5, *size])
    probability = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", 1, *size])
    return helper.make_graph(nodes, "segmentor", [planes], [probability], bounds)


def _painter(size: tuple[int, int]) -> onnx.GraphProto:
    shape = ["N", 3, *size]
    return helper.make_graph(
        [helper.make_node("Identity", ["canvas"], ["appearance"])],
        "painter",
        [helper.make_tensor_value_info("canvas", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("appearance", TensorProto.FLOAT, shape)],
    )


def _save(graph: onnx.GraphProto, path: Path) -> None:
    model = helper.make_model(graph, opset_imports=[OPSET], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


COMPILES = pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in ort.get_available_providers(), reason="no OpenVINO"
)


def write_networks(folder):
    """Replace the dummy's networks, which OpenVINO leaves to the CPU, by ones that it compiles."""
    write_network(folder / "segmentor.onnx", ("planes", 5), ("probability", 1), first=3)
    write_network(folder / "painter.onnx", ("canvas", 3), ("appearance", 3))
    return folder


def write_network(path, source, result, first=0, weight=1.0):
    """Channels of the input times `weight`, from `first` on, by a convolution."""
    weights = np.zeros((result[1], source[1], 1, 1), np.float32)
    weights[range(result[1]), range(first, first + result[1])] = weight
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, 32, 32])
        for name, channels in (source, result)
    ]
    node = helper.make_node("Conv", [source[0], "weight"], [result[0]])
    held = [numpy_helper.from_array(weights, "weight")]
    graph = helper.make_graph([node], path.stem, infos[:1], infos[1:], held)
    onnx.save(helper.make_model(graph, opset_imports=[OPSET], ir_version=IR_VERSION), str(path))
