"""A trained pair of networks -> a model folder: two ONNX files and ``model.yaml``."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import torch
import yaml
from torch import Tensor, nn

from segan_ros.model.painter import TabletopPainter
from segan_ros.model.segan import SPECS, SeGAN, Sizes
from segan_ros.model.subpixel import with_plain_convolutions
from segan_ros.runtime.spec import ModelSpec

OPSET = 18


@dataclass(frozen=True)
class Trained:
    """A network with what is known of its training.

    Args:
        model: the networks.
        spec: their contract, with the name and the threshold that were chosen.
        training: data, seed, steps, minutes; goes to ``model.yaml`` as it is.
        scores: measured on validation scenes; likewise.
    """

    model: SeGAN
    spec: ModelSpec
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)


def read_checkpoint(path: str | Path) -> Trained:
    """The networks in a checkpoint of `segan train`.

    Raises:
        ValueError: the file is no such checkpoint.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        shape = saved["config"]["model"]
        channels: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in shape["sizes"].items()
        }
        model = SeGAN(shape["size"], Sizes(**channels))
        model.load_state_dict(saved["model"])
        spec = replace(
            model.spec,
            name=saved["config"]["name"],
            segmentor=replace(model.spec.segmentor, threshold=saved["threshold"]),
        )
        paints = [s["trains"] for s in saved["config"]["stages"]]
        paints = [kind for kind in paints if kind in ("painter", "joint")]
        if paints[-1:] == ["joint"]:
            # It last learned from what the segmentor looked at.
            spec = replace(spec, painter=replace(spec.painter, roi=None))
        scores = {} if saved.get("outdated") else saved["scores"]
        return Trained(model, spec, saved["training"], scores)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path}: not a checkpoint of this version of `segan train` ({error}); train again"
        ) from None


def export(trained: Trained, folder: str | Path) -> None:
    """Write the model folder: both networks with their weights inside, and ``model.yaml``.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, spec = trained.model.eval(), trained.spec
    planes = torch.rand(2, *_planes_shape(spec))
    boxes = torch.tensor([[0.1, 0.2, 0.6, 0.7], [0.3, 0.0, 1.0, 0.5]])
    inputs = (
        {"planes": planes, "boxes": boxes} if spec.segmentor.view == "image" else {"planes": planes}
    )
    _write(model.segmentor, inputs, "probability", folder / spec.segmentor.file)
    canvas = {"canvas": torch.rand(2, 3, *spec.painter.size)}
    painter: nn.Module = model.painter
    if isinstance(painter, TabletopPainter):  # the paper's sizes stay as the paper has them
        painter = with_plain_convolutions(painter)
    _write(painter, canvas, "appearance", folder / spec.painter.file)
    (folder / "model.yaml").write_text(
        yaml.safe_dump(_describe(trained), sort_keys=False, width=100, default_flow_style=None)
    )


def export_untrained(size: str, folder: str | Path) -> None:
    """The networks of `size`, a key of `SPECS`, with random weights: to time, not to use. The
    weights are the same each time, so that engines built for them are found again."""
    torch.manual_seed(0)
    export(Trained(SeGAN(size), SPECS[size]), folder)


def _planes_shape(spec: ModelSpec) -> tuple[int, ...]:
    return spec.segmentor.channels, *spec.segmentor.size


def _write(network: nn.Module, inputs: dict[str, Tensor], output: str, path: Path) -> None:
    """One network as ONNX of any batch size, without traces of the machine that wrote it."""
    some = torch.export.Dim("N", min=1, max=1024)
    # Tracing what is written in place takes half as long again.
    network = deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = False
    chatter = io.StringIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(chatter), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes={name: {0: some} for name in inputs},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip(proto)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


def _strip(proto: onnx.ModelProto) -> None:
    """Drop doc strings and the exporter's notes, which name source files of this machine."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    proto.graph.doc_string = ""
    described = (*proto.graph.node, *proto.graph.initializer, *proto.graph.value_info)
    for item in (*described, *proto.graph.input, *proto.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    for function in proto.functions:
        function.doc_string = ""
        del function.metadata_props[:]


def _describe(trained: Trained) -> dict[str, Any]:
    """``model.yaml``, format 1."""
    segmentor, painter = trained.spec.segmentor, trained.spec.painter
    return {
        "format": 1,
        "name": trained.spec.name,
        "segmentor": {
            "file": segmentor.file,
            "view": segmentor.view,
            "size": list(segmentor.size),
            "planes": list(segmentor.planes),
            "roi": asdict(segmentor.roi),
            "threshold": segmentor.threshold,
            "occluders": segmentor.occluders,
        },
        "painter": {
            "file": painter.file,
            "size": list(painter.size),
            **({} if painter.roi is None else {"roi": asdict(painter.roi)}),
        },
        "training": trained.training,
        "scores": trained.scores,
    }
