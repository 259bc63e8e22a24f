"""The trees of `segan_ros.occlusion.weighing`, learned from scenes with ground truth.

    segan generate --split val --objects all --seed 5 --scenes 450 --out data/edges
    pip install scikit-learn
    python benchmark/fit_edges.py --scenes data/edges

Writes ``edge_trees.npz``. The same scenes and model give the same trees. The test split has no
part.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from fit_lifts import OF_PAIRS, boosted
from numpy.typing import NDArray
from tqdm import tqdm

from segan_ros.completion import SceneCompleter, Settings
from segan_ros.occlusion import weighing
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.occlusion.trees import PARTS
from segan_ros.occlusion.weighing import pair_features
from segan_ros.runtime.model import Model, model_folder
from segan_ros.scoring.metrics import true_edges
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.truth import LabelledScene

OF_EDGES = {**OF_PAIRS, "max_iter": 150}


def pairs_of(
    scene: LabelledScene, completer: SceneCompleter
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(n, f)`` features of the ordered pairs of a scene, completed without depth, and ``(n,)``
    whether each is a true edge, 0 or 1."""
    labels, rule = scene.frame.labels, EdgeRule()
    objects = completer.segment(replace(scene.frame, depth=None)).objects
    least = np.array([rule.least_overlap(o) for o in objects], float)
    pairs, _, features = pair_features(labels, objects, least)
    seen = {o.id for o in objects}
    truth = true_edges(labels, [o for o in scene.objects if o.id in seen])
    scored = {o.id for o in scene.objects if o.scored}
    counts = np.array([occludee in scored for _, occludee in pairs], bool)
    return features[counts], np.array([pair in truth for pair in pairs], float)[counts]


def main() -> None:
    """Read the scenes and learn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenes", type=Path, required=True, help="of segan generate")
    parser.add_argument("--model", default="tabletop")
    args = parser.parse_args()
    # The edges of the answers do not matter: another rule needs no trees.
    settings = Settings(edges=EdgeRule("coverage"))
    completer = SceneCompleter(Model(model_folder(args.model)), settings)
    folders = list(iterate_scenes(args.scenes))
    found = [pairs_of(read_scene(f), completer) for f in tqdm(folders, unit="scene")]
    features, truth = (np.concatenate(part) for part in zip(*found, strict=True))
    print(f"# {len(folders)} scenes, {len(truth)} pairs, {int(truth.sum())} edges")
    trees = boosted(features, truth, OF_EDGES)
    np.savez_compressed(
        Path(weighing.__file__).with_name("edge_trees.npz"),
        bias=np.float64(trees.bias),
        **{part: getattr(trees, part) for part in PARTS},
    )


if __name__ == "__main__":
    main()
