"""Which pixels belong to the object: from visible mask to whole mask (paper, section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18

from segan_ros.model import efficientnet
from segan_ros.model.efficientnet import EfficientNetLite0

LOG = logging.getLogger(__name__)

ALL = slice(None)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PaperSegmentor(nn.Module):
    """The paper's segmentor: ResNet-18 on picture and visible mask, ROI pooling, one FC layer.

    Args:
        pretrained: start from ImageNet weights; when they cannot be downloaded, say so and start
            from random ones.
        bins: side of the pooled ROI; 6 as in the authors' code.
        side: side of the mask that the FC layer makes; 58 in section 3.1.
        upsampled: side after the fixed bilinear upsampling; 256 in section 3.1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, pretrained: bool = False, bins: int = 6, side: int = 58, upsampled: int = 256
    ) -> None:
        super().__init__()
        self.bins, self.side, self.upsampled = bins, side, upsampled
        resnet = resnet18(weights=None)
        if pretrained:
            resnet.load_state_dict(imagenet_weights() or resnet.state_dict())
        resnet.conv1 = with_mask_channel(resnet.conv1)
        self.features = nn.Sequential(*list(resnet.children())[:-2])
        self.fc = nn.Linear(512 * bins * bins, side * side)
        self.register_buffer("mean", torch.tensor((*IMAGENET_MEAN, 0.0)).view(1, 4, 1, 1))
        self.register_buffer("std", torch.tensor((*IMAGENET_STD, 1.0)).view(1, 4, 1, 1))

    def logits(self, planes: Tensor, boxes: Tensor) -> Tensor:
        """Logits of the whole mask over the widened box: what Eq. 2 is taken on.

        Args:
            planes: ``(N, 4, 500, 500)`` in 0..1, the whole picture and the object's visible mask.
            boxes: ``(N, 4)`` widened visible boxes x0, y0, x1, y1 in 0..1 of the picture.

        Returns:
            ``(N, 1, 58, 58)``.
        """
        features = self.features((planes - self.mean) / self.std)
        pooled = roi_pool(features, boxes, self.bins)
        return self.fc(pooled.flatten(1)).view(-1, 1, self.side, self.side)

    def rescale(self, scale: float, shift: float) -> None:
        """Make `logits` what they were times `scale` plus `shift`."""
        _rescale(self.fc, scale, shift)

    def forward(self, planes: Tensor, boxes: Tensor) -> Tensor:
        """Probability of the whole mask, ``(N, 1, 256, 256)``; arguments as of `logits`."""
        probability = self.logits(planes, boxes).float().sigmoid()
        return F.interpolate(
            probability, (self.upsampled, self.upsampled), mode="bilinear", align_corners=False
        )


def imagenet_weights() -> dict[str, Any] | None:
    """torchvision's ImageNet weights of ResNet-18; None, with a warning, where out of reach."""
    try:
        return dict(ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True))
    except OSError as error:
        LOG.warning(
            "ImageNet weights of ResNet-18 cannot be downloaded (%s): starting from random "
            "weights. Put resnet18-f37072fd.pth into %s/checkpoints to use them.",
            error,
            torch.hub.get_dir(),
        )
        return None


def with_mask_channel(conv: nn.Conv2d) -> nn.Conv2d:
    """`conv` with a fourth input channel, the visible mask, that starts as R's (section 3.1)."""
    widened = nn.Conv2d(4, conv.out_channels, 7, stride=2, padding=3, bias=False)
    with torch.no_grad():
        widened.weight[:, :3] = conv.weight
        widened.weight[:, 3] = conv.weight[:, 0]
    return widened


def roi_pool(features: Tensor, boxes: Tensor, bins: int) -> Tensor:
    """ROI pooling by bilinear samples: four in each bin, their maximum is kept.

    One GridSample in ONNX, which every runtime parses; MaxRoiPool and RoiAlign are not.

    Args:
        features: ``(N, C, h, w)``, one picture for each box.
        boxes: ``(N, 4)`` x0, y0, x1, y1 in 0..1.
        bins: side of the result.

    Returns:
        ``(N, C, bins, bins)``.
    """
    samples = 2 * bins
    steps = (torch.arange(samples, device=boxes.device, dtype=boxes.dtype) + 0.5) / samples
    low, high = boxes[:, :2], boxes[:, 2:]
    at = 2 * (low[:, None] + steps[:, None] * (high - low)[:, None]) - 1
    x = at[:, None, :, 0].expand(-1, samples, -1)
    y = at[:, :, None, 1].expand(-1, -1, samples)
    grid = torch.stack((x, y), dim=-1).to(features.dtype)
    sampled = F.grid_sample(features, grid, padding_mode="border", align_corners=False)
    return F.max_pool2d(sampled, 2)


class TabletopSegmentor(nn.Module):
    """The real-time segmentor: a U-Net on EfficientNet-Lite0 that looks at the widened box alone.

    It sees what the paper's sees, the union of the other visible masks, which is what may hide the
    object, their borders, which tell one from the next, and depth where there is some. All but the
    picture is given again at each size on the way up: it says exactly where hidden pixels may lie.

    Beside the whole mask it tells what occludes it: at each pixel of another object, whether that
    object lies in front.

    Args:
        widths: channels of the decoder at 1/16, 1/8, 1/4 and 1/2 of the input.
        planes: input channels: rgb, visible, others, borders, depth. Those after rgb are given
            again at each size.
        pretrained: start the encoder from ImageNet weights; where there are none, say so and start
            from random ones.
    """

    def __init__(
        self,
        widths: Sequence[int] = (112, 80, 48, 24),
        planes: int = 8,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(planes)
        if pretrained and (weights := efficientnet.imagenet_weights()):
            self.encoder.load_imagenet(weights)
        *skips, deepest = EfficientNetLite0.channels
        masks = planes - 3
        below = (deepest, *widths[:-1])
        self.up = nn.ModuleList(
            ResidualBlock(deep + skip + masks, width)
            for deep, skip, width in zip(below, reversed(skips), widths, strict=True)
        )
        self.head = nn.Sequential(
            nn.Conv2d(widths[-1] + planes, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 2, 1)
        )

    def logits(self, planes: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Logits over the widened box, ``(N, 2, h, w)``: of the whole mask, what Eq. 2 is taken on,
        and of lying in front.

        Args:
            planes: ``(N, 8, h, w)`` in 0..1, see `segan_ros.crops.planes.input_planes`.
            boxes: unused: the planes already show the widened box.
        """
        *skips, x = self.encoder(planes * 2 - 1)
        masks = planes[:, 3:]
        for block, skip in zip(self.up, reversed(skips), strict=True):
            small = F.adaptive_avg_pool2d(masks, skip.shape[-2:]).to(x.dtype)
            x = block(torch.cat((upsampled(x, skip), skip, small), 1))
        return self.head(torch.cat((upsampled(x, planes), planes.to(x.dtype)), 1))

    def rescale(self, scale: float, shift: float) -> None:
        """Make `logits` of the whole mask what they were times `scale` plus `shift`."""
        _rescale(self.head[-1], scale, shift, slice(1))

    def forward(self, planes: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Probabilities of the whole mask and of lying in front, ``(N, 2, h, w)``; arguments as of
        `logits`."""
        return self.logits(planes, boxes).float().sigmoid()


@torch.no_grad()
def _rescale(layer: nn.Module, scale: float, shift: float, outputs: slice = ALL) -> None:
    layer.get_parameter("weight")[outputs].mul_(scale)
    layer.get_parameter("bias")[outputs].mul_(scale).add_(shift)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, from `inner` to `outer` channels."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inner != outer:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inner, outer, 1, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def upsampled(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
