"""Plain convolutions answer as the transposed ones they stand for."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from segan_ros.model.painter import TabletopPainter, UNet  # noqa: E402
from segan_ros.model.subpixel import SubpixelUp, with_plain_convolutions  # noqa: E402


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 5)])
def test_a_plain_convolution_doubles_as_the_transposed_one(bias, size):
    torch.manual_seed(0)
    transposed = nn.ConvTranspose2d(5, 3, 4, 2, 1, bias=bias)
    x = torch.rand(2, 5, *size)
    torch.testing.assert_close(SubpixelUp(transposed)(x), transposed(x))


@pytest.mark.parametrize(
    "other", [nn.ConvTranspose2d(2, 2, 4, 2, 0), nn.ConvTranspose2d(2, 2, 3, 2, 1)]
)
def test_other_transposed_convolutions_are_refused(other):
    with pytest.raises(ValueError, match="only kernel 4, stride 2, padding 1"):
        SubpixelUp(other)


@pytest.mark.parametrize("network", [UNet(8, 16, 4), TabletopPainter(8, 16, 4)])
def test_a_painter_paints_the_same_without_transposed_convolutions(network):
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
        elif isinstance(module, nn.ConvTranspose2d):
            module.weight.data.normal_(0, 0.1)
    network.eval()
    plain = with_plain_convolutions(network)
    kinds = {type(m) for m in plain.modules()}
    assert nn.ConvTranspose2d not in kinds and SubpixelUp in kinds
    assert any(isinstance(m, nn.ConvTranspose2d) for m in network.modules())
    canvas = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        painted, expected = plain(canvas), network(canvas)
    assert expected.std() > 0.01
    torch.testing.assert_close(painted, expected, atol=1e-5, rtol=1e-4)
