"""A training run at some step: what it is, how it is saved and how it goes on."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from segan_ros.model.segan import SeGAN
from segan_ros.training.config import Config, Stage

COLUMNS = ("stage", "step", "seconds", "rate", "loss", "mask", "l1", "adversarial", "discriminator")


class TrainingError(ValueError):
    """The run cannot go on; the message says why and what helps."""


class Optimiser:
    """AdamW over some networks; a step is taken on a loss with the norm of its gradient bounded."""

    def __init__(self, networks: list[nn.Module], stage: Stage) -> None:
        self.parameters = [p for n in networks for p in n.parameters()]
        self.adam = AdamW(
            self.parameters, lr=stage.rate, betas=stage.betas, weight_decay=stage.decay
        )

    def step(self, loss: Tensor) -> None:
        self.adam.zero_grad(set_to_none=True)
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(self.parameters, 10.0)
        self.adam.step()


class Optimisers:
    """What a stage trains: `generator` (segmentor, painter or both) and the `discriminator`."""

    def __init__(self, model: SeGAN, stage: Stage) -> None:
        trained: dict[str, list[nn.Module]] = {
            "segmentor": [model.segmentor],
            "painter": [model.painter],
            "joint": [model.segmentor, model.painter],
        }
        self.generator = Optimiser(trained[stage.trains], stage)
        self.discriminator = Optimiser([model.discriminator], stage)

    def set_rate(self, rate: float) -> None:
        for optimiser in (self.generator, self.discriminator):
            for group in optimiser.adam.param_groups:
                group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        return {
            "generator": self.generator.adam.state_dict(),
            "discriminator": self.discriminator.adam.state_dict(),
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.generator.adam.load_state_dict(saved["generator"])
        self.discriminator.adam.load_state_dict(saved["discriminator"])


@dataclass
class Run:
    """A training run at some step: all that a checkpoint holds.

    Args:
        config: what to do.
        model: the networks.
        stage, step: what comes next.
        seconds: trained so far.
        optimisers: of the current stage; None before its first step.
        scores: at the chosen threshold, once measured.
    """

    config: Config
    model: SeGAN
    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    optimisers: Optimisers | None = None
    scores: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return Path(self.config.out)


class Curves:
    """``curves.csv``, one row a step; those from `start` on are dropped: they come again."""

    def __init__(self, path: Path, start: tuple[int, int]) -> None:
        kept = []
        if path.exists():
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            kept = [r for r in rows if (int(r["stage"]), int(r["step"])) < start]
        self._file = path.open("w", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()
        self._writer.writerows(kept)

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, state: Run, rate: float, losses: dict[str, float]) -> None:
        """The row of the step that was just taken."""
        row = {"stage": state.stage, "step": state.step - 1, "seconds": round(state.seconds, 1)}
        self._writer.writerow(
            row | {"rate": f"{rate:.3g}"} | {k: f"{v:.6g}" for k, v in losses.items()}
        )
        self._file.flush()


def save(state: Run, path: Path) -> None:
    """Write the checkpoint in one step: a kill leaves the last one whole."""
    optimisers = state.optimisers
    config = state.config.as_dict()
    part = path.with_suffix(".part")
    torch.save(
        {
            "config": config,
            "model": state.model.state_dict(),
            "optimisers": optimisers and optimisers.state_dict(),
            "stage": state.stage,
            "step": state.step,
            "seconds": state.seconds,
            "random": torch.get_rng_state(),
            "threshold": state.scores.get("threshold", state.model.spec.segmentor.threshold),
            "scores": {"val": state.scores} if state.scores else {},
            "training": _account(state),
        },
        part,
    )
    os.replace(part, path)


def _account(state: Run) -> dict[str, Any]:
    """What ``model.yaml`` tells of the training."""
    config = state.config
    return {
        "command": f"segan train --config config/train/{config.name}.yaml",
        "data": {k: Path(getattr(config.data, k)).name for k in ("train", "val")},
        "seed": config.seed,
        "stages": [f"{s.trains}: {s.steps} steps of {s.batch} objects" for s in config.stages],
        "minutes": round(state.seconds / 60, 1),
    }


def resume(state: Run, path: Path) -> None:
    """Put `state` where the checkpoint left it.

    Raises:
        TrainingError: the checkpoint is of another config.
    """
    saved = torch.load(path, map_location=device(), weights_only=True)
    ours, theirs = (_lasting(c) for c in (state.config.as_dict(), saved["config"]))
    if ours != theirs:
        differ = ", ".join(k for k in ours if ours[k] != theirs.get(k))
        raise TrainingError(
            f"{path} is of another config ({differ} differ): give another --out, or remove it"
        )
    state.model.load_state_dict(saved["model"])
    state.stage, state.step, state.seconds = saved["stage"], saved["step"], saved["seconds"]
    state.scores = saved["scores"].get("val", {})
    if saved["optimisers"]:
        state.optimisers = Optimisers(state.model, state.config.stages[state.stage])
        state.optimisers.load_state_dict(saved["optimisers"])
    torch.set_rng_state(saved["random"].cpu())


def _lasting(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config must not change while it runs: all but the places of files."""
    config = _plain(config)
    data = {k: v for k, v in config["data"].items() if k not in ("train", "val")}
    return {**config, "out": "", "data": data}


def _plain(value: Any) -> Any:
    """`value` with tuples as lists, as YAML and checkpoints may give either."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def device() -> torch.device:
    """Where networks live: the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
