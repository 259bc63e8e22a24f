"""Probabilities that mean something: the segmentor's logits, scaled and shifted on validation.

The losses weigh regions and objects unequally, which helps shapes and spoils probabilities. Two
numbers repair that (Platt 1999); they go into the last layer, so that nothing else need know.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segan_ros.completion import SceneCompleter, Settings
from segan_ros.evaluation.reliability import LEAST, Decided, decided_pixels
from segan_ros.inference import Model
from segan_ros.scenes import ScenePath, read_scene

NONE: Decided = (np.zeros(0, np.float32), np.zeros(0, bool))


def decided(model: Model, folders: Iterable[ScenePath]) -> list[Decided]:
    """Probabilities and truths of the pixels that `model` decides on, scene by scene."""
    completer = SceneCompleter(model, Settings(threshold=LEAST, min_hidden_ratio=0))
    found = []
    for folder in folders:
        scene = read_scene(folder)
        found.append(decided_pixels(scene, completer.complete(scene.frame, paint=False)))
    return found


def platt(pixels: Iterable[Decided], rounds: int = 25) -> tuple[float, float]:
    """The scale and the shift of logits that make the truth most likely.

    Args:
        pixels: see `decided`.
        rounds: Newton steps at most; a handful is the rule.

    Returns:
        ``(scale, shift)``; ``(1, 0)`` where the pixels do not tell: none, or all of one kind.
    """
    said, true = (np.concatenate(p) for p in zip(NONE, *pixels, strict=True))
    if len(said) == 0 or true.min() == true.max():
        return 1.0, 0.0
    said = said.astype(np.float64).clip(1e-6, 1 - 1e-6)
    features = np.stack([np.log(said / (1 - said)), np.ones_like(said)], axis=1)
    found: NDArray[np.float64] = np.array([1.0, 0.0])
    for _ in range(rounds):
        guess = 1 / (1 + np.exp(-features @ found))
        weight = guess * (1 - guess)
        slope = features.T @ (guess - true)
        bend = (features * weight[:, None]).T @ features + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        found = found - step
        if np.abs(step).max() < 1e-6:
            break
    scale, shift = found
    return (float(scale), float(shift)) if np.isfinite(found).all() and scale > 0 else (1.0, 0.0)
