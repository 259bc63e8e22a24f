"""What a new run starts from: random weights, ImageNet's, or those of a trained model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import Dataset

from segan_ros.model.export import read_checkpoint
from segan_ros.model.segan import SeGAN, canvas
from segan_ros.model.weights import read_exported, settle_normalisation
from segan_ros.runtime.model import model_folder
from segan_ros.training.config import Config
from segan_ros.training.data import Batch
from segan_ros.training.state import device


def read_weights(config: Config, model: SeGAN) -> None:
    """Put the weights of ``config.model.weights`` into `model`.

    Raises:
        ValueError: they are of networks of another size, or no weights at all.
        OSError: a file cannot be read.
    """
    weights = config.model.weights
    if not _is_checkpoint(weights):
        whole = read_exported(model_folder(weights), model)
        if not whole and not any(stage.paints for stage in config.stages):
            raise ValueError(
                f"model.weights is {weights}, whose painter has a level more than painters have "
                "now and must be trained: add a stage that trains the painter, or start from "
                "models/tabletop"
            )
        return
    saved = read_checkpoint(weights).model
    try:
        model.load_state_dict(saved.state_dict())
    except RuntimeError:
        raise ValueError(
            f"model.weights is {weights}, of size {saved.spec.name!r} or other channels than "
            f"model.size {config.model.size!r}; start from a checkpoint of the same networks"
        ) from None


def settle(config: Config, model: SeGAN, batches: Callable[[int], Dataset[Batch]]) -> None:
    """Give the normalisation of networks that were read from a model folder its statistics: those
    of the first batch that each of them learns from, of the `batches` of a stage. A checkpoint has
    them.
    """
    if _is_checkpoint(config.model.weights):
        return
    segments = (n for n, stage in enumerate(config.stages) if stage.trains != "painter")
    paints = (n for n, stage in enumerate(config.stages) if stage.paints)
    if (number := next(segments, None)) is not None:
        planes, boxes = (_here(t) for t in batches(number)[0][:2])
        settle_normalisation(model.segmentor, partial(model.segmentor.logits, planes, boxes))
    if (number := next(paints, None)) is not None:
        batch = batches(number)[0]
        painted_on = canvas(*(_here(t) for t in (batch.picture, batch.seen, batch.full)))
        settle_normalisation(model.painter, partial(model.painter, painted_on))


def _is_checkpoint(weights: str) -> bool:
    """Whether they are one of `segan train`; else they are a model folder or a shipped model."""
    return Path(weights).is_file()


def _here(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(device()).float()
