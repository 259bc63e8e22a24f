"""Weights read back from a model folder answer as the folder does."""

import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from segan_ros.model.export import Trained, export  # noqa: E402
from segan_ros.model.painter import TabletopPainter  # noqa: E402
from segan_ros.model.segan import SPECS, SeGAN, Sizes  # noqa: E402
from segan_ros.model.weights import read_exported, settle_normalisation  # noqa: E402

pytestmark = pytest.mark.torch

TINY = Sizes((8, 8, 8, 8), 4, 8, 4)


@pytest.fixture(scope="module")
def trained():
    """A small model whose normalisation has seen something."""
    torch.manual_seed(3)
    model = SeGAN("tabletop", TINY)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    nn.init.normal_(model.painter.unet.up[-1].get_parameter("1.weight"), 0, 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    export(Trained(trained, SPECS["tabletop"]), place)
    return place


def answers(model):
    torch.manual_seed(5)
    planes, canvas = torch.rand(2, 8, 96, 96), torch.rand(2, 3, 64, 64)
    model.eval()
    with torch.inference_mode():
        return model.segmentor(planes), model.painter(canvas)


def read_back(folder):
    torch.manual_seed(8)
    model = SeGAN("tabletop", TINY)
    assert read_exported(folder, model)
    return model


@pytest.mark.slow
def test_networks_read_back_answer_the_same(trained, folder):
    for found, expected in zip(answers(read_back(folder)), answers(trained), strict=True):
        assert expected.std() > 0.01
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_settled_normalisation_changes_no_answer_but_fits_what_comes_in_training(trained, folder):
    model = read_back(folder)
    torch.manual_seed(5)
    planes = torch.rand(2, 8, 96, 96)
    apart = _training_gap(model, planes)
    settle_normalisation(model.segmentor, lambda: model.segmentor(planes))
    for found, expected in zip(answers(model), answers(trained), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert _training_gap(model, planes) < 0.1 * apart


def test_painter_of_one_level_more_gives_all_but_its_innermost(trained, tmp_path):
    torch.manual_seed(4)
    deep = copy.deepcopy(trained)
    deep.painter = TabletopPainter(TINY.painter, TINY.painter_most, levels=7).eval()
    nn.init.normal_(deep.painter.unet.up[-1].get_parameter("1.weight"), 0, 0.1)
    deep.spec = replace(deep.spec, painter=replace(deep.spec.painter, size=(128, 128)))
    export(Trained(deep, deep.spec), tmp_path)
    torch.manual_seed(8)
    model = SeGAN("tabletop", TINY).eval()
    assert not read_exported(tmp_path, model)
    deep.painter.levels = 6  # colours are spread by the levels that there are
    deep.painter.unet.up[0].register_forward_hook(lambda *given: torch.zeros_like(given[-1]))
    canvas = torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        found, expected = model.painter(canvas), deep.painter(canvas)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_weights_of_a_network_without_depth_start_one_that_does_not_heed_it_yet(
    folder, monkeypatch, tmp_path
):
    flat = SPECS["tabletop"].segmentor.planes[:-1]
    spec = replace(SPECS["tabletop"], segmentor=replace(SPECS["tabletop"].segmentor, planes=flat))
    with monkeypatch.context() as before:
        before.setitem(SPECS, "tabletop", spec)
        torch.manual_seed(4)
        old = SeGAN("tabletop", TINY).eval()
    nn.init.normal_(old.segmentor.head[-1].weight)
    export(Trained(old, spec), tmp_path)
    model = read_back(tmp_path).eval()
    planes = torch.rand(2, 8, 96, 96)
    with torch.inference_mode():
        found, expected = model.segmentor(planes), old.segmentor(planes[:, :6])
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_networks_of_another_size_are_refused(folder):
    with pytest.raises(ValueError, match=r"segmentor.onnx: not a network .*\(a kernel of"):
        read_exported(folder, SeGAN("tabletop", Sizes((16, 8, 8, 8), 4, 8, 4)))
    with pytest.raises(ValueError, match=r"convolutions instead of"):
        read_exported(folder, SeGAN("pix2pix"))


def test_a_file_that_is_no_network_is_refused(folder, tmp_path):
    (tmp_path / "segmentor.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ValueError, match="not readable as ONNX"):
        read_exported(tmp_path, SeGAN("tabletop", TINY))
    with pytest.raises(FileNotFoundError):
        read_exported(tmp_path / "none", SeGAN("tabletop", TINY))


def _training_gap(model, planes):
    """How far the segmentor in training, on batch statistics, is from evaluation."""
    with torch.no_grad():
        model.segmentor.eval()
        expected = model.segmentor(planes)
        state = {k: v.clone() for k, v in model.segmentor.state_dict().items()}
        model.segmentor.train()
        found = model.segmentor(planes)
        model.segmentor.load_state_dict(state)
        model.segmentor.eval()
    return float((found - expected).abs().mean())
