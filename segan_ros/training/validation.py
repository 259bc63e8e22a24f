"""The threshold, chosen by strict scores on validation scenes at full image size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from segan_ros.boxes import paste
from segan_ros.completion import SceneCompleter
from segan_ros.crops.thresholds import likeliest_threshold
from segan_ros.frame import AmodalObject, Mask, Planes
from segan_ros.model.segan import SeGAN
from segan_ros.runtime.model import MAX_BATCH, Model
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.metrics import PARTLY_HIDDEN, iou
from segan_ros.scoring.reliability import undecided
from segan_ros.storage.scenes import ScenePath, read_scene
from segan_ros.truth import LabelledScene, TrueObject

THRESHOLDS = (0.0, *(round(0.2 + 0.05 * i, 2) for i in range(13)))
"""Choices; 0 is the one of highest expected IoU, object by object."""


class TorchModel(Model):
    """Networks in training behind the interface of exported ones, for `SceneCompleter`.

    Args:
        model: is put into evaluation mode by its caller.
    """

    def __init__(self, model: SeGAN) -> None:
        self.spec = model.spec
        self._model = model
        self._device = next(model.parameters()).device

    @torch.inference_mode()
    def segment(self, planes: Planes, boxes: Planes) -> Planes:
        parts = [
            self._model.segmentor(self._tensor(p), self._tensor(b)).cpu().numpy()
            for p, b in _parts(planes, boxes)
        ]
        return np.concatenate(parts)

    @torch.inference_mode()
    def paint(self, canvases: Planes) -> Planes:
        parts = [self._model.painter(self._tensor(c)).cpu().numpy() for (c,) in _parts(canvases)]
        return np.concatenate(parts)

    def _tensor(self, array: Planes) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


@dataclass(frozen=True)
class Scores:
    """Strict scores: means over objects.

    Args:
        threshold: they hold for; 0 for the one of highest expected IoU.
        si: IoU of the invisible part, over objects hidden by 5-95 %.
        sf: IoU of the whole mask, over all.
        hallucination: predicted invisible over visible area, over objects hidden by less than 5 %.
        occluded: how many objects `si` is a mean of.
    """

    threshold: float
    si: float
    sf: float
    hallucination: float
    occluded: int


def as_met(model: Model, folders: Iterable[ScenePath]) -> Iterator[LabelledScene]:
    """The scenes as `model` will meet them: without depth and, if it sees depth, also with that of
    a camera."""
    for folder in folders:
        scene = read_scene(folder)
        yield replace(scene, frame=replace(scene.frame, depth=None))
        if model.spec.segmentor.sees_depth and scene.frame.depth is not None:
            yield replace(scene, frame=noisy_depth(scene.frame))


def strict_scores(
    model: Model, folders: Iterable[ScenePath], thresholds: Sequence[float] = THRESHOLDS
) -> list[Scores]:
    """Scores of `model` on scene folders, as it meets them (`as_met`), at each of `thresholds`."""
    completer = SceneCompleter(model)
    least = completer.settings.min_hidden_ratio
    completer = undecided(completer)
    rows = []
    for scene in as_met(model, folders):
        found = {o.id: o for o in completer.segment(scene.frame).objects}
        for truth in scene.trusted:
            if truth.id in found:
                visible = scene.frame.labels == truth.id
                rows.append(_measures(found[truth.id], truth, visible, thresholds, least))
    table = np.array(rows)  # (objects, thresholds, [hidden share, SI, SF, hallucination])
    return [_means(t, table[:, i]) for i, t in enumerate(thresholds)]


def best(scores: Sequence[Scores], penalty: float) -> Scores:
    """The one of highest SI - penalty * hallucination; the lowest threshold wins a tie."""
    return max(scores, key=lambda s: np.nan_to_num(s.si) - penalty * np.nan_to_num(s.hallucination))


def _measures(
    guess: AmodalObject,
    truth: TrueObject,
    visible: Mask,
    thresholds: Sequence[float],
    least: float,
) -> list[tuple[float, ...]]:
    """Hidden share, SI, SF and hallucination of one object at each threshold."""
    area = np.count_nonzero(visible)
    true_hidden = truth.amodal & ~visible
    share = 1 - np.count_nonzero(truth.amodal & visible) / np.count_nonzero(truth.amodal)
    result: list[tuple[float, ...]] = []
    for threshold in thresholds:
        hidden = np.zeros(visible.shape, bool)
        chosen = threshold or likeliest_threshold(guess.probability)
        paste(hidden, guess.box, (guess.probability > chosen) & guess.invisible)
        if np.count_nonzero(hidden) < least * area:
            hidden[:] = False
        si, sf = iou(hidden, true_hidden), iou(hidden | visible, truth.amodal)
        result.append((share, si, sf, np.count_nonzero(hidden) / area))
    return result


def _means(threshold: float, rows: NDArray[np.float64]) -> Scores:
    share, si, sf, hallucination = rows.T
    least, most = PARTLY_HIDDEN
    occluded, clear = (share >= least) & (share <= most), share < least

    def mean(values: NDArray[np.float64]) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return Scores(
        threshold,
        mean(si[occluded]),
        mean(sf),
        mean(hallucination[clear]),
        int(np.count_nonzero(occluded)),
    )


def _parts(*arrays: Planes) -> Iterable[tuple[Planes, ...]]:
    for start in range(0, len(arrays[0]), MAX_BATCH):
        yield tuple(a[start : start + MAX_BATCH] for a in arrays)
