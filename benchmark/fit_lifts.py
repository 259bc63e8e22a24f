"""The models of `segan_ros.occlusion.support`, learned from lifts.

    segan generate --lifts --split train --objects all --seed 43 --scenes 415 --out data/lifts
    pip install scikit-learn
    python benchmark/fit_lifts.py --scenes data/lifts --pairs shipped

The shipped trees of pairs were fitted before, with ``--pairs fit``, to the first 86 of these piles
and to 202 of the validation split (seed 41), with exact depth. Fitting them to these 415 piles
alone made them worse on the test split, whose families are others.

Writes ``lift_trees.npz`` and prints what to put into ``support.py``, and the risk from which on an
edge blocks a lift. The same scenes and model give the same answer. The test split has no part.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.up import find_up
from segan_ros.geometry.upright import set_upright
from segan_ros.occlusion import support
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.pairs import Pairs, chain_features, spatial_pairs
from segan_ros.occlusion.support import (
    Weights,
    as_matrix,
    flat_pairs,
    lift_features,
    risks_by,
    spatial_lift_features,
)
from segan_ros.occlusion.trees import DEPTH, PARTS, Trees
from segan_ros.runtime.model import Model, model_folder
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.lifts import true_harm
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.truth import LabelledScene

Array = NDArray[np.float64]
Judge = Callable[[Pairs, int], Array]
"""From pairs and the number of objects to a matrix of risks."""

RULE = EdgeRule("coverage")
"""Of the edges that lifts are judged by."""

FOLDS = 5
"""What is learned from risks is learned from those of piles that had no part in their model."""

OF_PAIRS = {
    "max_iter": 120,
    "learning_rate": 0.08,
    "max_depth": DEPTH,
    "max_leaf_nodes": 2**DEPTH,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "early_stopping": False,
    "random_state": 0,
}

OF_LIFTS = {**OF_PAIRS, "max_iter": 60, "learning_rate": 0.06, "min_samples_leaf": 30}

WANTED_PRECISION = 0.6
"""Of the edges that block a lift."""


@dataclass(frozen=True, eq=False)
class Pile:
    """One pile: its number, its objects and `pixels`, what is seen of pairs, and what lifts truly
    disturb: ``(n, n)`` of the objects that are seen, ``(n,)`` whether they disturb nothing."""

    number: int
    objects: Sequence[AmodalObject]
    pixels: int
    pairs: Pairs
    harm: Array
    clean: Array


def in_space(number: int, frame: Frame, scene: LabelledScene, model: SceneCompleter) -> Pile | None:
    """A pile as the method sees it with depth, up estimated; None where it cannot be."""
    frame = replace(frame, up=None)
    objects, up = model.segment(frame).objects, find_up(frame)
    if not objects or up is None:
        return None
    edges = find_edges(frame.labels, objects, RULE, frame.depth)
    space = set_upright(frame, objects, up)
    pairs = spatial_pairs(objects, edges, space, frame.labels.size)
    return Pile(number, objects, frame.labels.size, pairs, *truth(scene, objects))


def in_picture(number: int, scene: LabelledScene, model: SceneCompleter) -> Pile | None:
    """A pile as the method sees it without depth; None where it sees no object."""
    frame = replace(scene.frame, depth=None, up=None)
    objects = model.segment(frame).objects
    if not objects:
        return None
    pairs = flat_pairs(frame.labels, objects, find_edges(frame.labels, objects, RULE))
    return Pile(number, objects, frame.labels.size, pairs, *truth(scene, objects))


def truth(scene: LabelledScene, objects: Sequence[AmodalObject]) -> tuple[Array, Array]:
    """`Pile.harm` and `Pile.clean`; a lift may also disturb what is not seen."""
    assert scene.harm is not None
    clean = np.array([not scene.harm.get(o.id) for o in objects], float)
    return true_harm(scene, [o.id for o in objects]).astype(float), clean


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


def boosted(features: Array, truth: Array, options: Mapping[str, Any] = OF_PAIRS) -> Trees:
    """Boosted trees, each made complete: a leaf higher up becomes all leaves below it."""
    model = HistGradientBoostingClassifier(**options).fit(features, truth)
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


def truth_of(piles: Iterable[Pile]) -> Array:
    """``(n,)`` whether the lift disturbs, of all pairs."""
    return np.concatenate([p.harm[p.pairs.lifted, p.pairs.other] for p in piles])


def first_judge(piles: Sequence[Pile]) -> Judge:
    """Of the first guess alone."""
    found = boosted(np.concatenate([p.pairs.features for p in piles]), truth_of(piles))
    return lambda pairs, count: as_matrix(pairs, found(pairs.features), count)


def spatial_models(piles: Sequence[Pile]) -> tuple[Trees, Trees]:
    """The first two of `support.lift_trees`."""
    plain, said = [p.pairs.features for p in piles], truth_of(piles)
    guesses = out_of_fold(piles, first_judge)
    chained = [
        np.hstack([f, chain_features(g, p.pairs)])
        for f, g, p in zip(plain, guesses, piles, strict=True)
    ]
    return boosted(np.concatenate(plain), said), boosted(np.concatenate(chained), said)


def spatial_judge(piles: Sequence[Pile]) -> Judge:
    """Of both."""
    return partial(risks_by, *spatial_models(piles))


def flat_judge(piles: Sequence[Pile]) -> Judge:
    """Of the picture alone."""
    found = logistic(np.concatenate([p.pairs.features for p in piles]), truth_of(piles), 3.0)
    return lambda pairs, count: as_matrix(pairs, found(pairs.features), count)


def out_of_fold(piles: Sequence[Pile], learn: Callable[[Sequence[Pile]], Judge]) -> list[Array]:
    """Risks of each pile, by a model that this pile had no part in, however it was seen."""
    judges = [learn([p for p in piles if p.number % FOLDS != fold]) for fold in range(FOLDS)]
    return [judges[p.number % FOLDS](p.pairs, len(p.objects)) for p in piles]


def lift_trees(piles: Sequence[Pile], risks: Sequence[Array]) -> Trees:
    """The last one of `support.lift_trees`."""
    features = [
        spatial_lift_features(r, p.pairs, p.objects, p.pixels)
        for r, p in zip(risks, piles, strict=True)
    ]
    return boosted(np.concatenate(features), np.concatenate([p.clean for p in piles]), OF_LIFTS)


def lift_weights(piles: Sequence[Pile], risks: Sequence[Array]) -> Weights:
    """Of whole lifts in the picture."""
    features = [lift_features(r, p.objects, p.pixels) for r, p in zip(risks, piles, strict=True)]
    return logistic(np.concatenate(features), np.concatenate([p.clean for p in piles]), 1.0)


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


def learn(spatial: Sequence[Pile], flat: Sequence[Pile], *, pairs: bool) -> None:
    """Fit everything, or keep the shipped trees of `pairs`; write the trees, print the rest."""
    print(f"# {len(flat)} piles, {sum(len(p.objects) for p in flat)} objects")
    shipped = support.lift_trees()[:2]
    if pairs:
        risks = out_of_fold(spatial, spatial_judge)
    else:
        risks = [risks_by(*shipped, p.pairs, len(p.objects)) for p in spatial]
    print("# risk {:.3f} for that precision; recall {:.3f}".format(*blocking(spatial, risks)))
    features = np.concatenate([p.pairs.features for p in flat])
    show("FLAT_WEIGHTS", logistic(features, truth_of(flat), 3.0))
    show("FLAT_LIFT_WEIGHTS", lift_weights(flat, out_of_fold(flat, flat_judge)))
    models = (*(spatial_models(spatial) if pairs else shipped), lift_trees(spatial, risks))
    trees = dict(zip(support.TREES, models, strict=True))
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
    parser.add_argument(
        "--pairs", choices=("fit", "shipped"), default="fit", help="whether to fit those of pairs"
    )
    args = parser.parse_args()
    completer = SceneCompleter(Model(model_folder(args.model)))
    spatial, flat = [], []
    folders = [f for s in args.scenes for f in iterate_scenes(s)]
    for number, folder in enumerate(tqdm(folders, unit="pile")):
        scene = read_scene(folder)
        # Depth as it is, and as a camera has it: what it gives wrong is learned, too.
        for frame in (scene.frame, noisy_depth(scene.frame)):
            if (pile := in_space(number, frame, scene, completer)) is not None:
                spatial.append(pile)
        if (pile := in_picture(number, scene, completer)) is not None:
            flat.append(pile)
    learn(spatial, flat, pairs=args.pairs == "fit")


if __name__ == "__main__":
    main()
