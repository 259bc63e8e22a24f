"""Probabilities that mean something: the segmentor's logits, scaled and shifted on validation.

The losses weigh regions and objects unequally, which helps shapes and spoils probabilities. Two
numbers repair that (Platt 1999); they go into the last layer, so that nothing else need know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from segan_ros.completion import SceneCompleter
from segan_ros.runtime.model import Model
from segan_ros.scoring.reliability import Decided, decided_pixels, undecided
from segan_ros.storage.scenes import ScenePath
from segan_ros.training.validation import as_met

BINS, LIMIT = 4096, 14.0
"""Logits are counted in so many bins up to this: millions of pixels become a few thousand."""


def decided(model: Model, folders: Iterable[ScenePath]) -> Iterator[Decided]:
    """Probabilities and truths of the pixels that `model` decides on, scene by scene (`as_met`)."""
    completer = undecided(SceneCompleter(model))
    for scene in as_met(model, folders):
        yield decided_pixels(scene, completer.segment(scene.frame))


def platt(pixels: Iterable[Decided], rounds: int = 50) -> tuple[float, float]:
    """The scale and the shift of logits that make the truth most likely.

    Args:
        pixels: see `decided`.
        rounds: Newton steps at most; a dozen is the rule.

    Returns:
        ``(scale, shift)``; ``(1, 0)`` where the pixels do not tell: none, or all of one kind.
    """
    logits, count, hits = _counted(pixels)
    total, true = count.sum(), hits.sum()
    if true in (0, total):
        return 1.0, 0.0
    features = np.stack([logits, np.ones_like(logits)], axis=1)

    def doubt(of: NDArray[np.float64]) -> float:
        scaled = features @ of
        return float((count * np.logaddexp(0, scaled) - hits * scaled).sum() / total)

    found: NDArray[np.float64] = np.array([1.0, 0.0])
    for _ in range(rounds):
        guess = 0.5 * (1 + np.tanh(0.5 * (features @ found)))
        weight = count * guess * (1 - guess)
        slope = features.T @ (count * guess - hits)
        bend = (features * weight[:, None]).T @ features + 1e-9 * np.eye(2)
        step, now = np.linalg.solve(bend, slope), doubt(found)
        # Where probabilities are far off, a whole step can lead away.
        while doubt(found - step) > now and np.abs(step).max() > 1e-6:
            step /= 2
        found = found - step
        if np.abs(step).max() < 1e-6:
            break
    scale, shift = found
    return (float(scale), float(shift)) if scale > 0 else (1.0, 0.0)


def _counted(pixels: Iterable[Decided]) -> tuple[NDArray[np.float64], ...]:
    """Of each bin that holds pixels: their mean logit, how many they are, how many are true."""
    sums, count, hits = (np.zeros(BINS) for _ in range(3))
    for given, true in pixels:
        said = given.astype(np.float64).clip(1e-6, 1 - 1e-6)
        logits = np.log(said / (1 - said))
        bins = ((logits / LIMIT + 1) * BINS / 2).astype(int)
        sums += np.bincount(bins, logits, BINS)
        count += np.bincount(bins, minlength=BINS)
        hits += np.bincount(bins, true, BINS)
    held = count > 0
    return sums[held] / count[held], count[held], hits[held]
