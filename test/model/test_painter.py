"""Painter and discriminator: pix2pix's shapes and sizes, the 70x70 patch, the noise."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from segan_ros.model.painter import PatchDiscriminator, TabletopPainter, UNet, spread_colours  # noqa: E402

pytestmark = pytest.mark.torch


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_papers_painter_has_as_many_parameters_as_the_unet_of_pix2pix():
    pairs = [(3, 64), (64, 128), (128, 256), (256, 512)] + [(512, 512)] * 4
    down = sum(16 * a * b for a, b in pairs)
    # Each decoder level but the innermost takes the skip connection too.
    up = 16 * 512 * 512 + sum(16 * 2 * b * a for a, b in pairs[1:-1]) + 16 * 2 * 64 * 3
    norms = 2 * sum(b for _, b in pairs[1:-1]) + 2 * sum(a for a, _ in pairs[1:])
    biases = 64 + 512 + 3
    assert parameters(UNet()) == down + up + norms + biases


def test_painter_reduces_256_to_one_pixel_and_answers_in_the_range_of_colours():
    network = UNet(8, 16).eval()
    innermost = []
    network.down[-1].register_forward_hook(lambda *args: innermost.append(args[2].shape))
    with torch.no_grad():
        appearance = network(torch.rand(2, 3, 256, 256))
    assert innermost == [(2, 16, 1, 1)]
    assert appearance.shape == (2, 3, 256, 256)
    assert appearance.min() >= 0 and appearance.max() <= 1


def test_noise_is_dropout_in_the_three_decoder_levels_around_the_innermost_one():
    network = UNet(8, 16)
    levels = [any(isinstance(m, torch.nn.Dropout) for m in up) for up in network.up]
    assert levels == [True, True, True, False, False, False, False, False]


def test_painter_varies_in_training_and_not_on_the_robot():
    torch.manual_seed(0)
    network = UNet(8, 16)
    canvas = torch.rand(2, 3, 256, 256)
    with torch.no_grad():
        assert not torch.equal(network.train()(canvas), network(canvas))
        assert torch.equal(network.eval()(canvas), network(canvas))


def test_each_verdict_of_the_discriminator_rests_on_a_70x70_patch():
    network = PatchDiscriminator(4).eval()
    canvas = torch.rand(1, 3, 256, 256, requires_grad=True)
    appearance = torch.rand(1, 3, 256, 256, requires_grad=True)
    network(canvas, appearance)[0, 0, 15, 15].backward()
    for picture in (canvas, appearance):
        reached = (picture.grad[0].abs().sum(0) > 0).nonzero()
        height, width = (reached.max(0).values - reached.min(0).values + 1).tolist()
        assert (height, width) == (70, 70)


def test_discriminator_judges_30x30_patches_and_has_pix2pixs_size():
    network = PatchDiscriminator().eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 256, 256), torch.rand(1, 3, 256, 256)).shape == (
            1,
            1,
            30,
            30,
        )
    channels = [6, 64, 128, 256, 512, 1]
    convolutions = sum(16 * a * b for a, b in pairwise(channels))
    assert parameters(network) == convolutions + 2 * (128 + 256 + 512) + 64 + 1


GREEN, RED, BLUE = (0.1, 0.8, 0.2), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def half_hidden(left=GREEN, right=GREEN):
    """Canvas of an object seen as two stripes left and right of what hides it, blue around."""
    canvas = torch.tensor(BLUE).view(1, 3, 1, 1).repeat(1, 1, 256, 256)
    for columns, colour in (
        (slice(40, 100), left),
        (slice(100, 160), RED),
        (slice(160, 220), right),
    ):
        canvas[:, :, 60:200, columns] = torch.tensor(colour).view(1, 3, 1, 1)
    return canvas


def test_colours_spread_from_the_visible_part_into_the_hidden_one():
    spread, hidden = spread_colours(half_hidden(), 8)
    assert torch.allclose(spread[0, :, 130, 130], torch.tensor(GREEN), atol=1e-3)
    assert hidden[0, 0, 130, 130] == 1
    assert hidden[0, 0, 130, 70] == hidden[0, 0, 10, 10] == 0


def test_near_colours_spread_before_far_ones():
    grey = (0.5, 0.5, 0.5)
    spread, _ = spread_colours(half_hidden(GREEN, grey), 8)
    for column, colour in ((106, GREEN), (154, grey)):
        assert (spread[0, :, 130, column] - torch.tensor(colour)).abs().max() < 0.1


def test_colours_of_a_sliver_are_used_for_want_of_better_ones():
    canvas = torch.tensor(RED).view(1, 3, 1, 1).repeat(1, 1, 256, 256)
    canvas[:, :, :, 20:22] = torch.tensor(GREEN).view(1, 3, 1, 1)
    spread, _ = spread_colours(canvas, 8)
    assert torch.allclose(spread[0, :, 128, 200], torch.tensor(GREEN), atol=0.02)


def test_untrained_tabletop_painter_already_gives_the_spread_colours():
    appearance = TabletopPainter(8, 16).eval()(half_hidden())[0]
    for row, column, colour in ((130, 130, GREEN), (130, 70, GREEN), (10, 10, BLUE)):
        assert torch.allclose(appearance[:, row, column], torch.tensor(colour), atol=1e-3)


def test_canvas_without_any_visible_pixel_gives_finite_colours():
    canvas = torch.tensor(RED).view(1, 3, 1, 1).repeat(2, 1, 256, 256)
    assert torch.isfinite(TabletopPainter(8, 16).eval()(canvas)).all()
