"""Scores of answers over frames: do objects keep their tracks, do edges flicker, are changes shown?

Everything here is told by true ids. Pure functions; ``docs/tracking.md`` defines the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from segan_ros.scoring.metrics import NAN, Edge
from segan_ros.scoring.summary import mean

SOON = 10
"""Frames within which a change is taken back, to be flicker."""

LASTING = 5
"""Frames for which a true edge is there, or not, before and after a change that has to be shown."""

PROMPT = 3
"""Frames, that of the change included, within which it is to be shown."""


@dataclass(frozen=True)
class StreamFrame:
    """One answered frame, by true ids.

    Args:
        tracks: track of each object that has a mask; empty texts for none.
        edges: that were answered between these objects.
        true_edges: likewise.
    """

    tracks: Mapping[int, str] = field(default_factory=dict)
    edges: frozenset[Edge] = frozenset()
    true_edges: frozenset[Edge] = frozenset()


@dataclass(frozen=True)
class StreamScore:
    """Of a stream, or of several.

    Args:
        frames: how many were answered.
        tracked: objects with a mask and a track, over all frames.
        switches: of these, those whose track was another one when they last had one, or whose track
            was another object's.
        changes: edges that came or went from a frame to the next, between objects in both.
        true_changes: likewise of the true edges.
        flicker: edges that came and went, or went and came, within `SOON` frames, while the true
            edge stayed as it was.
        hits, false, missed: edges, over all frames.
        delays: of each lasting true change, how many frames later it was shown; NaN where it was
            not within `LASTING` frames.
    """

    frames: int
    tracked: int
    switches: int
    changes: int
    true_changes: int
    flicker: int
    hits: int
    false: int
    missed: int
    delays: tuple[float, ...]

    @property
    def switch_share(self) -> float:
        """Of the object-frames; NaN without tracks."""
        return self.switches / self.tracked if self.tracked else NAN

    @property
    def edge_f1(self) -> float:
        """Over all frames; NaN without edges."""
        total = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / total if total else NAN

    @property
    def prompt(self) -> float:
        """Share of the lasting true changes that were shown within `PROMPT` frames."""
        return mean(float(d < PROMPT) for d in self.delays)


def score_stream(frames: Sequence[StreamFrame]) -> StreamScore:
    """Score consecutive answered frames."""
    tracked, switches = _switches(frames)
    answered = [f.edges for f in frames]
    true = [f.true_edges for f in frames]
    changes = list(_changes(frames, answered))
    return StreamScore(
        len(frames),
        tracked,
        switches,
        len(changes),
        sum(1 for _ in _changes(frames, true)),
        sum(1 for _ in _taken_back(frames, changes)),
        sum(len(a & b) for a, b in zip(answered, true, strict=True)),
        sum(len(a - b) for a, b in zip(answered, true, strict=True)),
        sum(len(b - a) for a, b in zip(answered, true, strict=True)),
        tuple(_delays(frames)),
    )


def _switches(frames: Iterable[StreamFrame]) -> tuple[int, int]:
    """Object-frames with a track, and how many of them are switches."""
    track_of: dict[int, str] = {}
    object_of: dict[str, int] = {}
    tracked = switches = 0
    for frame in frames:
        for i, track in frame.tracks.items():
            if not track:
                continue
            tracked += 1
            switches += track_of.get(i, track) != track or object_of.get(track, i) != i
            track_of[i], object_of[track] = track, i
    return tracked, switches


def _changes(
    frames: Sequence[StreamFrame], edges: Sequence[frozenset[Edge]]
) -> Iterator[tuple[int, Edge]]:
    """Frame and edge of every edge that comes or goes between objects that stay."""
    for t, (before, now) in enumerate(pairwise(edges), 1):
        both = frames[t - 1].tracks.keys() & frames[t].tracks.keys()
        yield from ((t, e) for e in before ^ now if both.issuperset(e))


def _taken_back(
    frames: Sequence[StreamFrame], changes: Sequence[tuple[int, Edge]]
) -> Iterator[tuple[int, Edge]]:
    """Those of the `changes` that are flicker."""
    last: dict[Edge, int] = {}
    for t, edge in changes:
        begun = last.get(edge, t - SOON)
        last[edge] = t
        span = frames[begun - 1 : t + 1]
        whole = t - begun < SOON and all(f.tracks.keys() >= set(edge) for f in span)
        if whole and len({edge in f.true_edges for f in span}) == 1:
            yield t, edge


def _delays(frames: Sequence[StreamFrame]) -> Iterator[float]:
    """Of each lasting true change that the answer had not made before."""
    for t, edge in _changes(frames, [f.true_edges for f in frames]):
        around = frames[max(t - LASTING, 0) : t + LASTING]
        if len(around) < 2 * LASTING or any(not f.tracks.keys() >= set(edge) for f in around):
            continue
        before, after = around[:LASTING], around[LASTING:]
        is_now = edge in frames[t].true_edges
        lasts = all((edge in f.true_edges) == is_now for f in after)
        if lasts and all((edge in f.true_edges) != is_now for f in before):
            if (edge in before[-1].edges) == is_now:
                continue
            shown = (n for n, f in enumerate(after) if (edge in f.edges) == is_now)
            yield next(shown, NAN)
