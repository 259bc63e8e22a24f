"""Exported networks: the contract of model.yaml, equal to torch, no traces of the machine."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import yaml

torch = pytest.importorskip("torch")

from segan_ros.commands import export as export_command  # noqa: E402
from segan_ros.model import export as exporter  # noqa: E402
from segan_ros.model.export import Trained, export  # noqa: E402
from segan_ros.model.segan import SIZES, SPECS, SeGAN, Sizes  # noqa: E402
from segan_ros.runtime.model import PROVIDERS, Model  # noqa: E402

pytestmark = pytest.mark.torch

NARROW = Sizes((4, 8), 8, 16, 8)
"""The same layers in the same order with few channels: export and comparison take a tenth."""


def lively(model):
    """`model` with batch statistics as after training: fresh ones make all outputs alike."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    spec = model.spec.segmentor
    with torch.no_grad():
        model.train().segmentor(
            torch.rand(3, spec.channels, *spec.size), torch.tensor([[0.0, 0, 1, 1]] * 3)
        )
        model.painter(torch.rand(3, 3, *model.spec.painter.size))
    return model.eval()


@pytest.fixture(
    scope="module", params=[pytest.param(size, marks=pytest.mark.slow) for size in SPECS]
)
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    sizes = None if request.param == "tabletop" else NARROW  # the shipped one as it is shipped
    model = lively(SeGAN(request.param, sizes))
    spec = replace(model.spec, segmentor=replace(model.spec.segmentor, threshold=0.35))
    export(Trained(model, spec, {"seed": 7}, {"val": {"si": 0.5}}), folder)
    return model, folder


def test_networks_in_onnx_equal_those_in_torch_for_any_number_of_objects(exported):
    model, folder = exported
    runtime = Model(folder, "cpu")
    spec = runtime.spec
    rng = np.random.default_rng(0)
    for count in (1, 3):
        shape = (count, spec.segmentor.channels, *spec.segmentor.size)
        planes = rng.random(shape, np.float32)
        low, extent = rng.uniform(0, 0.4, (count, 2)), rng.uniform(0.2, 0.6, (count, 2))
        boxes = np.concatenate([low, low + extent], 1).astype(np.float32)
        canvas = rng.random((count, 3, *spec.painter.size), np.float32)
        with torch.inference_mode():
            probability = model.segmentor(torch.from_numpy(planes), torch.from_numpy(boxes))
            appearance = model.painter(torch.from_numpy(canvas))
        assert np.ptp(probability.numpy()) > 1e-3 and np.ptp(appearance.numpy()) > 1e-3
        assert np.abs(runtime.segment(planes, boxes) - probability.numpy()).max() <= 1e-4
        assert np.abs(runtime.paint(canvas) - appearance.numpy()).max() <= 1e-4


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_painter_gives_the_same_colours_on_each_runtime(exported, provider):
    """Dividing by tiny weights once gave other colours in OpenVINO than in torch."""
    model, folder = exported
    if PROVIDERS[provider] not in ort.get_available_providers():
        pytest.skip(f"this onnxruntime has no {provider}")
    side = model.spec.painter.size[0]
    a, b, c = side // 4, side // 2, 3 * side // 4
    canvas = np.zeros((2, 3, side, side), np.float32)
    canvas[:, 2] = 1
    canvas[:, :, a:c, a:c] = np.array([1, 0, 0], np.float32)[:, None, None]
    canvas[0, :, a:c, a:b] = np.array([0.1, 0.8, 0.2], np.float32)[:, None, None]
    canvas[1, :, a : a + 20, a : a + 2] = np.array([0.1, 0.8, 0.2], np.float32)[:, None, None]
    with torch.inference_mode():
        expected = model.painter(torch.from_numpy(canvas)).numpy()
    assert np.abs(Model(folder, provider).paint(canvas) - expected).max() <= 1e-3


def test_files_pass_the_checker_with_weights_inside_and_opset_18(exported):
    _, folder = exported
    assert sorted(p.name for p in folder.iterdir()) == [
        "model.yaml",
        "painter.onnx",
        "segmentor.onnx",
    ]
    for path in folder.glob("*.onnx"):
        onnx.checker.check_model(str(path), full_check=True)
        assert onnx.load(str(path)).opset_import[0].version == 18


def test_files_do_not_tell_of_the_machine_that_wrote_them(exported):
    _, folder = exported
    home = str(Path(exporter.__file__).parents[2]).encode()
    for path in folder.glob("*.onnx"):
        proto = onnx.load(str(path))
        for weights in proto.graph.initializer:
            weights.ClearField("raw_data")
        content = proto.SerializeToString()
        for trace in (home, b".py", b"site-packages", b"stack_trace", b"/home/"):
            assert trace not in content, (path.name, trace)


def test_model_yaml_states_the_contract(exported):
    model, folder = exported
    text = yaml.safe_load((folder / "model.yaml").read_text())
    assert text["format"] == 1
    assert text["name"] == model.spec.name
    assert text["segmentor"]["threshold"] == 0.35
    assert text["segmentor"]["planes"] == list(model.spec.segmentor.planes)
    assert text["training"] == {"seed": 7}
    assert text["scores"] == {"val": {"si": 0.5}}


def test_tabletop_pair_fits_into_30_megabytes(exported):
    model, folder = exported
    if model.spec.name == "tabletop":
        assert sum(p.stat().st_size for p in folder.glob("*.onnx")) < 30e6


def test_export_command_needs_a_checkpoint_of_ours(tmp_path):
    parser = ArgumentParser()
    export_command.add_arguments(parser)
    other = tmp_path / "other.pt"
    torch.save({"weights": torch.zeros(3)}, other)
    args = parser.parse_args(["--checkpoint", str(other), "--out", str(tmp_path / "out")])
    with pytest.raises(
        ValueError, match=r"other.pt: not a checkpoint of this version of `segan train`"
    ):
        export_command.run(args)
    args.checkpoint = tmp_path / "missing.pt"
    with pytest.raises(FileNotFoundError):
        export_command.run(args)


def test_every_model_has_its_sizes():
    assert set(SIZES) == set(SPECS) == {"paper", "tabletop", "pix2pix", "context_encoder"}
