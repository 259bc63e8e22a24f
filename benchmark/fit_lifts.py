"""The models of `segan_ros.occlusion.support`, learned from lifts.

    segan generate --lifts --split train --objects all --seed 43 --scenes 86 --out data/train
    segan generate --lifts --split val --objects all --seed 41 --scenes 202 --out data/val
    pip install scikit-learn
    python benchmark/fit_lifts.py --scenes data/train data/val

Writes ``lift_trees.npz`` and prints what to put into ``support.py``, and the risk from which on an
edge blocks a lift. The same scenes and model give the same answer. The test split has no part.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.upright import find_up, set_upright
from segan_ros.occlusion import support
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.pairs import Pairs, chain_features, spatial_pairs
from segan_ros.occlusion.support import Weights, as_matrix, flat_pairs, lift_features
from segan_ros.occlusion.trees import DEPTH, PARTS, Trees
from segan_ros.runtime.model import Model, model_folder
from segan_ros.scoring.lifts import true_harm
from segan_ros.storage.scenes import iterate_scenes, read_scene

Array = NDArray[np.float64]
Judge = Callable[[Pairs, int], Array]
"""From pairs and the number of objects to a matrix of risks."""

FOLDS = 5
"""What is learned from risks is learned from those of piles that had no part in their model."""

TREES = {
    "max_iter": 120,
    "learning_rate": 0.08,
    "max_depth": DEPTH,
    "max_leaf_nodes": 2**DEPTH,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "early_stopping": False,
    "random_state": 0,
}

WANTED_PRECISION = 0.6
"""Of the edges that block a lift."""


@dataclass(frozen=True, eq=False)
class Pile:
    """One pile: its objects and `pixels`, what is seen of pairs, and what lifts truly disturb."""

    objects: Sequence[AmodalObject]
    pixels: int
    spatial: Pairs
    flat: Pairs
    harm: Array


def seen(frame: Frame, objects: Sequence[AmodalObject], harm: Array) -> Pile | None:
    """A pile as the method sees it with up estimated; None where it cannot be."""
    up = find_up(replace(frame, up=None))
    if not objects or up is None:
        return None
    rule, pixels = EdgeRule(), frame.labels.size
    edges = find_edges(frame.labels, objects, rule, frame.depth)
    spatial = spatial_pairs(objects, edges, set_upright(frame, objects, up), pixels)
    flat = flat_pairs(frame.labels, objects, find_edges(frame.labels, objects, rule))
    return Pile(objects, pixels, spatial, flat, harm)


def logistic(features: Array, truth: Array, prior: float) -> Weights:
    """Logistic regression by Newton's method; `prior` holds the weights down, not the bias."""
    inputs = np.column_stack([np.ones(len(features)), features])
    held = prior * np.diag(np.r_[1e-6, np.ones(features.shape[1])])
    found = np.zeros(inputs.shape[1])
    for _ in range(30):
        said = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ (said - truth) + held @ found
        found -= np.linalg.solve((inputs.T * (said * (1 - said))) @ inputs + held, slope)
    return Weights(float(found[0]), tuple(found[1:].tolist()))


def boosted(features: Array, truth: Array) -> Trees:
    """Boosted trees, each made complete: a leaf higher up becomes all leaves below it."""
    model = HistGradientBoostingClassifier(**TREES).fit(features, truth)
    shape = len(model._predictors), 2**DEPTH - 1
    asked, limits = np.zeros(shape, np.int16), np.full(shape, np.inf, np.float32)
    leaves = np.zeros((shape[0], shape[1] + 1), np.float32)

    def fill(tree: int, at: int, nodes: NDArray[np.void], node: int) -> None:
        if at >= shape[1]:
            leaves[tree, at - shape[1]] = nodes[node]["value"]
            return
        ends = nodes[node]["is_leaf"]
        if not ends:
            asked[tree, at] = nodes[node]["feature_idx"]
            limits[tree, at] = nodes[node]["num_threshold"]
        for side, child in enumerate(("left", "right")):
            fill(tree, 2 * at + 1 + side, nodes, node if ends else nodes[node][child])

    for tree, (predictor,) in enumerate(model._predictors):
        fill(tree, 0, predictor.nodes, 0)
    return Trees(float(model._baseline_prediction.ravel()[0]), asked, limits, leaves)


def truth_of(piles: Iterable[Pile], kind: str) -> Array:
    """``(n,)`` whether the lift disturbs, of all pairs of that kind."""
    return np.concatenate([p.harm[getattr(p, kind).lifted, getattr(p, kind).other] for p in piles])


def spatial_models(piles: Sequence[Pile]) -> tuple[Trees, Trees]:
    """See `support.lift_trees`."""
    truth = truth_of(piles, "spatial")
    plain = [p.spatial.features for p in piles]
    guesses = out_of_fold(piles, first_judge)
    chained = [
        np.hstack([f, chain_features(g, p.spatial)])
        for f, g, p in zip(plain, guesses, piles, strict=True)
    ]
    return boosted(np.concatenate(plain), truth), boosted(np.concatenate(chained), truth)


def first_judge(piles: Sequence[Pile]) -> Judge:
    """Of the first guess alone."""
    found = boosted(np.concatenate([p.spatial.features for p in piles]), truth_of(piles, "spatial"))
    return lambda pairs, count: as_matrix(pairs, found(pairs.features), count)


def spatial_judge(piles: Sequence[Pile]) -> Judge:
    """Of both."""
    first, second = spatial_models(piles)

    def judge(pairs: Pairs, count: int) -> Array:
        guess = as_matrix(pairs, first(pairs.features), count)
        chained = np.hstack([pairs.features, chain_features(guess, pairs)])
        return as_matrix(pairs, second(chained), count)

    return judge


def flat_judge(piles: Sequence[Pile]) -> Judge:
    """Of the picture alone."""
    found = logistic(np.concatenate([p.flat.features for p in piles]), truth_of(piles, "flat"), 3.0)
    return lambda pairs, count: as_matrix(pairs, found(pairs.features), count)


def out_of_fold(
    piles: Sequence[Pile], learn: Callable[[Sequence[Pile]], Judge], kind: str = "spatial"
) -> list[Array]:
    """Risks of each pile, by a model that it had no part in."""
    found: list[Array] = [np.zeros((0, 0))] * len(piles)
    for fold in range(min(FOLDS, len(piles))):
        judge = learn([p for i, p in enumerate(piles) if i % FOLDS != fold])
        for i in range(fold, len(piles), FOLDS):
            found[i] = judge(getattr(piles[i], kind), len(piles[i].objects))
    return found


def lift_weights(piles: Sequence[Pile], risks: Sequence[Array]) -> Weights:
    """Of whole lifts."""
    features = [lift_features(r, p.objects, p.pixels) for r, p in zip(risks, piles, strict=True)]
    clean = [1 - p.harm.max(axis=1, initial=0) for p in piles]
    return logistic(np.concatenate(features), np.concatenate(clean), 1.0)


def blocking(piles: Sequence[Pile], risks: Sequence[Array]) -> tuple[float, float]:
    """The lowest risk from which on edges have `WANTED_PRECISION`, and the recall there."""
    said = np.concatenate([r.ravel() for r in risks])
    true = np.concatenate([p.harm.ravel() for p in piles])[np.argsort(-said)]
    right = true.cumsum()
    at = np.flatnonzero(right / np.arange(1, len(true) + 1) >= WANTED_PRECISION).max()
    return float(np.sort(said)[::-1][at]), float(right[at] / true.sum())


def show(name: str, weights: Weights) -> None:
    """A line for ``support.py``."""
    numbers = ", ".join(f"{w:.3f}" for w in weights.weights)
    print(f"{name} = Weights({weights.bias:.3f}, ({numbers}))")


def learn(piles: Sequence[Pile]) -> None:
    """Fit everything, write the trees, print the rest."""
    print(f"# {len(piles)} piles, {sum(len(p.objects) for p in piles)} objects")
    risks = out_of_fold(piles, spatial_judge)
    print("# risk {:.3f} for that precision; recall {:.3f}".format(*blocking(piles, risks)))
    show("SPATIAL_LIFT_WEIGHTS", lift_weights(piles, risks))
    features = np.concatenate([p.flat.features for p in piles])
    show("FLAT_WEIGHTS", logistic(features, truth_of(piles, "flat"), 3.0))
    flat = out_of_fold(piles, flat_judge, "flat")
    show("FLAT_LIFT_WEIGHTS", lift_weights(piles, flat))
    trees = dict(zip(("first", "second"), spatial_models(piles), strict=True))
    arrays = {f"{name}_{part}": getattr(t, part) for name, t in trees.items() for part in PARTS}
    biases = {f"{name}_bias": np.float64(t.bias) for name, t in trees.items()}
    np.savez_compressed(Path(support.__file__).with_name("lift_trees.npz"), **arrays, **biases)


def main() -> None:
    """Read the piles and learn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--scenes", type=Path, nargs="+", required=True, help="of segan generate --lifts"
    )
    parser.add_argument("--model", default="tabletop")
    args = parser.parse_args()
    completer = SceneCompleter(Model(model_folder(args.model)))
    piles = []
    for folder in tqdm([f for s in args.scenes for f in iterate_scenes(s)], unit="pile"):
        scene = read_scene(folder)
        objects = completer.segment(scene.frame).objects
        harm = true_harm(scene, [o.id for o in objects]).astype(float)
        if (pile := seen(scene.frame, objects, harm)) is not None:
            piles.append(pile)
    learn(piles)


if __name__ == "__main__":
    main()
