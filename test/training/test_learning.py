"""Networks learn: their losses fall, and what is not finite stops them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_training import STAGES, TINY, curve, discs  # noqa: E402

from segan_ros.model.losses import LossWeights  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training import step as step_module  # noqa: E402
from segan_ros.training import train as recipe  # noqa: E402
from segan_ros.training.config import Augmentation, ModelChoice, Stage  # noqa: E402
from segan_ros.training.step import rate_at  # noqa: E402
from segan_ros.training.train import TrainingError, train  # noqa: E402

pytestmark = pytest.mark.torch

PLAIN = Augmentation(0, 0, 0, 0, 0, 0, (0.3, 0.3))


def losses_of(config, stage, column):
    return [float(row[column]) for row in curve(config) if row["stage"] == str(stage)]


@pytest.mark.slow
def test_training_lowers_the_loss_of_a_tiny_set(config):
    train(replace(config, stages=(Stage("segmentor", 30, 8, 3e-3),), augmentation=PLAIN))
    losses = losses_of(config, 0, "mask")
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4]), losses


@pytest.mark.slow
def test_papers_networks_learn_a_few_crops_with_the_papers_losses(config, tmp_path):
    stages = (Stage("segmentor", 4, 2, 1e-4), Stage("painter", 10, 4, 2e-3, betas=(0.5, 0.999)))
    choice = ModelChoice("paper", sizes=TINY)
    write_scene(tmp_path / "val" / "000", discs(0))
    data = replace(config.data, val=str(tmp_path / "val"))
    train(replace(config, model=choice, stages=stages, augmentation=PLAIN, data=data))
    masks, colours = losses_of(config, 0, "mask"), losses_of(config, 1, "l1")
    assert masks[-1] < 0.9 * masks[0], masks
    assert np.mean(colours[-3:]) < 0.9 * np.mean(colours[:3]), colours


def test_without_the_adversarial_loss_no_discriminator_is_trained(config):
    stages = (Stage("painter", 3, 2, 1e-3),)
    train(replace(config, stages=stages, losses=LossWeights(adversarial=0)))
    assert losses_of(config, 0, "adversarial") == losses_of(config, 0, "discriminator") == [0] * 3
    assert losses_of(config, 0, "loss") == pytest.approx(
        [100 * l1 for l1 in losses_of(config, 0, "l1")], rel=1e-4
    )


def test_painter_is_judged_by_the_discriminator_of_its_own_step(config, monkeypatch):
    """Not by one that autocast kept from before the discriminator's step."""
    monkeypatch.setattr(step_module, "has_bf16", lambda: True)
    judged = []

    def step(state, stage, batch, usual=recipe.take_step):
        if not judged:
            state.model.discriminator.register_forward_hook(
                lambda _, given, verdict: judged.append((given, verdict.detach()))
            )
        losses = usual(state, stage, batch)
        given, verdict = judged[-1]  # the last of three: what the painter learns from
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(verdict, state.model.discriminator(*given))
        return losses

    monkeypatch.setattr(recipe, "take_step", step)
    train(replace(config, bf16=True, stages=(Stage("painter", 1, 2, 1e-2),)))
    assert len(judged) == 4


def test_joint_stage_teaches_who_lies_in_front_too(config):
    heads = []
    for order in (0.0, 0.5):
        run = replace(config, out=f"{config.out}{order}", losses=LossWeights(order=order))
        train(replace(run, stages=(Stage("joint", 1, 4, 1e-2),)))
        (row,) = curve(run)
        assert (float(row["order"]) > 0) == (order > 0)
        state = torch.load(Path(run.out) / "last.pt")["model"]
        (head,) = (v for k, v in state.items() if "head" in k and v.ndim == 4 and len(v) == 2)
        heads.append(head[1])
    assert not torch.equal(*heads)


def test_learning_rate_rises_in_a_line_and_falls_to_nothing():
    stage = Stage("segmentor", 100, 4, 1.0)
    rates = [rate_at(stage, step) for step in range(100)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5] == 1.0 and rates[-1] < 1e-3
    assert all(a >= b for a, b in pairwise(rates[5:]))


def test_loss_that_is_not_finite_stops_with_the_remedy_and_the_batch(config):
    wild = replace(config, stages=(replace(STAGES[0], steps=30, rate=1e30),))
    with pytest.raises(TrainingError, match=r"Lower stages\[0\].rate \(now 1e\+30\)"):
        train(wild)
    batch = torch.load(Path(config.out) / "bad_batch_0.pt")
    assert batch[0].shape[1:] == (8, 96, 96)


def test_update_that_is_not_finite_is_not_made(config, monkeypatch):
    """Where the loss is, but not its gradient: the next run would go on from ruined weights."""
    checkpoint = train(config, until=(0, 2))
    before = torch.load(checkpoint, weights_only=True)["model"]
    loss = step_module.mask_loss

    def steep(logits, regions, weights):
        return loss(logits, regions, weights) + (logits.sum() * 0).sqrt()

    monkeypatch.setattr(step_module, "mask_loss", steep)
    patient = replace(config, checkpoint_minutes=1e-9)  # a checkpoint after each step
    with pytest.raises(TrainingError, match=r"norm of its gradient nan, at step 2 of stage segm"):
        train(patient)
    after = torch.load(checkpoint, weights_only=True)["model"]
    assert all(torch.equal(before[k], after[k]) for k in before)
