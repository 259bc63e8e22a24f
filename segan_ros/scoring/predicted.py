"""The paper's second setting: completion of masks as a segmenter sees them, scored by the truth."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segan_ros.completion import SceneCompleter, TooManyObjectsError
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.frame import Frame
from segan_ros.masks.noise import CALIBRATED, MaskNoise, corrupted
from segan_ros.scoring.matching import Matching, count_masks, match_masks, relabelled
from segan_ros.scoring.metrics import NAN, SceneScore, score_scene
from segan_ros.scoring.references import convex_hulls, input_masks
from segan_ros.scoring.summary import Summary, mean, summarise
from segan_ros.scoring.tables import SCORE_COLUMNS, score_cells
from segan_ros.storage.images import read_labels
from segan_ros.storage.scenes import ScenePath, read_scene
from segan_ros.truth import LabelledScene

Segmenter = Callable[[str, LabelledScene], NDArray[np.int32]]
"""``(name of the scene, scene) -> (H, W) labels``, ids of its own."""


@dataclass(frozen=True)
class PredictedScores:
    """Scores of one scene whose visible masks were predicted, and how those fit the true ones."""

    scores: Mapping[str, SceneScore]
    matching: Matching


def noisy_masks(seed: int, noise: MaskNoise = CALIBRATED) -> Segmenter:
    """True masks with imitated errors; a scene's masks depend on `seed` and its name alone."""

    def see(name: str, scene: LabelledScene) -> NDArray[np.int32]:
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        return corrupted(scene.frame.labels, rng, noise)

    return see


def masks_of(folder: Path) -> Segmenter:
    """A segmenter whose label images lie in `folder` as ``<scene>.png``, 8 or 16 bit.

    Raises:
        ValueError: `folder` is none; when called: an image is missing, or of another size.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: no such folder; --masks names one with <scene>.png label images"
        )

    def see(name: str, scene: LabelledScene) -> NDArray[np.int32]:
        path = folder / f"{name}.png"
        try:
            labels = read_labels(path)
        except FileNotFoundError:
            raise ValueError(f"{path}: no such file; every scene needs a label image") from None
        if labels.shape != scene.frame.size:
            raise ValueError(
                f"{path}: shape {labels.shape}, the scene's is {scene.frame.size}; "
                "label images have one channel and the size of their picture"
            )
        return labels.astype(np.int32)

    return see


def read_with_truth(folder: ScenePath) -> LabelledScene:
    """The scene in `folder`. Raises ValueError if it has no ground truth."""
    scene = read_scene(folder)
    if not scene.objects and scene.frame.object_ids:
        raise ValueError(f"{folder}: no ground truth to score with (amodal.npz, scene.json)")
    return scene


@contextmanager
def naming(scene: ScenePath) -> Iterator[None]:
    """Errors over its number of objects say which scene it is."""
    try:
        yield
    except TooManyObjectsError as error:
        raise ValueError(f"{scene}: {error}") from None


def guessed_frame(frame: Frame, seen: NDArray[np.int32]) -> tuple[Frame, Matching]:
    """`frame` with the masks `seen` instead of its own, under the ids of the objects that they
    stand for."""
    matching = match_masks(frame.labels, seen)
    return replace(frame, labels=relabelled(frame.labels, seen, matching)), matching


def without_lost(score: SceneScore, found: Collection[int]) -> SceneScore:
    """`score` with no hallucination for objects that are not `found`: nothing can be made up behind
    what was never seen."""
    objects = (o if o.id in found else replace(o, hallucination=NAN) for o in score.objects)
    return replace(score, objects=tuple(objects))


def score_predicted(
    completer: SceneCompleter, scene: LabelledScene, seen: NDArray[np.int32]
) -> PredictedScores:
    """Complete `seen` instead of the true visible masks, and score against the truth of `scene`.

    A lost object has SF 0 and, where a part of it is hidden, SI 0; it is left out of hallucination.
    """
    rule = completer.settings.edges
    frame, matching = guessed_frame(scene.frame, seen)
    answers = {
        "segan": completer.complete(frame),
        "convex hull": convex_hulls(frame, rule),
        "input mask": input_masks(frame, rule),
    }
    scores = {m: without_lost(score_scene(scene, a), matching.found) for m, a in answers.items()}
    return PredictedScores(scores, matching)


def predicted_section(
    source: str, predicted: Sequence[PredictedScores], true: Mapping[str, Summary]
) -> list[str]:
    """Heading, legend and table as Markdown: every method with true and with predicted masks.

    Args:
        source: where the masks come from, in words.
        predicted: one per scene.
        true: method -> its summary with true masks.
    """
    rows = []
    for method in predicted[0].scores:
        summary = summarise([p.scores[method] for p in predicted])
        found = mean(
            o.sf for p in predicted for o in p.scores[method].objects if o.id in p.matching.found
        )
        rows.append([f"{method}, true SV", *score_cells(true[method]), number(true[method].sf)])
        rows.append([f"{method}, predicted SV", *score_cells(summary), number(found)])
    counts = count_masks(p.matching for p in predicted)
    legend = f"""\
Predicted SV: {source}. {counts.found} of {counts.objects} objects have a mask (visible IoU above
0.5, {counts.iou:.3f} on average); {counts.missed} are missed, {counts.merged} merged into another
one. {counts.split} masks are split off an object, {counts.spurious} match none. An object without a
mask scores SF 0 and SI 0; "SF, found" leaves it out."""
    table = markdown_table(("method", *SCORE_COLUMNS, "SF, found"), rows)
    return ["### Predicted visible masks", legend, table]
