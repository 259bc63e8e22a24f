"""What the networks are trained for: Eq. 2-6 of the paper (sections 3.1-3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class LossWeights:
    """Coefficients of the losses. Their defaults are the paper's.

    Args:
        background: of a pixel outside the whole mask.
        visible: of a pixel of SV.
        invisible: of a pixel of SI.
        neighbours: of a background pixel where something is seen that might hide the object,
            another object above all: how dear a hallucination is. 1 in the paper.
        overlap: of the soft IoU of the invisible part, which the paper does not have: 0.
        order: of telling who lies in front, for networks that tell it. The paper's does not.
        adversarial: of Eq. 3 inside Eq. 5, where the paper has 1. With 0 no discriminator is
            trained: colours that are likeliest instead of colours that look real.
        l1: of Eq. 4 inside Eq. 5.
        hidden: how much more an L1 error counts inside SI than elsewhere. 1 in the paper.
        painting: of Eq. 5 inside Eq. 6.
    """

    background: float = 1.0
    visible: float = 5.0
    invisible: float = 3.0
    neighbours: float = 1.0
    overlap: float = 0.0
    order: float = 0.0
    adversarial: float = 1.0
    l1: float = 100.0
    hidden: float = 1.0
    painting: float = 0.1


@dataclass(frozen=True)
class Regions:
    """The masks of one batch, each ``(N, 1, h, w)`` in 0..1.

    Args:
        whole: SF.
        visible: SV.
        others: where something is seen that might hide the object: other objects and, where depth
            is shown, what is nearer and has no label.
    """

    whole: Tensor
    visible: Tensor
    others: Tensor

    @property
    def invisible(self) -> Tensor:
        """SI."""
        return (self.whole - self.visible).clamp(min=0)


def mask_loss(logits: Tensor, regions: Regions, weights: LossWeights) -> Tensor:
    """Eq. 2: cross entropy of the whole mask, each pixel weighted by its region; mean over pixels.

    Args:
        logits: ``(N, 1, h, w)``.
        regions: truth at the same size.
        weights: see `LossWeights`.
    """
    logits = logits.float()
    outside = (1 - torch.maximum(regions.whole, regions.visible)).clamp(min=0)
    weight = (
        weights.visible * regions.visible
        + weights.invisible * regions.invisible
        + weights.background * outside * (1 + (weights.neighbours - 1) * regions.others)
    )
    entropy = F.binary_cross_entropy_with_logits(logits, regions.whole, reduction="none")
    loss = (weight * entropy).mean()
    if weights.overlap:
        loss = loss + weights.overlap * overlap_loss(logits.sigmoid(), regions)
    return loss


def order_loss(logits: Tensor, order: Tensor) -> Tensor:
    """Cross entropy of who lies in front; mean over pairs of an object and one seen around it.

    Args:
        logits: ``(N, 1, h, w)`` of lying in front.
        order: ``(N, 1, h, w)``: at the pixels of each other object 1 over their number, negative
            if it does not hide the object; 0 elsewhere.
    """
    entropy = F.binary_cross_entropy_with_logits(
        logits.float(), (order > 0).float(), reduction="none"
    )
    return (order.abs() * entropy).sum() / order.abs().sum().clamp(min=1)


def overlap_loss(probability: Tensor, regions: Regions) -> Tensor:
    """1 - soft IoU of the invisible part, where other objects are seen; mean over objects.

    An object of which nothing is hidden has the union in its denominator alone: the loss is then
    the share of
    what is predicted, so that it too pushes to predict nothing.
    """
    hidden = regions.invisible * regions.others
    guess = probability * regions.others * (1 - regions.visible)
    common = (hidden * guess).flatten(1).sum(1)
    union = (hidden + guess - hidden * guess).flatten(1).sum(1)
    # A few pixels' slack: slivers would otherwise weigh as much as halves.
    slack = 0.005 * hidden[0].numel()
    return (1 - (common + slack) / (union + slack)).mean()


def adversarial_loss(verdict: Tensor, real: bool) -> Tensor:
    """Eq. 3, one of its terms: cross entropy of D's `verdict` (logits) with all patches `real` or
    not.

    D minimises it with the truth on real and generated pictures; G with ``real=True`` on what it
    generates (the
    non-saturating form of Isola et al.).
    """
    verdict = verdict.float()
    return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, float(real)))


def l1_loss(appearance: Tensor, target: Tensor, invisible: Tensor, hidden: float = 1.0) -> Tensor:
    """Eq. 4: mean absolute difference of colours, pixels of SI counted `hidden` times.

    Args:
        appearance: ``(N, 3, s, s)`` in 0..1, generated.
        target: ``(N, 3, s, s)``, the true object over blue.
        invisible: ``(N, 1, s, s)``, SI.
        hidden: see `LossWeights`.
    """
    weight = 1 + (hidden - 1) * invisible
    # Colours of pix2pix span -1..1: twice the difference in 0..1, so that l1 = 100 means what it
    # means there.
    return (2 * weight * (appearance - target).abs()).mean()


def painting_loss(adversarial: Tensor, l1: Tensor, weights: LossWeights) -> Tensor:
    """Eq. 5, G's side: L* = adversarial loss + 100 L1."""
    return weights.adversarial * adversarial + weights.l1 * l1


def total_loss(mask: Tensor, painting: Tensor, weights: LossWeights) -> Tensor:
    """Eq. 6: mask loss + 0.1 L*, the objective of end-to-end training."""
    return mask + weights.painting * painting
