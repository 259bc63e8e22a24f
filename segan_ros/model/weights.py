"""Weights that training starts from, read back from a model folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from segan_ros.model.painter import TabletopPainter
from segan_ros.model.segan import SeGAN
from segan_ros.model.subpixel import is_doubling, transposed_kernel
from segan_ros.runtime.spec import PLANE_CHANNELS

MORE_PLANES = PLANE_CHANNELS["depth"]
"""Input channels that a network may have beyond those of the weights that it starts from: it sees
depth, and they are of one that did not."""

INNERMOST = 2
"""Convolutions of a level of a U-Net, which stand in the middle of all."""

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Kernel and bias of a convolution."""


class _OtherNetworkError(ValueError):
    """A file holds another network; the message says in what it differs."""


def read_exported(folder: str | Path, model: SeGAN) -> bool:
    """Put the weights of a model folder into `model`: the inverse of `segan_ros.model.export`.

    Normalisation was folded into the convolutions at export; here it starts as the identity, with
    their bias. `settle_normalisation` gives it statistics again. Of a painter that has one level
    more (that of 0.7 saw twice the side), the innermost one is left out.

    Args:
        folder: of an exported model of the same size in fp32.
        model: its segmentor and painter are changed; its discriminator was never exported.

    Returns:
        Whether all was read; False where the innermost level of the painter was left out.

    Raises:
        ValueError: the folder holds other networks than `model`.
        OSError: a file cannot be read.
    """
    spec, all_read = model.spec, True
    for network, name in (
        (model.segmentor, spec.segmentor.file),
        (model.painter, spec.painter.file),
    ):
        path = Path(folder) / name
        try:
            all_read &= _fill(network, list(_convolutions(path)))
        except _OtherNetworkError as error:
            raise ValueError(
                f"{path}: not a network of size {spec.name!r} ({error}); start from a tabletop "
                "model in fp32 as `segan export` writes it, or from a checkpoint"
            ) from None
    return all_read


def settle_normalisation(network: nn.Module, run: Callable[[], Any]) -> None:
    """Give each batch normalisation the statistics of what it meets, without changing what
    `network` answers in evaluation mode.

    Args:
        network: as read by `read_exported`.
        run: runs it, in evaluation mode, on a typical batch.
    """
    met: dict[nn.BatchNorm2d, Tensor] = {}

    def note(norm: Any, inputs: tuple[Tensor, ...]) -> None:
        met[norm] = inputs[0].detach().float()

    training = network.training
    network.eval()
    with ExitStack() as hooks, torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                hooks.callback(module.register_forward_pre_hook(note).remove)
        run()
        for norm, x in met.items():
            assert norm.running_mean is not None and norm.running_var is not None
            slope = norm.weight / (norm.running_var + norm.eps).sqrt()
            start = norm.bias - norm.running_mean * slope
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_(slope * (variance + norm.eps).sqrt())
            norm.bias.copy_(start + slope * mean)
    network.train(training)


def _convolutions(path: Path) -> Iterator[Layer]:
    """The layers of an ONNX file in the order in which they compute."""
    try:
        graph = onnx.load(str(path)).graph
    except OSError:
        raise
    except Exception as error:
        raise _OtherNetworkError(f"not readable as ONNX: {error}") from None
    held = {t.name: t for t in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            kernel, *bias = node.input[1:]
            if kernel not in held:
                raise _OtherNetworkError("it is quantised")
            weight = numpy_helper.to_array(held[kernel])
            outputs = weight.shape[0]
            shift = numpy_helper.to_array(held[bias[0]]) if bias else np.zeros(outputs, np.float32)
            yield weight, shift


@torch.no_grad()
def _fill(network: nn.Module, layers: list[Layer]) -> bool:
    """Put `layers` into the convolutions of `network`, biases into normalisation behind them; False
    if those of an inner level were left out."""
    wanted = list(_with_normalisation(network))
    deeper = isinstance(network, TabletopPainter) and len(layers) == len(wanted) + INNERMOST
    if deeper:
        middle = len(layers) // 2
        layers = layers[: middle - 1] + layers[middle + 1 :]
    if len(wanted) != len(layers):
        raise _OtherNetworkError(f"{len(layers)} convolutions instead of {len(wanted)}")
    for (convolution, norm), layer in zip(wanted, layers, strict=True):
        weight, bias = (torch.tensor(a) for a in layer)
        if is_doubling(convolution) and weight.shape[2:] == (2, 2):
            weight, bias = transposed_kernel(weight), bias[::4]
        weight = _without_inner(_widened(weight, convolution.weight.shape), convolution)
        if weight.shape != convolution.weight.shape:
            expected, got = tuple(convolution.weight.shape), tuple(weight.shape)
            raise _OtherNetworkError(f"a kernel of {got} instead of {expected}")
        convolution.weight.copy_(weight)
        if norm is not None:
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.zero_()
            norm.running_var.fill_(1)
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            norm.bias.copy_(bias)
        elif convolution.bias is not None:
            convolution.bias.copy_(bias)
    return not deeper


def _widened(weight: Tensor, wanted: torch.Size) -> Tensor:
    """The kernel `weight` for the inputs that `wanted` has beyond its own, the last ones, which
    start without a say: a network learns to use planes that it did not have."""
    outputs, inputs, *kernel = wanted
    if weight.shape != (outputs, inputs - MORE_PLANES, *kernel):
        return weight
    return torch.cat([weight, weight.new_zeros(outputs, MORE_PLANES, *kernel)], 1)


def _without_inner(weight: Tensor, convolution: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """The kernel `weight` of an upward step without its first inputs, which an inner level gave,
    where `convolution` has its last ones alone: those that skip that level."""
    inputs = convolution.in_channels
    upward = isinstance(convolution, nn.ConvTranspose2d)
    return weight[inputs:] if upward and weight.shape[0] == 2 * inputs else weight


def _with_normalisation(
    network: nn.Module,
) -> Iterator[tuple[nn.Conv2d | nn.ConvTranspose2d, nn.BatchNorm2d | None]]:
    """Convolutions in the order in which they compute, each with the normalisation behind it."""
    modules = [m for m in network.modules() if not list(m.children())]
    for module, after in zip(modules, [*modules[1:], None], strict=True):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            yield module, after if isinstance(after, nn.BatchNorm2d) else None
