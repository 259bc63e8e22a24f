"""Transposed convolutions as plain ones, for runtimes: the same numbers, sooner.

OpenVINO runs convolutions in bf16 where the CPU has it, but transposed ones in fp32; quantisers and
TensorRT also treat plain ones better.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TAPS = ((3, 1), (2, 0))
"""Rows (and columns) of a 4x4 kernel that reach an output pixel of even and of odd row."""


class SubpixelUp(nn.Module):
    """A `ConvTranspose2d` of kernel 4, stride 2, padding 1, as a 2x2 convolution before the pixels
    are laid out.

    Args:
        transposed: has the weights.

    Raises:
        ValueError: its kernel, stride or padding is another one.
    """

    def __init__(self, transposed: nn.ConvTranspose2d) -> None:
        super().__init__()
        if not is_doubling(transposed):
            raise ValueError(f"{transposed}: only kernel 4, stride 2, padding 1 can be replaced")
        weight = transposed.weight.detach()  # (inputs, outputs, 4, 4)
        inputs, outputs = weight.shape[:2]
        kernel = weight.new_empty(outputs, 2, 2, inputs, 2, 2)
        for a, rows in enumerate(TAPS):
            for b, columns in enumerate(TAPS):
                # Even rows are the odd ones of the grid that the convolution is padded to, which
                # begins a pixel earlier.
                picked = weight[:, :, rows][..., columns]
                kernel[:, 1 - a, 1 - b] = picked.transpose(0, 1)
        self.weight = nn.Parameter(kernel.reshape(4 * outputs, inputs, 2, 2))
        bias = transposed.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().repeat_interleave(4))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inputs, h, w)`` to ``(N, outputs, 2h, 2w)``."""
        phases = F.conv2d(x, self.weight, self.bias, padding=1)
        return F.pixel_shuffle(phases, 2)[..., 1:-1, 1:-1]


def transposed_kernel(kernel: Tensor) -> Tensor:
    """The kernel of the `ConvTranspose2d` that a `SubpixelUp` with `kernel` stands for.

    Args:
        kernel: ``(4 * outputs, inputs, 2, 2)``.

    Returns:
        ``(inputs, outputs, 4, 4)``.
    """
    outputs, inputs = kernel.shape[0] // 4, kernel.shape[1]
    parts = kernel.reshape(outputs, 2, 2, inputs, 2, 2)
    weight = kernel.new_empty(inputs, outputs, 4, 4)
    for a, rows in enumerate(TAPS):
        for b, columns in enumerate(TAPS):
            picked = parts[:, 1 - a, 1 - b].transpose(0, 1)
            for i, row in enumerate(rows):
                for j, column in enumerate(columns):
                    weight[:, :, row, column] = picked[..., i, j]
    return weight


def is_doubling(module: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
    """Whether `module` is a transposed convolution that `SubpixelUp` can stand for."""
    return isinstance(module, nn.ConvTranspose2d) and (
        module.kernel_size == (4, 4)
        and module.stride == (2, 2)
        and module.padding == (1, 1)
        and module.output_padding == (0, 0)
        and module.dilation == (1, 1)
        and module.groups == 1
    )


@torch.no_grad()
def with_plain_convolutions(network: nn.Module) -> nn.Module:
    """A copy of `network`, which must be in evaluation mode, whose doubling transposed convolutions
    are `SubpixelUp`, normalisations behind them included."""
    network = deepcopy(network)
    for parent in list(network.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for i, up in enumerate(parent):
            if not is_doubling(up):
                continue
            after = parent[i + 1] if i + 1 < len(parent) else None
            if isinstance(after, nn.BatchNorm2d):
                parent[i] = SubpixelUp(fuse_conv_bn_eval(up, after, transpose=True))
                parent[i + 1] = nn.Identity()
            else:
                parent[i] = SubpixelUp(up)
    return network
