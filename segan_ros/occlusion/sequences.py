"""How likely several lifts, one after the other, disturb nothing that is still there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import OcclusionGraph

RELIEF = 0.75
"""How much of the log odds that an object costs a lift come back once that object is gone. Chosen
on validation piles: what was judged risky for one reason is often risky for others, too."""

CLEARLY = 1.1
"""What blocks a lift is left in place if that makes the sequence this many times as likely."""

LEAST = 1e-3
"""Probabilities are kept so far from 0 and 1."""


def sequence_probability(graph: OcclusionGraph, sequence: Iterable[int]) -> float:
    """How likely lifting the objects of `sequence` one after the other disturbs nothing that is
    still there, 0..1; NaN where the graph does not know.

    Lifts are taken to be independent of each other.

    Args:
        graph: with what it knows of lifts.
        sequence: ids in its removal order.
    """
    if graph.safety is None:
        return float("nan")
    place = {object_id: n for n, object_id in enumerate(sorted(graph.removal_order))}
    spared = np.exp(graph.safety)  # by what each column's object alone leaves of a row's lift
    np.fill_diagonal(spared, 1)
    odds = _log_odds(np.exp(graph.safety.sum(axis=1)))
    before = _log_odds(spared.prod(axis=1))
    result = 1.0
    for object_id in sequence:
        now = _log_odds(spared.prod(axis=1))
        n = place[object_id]
        result /= 1 + float(np.exp(-(odds[n] + RELIEF * (now[n] - before[n]))))
        spared[:, n] = 1
    return result


def cheapest(graph: OcclusionGraph, sequence: Sequence[int]) -> tuple[int, ...]:
    """The part of `sequence`, its last object included, that most likely disturbs nothing.

    To lift what lies in the way is a risk, too: it is left in place where lifting the last object
    from under it, or from behind it, is the smaller one. `sequence` as it is where the graph does
    not know the risks.
    """
    best, likely = tuple(sequence), sequence_probability(graph, sequence)
    while len(best) > 1:
        parts = [best[:n] + best[n + 1 :] for n in range(len(best) - 1)]
        chances = [sequence_probability(graph, part) for part in parts]
        if not max(chances) > CLEARLY * likely:
            break
        likely = max(chances)
        best = parts[chances.index(likely)]
    return best


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = probability.clip(LEAST, 1 - LEAST)
    return np.asarray(np.log(kept / (1 - kept)), float)
