"""Does the order spare the pile? Scores of lifts, by what each lift truly disturbs.

A *pick* is the object that is lifted first. References choose it otherwise and are scored on the
same piles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.frame import CompletedScene, Frame
from segan_ros.occlusion.sequences import sequence_probability
from segan_ros.occlusion.targets import order_to
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.predicted import naming, read_with_truth
from segan_ros.scoring.styles import styled_masks
from segan_ros.storage.scenes import ScenePath
from segan_ros.truth import LabelledScene

OURS, NEAREST, BEST, RANDOM = "segan", "nearest", "best possible", "random"

EXACT = 14
"""Objects up to which the best order is searched for among all."""


@dataclass(frozen=True, eq=False)
class Pile:
    """What one pile showed.

    Args:
        clean: by method, the share of its first picks that disturb nothing (of a random pick, over
            all objects).
        disturbed: by method, how many objects its first pick disturbs.
        spared: by method with an order, the share of its picks that hit nothing still there.
        harm: ``(n, n)`` bool, the lift of a row disturbs a column.
        blocked: ``(n, n)`` bool, an edge says that the column blocks the lift of the row.
        risks: ``(n, n)`` of the edges; 0 without an edge.
        probabilities: ``(n,)`` of clean lifts, as said.
        sequences: to each object: how many lifts, how likely they disturb nothing still there, as
            said, and whether they do not, by single lifts from the whole pile.
    """

    clean: Mapping[str, float]
    disturbed: Mapping[str, float]
    spared: Mapping[str, float]
    harm: NDArray[np.bool_]
    blocked: NDArray[np.bool_]
    risks: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    sequences: Sequence[tuple[int, float, bool]]


def true_harm(scene: LabelledScene, ids: Sequence[int]) -> NDArray[np.bool_]:
    """``(n, n)`` of objects with these `ids`: the lift of a row disturbs a column.

    Raises:
        ValueError: the scene does not say what lifts disturb.
    """
    if scene.harm is None:
        raise ValueError("the scene has no harm; use `segan generate --lifts`")
    rows = [[j in scene.harm.get(i, ()) for j in ids] for i in ids]
    return np.array(rows, bool).reshape(len(ids), len(ids))


def score_pile(scene: LabelledScene, answer: CompletedScene) -> Pile:
    """Score the order of `answer`, and of the references, on one pile with visible objects.

    Disturbing an object without a visible pixel counts for picks; it cannot be warned of.
    """
    ids = [o.id for o in answer.objects]
    assert scene.harm is not None
    hits = {i: len(scene.harm.get(i, ())) for i in ids}
    harm, place = true_harm(scene, ids), {i: n for n, i in enumerate(ids)}
    orders = {OURS: list(answer.graph.removal_order)}
    orders |= {name: rule(scene, answer) for name, rule in REFERENCES.items()}
    clean: dict[str, float] = {name: float(not hits[o[0]]) for name, o in orders.items()}
    disturbed: dict[str, float] = {name: float(hits[o[0]]) for name, o in orders.items()}
    clean |= {
        RANDOM: float(np.mean([not hits[i] for i in ids])),
        BEST: float(any(not hits[i] for i in ids)),
    }
    disturbed |= {RANDOM: float(np.mean(list(hits.values()))), BEST: float(min(hits.values()))}
    orders[BEST] = _best_order(harm, ids)
    blocked, risks = np.zeros_like(harm), np.zeros(harm.shape)
    for edge in (*answer.graph.edges, *answer.graph.supports):
        pair = place[edge.occludee_id], place[edge.occluder_id]
        blocked[pair] |= edge.blocks_lift
        risks[pair] = edge.score if np.isnan(edge.lift_risk) else edge.lift_risk
    return Pile(
        clean,
        disturbed,
        {name: _spared(harm, [place[i] for i in o]) for name, o in orders.items()},
        harm,
        blocked,
        risks,
        np.array([o.lift_probability for o in answer.objects]),
        [_sequence(answer, harm, place, i) for i in ids],
    )


def _sequence(
    answer: CompletedScene, harm: NDArray[np.bool_], place: Mapping[int, int], target: int
) -> tuple[int, float, bool]:
    """One of `Pile.sequences`."""
    order, _ = order_to(answer, target)
    there = np.ones(len(harm), bool)
    clean = True
    for lifted in (place[i] for i in order):
        there[lifted] = False
        clean &= not harm[lifted, there].any()
    return len(order), sequence_probability(answer.graph, order), clean


def _largest(_: LabelledScene, answer: CompletedScene) -> list[int]:
    return _sorted(answer, lambda o: -o.visible_area)


def _nearest(scene: LabelledScene, answer: CompletedScene) -> list[int]:
    """By the median depth of what is seen."""
    depth = scene.frame.depth
    assert depth is not None

    def metres(item: Any) -> float:
        seen = depth[scene.frame.labels == item.id]
        return float(np.nanmedian(seen)) if np.isfinite(seen).any() else np.inf

    return _sorted(answer, metres)


def _topmost(_: LabelledScene, answer: CompletedScene) -> list[int]:
    """The highest in the picture."""
    return _sorted(answer, lambda o: o.box[1])


def _least_hidden(scene: LabelledScene, answer: CompletedScene) -> list[int]:
    """By the true whole masks; the larger of those of which nothing is hidden."""
    hidden = {o.id: float(np.mean(scene.frame.labels[o.amodal] != o.id)) for o in scene.objects}
    return _sorted(answer, lambda o: (round(hidden[o.id], 2), -o.visible_area))


def _sorted(answer: CompletedScene, key: Callable[[Any], Any]) -> list[int]:
    return [o.id for o in sorted(answer.objects, key=key)]


REFERENCES: dict[str, Callable[[LabelledScene, CompletedScene], list[int]]] = {
    "least hidden (truth)": _least_hidden,
    NEAREST: _nearest,
    "largest visible": _largest,
    "topmost in the picture": _topmost,
}
"""Orders that need no model."""


CASES: dict[str, Callable[[Frame], Frame]] = {
    "depth and up": lambda frame: frame,
    "depth": lambda frame: replace(frame, up=None),
    "noisy depth": lambda frame: replace(noisy_depth(frame), up=None),
    "picture alone": lambda frame: replace(frame, depth=None, up=None),
}
"""What the completer is given of a frame."""


def _best_order(harm: NDArray[np.bool_], ids: Sequence[int]) -> list[int]:
    """The order of most picks that hit nothing still there: over all subsets of what is left, but
    of more than `EXACT` objects those that hit fewest go first."""
    left, order = list(range(len(ids))), []
    while len(left) > EXACT:
        order.append(min(left, key=lambda n: int(harm[n, left].sum())))
        left.remove(order[-1])
    bits = 1 << np.arange(len(left))
    hit = harm[np.ix_(left, left)] @ bits
    # By subset, the most clean picks that clear it, and the first of these.
    subsets = np.arange(1 << len(left))
    most, first = np.zeros(len(subsets), int), np.zeros(len(subsets), int)
    sizes = sum((subsets >> n) & 1 for n in range(len(left)))
    for size in range(1, len(left) + 1):
        some = subsets[sizes == size]
        picks = np.where(some[:, None] & bits, most[some[:, None] & ~bits], -1)
        picks += (some[:, None] & hit) == 0
        picks[(some[:, None] & bits) == 0] = -1
        first[some], most[some] = picks.argmax(axis=1), picks.max(axis=1)
    rest = len(subsets) - 1
    while rest:
        order.append(left[first[rest]])
        rest &= ~int(bits[first[rest]])
    return [ids[n] for n in order]


def _spared(harm: NDArray[np.bool_], order: Sequence[int]) -> float:
    """Share of the picks of an order (indices) that hit nothing still there, by single lifts from
    the whole pile."""
    return float(np.mean([not harm[n, order[k:]].any() for k, n in enumerate(order)]))


def evaluate_lifts(
    completer: SceneCompleter, folders: Sequence[ScenePath], styles: Sequence[str] = ()
) -> dict[str, list[Pile]]:
    """Score `completer` on piles with known lifts, given more and less of each frame: by name of
    the case, the piles in the order of `folders`. Piles without visible objects are left out.

    Args:
        completer: asked for the order.
        folders: scenes.
        styles: of masks, see `segan_ros.scoring.styles`; each makes a case with depth.

    Raises:
        ValueError: a scene has no truth, no lifts or no depth.
    """
    piles: dict[str, list[Pile]] = {}
    for folder in tqdm(folders, unit="pile", disable=None):
        scene = read_with_truth(folder)
        if scene.harm is None:
            raise ValueError(f"{folder}: no harm in scene.json; use `segan generate --lifts`")
        if scene.frame.depth is None or scene.frame.up is None:
            raise ValueError(f"{folder}: lifts are scored with depth and up, one is missing")
        frames = {case: change(scene.frame) for case, change in CASES.items()}
        for style in styles:
            labels = styled_masks(scene, folder.name, style).labels
            frames[f"depth, {style}"] = replace(scene.frame, up=None, labels=labels)
        for case, frame in frames.items():
            with naming(folder):
                answer = completer.segment(frame)
            if answer.objects:
                piles.setdefault(case, []).append(score_pile(scene, answer))
    return piles
