"""``segan train``: the recipe from scene folders to a checkpoint, top to bottom.

Stages follow the paper: the segmentor (Eq. 2) and the painter on true masks (Eq. 3-5) on their own,
then both end to
end (Eq. 6). A run that was stopped goes on where it was, and takes the same steps as one that was
not.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from segan_ros.model.losses import (
    Regions,
    adversarial_loss,
    l1_loss,
    mask_loss,
    painting_loss,
    total_loss,
)
from segan_ros.model.segan import SeGAN, canvas
from segan_ros.scenes import iterate_scenes
from segan_ros.training.config import Config, Stage, read_config
from segan_ros.training.data import Batch, Batches, Library
from segan_ros.training.state import (
    Curves,
    Optimisers,
    Run,
    TrainingError,
    device,
    resume,
    save,
)
from segan_ros.training.validation import Scores, TorchModel, best, strict_scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="config/train/*.yaml"
    )
    parser.add_argument("--data", metavar="DIR", help="training scenes, instead of data.train")
    parser.add_argument("--val", metavar="DIR", help="validation scenes, instead of data.val")
    parser.add_argument("--out", metavar="DIR", help="where to write, instead of out")


def run(args: argparse.Namespace) -> int:
    config = read_config(args.config, train=args.data, val=args.val, out=args.out)
    checkpoint = train(config)
    print(f"{checkpoint}: next, segan export --checkpoint {checkpoint} --out DIR")
    return 0


def train(config: Config, until: tuple[int, int] | None = None) -> Path:
    """Do all stages of `config`, or what is left of them.

    Args:
        config: the run; one of the same config found in its folder is continued.
        until: stop before this (stage, step), as if killed right after a checkpoint.

    Returns:
        The checkpoint.

    Raises:
        TrainingError: the loss is not finite, or the folder holds a run of another config.
        ValueError: the scenes do not serve.
    """
    torch.manual_seed(config.seed)
    model = SeGAN(config.model.size, config.model.sizes, config.model.pretrained)
    state = Run(config, model.to(device()).to(memory_format=torch.channels_last))
    checkpoint = state.folder / "last.pt"
    state.folder.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        resume(state, checkpoint)
    library = Library(
        config.data.train, config.data.min_visible, config.data.max_hidden, config.data.train_scenes
    )
    with Curves(state.folder / "curves.csv", (state.stage, state.step)) as curves:
        while state.stage < len(config.stages):
            stage = config.stages[state.stage]
            _train_stage(state, library, curves, until)
            if until and (state.stage, state.step) == until:
                save(state, checkpoint)
                return checkpoint
            if stage.trains != "painter":
                state.scores = asdict(_validate(state))
                tqdm.write(f"{stage.trains}: {state.scores}")
            state.stage, state.step, state.optimisers = state.stage + 1, 0, None
            save(state, checkpoint)
    return checkpoint


def _train_stage(
    state: Run, library: Library, curves: Curves, until: tuple[int, int] | None
) -> None:
    config, model, stage = state.config, state.model, state.config.stages[state.stage]
    dataset = Batches(library, config, state.stage, model.spec, model.mask_size)
    last = until[1] if until and until[0] == state.stage else stage.steps
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(state.step, last),
        num_workers=config.workers,
        # Its own generator: the global one draws dropout, and resuming must not shift it.
        generator=torch.Generator(),
    )
    state.optimisers = state.optimisers or Optimisers(model, stage)
    model.train()
    if stage.trains == "joint":
        # Statistics of small batches would unsettle what the first stage has settled.
        model.segmentor.eval()
    saved = started = time.monotonic()
    before = state.seconds
    bar = tqdm(loader, stage.trains, stage.steps, initial=state.step, unit="step")
    for arrays in bar:
        batch = Batch(*(t.to(device()) for t in arrays))
        rate = rate_at(stage, state.step)
        state.optimisers.set_rate(rate)
        losses = _step(state, stage, batch)
        if not math.isfinite(losses["loss"]):
            torch.save(tuple(batch), state.folder / "bad_batch.pt")
            raise TrainingError(
                f"the loss is {losses['loss']} at step {state.step} of stage {stage.trains}; its "
                f"batch is in {state.folder / 'bad_batch.pt'}. Lower stages[{state.stage}].rate "
                f"(now {stage.rate}) or set bf16: false, and start again"
            )
        state.step += 1
        now = time.monotonic()
        state.seconds = before + now - started
        curves.add(state, rate, losses)
        bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()}, refresh=False)
        if now - saved > 60 * config.checkpoint_minutes:
            save(state, state.folder / "last.pt")
            saved = now


def _step(state: Run, stage: Stage, batch: Batch) -> dict[str, float]:
    """One optimiser step; the losses that were met."""
    model, weights, optimisers = state.model, state.config.losses, state.optimisers
    assert optimisers is not None
    regions = Regions(batch.whole, batch.visible, batch.others)
    mask: torch.Tensor | None = None
    with torch.autocast(device().type, torch.bfloat16, enabled=state.config.bf16):
        if stage.trains == "segmentor":
            logits = model.segmentor.logits(batch.planes, batch.boxes)
            loss = mask_loss(logits, regions, weights)
            optimisers.generator.step(loss)
            return {"loss": loss.item(), "mask": loss.item()}
        if stage.trains == "painter":
            painted_on = canvas(batch.picture, batch.seen, batch.full)
            appearance = model.painter(painted_on)
        else:
            logits, painted_on, appearance = model(
                batch.planes, batch.boxes, batch.picture, batch.seen, batch.hideable
            )
            mask = mask_loss(logits, regions, weights)
        judged = painted_on.detach()
        discriminator = 0.5 * (
            adversarial_loss(model.discriminator(judged, batch.target), real=True)
            + adversarial_loss(model.discriminator(judged, appearance.detach()), real=False)
        )
        optimisers.discriminator.step(discriminator)
        invisible = (batch.full - batch.seen).clamp(min=0)
        l1 = l1_loss(appearance, batch.target, invisible, weights.hidden)
        verdict = model.discriminator(painted_on, appearance)
        painting = painting_loss(verdict, l1, weights)
        loss = painting if mask is None else total_loss(mask, painting, weights)
        optimisers.generator.step(loss)
    losses = {
        "loss": loss,
        "l1": l1,
        "adversarial": painting - weights.l1 * l1,
        "discriminator": discriminator,
    }
    if mask is not None:
        losses["mask"] = mask
    return {k: v.item() for k, v in losses.items()}


def rate_at(stage: Stage, step: int) -> float:
    """Learning rate of a step: up in a line over the first 5 %, down to 0 as a cosine."""
    warm = max(1, stage.steps // 20)
    if step < warm:
        return stage.rate * (step + 1) / warm
    return stage.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, stage.steps - warm)))


def _validate(state: Run) -> Scores:
    folders = list(iterate_scenes(state.config.data.val))[: state.config.data.val_scenes or None]
    state.model.eval()
    return best(strict_scores(TorchModel(state.model), folders), state.config.hallucination_penalty)
