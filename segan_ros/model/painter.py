"""What the hidden pixels look like: generator and discriminator (paper, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """The painter G: pix2pix's U-Net from the Eq. 1 canvas to the whole object over blue.

    The noise z of the paper is the dropout in the decoder.

    Args:
        width: channels of the outermost level; 64 in the paper.
        most: channels are doubled level by level up to this; 512 in the paper.
        levels: halvings of the resolution; 8 take 256x256 to one pixel.
        dropout: share of values dropped in the three innermost decoder levels.
        inputs: channels of the input, the canvas alone in the paper.
        skips: hand features of the encoder to the decoder's level of their size.
    """

    def __init__(
        self,
        width: int = 64,
        most: int = 512,
        levels: int = 8,
        *,
        dropout: float = 0.5,
        inputs: int = 3,
        skips: bool = True,
    ) -> None:
        super().__init__()
        self.skips = skips
        widths = [min(width * 2**i, most) for i in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, outer in enumerate(widths):
            first, last = level == 0, level == levels - 1
            encode: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
            normed = not (first or last)
            before = inputs if first else widths[level - 1]
            encode.append(nn.Conv2d(before, outer, 4, 2, 1, bias=not normed))
            if normed:
                encode.append(nn.BatchNorm2d(outer))
            self.down.append(nn.Sequential(*encode))
        for level in reversed(range(levels)):
            inner = widths[level] * (2 if skips and level < levels - 1 else 1)
            if level == 0:
                decode = [nn.ReLU(), nn.ConvTranspose2d(inner, 3, 4, 2, 1)]
            else:
                decode = [
                    nn.ReLU(),
                    nn.ConvTranspose2d(inner, widths[level - 1], 4, 2, 1, bias=False),
                    nn.BatchNorm2d(widths[level - 1]),
                ]
            if levels - 4 <= level - 1 < levels - 1:
                decode.append(nn.Dropout(dropout))
            self.up.append(nn.Sequential(*decode))
        self.apply(_initialise)

    def forward(self, canvas: Tensor) -> Tensor:
        """Appearance in 0..1 of the whole object, blue outside.

        Args:
            canvas: ``(N, 3, s, s)`` in 0..1, see `segan_ros.model.segan.canvas`; s divides by 2 to
                the `levels`.

        Returns:
            ``(N, 3, s, s)``.
        """
        return self.logits(canvas).float().tanh() * 0.5 + 0.5

    def logits(self, canvas: Tensor) -> Tensor:
        """`forward` before its last bend: no value is out of reach of a gradient."""
        x = canvas * 2 - 1
        skips = []
        for encode in self.down:
            x = encode(x)
            skips.append(x)
        skips.pop()
        for decode in self.up:
            x = decode(x)
            if self.skips and skips:
                x = torch.cat((x, skips.pop()), 1)
        return x


class TabletopPainter(nn.Module):
    """The real-time painter: a narrow U-Net that corrects colours spread from the visible part.

    Copying colours is what a U-Net learns slowest and what hidden parts need most: here it is
    given. There is no noise z: the robot wants the likeliest colours, the same at each look.

    Args:
        width, most, levels: see `UNet`.
    """

    def __init__(self, width: int = 32, most: int = 128, levels: int = 6) -> None:
        super().__init__()
        self.levels = levels
        self.unet = UNet(width, most, levels, dropout=0.0, inputs=7)
        # Starts as the spread colours, unchanged.
        nn.init.zeros_(self.unet.up[-1].get_parameter("1.weight"))

    def forward(self, canvas: Tensor) -> Tensor:
        """Appearance of the whole object, blue outside; shapes as of `UNet.forward`."""
        spread, hidden = spread_colours(canvas, self.levels)
        start = canvas + hidden * (spread - canvas)
        appearance = start + 2 * self.unet(torch.cat((canvas, spread, hidden), 1)) - 1
        # Not in training: a clipped colour has no gradient that could bring it back.
        return appearance if self.training else appearance.clamp(0, 1)


def spread_colours(canvas: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Colours of the visible part carried everywhere, from near before from far (push-pull).

    Args:
        canvas: ``(N, 3, s, s)``, Eq. 1; s divides by 2 to the `levels`.
        levels: of the pyramid.

    Returns:
        Colours ``(N, 3, s, s)``, and how much each pixel of `canvas` is the red of hidden ones,
        ``(N, 1, s, s)``.
    """
    to_red, to_blue = _distance(canvas, 0), _distance(canvas, 2)
    seen = (torch.minimum(to_red, to_blue) > 0.1).float()
    # Borders of the visible part are mixed with red or blue: they count only where nothing else
    # is near.
    # Rows before columns: runtimes have no quick 9x9 pooling of a single channel.
    inner = -F.max_pool2d(F.max_pool2d(-seen, (9, 1), 1, (4, 0)), (1, 9), 1, (0, 4))
    weight = inner + 1e-3 * seen
    pyramid = [(canvas * weight, weight)]
    for _ in range(levels):
        pyramid.append((F.avg_pool2d(pyramid[-1][0], 2), F.avg_pool2d(pyramid[-1][1], 2)))
    colours, weight = pyramid.pop()
    result = colours / weight.clamp(min=1e-6)
    for colours, weight in reversed(pyramid):
        far = F.interpolate(result, scale_factor=2.0, mode="bilinear", align_corners=False)
        trust = (2 * weight).clamp(0, 1)
        result = far + trust * (colours / weight.clamp(min=1e-6) - far)
    return result, hidden_part(canvas)


def hidden_part(canvas: Tensor) -> Tensor:
    """How much each pixel of an Eq. 1 `canvas` is the red of hidden ones, ``(N, 1, s, s)``."""
    return (1 - 2 * _distance(canvas, 0)).clamp(0, 1)


def drawn(canvas: Tensor) -> Tensor:
    """Which pixels of an Eq. 1 `canvas` are red, blue, or a mixture of the two: those where the
    object is not seen, ``(N, 1, s, s)`` bool."""
    red, green, blue = canvas.split(1, 1)
    return (green < 0.02) & ((red + blue - 1).abs() < 0.02)


def _distance(canvas: Tensor, channel: int) -> Tensor:
    """From each pixel's colour to the one of `channel` alone, summed over channels."""
    pure = canvas.new_tensor([float(c == channel) for c in range(3)]).view(1, 3, 1, 1)
    return (canvas.float() - pure).abs().sum(1, keepdim=True)


class PatchDiscriminator(nn.Module):
    """The discriminator D: a verdict on each 70x70 patch, given the canvas (paper, section 3.2).

    Args:
        width: channels of the first layer; 64 in the paper.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(6, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for inner, outer, stride in (
            (width, 2 * width, 2),
            (2 * width, 4 * width, 2),
            (4 * width, 8 * width, 1),
        ):
            layers += [
                nn.Conv2d(inner, outer, 4, stride, 1, bias=False),
                nn.BatchNorm2d(outer),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        self.apply(_initialise)

    def forward(self, canvas: Tensor, appearance: Tensor) -> Tensor:
        """Logits that `appearance` is real given `canvas`, for each patch.

        Args:
            canvas, appearance: ``(N, 3, 256, 256)`` in 0..1.

        Returns:
            ``(N, 1, 30, 30)``.
        """
        return self.layers(torch.cat((canvas, appearance), 1) * 2 - 1)


def _initialise(module: nn.Module) -> None:
    """Weights as in pix2pix: N(0, 0.02), gains N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
