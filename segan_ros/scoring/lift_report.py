"""Scores of lifts over all piles, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.drawing.tables import markdown_table, number
from segan_ros.scoring.lifts import OURS, Pile

RESAMPLED = 2000
"""Times that the piles are drawn anew for the intervals."""


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
    sequences = [
        [case, str(len(all_of)), *(f"{value:.3f}" for value in np.mean(all_of, axis=0))]
        for case, piles in cases.items()
        for all_of in [[s for p in piles for s in p.sequences]]
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
            "### To each object",
            "Sequences of lifts to an object, as `~/removal_order` gives them: how many lifts, how "
            "likely they disturb nothing still there, and how often they do not, by single lifts "
            "from the whole pile.",
            markdown_table(("input", "sequences", "lifts", "said", "true"), sequences),
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
