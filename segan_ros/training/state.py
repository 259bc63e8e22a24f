"""A training run at some step: what it is, how it is saved and how it goes on."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.utils.tensorboard import SummaryWriter

from segan_ros.frame import Image
from segan_ros.model.segan import SeGAN
from segan_ros.storage.images import write_image
from segan_ros.training.config import PLACES, Config, Stage
from segan_ros.training.processes import ALONE, Processes

COLUMNS = (
    "stage",
    "step",
    "seconds",
    "rate",
    "loss",
    "mask",
    "order",
    "l1",
    "adversarial",
    "discriminator",
)


class TrainingError(ValueError):
    """The run cannot go on; the message says why and what helps."""


class Optimiser:
    """AdamW over some networks; a step is taken on a loss with the norm of its gradient bounded.

    Raises:
        FloatingPointError: in `step`, which then changes nothing: the loss or its gradient is not
            finite. Gradients are means over the processes, so that all of them agree.
    """

    def __init__(self, networks: list[nn.Module], stage: Stage, processes: Processes) -> None:
        self.processes = processes
        self.parameters = [p for n in networks for p in n.parameters()]
        self.adam = AdamW(
            self.parameters, lr=stage.rate, betas=stage.betas, weight_decay=stage.decay
        )

    def step(self, loss: Tensor) -> None:
        self.adam.zero_grad(set_to_none=True)
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        self.processes.average([g for g in gradients if g is not None])
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, 10.0)
        if not (norm.isfinite() and loss.isfinite()):
            raise FloatingPointError(
                f"the loss is {loss.item():.3g}, the norm of its gradient {norm.item():.3g}"
            )
        self.adam.step()


class Optimisers:
    """What a stage trains: `generator` (segmentor, painter or both) and the `discriminator`."""

    def __init__(self, model: SeGAN, stage: Stage, processes: Processes) -> None:
        trained: dict[str, list[nn.Module]] = {
            "segmentor": [model.segmentor],
            "painter": [model.painter],
            "joint": [model.segmentor, model.painter],
            "refiner": [model.segmentor],
        }
        self.generator = Optimiser(trained[stage.trains], stage, processes)
        self.discriminator = Optimiser([model.discriminator], stage, processes)

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
        processes: that train it.
        stage, step: what comes next.
        seconds: trained so far.
        optimisers: of the current stage; None before its first step.
        scores: at the chosen threshold, once measured.
        outdated: whether the segmentor has learned since then.
    """

    config: Config
    model: SeGAN
    processes: Processes = ALONE
    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    optimisers: Optimisers | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    outdated: bool = False

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return Path(self.config.out)


class Curves:
    """``curves.csv`` and the same for TensorBoard, a row a step; rows from `start` on come again.

    Args:
        folder: of the run.
        start: stage and step to go on with.
        before: steps of all stages before that.
    """

    def __init__(self, folder: Path, start: tuple[int, int] = (0, 0), before: int = 0) -> None:
        path, kept = folder / "curves.csv", []
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=before)
        self._at = before
        if path.exists():
            with path.open(newline="") as file:
                rows = [r for r in csv.DictReader(file) if None not in r.values()]  # a torn line
            kept = [r for r in rows if (int(r["stage"]), int(r["step"])) < start]
        part = path.with_suffix(".part")
        self._file = part.open("w", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()
        self._writer.writerows(kept)
        self._file.flush()
        os.replace(part, path)

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._board.close()

    def add(self, state: Run, rate: float, losses: dict[str, float]) -> None:
        """The row of the step that was just taken."""
        row = {"stage": state.stage, "step": state.step - 1, "seconds": round(state.seconds, 1)}
        self._writer.writerow(
            row | {"rate": f"{rate:.3g}"} | {k: f"{v:.6g}" for k, v in losses.items()}
        )
        self._file.flush()
        stage = state.config.stages[state.stage].trains
        for name, value in {"rate": rate, **losses}.items():
            self._board.add_scalar(f"{stage}/{name}", value, self._at)
        self._at += 1

    def show(self, state: Run, sheet: Image) -> None:
        """Keep a sheet of validation objects, as a file and for TensorBoard."""
        name = f"{state.stage}_{state.config.stages[state.stage].trains}_{state.step:06d}.jpg"
        folder = state.folder / "pictures"
        folder.mkdir(exist_ok=True)
        write_image(folder / name, sheet)
        self._board.add_image("validation", sheet, self._at, dataformats="HWC")


def save(state: Run, path: Path) -> None:
    """Write the checkpoint in one step: a kill leaves the last one whole. One process does."""
    if not state.processes.leads:
        return
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
            "threshold": state.scores.get("threshold", state.model.spec.segmentor.threshold),
            "scores": {"val": state.scores} if state.scores else {},
            "outdated": state.outdated,
            "training": _account(state),
        },
        part,
    )
    os.replace(part, path)


def _account(state: Run) -> dict[str, Any]:
    """What ``model.yaml`` tells of the training."""
    config = state.config
    weights = config.model.weights
    return {
        **({"from": Path(weights).name} if weights else {}),
        "command": f"segan train --config config/train/{config.name}.yaml",
        "data": {k: _names(v) for k in PLACES if (v := getattr(config.data, k))},
        "seed": config.seed,
        "stages": [_stage(s) for s in config.stages[: state.stage]] + _begun(state),
        "minutes": round(state.seconds / 60, 1),
    }


def _names(places: str | Sequence[str]) -> str:
    return ", ".join(Path(place).name for place in _each(places))


def _each(places: str | Sequence[str]) -> Sequence[str]:
    """The folders that a key of `PLACES` names: one, several, or none where it is empty."""
    return [places] if places and isinstance(places, str) else places


def _begun(state: Run) -> list[str]:
    """The stage that is not finished, if there is one."""
    return [_stage(state.config.stages[state.stage], state.step)] if state.step else []


def _stage(stage: Stage, done: int = 0) -> str:
    steps = f"{done} of {stage.steps}" if done else f"{stage.steps}"
    side = f" at {stage.side} pixels" if stage.side else ""
    return f"{stage.trains}: {steps} steps of {stage.batch} objects{side}"


def resume(state: Run, path: Path) -> None:
    """Put `state` where the checkpoint left it.

    Raises:
        TrainingError: the checkpoint is of another config.
    """
    # To the CPU: loading moves what belongs elsewhere, but not Adam's counters, which on a GPU
    # would be waited for in every step.
    saved = torch.load(path, map_location="cpu", weights_only=True)
    configs = state.config.as_dict(), saved["config"]
    ours, theirs = (_lasting(config, saved["stage"], saved["step"]) for config in configs)
    if ours != theirs:
        differ = ", ".join(k for k in ours if ours[k] != theirs.get(k))
        raise TrainingError(
            f"{path} belongs to another config ({differ} differ): choose another --out, or "
            "remove it"
        )
    state.model.load_state_dict(saved["model"])
    state.stage, state.step, state.seconds = saved["stage"], saved["step"], saved["seconds"]
    state.scores = saved["scores"].get("val", {})
    state.outdated = saved.get("outdated", False)
    if saved["optimisers"]:
        stage = state.config.stages[state.stage]
        state.optimisers = Optimisers(state.model, stage, state.processes)
        state.optimisers.load_state_dict(saved["optimisers"])


def _lasting(config: dict[str, Any], stage: int, step: int) -> dict[str, Any]:
    """What of a config must not change at `step` of `stage`: all but who prepares batches, when
    runs are saved, what tames a loss that is not finite, the stages to come, and the places of
    files, their number excepted."""
    config = _plain(config)
    data = {k: len(_each(v)) if k in PLACES else v for k, v in config["data"].items()}
    begun = config["stages"][stage : stage + (step > 0)]
    stages = config["stages"][:stage] + [{**s, "rate": 0} for s in begun]
    free = {"out": "", "workers": 0, "bf16": False, "checkpoint_minutes": 0}
    model = {**config["model"], "weights": bool(config["model"].get("weights"))}
    return {**config, **free, "model": model, "data": data, "stages": stages}


def _plain(value: Any) -> Any:
    """`value` with tuples as lists, as YAML and checkpoints may give either."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def device() -> torch.device:
    """Where networks live: the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16() -> bool:
    """Whether the device computes in bfloat16 itself: a CPU that only imitates it is 6 times slower
    than in float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported()
