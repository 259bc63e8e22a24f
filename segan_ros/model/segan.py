"""SeGAN on one page: segmentor, Eq. 1 canvas, painter (Ehsani et al., CVPR 2018, Figure 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segan_ros.boxes import Roi
from segan_ros.model.baselines import PartPainter, Pix2PixSegmentor
from segan_ros.model.painter import PatchDiscriminator, TabletopPainter, UNet
from segan_ros.model.segmentor import PaperSegmentor, TabletopSegmentor, upsampled
from segan_ros.runtime.spec import ModelSpec, PainterSpec, SegmentorSpec

PIX2PIX = SegmentorSpec(
    file="segmentor.onnx",
    view="roi",
    size=(128, 128),
    planes=("rgb", "visible"),
    roi=Roi(0.6, "longest_side"),
    threshold=0.5,
    occluders="labelled",
)

SPECS = {
    "paper": ModelSpec(
        "paper",
        SegmentorSpec(
            file="segmentor.onnx",
            view="image",
            size=(500, 500),
            planes=("rgb", "visible"),
            roi=Roi(0.2, "each_side"),
            threshold=0.5,
            occluders="any",
        ),
        PainterSpec("painter.onnx", (256, 256)),
    ),
    "tabletop": ModelSpec(
        "tabletop",
        SegmentorSpec(
            file="segmentor.onnx",
            view="roi",
            size=(96, 96),
            planes=("rgb", "visible", "others", "borders", "depth"),
            roi=Roi(0.6, "longest_side"),
            threshold=0.5,
            occluders="auto",
        ),
        PainterSpec("painter.onnx", (64, 64), Roi(0.15, "longest_side")),
    ),
    "pix2pix": ModelSpec("pix2pix", PIX2PIX, PainterSpec("painter.onnx", (128, 128))),
    "context_encoder": ModelSpec(
        "context_encoder", PIX2PIX, PainterSpec("painter.onnx", (128, 128))
    ),
}
"""What each size looks at: the contract that training and ``model.yaml`` share."""


@dataclass(frozen=True)
class Sizes:
    """Channels of the networks. Their defaults are the paper's.

    Args:
        segmentor: widths of the `TabletopSegmentor`'s decoder; width and most of the
            `Pix2PixSegmentor`; unused by the paper's.
        painter: width of the U-Net.
        painter_most: cap of the U-Net's widths.
        discriminator: width of the discriminator.
    """

    segmentor: tuple[int, ...] = ()
    painter: int = 64
    painter_most: int = 512
    discriminator: int = 64


SIZES = {
    "paper": Sizes(),
    "tabletop": Sizes((112, 80, 48, 24), 32, 128, 16),
    "pix2pix": Sizes((32, 128), 32, 128, 16),
    "context_encoder": Sizes((32, 128), 32, 128, 16),
}


class SeGAN(nn.Module):
    """Segmentor and painter, joined by the canvas so that painting errors reach the segmentor.

    Args:
        size: a key of `SPECS`; ``pix2pix`` and ``context_encoder`` are what the paper compares
            with.
        sizes: channels; those of `SIZES` when None.
        pretrained: start the segmentor's encoder from ImageNet weights.

    Raises:
        ValueError: `size` is unknown.
    """

    segmentor: PaperSegmentor | TabletopSegmentor | Pix2PixSegmentor
    painter: UNet | TabletopPainter | PartPainter

    def __init__(
        self, size: str = "tabletop", sizes: Sizes | None = None, pretrained: bool = False
    ) -> None:
        super().__init__()
        if size not in SPECS:
            raise ValueError(f"model.size is {size!r}; choose from {', '.join(SPECS)}")
        sizes = sizes or SIZES[size]
        self.spec = SPECS[size]
        if size == "paper":
            self.segmentor = PaperSegmentor(pretrained)
            self.painter = UNet(sizes.painter, sizes.painter_most)
        elif size == "tabletop":
            planes = self.spec.segmentor.channels
            self.segmentor = TabletopSegmentor(sizes.segmentor, planes, pretrained)
            self.painter = TabletopPainter(sizes.painter, sizes.painter_most)
        else:
            self.segmentor = Pix2PixSegmentor(*sizes.segmentor)
            self.painter = PartPainter(size == "pix2pix", sizes.painter, sizes.painter_most)
        self.discriminator = PatchDiscriminator(sizes.discriminator)

    @property
    def mask_size(self) -> tuple[int, int]:
        """Height and width at which the segmentor is trained: that of its logits."""
        if isinstance(self.segmentor, PaperSegmentor):
            return self.segmentor.side, self.segmentor.side
        return self.spec.segmentor.size

    def forward(
        self, planes: Tensor, boxes: Tensor, rgb: Tensor, visible: Tensor, occluders: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Figure 2 from left to right.

        Args:
            planes: ``(N, C, h, w)``, the segmentor's input.
            boxes: ``(N, 4)``, widened boxes in 0..1 of the picture.
            rgb: ``(N, 3, s, s)`` in 0..1, the widened box of the picture.
            visible: ``(N, 1, s, s)`` in 0..1, V there.
            occluders: ``(N, 1, s, s)`` in 0..1, where hidden pixels may lie.

        Returns:
            The segmentor's logits ``(N, C, p, p)``, canvas and appearance ``(N, 3, s, s)``.
        """
        logits = self.segmentor.logits(planes, boxes)
        probability = upsampled(logits[:, :1].float().sigmoid(), rgb) * occluders
        painted_on = canvas(rgb, visible, hardened(probability))
        return logits, painted_on, self.painter(painted_on)


def canvas(rgb: Tensor, visible: Tensor, whole: Tensor) -> Tensor:
    """Eq. 1, differentiable in O: ``M = I*V + R*(O-V) + B*(J-O)``; the twin of
    `segan_ros.crops.planes.canvas`.

    Args:
        rgb: I, ``(N, 3, h, w)`` in 0..1, without the marks' own colours (`crops.unmarked`).
        visible: V, ``(N, 1, h, w)`` in 0..1.
        whole: O, ``(N, 1, h, w)`` in 0..1; raised to V where it is lower.

    Returns:
        M, ``(N, 3, h, w)``: visible pixels keep their colour, hidden ones are red, the rest is
        blue.
    """
    whole = torch.maximum(whole, visible)
    red = rgb.new_tensor((1.0, 0.0, 0.0)).view(1, 3, 1, 1)
    blue = rgb.new_tensor((0.0, 0.0, 1.0)).view(1, 3, 1, 1)
    return rgb * visible + red * (whole - visible) + blue * (1 - whole)


def hardened(probability: Tensor, threshold: float = 0.5) -> Tensor:
    """0 or 1, as a painter sees masks, with the gradient of `probability` (straight through)."""
    hard = (probability > threshold).to(probability.dtype)
    return hard + probability - probability.detach()
