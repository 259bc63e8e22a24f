"""The networks that the paper compares with."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segan_ros.crops.planes import canvas as eq1  # noqa: E402
from segan_ros.crops.planes import resized  # noqa: E402
from segan_ros.model.baselines import PartPainter, Pix2PixSegmentor  # noqa: E402
from segan_ros.model.painter import UNet, drawn  # noqa: E402

pytestmark = pytest.mark.torch


def canvas(hidden):
    """A grey square over blue, with red in the columns `hidden`."""
    picture = torch.tensor((0.0, 0.0, 1.0)).view(1, 3, 1, 1).repeat(1, 1, 128, 128)
    picture[:, :, 40:90, 40:90] = 0.5
    picture[:, :, 40:90, hidden] = torch.tensor((1.0, 0.0, 0.0)).view(1, 3, 1, 1)
    return picture


def lively(network):
    """`network` with weights that let signals through, as trained ones do."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network.eval()


def test_soft_outlines_of_the_hidden_part_count_as_drawn():
    """Between hidden and outside a canvas that was made smaller is purple."""
    whole, seen = np.zeros((300, 300), np.float32), np.zeros((300, 300), bool)
    seen[101:203, 101:203] = True
    whole[101:203, 101:251] = 1
    rgb = np.full((300, 300, 3), 128, np.uint8)
    made = torch.from_numpy(eq1(rgb, seen, whole, (128, 128)))[None]
    somewhat_seen = torch.from_numpy(resized(seen, (128, 128)) > 0.1)
    assert not drawn(made)[0, 0][somewhat_seen].any()
    assert drawn(made)[0, 0][torch.from_numpy(resized(seen, (128, 128)) == 0)].all()
    purple = (made[0, 0] > 0.1) & (made[0, 2] > 0.1) & (made[0, 1] < 0.01)
    assert purple.any()


@pytest.mark.parametrize("skips", [True, False])
def test_part_painters_are_not_told_where_the_hidden_part_is(skips):
    torch.manual_seed(0)
    network = lively(PartPainter(skips, 8, 16))
    with torch.no_grad():
        right, none = network(canvas(slice(90, 110))), network(canvas(slice(90, 90)))
        less = network(canvas(slice(80, 110)))
    assert torch.equal(right, none)
    assert not torch.equal(less, none)  # what is seen matters
    assert right.shape == (1, 3, 128, 128)


def test_without_skips_all_goes_through_one_pixel():
    """Equal innermost features give equal pictures, whatever the encoder saw on the way."""
    torch.manual_seed(0)
    network = lively(UNet(4, 8, 7, skips=False))
    torch.nn.init.zeros_(network.down[-1][-1].weight)
    with torch.no_grad():
        assert torch.equal(network(torch.rand(1, 3, 128, 128)), network(torch.rand(1, 3, 128, 128)))


def test_segmentor_answers_probabilities_and_can_be_calibrated():
    torch.manual_seed(0)
    network = Pix2PixSegmentor(4, 8).eval()
    planes = torch.rand(2, 4, 128, 128)
    with torch.no_grad():
        before, probability = network.logits(planes), network(planes)
        network.rescale(0.5, -1.0)
        network.rescale(2.0, 0.5)
        after = network.logits(planes)
    assert probability.shape == (2, 1, 128, 128)
    assert probability.min() > 0 and probability.max() < 1
    assert torch.allclose(after, 2 * (0.5 * before - 1) + 0.5, atol=1e-5)
