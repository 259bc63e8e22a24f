"""The weights of `segan_ros.occlusion.support`, learned from lifts.

    segan generate --lifts --split val --objects all --seed 41 --scenes 200 --out data/lifts
    python benchmark/fit_lifts.py --scenes data/lifts

Prints what to put into ``support.py``. The same scenes and model give the same weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.geometry.upright import find_up, set_upright
from segan_ros.occlusion.edges import find_edges
from segan_ros.occlusion.support import (
    Pairs,
    Weights,
    flat_pairs,
    lift_features,
    risk_matrix,
    spatial_pairs,
)
from segan_ros.runtime.model import Model, model_folder
from segan_ros.scoring.lifts import true_harm
from segan_ros.storage.scenes import iterate_scenes, read_scene

Array = NDArray[np.float64]

FOLDS = 5
"""The weights of whole lifts are learned from risks that each pile had no part in."""


def fit(features: Array, truth: Array, prior: float) -> Weights:
    """Logistic regression by Newton's method; `prior` holds the weights down, not the bias."""
    inputs = np.column_stack([np.ones(len(features)), features])
    held = prior * np.diag(np.r_[1e-6, np.ones(features.shape[1])])
    found = np.zeros(inputs.shape[1])
    for _ in range(30):
        said = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ (said - truth) + held @ found
        found -= np.linalg.solve((inputs.T * (said * (1 - said))) @ inputs + held, slope)
    return Weights(float(found[0]), tuple(found[1:].tolist()))


def both_models(name: str, pairs: Sequence[Pairs], harms: Sequence[Array], rest: Sequence) -> None:
    """Fit and print the weights of pairs and of whole lifts.

    Args:
        name: prefix of the constants.
        pairs: of each pile.
        harms: of each pile ``(n, n)``, 1 where the lift of a row disturbs a column.
        rest: of each pile, its objects and the pixels of its picture.
    """

    def pairs_of(some: Sequence[int]) -> Weights:
        features = np.concatenate([pairs[i].features for i in some])
        truth = np.concatenate([harms[i][pairs[i].lifted, pairs[i].other] for i in some])
        return fit(features, truth, 3.0)

    lifts, clean = [], []
    piles = range(len(pairs))
    for fold in range(FOLDS):
        weights = pairs_of([i for i in piles if i % FOLDS != fold])
        for i in piles[fold::FOLDS]:
            objects, pixels = rest[i]
            lifts.append(
                lift_features(risk_matrix(pairs[i], weights, len(objects)), objects, pixels)
            )
            clean.append(1 - harms[i].max(axis=1, initial=0))
    for suffix, weights in (
        ("WEIGHTS", pairs_of(piles)),
        ("LIFT_WEIGHTS", fit(np.concatenate(lifts), np.concatenate(clean), 1.0)),
    ):
        numbers = ", ".join(f"{w:.3f}" for w in weights.weights)
        print(f"{name}_{suffix} = Weights({weights.bias:.3f}, ({numbers}))")


def main() -> None:
    """Read the piles, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenes", type=Path, required=True, help="of segan generate --lifts")
    parser.add_argument("--model", default="tabletop")
    args = parser.parse_args()
    completer = SceneCompleter(Model(model_folder(args.model)))
    rule = completer.settings.edges
    spatial, flat, harms, rest = [], [], [], []
    for folder in tqdm(list(iterate_scenes(args.scenes)), unit="pile"):
        scene = read_scene(folder)
        frame, objects = scene.frame, completer.segment(scene.frame).objects
        up = find_up(frame)
        if not objects or up is None:
            continue
        upright = set_upright(frame, objects, up)
        spatial.append(
            spatial_pairs(
                objects,
                find_edges(frame.labels, objects, rule, frame.depth),
                upright.points,
                upright.ground,
            )
        )
        flat.append(flat_pairs(frame.labels, objects, find_edges(frame.labels, objects, rule)))
        harms.append(true_harm(scene, [o.id for o in objects]).astype(float))
        rest.append((objects, frame.labels.size))
    print(f"# {len(rest)} piles, {sum(len(o) for o, _ in rest)} objects")
    both_models("SPATIAL", spatial, harms, rest)
    both_models("FLAT", flat, harms, rest)


if __name__ == "__main__":
    main()
