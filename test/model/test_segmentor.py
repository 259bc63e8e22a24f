"""The segmentors: shapes, the paper's numbers, ROI pooling, the fourth input channel."""

import logging
from urllib.error import URLError

import pytest

torch = pytest.importorskip("torch")

from torchvision.ops import roi_pool as reference_roi_pool  # noqa: E402

from segan_ros.model import segmentor  # noqa: E402
from segan_ros.model.segmentor import PaperSegmentor, TabletopSegmentor, roi_pool, with_mask_channel  # noqa: E402

pytestmark = pytest.mark.torch


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_papers_segmentor_takes_500_makes_58_and_upsamples_to_256():
    network = PaperSegmentor().eval()
    planes, boxes = torch.rand(2, 4, 500, 500), torch.tensor([[0.1, 0.1, 0.5, 0.6]] * 2)
    with torch.no_grad():
        logits = network.logits(planes, boxes)
        probability = network(planes, boxes)
    assert logits.shape == (2, 1, 58, 58)
    assert probability.shape == (2, 1, 256, 256)
    assert probability.min() >= 0 and probability.max() <= 1


def test_papers_segmentor_has_resnet18_a_mask_channel_and_one_fully_connected_layer():
    without_classifier = 11_689_512 - (512 * 1000 + 1000)
    mask_channel = 64 * 7 * 7
    fully_connected = 512 * 6 * 6 * 58 * 58 + 58 * 58
    expected = without_classifier + mask_channel + fully_connected
    assert parameters(PaperSegmentor()) == expected


def test_fourth_channel_starts_as_a_copy_of_red():
    conv = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    widened = with_mask_channel(conv)
    assert torch.equal(widened.weight[:, :3], conv.weight)
    assert torch.equal(widened.weight[:, 3], conv.weight[:, 0])


def test_roi_pooling_equals_torchvisions_where_bins_meet_the_cells():
    features = torch.rand(2, 5, 16, 16)
    boxes = torch.tensor([[2, 3, 14, 15], [0, 4, 12, 16]]) / 16
    cells = torch.tensor([[0, 2, 3, 13, 14], [1, 0, 4, 11, 15]], dtype=torch.float32)
    assert torch.allclose(
        roi_pool(features, boxes, 6), reference_roi_pool(features, cells, 6), atol=1e-5
    )


def test_roi_pooling_takes_each_box_from_its_own_picture():
    features = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    pooled = roi_pool(features, torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2), 2)
    assert pooled[0].max() == 0
    assert pooled[1].min() == 1


def test_roi_pooling_passes_gradients_only_to_what_lies_in_the_box():
    features = torch.rand(1, 1, 8, 8, requires_grad=True)
    roi_pool(features, torch.tensor([[0.0, 0.0, 0.5, 0.5]]), 2).sum().backward()
    touched = features.grad[0, 0] != 0
    assert touched[:5, :5].any()
    assert not touched[5:].any() and not touched[:, 5:].any()


def test_without_a_network_the_papers_segmentor_says_so_and_starts_from_random_weights(
    monkeypatch, caplog
):
    class Unreachable:
        @staticmethod
        def get_state_dict(**_):
            raise URLError("no route to host")

    class Weights:
        IMAGENET1K_V1 = Unreachable

    monkeypatch.setattr(segmentor, "ResNet18_Weights", Weights)
    with caplog.at_level(logging.WARNING):
        PaperSegmentor(pretrained=True)
    assert "ImageNet weights of ResNet-18 cannot be downloaded" in caplog.text
    assert "no route to host" in caplog.text
    assert "resnet18-f37072fd.pth" in caplog.text


@pytest.mark.parametrize("side", [96, 128])
def test_tabletop_segmentor_answers_at_the_size_of_its_planes(side):
    network = TabletopSegmentor().eval()
    with torch.no_grad():
        probability = network(torch.rand(3, 8, side, side))
    assert probability.shape == (3, 2, side, side)
    assert probability.min() >= 0 and probability.max() <= 1


def test_tabletop_segmentor_is_small():
    assert 2_000_000 < parameters(TabletopSegmentor()) < 4_000_000


def test_tabletop_segmentor_sees_the_whole_view_from_every_pixel():
    network = TabletopSegmentor().eval()
    planes = torch.rand(1, 8, 96, 96, requires_grad=True)
    network.logits(planes)[0, 0, 48, 48].backward()
    reached = planes.grad[0].abs().sum(0) > 0
    assert reached[0, 0] and reached[-1, -1] and reached[0, -1]
