"""What the paper compares with (section 4): pix2pix and the Context-Encoder.

They learn from the same objects and run in SeGAN's place. What is theirs stays theirs: no
pretrained encoder, no union of the other masks, 128x128 from the first step, the adversarial loss.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segan_ros.model.painter import UNet, drawn

LEVELS = 7
"""Halvings that take 128x128 to one pixel."""


class Pix2PixSegmentor(nn.Module):
    """pix2pix's U-Net (Isola et al. 2017) from picture and visible mask to the whole mask.

    Args:
        width, most: see `UNet`.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, width: int = 32, most: int = 128) -> None:
        super().__init__()
        self.unet = UNet(width, most, LEVELS, inputs=4)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def logits(self, planes: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Logits of the whole mask over the widened box, ``(N, 1, 128, 128)``.

        Args:
            planes: ``(N, 4, 128, 128)`` in 0..1, picture and visible mask.
            boxes: unused: the planes already show the widened box.
        """
        return self.unet.logits(planes).mean(1, keepdim=True) * self.scale + self.shift

    def rescale(self, scale: float, shift: float) -> None:
        """Make `logits` what they were times `scale` plus `shift`."""
        self.scale *= scale
        self.shift.mul_(scale).add_(shift)

    def forward(self, planes: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Probability of the whole mask, ``(N, 1, 128, 128)``; arguments as of `logits`."""
        return self.logits(planes, boxes).sigmoid()


class PartPainter(nn.Module):
    """Paints the whole object from its visible part alone: it is not told where the hidden one is.

    Args:
        skips: with them this is pix2pix, without the Context-Encoder (Pathak et al. 2016).
        width, most: see `UNet`.
    """

    def __init__(self, skips: bool, width: int = 32, most: int = 128) -> None:
        super().__init__()
        self.unet = UNet(width, most, LEVELS, skips=skips)

    def forward(self, canvas: Tensor) -> Tensor:
        """Appearance of the whole object, blue outside, ``(N, 3, 128, 128)``.

        Args:
            canvas: ``(N, 3, 128, 128)``, Eq. 1; its red becomes blue.
        """
        blue = canvas.new_tensor((0.0, 0.0, 1.0)).view(1, 3, 1, 1)
        return self.unet(torch.where(drawn(canvas), blue, canvas))
