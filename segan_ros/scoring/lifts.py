"""Does the order spare the pile? Scores of lifts, by what each lift truly disturbs.

A *pick* is the object that is lifted first. References choose it otherwise and are scored on the
same piles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.drawing.tables import markdown_table, number
from segan_ros.frame import CompletedScene, Frame
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.predicted import naming, read_with_truth
from segan_ros.scoring.styles import styled_masks
from segan_ros.storage.scenes import ScenePath
from segan_ros.truth import LabelledScene

OURS, NEAREST, BEST, RANDOM = "segan", "nearest", "best possible", "random"

EXACT = 14
"""Objects up to which the best order is searched for among all."""

RESAMPLED = 2000
"""Times that the piles are drawn anew for the intervals."""


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
    """

    clean: Mapping[str, float]
    disturbed: Mapping[str, float]
    spared: Mapping[str, float]
    harm: NDArray[np.bool_]
    blocked: NDArray[np.bool_]
    risks: NDArray[np.float64]
    probabilities: NDArray[np.float64]


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
    )


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


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % of the means of `values` drawn anew."""
    numbers = np.asarray(values, float)
    rng = np.random.default_rng(0)
    means = numbers[rng.integers(len(numbers), size=(RESAMPLED, len(numbers)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True)
class LiftWarnings:
    """How well edges that block a lift foretell what it disturbs, over all piles.

    With given masks `warned` and `precision` are VMRN's object recall and precision.

    Args:
        warned: share of the disturbed objects with an edge to what was lifted (recall).
        warned_indirectly: the same with edges over others in between.
        precision: share of the edges whose lift does disturb the other.
        average_precision: of pairs, ranked by the risk of their edges.
        image_accuracy: share of piles with every relation right and no other.
        calibration: mean distance between said probability and share of clean lifts, in ten bins.
    """

    warned: float
    warned_indirectly: float
    precision: float
    average_precision: float
    image_accuracy: float
    calibration: float


def warnings_of(piles: Sequence[Pile]) -> LiftWarnings:
    """Over all `piles` together."""
    harm = np.concatenate([p.harm.ravel() for p in piles])
    blocked = np.concatenate([p.blocked.ravel() for p in piles])
    risks = np.concatenate([p.risks.ravel() for p in piles])
    reached = np.concatenate([_closed(p.blocked).ravel() for p in piles])
    order = np.argsort(-risks, kind="stable")
    right = harm[order].cumsum()
    bins = _reliability(piles)
    ranked = (right / np.arange(1, len(order) + 1))[harm[order] & (risks[order] > 0)]
    return LiftWarnings(
        warned=_share(harm & blocked, harm),
        warned_indirectly=_share(harm & reached, harm),
        precision=_share(harm & blocked, blocked),
        average_precision=float(ranked.sum() / max(harm.sum(), 1)),
        image_accuracy=float(np.mean([np.array_equal(p.harm, p.blocked) for p in piles])),
        calibration=sum(abs(said - true) * n for said, true, n in bins) / sum(n for *_, n in bins),
    )


def _closed(blocked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With what blocks what blocks it, and so on."""
    found = blocked.copy()
    for between in range(len(found)):
        found |= found[:, between : between + 1] & found[between : between + 1]
    np.fill_diagonal(found, False)
    return found


def _reliability(piles: Sequence[Pile]) -> list[tuple[float, float, int]]:
    """In ten bins of the said probability of a clean lift, empty ones left out: its mean, the share
    of lifts that were clean, and how many there were."""
    said = np.concatenate([p.probabilities for p in piles])
    true = np.concatenate([~p.harm.any(axis=1) for p in piles])
    bins = np.minimum((said * 10).astype(int), 9)
    inside = [bins == k for k in np.unique(bins)]
    return [(float(said[b].mean()), float(true[b].mean()), int(b.sum())) for b in inside]


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else float("nan")


def lifts_report(cases: Mapping[str, Sequence[Pile]], heading: str) -> str:
    """The tables as Markdown.

    Args:
        cases: what the completer was given -> the piles, in one order for all.
        heading: first line.
    """
    first = next(iter(cases.values()))
    asked = [(f"{OURS}, {case}", piles, OURS) for case, piles in cases.items()]
    others = [(name, first, name) for name in first[0].clean if name != OURS]
    rows: list[list[str]] = []
    for label, piles, method in asked + others:
        cells = [label]
        for values, ours in (
            ([p.clean[method] for p in piles], [p.clean[OURS] for p in first]),
            ([p.disturbed[method] for p in piles], [p.disturbed[OURS] for p in first]),
            (
                [p.spared[method] for p in piles if method in p.spared],
                [p.spared[OURS] for p in first],
            ),
        ):
            cells += _with_difference(values, ours if rows else None)
        rows.append(cells)
    edges = [
        [case, *(number(v) for v in asdict(warnings_of(piles)).values())]
        for case, piles in cases.items()
    ]
    bins = [
        [case, f"{said:.2f}", f"{true:.2f}", str(count)]
        for case, piles in cases.items()
        for said, true, count in _reliability(piles)
    ]
    return "\n\n".join(
        [
            f"{heading} {len(first)} piles.",
            "### First picks",
            "Clean: the pick disturbs nothing (95 % interval over the piles). Disturbed: objects a "
            "pick. Full order: share of its picks that hit nothing still there, by single lifts "
            "from the whole pile. Differences: to the first row, on the same piles (95 %).",
            markdown_table(
                (
                    *("method", "clean", "difference", "disturbed", "difference"),
                    *("full order", "difference"),
                ),
                rows,
            ),
            "### Edges that block a lift",
            "Recall, precision and image accuracy are those of VMRN, with given masks; AP is the "
            "average precision of relationships of D3G.",
            markdown_table(
                (
                    *("input", "recall", "recall, indirect", "precision", "AP"),
                    *("image accuracy", "calibration error"),
                ),
                edges,
            ),
            "### Probability of a clean lift",
            markdown_table(("input", "said", "true", "lifts"), bins),
        ]
    )


def _with_difference(values: Sequence[float], ours: Sequence[float] | None) -> list[str]:
    """Mean of `values` with its interval, and the interval of their difference to `ours`; empty
    where there are none."""
    if not values:
        return ["", ""]
    low, high = interval(values)
    mean = f"{np.mean(values):.3f} ({low:.3f} to {high:.3f})"
    if ours is None:
        return [mean, ""]
    low, high = interval([v - o for v, o in zip(values, ours, strict=True)])
    return [mean, f"{low:+.3f} to {high:+.3f}"]
