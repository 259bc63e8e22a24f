"""Does TensorRT take our networks? Parses and builds them; needs no GPU.

In an environment of its own:  pip install tensorrt-rtx-cu13 onnx
    python tools/tensorrt_check.py models/tabletop [--precision fp16] [--target SM86]

TensorRT for RTX shares its ONNX parser with TensorRT 10, and builds without a device when it is
told for which one. What it cannot show without a GPU: how fast an engine is, and its answers.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import tensorrt_rtx as trt

MIN, OPT, MAX = 1, 8, 16  # objects per call, as segan_ros.runtime.network has them


class Log(trt.ILogger):
    """Keeps warnings and errors."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.kept: list[str] = []

    def log(self, severity: trt.ILogger.Severity, text: str) -> None:
        if severity in (trt.ILogger.WARNING, trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
            self.kept.append(f"{severity.name.lower()}: {text}")


def to_fp16(graph: onnx.GraphProto) -> None:
    """Weights and activations as half, inputs and outputs as they are: a strongly typed network."""
    # Resize wants its region and scales as float.
    kept = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}
    for item in graph.initializer:
        if item.data_type == onnx.TensorProto.FLOAT and item.name not in kept:
            item.CopyFrom(_half(item))
    for node in graph.node:
        if kept & set(node.output):
            continue
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = onnx.TensorProto.FLOAT16
            elif attribute.HasField("t") and attribute.t.data_type == onnx.TensorProto.FLOAT:
                attribute.t.CopyFrom(_half(attribute.t))
    names = {i.name: f"{i.name}_half" for i in (*graph.input, *graph.output)}
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [names.get(name, name) for name in field]
    for item in graph.input:
        cast = onnx.helper.make_node("Cast", [item.name], [names[item.name]], to=10)
        graph.node.insert(0, cast)
    for item in graph.output:
        graph.node.append(onnx.helper.make_node("Cast", [names[item.name]], [item.name], to=1))
    del graph.value_info[:]


def _half(tensor: onnx.TensorProto) -> onnx.TensorProto:
    values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
    return onnx.numpy_helper.from_array(values, tensor.name)


def serialised(path: Path, precision: str) -> bytes:
    """The network in that precision."""
    model = onnx.load(str(path))
    if precision == "fp16":
        to_fp16(model.graph)
    return model.SerializeToString()


def check(path: Path, precision: str, target: str) -> bool:
    """Build one network and say how it went."""
    log, start = Log(), time.monotonic()
    builder = trt.Builder(log)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(serialised(path, precision), str(path)):
        for i in range(parser.num_errors):
            print(f"  {parser.get_error(i)}")
        print(f"{path} {precision}: NOT parsed")
        return False
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, target), 0)
    profile = builder.create_optimization_profile()
    shapes = []
    for i in range(network.num_inputs):
        item = network.get_input(i)
        rest = tuple(item.shape)[1:]
        profile.set_shape(item.name, *((count, *rest) for count in (MIN, OPT, MAX)))
        shapes.append(f"{item.name} {MIN}..{MAX}x{'x'.join(map(str, rest))}")
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    for text in dict.fromkeys(log.kept):
        print(f"  {text}")
    if engine is None:
        print(f"{path} {precision}: parsed, NOT built")
        return False
    print(
        f"{path} {precision} for {target}: {network.num_layers} layers, {', '.join(shapes)}; "
        f"engine {engine.nbytes / 1e6:.1f} MB in {time.monotonic() - start:.0f} s"
    )
    return True


def main() -> int:
    """Check what the arguments name; 1 if TensorRT refuses any of it."""
    arguments = argparse.ArgumentParser(description="Parse and build a model with TensorRT.")
    arguments.add_argument("models", nargs="+", type=Path, help="model folders or ONNX files")
    arguments.add_argument("--precision", choices=("fp32", "fp16"), default="fp32")
    arguments.add_argument("--target", default="SM86", help="GPU to build for (default: SM86)")
    args = arguments.parse_args()
    paths = [p for m in args.models for p in (sorted(m.glob("*.onnx")) if m.is_dir() else [m])]
    if not paths:
        arguments.error(f"no ONNX file in {', '.join(map(str, args.models))}")
    print(f"TensorRT for RTX {trt.__version__}")
    accepted = [check(path, args.precision, args.target) for path in paths]
    return 0 if all(accepted) else 1


if __name__ == "__main__":
    sys.exit(main())
