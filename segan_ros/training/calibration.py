"""Probabilities that mean something: the segmentor's logits, scaled and shifted on validation.

The losses weigh regions and objects unequally, which helps shapes and spoils probabilities. Two
numbers repair that (Platt 1999); they go into the last layer, so that nothing else need know.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segan_ros.completion import SceneCompleter
from segan_ros.evaluation.reliability import Decided, decided_pixels, undecided
from segan_ros.inference import Model
from segan_ros.scenes import ScenePath, read_scene

NONE: Decided = (np.zeros(0, np.float32), np.zeros(0, bool))


def decided(model: Model, folders: Iterable[ScenePath]) -> list[Decided]:
    """Probabilities and truths of the pixels that `model` decides on, scene by scene."""
    completer = undecided(SceneCompleter(model))
    found = []
    for folder in folders:
        scene = read_scene(folder)
        found.append(decided_pixels(scene, completer.complete(scene.frame, paint=False)))
    return found


def platt(pixels: Iterable[Decided], rounds: int = 50) -> tuple[float, float]:
    """The scale and the shift of logits that make the truth most likely.

    Args:
        pixels: see `decided`.
        rounds: Newton steps at most; a dozen is the rule.

    Returns:
        ``(scale, shift)``; ``(1, 0)`` where the pixels do not tell: none, or all of one kind.
    """
    said, true = (np.concatenate(p) for p in zip(NONE, *pixels, strict=True))
    if len(said) == 0 or true.min() == true.max():
        return 1.0, 0.0
    said = said.astype(np.float64).clip(1e-6, 1 - 1e-6)
    features = np.stack([np.log(said / (1 - said)), np.ones_like(said)], axis=1)

    def doubt(of: NDArray[np.float64]) -> float:
        logits = features @ of
        return float(np.mean(np.logaddexp(0, logits) - true * logits))

    found: NDArray[np.float64] = np.array([1.0, 0.0])
    for _ in range(rounds):
        guess = 0.5 * (1 + np.tanh(0.5 * (features @ found)))
        weight = guess * (1 - guess)
        slope = features.T @ (guess - true)
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
