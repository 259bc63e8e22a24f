"""One optimiser step: what the networks are asked, what their answers cost, how fast they learn."""

from __future__ import annotations

import math

import numpy as np
import torch

from segan_ros.model.losses import (
    LossWeights,
    Regions,
    adversarial_loss,
    l1_loss,
    mask_loss,
    order_loss,
    painting_loss,
    total_loss,
)
from segan_ros.model.segan import canvas
from segan_ros.training.config import Stage
from segan_ros.training.data import Batch
from segan_ros.training.processes import Processes
from segan_ros.training.state import Run, device, has_bf16


def rate_at(stage: Stage, step: int) -> float:
    """Learning rate of a step: up in a line over the first 5 %, down to 0 as a cosine."""
    warm = max(1, stage.steps // 20)
    if step < warm:
        return stage.rate * (step + 1) / warm
    return stage.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, stage.steps - warm)))


def seed_step(state: Run) -> None:
    """Dropout draws by seed, step and process alone: a resumed run repeats it."""
    key = (state.config.seed, state.stage, state.step, state.processes.rank)
    torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


def take_step(state: Run, stage: Stage, batch: Batch) -> dict[str, float]:
    """Take one step of `stage` on `batch`; the losses that were met.

    Raises:
        FloatingPointError: a loss or its gradient is not finite; that update is not made.
    """
    model, weights, optimisers = state.model, state.config.losses, state.optimisers
    assert optimisers is not None
    mask: torch.Tensor | None = None
    parts: dict[str, float] = {}
    # Without its cache: the discriminator changes within a step, and is asked again afterwards.
    with torch.autocast(
        device().type,
        torch.bfloat16,
        enabled=state.config.bf16 and has_bf16(),
        cache_enabled=False,
    ):
        if not stage.paints:
            logits = model.segmentor.logits(batch.planes, batch.boxes)
            loss, parts = _segmentor_loss(logits, batch, weights)
            optimisers.generator.step(loss)
            return {"loss": loss.item(), **parts}
        if stage.trains == "painter":
            painted_on = canvas(batch.picture, batch.seen, batch.full)
            appearance = model.painter(painted_on)
        else:
            logits, painted_on, appearance = model(
                batch.planes, batch.boxes, batch.picture, batch.seen, batch.occluders
            )
            mask, parts = _segmentor_loss(logits, batch, weights)
        invisible = (batch.full - batch.seen).clamp(min=0)
        l1 = l1_loss(appearance, batch.target, invisible, weights.hidden)
        adversarial = discriminator = torch.zeros(())
        if weights.adversarial:
            judged = painted_on.detach()
            discriminator = 0.5 * (
                adversarial_loss(model.discriminator(judged, batch.target), real=True)
                + adversarial_loss(model.discriminator(judged, appearance.detach()), real=False)
            )
            optimisers.discriminator.step(discriminator)
            verdict = model.discriminator(painted_on, appearance)
            adversarial = adversarial_loss(verdict, real=True)
        painting = painting_loss(adversarial, l1, weights)
        loss = painting if mask is None else total_loss(mask, painting, weights)
        optimisers.generator.step(loss)
    losses = {
        "loss": loss,
        "l1": l1,
        "adversarial": adversarial,
        "discriminator": discriminator,
    }
    return {k: v.item() for k, v in losses.items()} | parts


def _segmentor_loss(
    logits: torch.Tensor, batch: Batch, weights: LossWeights
) -> tuple[torch.Tensor, dict[str, float]]:
    """What the segmentor's `logits` cost, and its parts: Eq. 2, and who lies in front where the
    network tells."""
    mask = mask_loss(logits[:, :1], Regions(batch.whole, batch.visible, batch.others), weights)
    order = torch.zeros(())
    if weights.order and logits.shape[1] > 1:
        order = order_loss(logits[:, 1:], batch.order)
    return mask + weights.order * order, {"mask": mask.item(), "order": order.item()}


def averaged(losses: dict[str, float], processes: Processes) -> dict[str, float]:
    """Means over processes."""
    values = torch.tensor(list(losses.values()), device=device())
    processes.average([values])
    return dict(zip(losses, values.tolist(), strict=True))
