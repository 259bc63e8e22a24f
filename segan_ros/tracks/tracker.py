"""Lasting names for objects whose ids mean nothing beyond a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segan_ros.frame import SECOND, CompletedScene, Frame
from segan_ros.tracks.looks import Look, Vectors, likeness, looks_of, overlaps, stride_of
from segan_ros.tracks.motion import Motion, fit

LEAST = 0.16
"""Affinity below which two looks are not of the same object."""

ALIKE = 0.5
"""Least likeness of the colours of the same object."""

NEAR = 0.5
"""How far from where it should be an object is likely to be, in its own sizes."""

SURE = 0.5
"""Overlap from which on a match tells how the picture moves."""

BACK = 1.0
"""Seconds that a stamp may lie before the last; more is another clock, or a bag that restarts."""

PAUSE = 1.0
"""Seconds after which nothing is known any more of how the picture moves."""

SAME_SCENE = 1 / 3
"""Share of the objects, in two frames of at least three, that are found again in the same scene."""


@dataclass
class Track:
    """What is remembered of an object.

    Args:
        name: its lasting id.
        look: of when it was last seen well; its colours are a mean over frames.
        looked: when that was, nanoseconds.
        stamp: when it was last seen at all.
        given: whether the name is the segmenter's.
        moved: ``(2,)`` pixels that it has moved since `looked`, if it moved as the others did.
    """

    name: str
    look: Look
    looked: int
    stamp: int
    given: bool
    moved: Vectors = field(default_factory=lambda: np.zeros(2))

    def see(self, look: Look, stamp: int, memory: float) -> None:
        """The object is seen at `stamp`. While little of it is, the whole is remembered as it was
        before, but for `memory` seconds at most."""
        old = self.look
        weight = 0.3 * min(1.0, look.seen / max(old.seen, 1))
        look.colours[:] = old.colours + weight * (look.colours - old.colours)
        look.colours[:] /= np.sqrt(look.colours @ look.colours)
        self.stamp = stamp
        if look.area >= 0.6 * old.area or stamp - self.looked > memory * SECOND:
            self.look, self.looked, self.moved = look, stamp, np.zeros(2)
        else:
            old.colours[:] = look.colours


class Tracker:
    """Gives every object of a completed scene a `track_id` that it keeps from frame to frame.

    Objects are assigned to tracks by their whole masks, their colours, and where they should be by
    now if all moved as the others do. Track ids of the segmenter are kept. Everything is forgotten
    when the clock jumps back, the picture changes its size, or few objects are found again.

    Args:
        memory: seconds that an object may be out of sight and still keep its track.
    """

    def __init__(self, memory: float = 5.0) -> None:
        self.memory = memory
        self._number = 0
        self._tracks: list[Track] = []
        self._motion = Motion()
        self._stamp = 0
        self._size: tuple[int, int] = (0, 0)

    def track(self, frame: Frame, scene: CompletedScene) -> CompletedScene:
        """`scene` with a `track_id` for every object.

        Args:
            frame: the picture, and its stamp.
            scene: of that frame, with the segmenter's tracks where it has any.
        """
        if frame.size != self._size or frame.stamp < self._stamp - BACK * SECOND:
            self._forget()
        looks = looks_of(frame, scene.objects)
        given = [o.track_id for o in scene.objects]
        matches = self._matches(looks, given, frame)
        if self._is_new_scene(matches, len(looks)):
            self._forget()
            matches = {}
        names = []
        for j, look in enumerate(looks):
            if j in matches:
                matches[j].see(look, frame.stamp, self.memory)
            else:
                name = given[j] or self._new_name(given)
                matches[j] = Track(name, look, frame.stamp, frame.stamp, bool(given[j]))
                self._tracks.append(matches[j])
            names.append(matches[j].name)
        self._stamp, self._size = frame.stamp, frame.size
        objects = (replace(o, track_id=n) for o, n in zip(scene.objects, names, strict=True))
        return replace(scene, objects=tuple(objects))

    def _forget(self) -> None:
        """All tracks; their names are not used again."""
        self._tracks, self._motion = [], Motion()

    def _matches(
        self, looks: Sequence[Look], given: Sequence[str], frame: Frame
    ) -> dict[int, Track]:
        """By place in `looks` the track of each, where it has one."""
        # One that was seen in the last frame stays, however long ago that was.
        least = min(frame.stamp - self.memory * SECOND, self._stamp)
        self._tracks = [
            t for t in self._tracks if t.stamp >= least and (t.given or t.name not in given)
        ]
        named = {t.name: t for t in self._tracks}
        matches = {j: named[name] for j, name in enumerate(given) if name in named}
        open_tracks = [t for t in self._tracks if t.name not in given]
        open_looks = [j for j, name in enumerate(given) if not name]
        seconds = max(frame.stamp - self._stamp, 0) / SECOND
        if seconds > PAUSE:
            self._motion = Motion()
        found = self._assigned(open_tracks, [looks[j] for j in open_looks], seconds, frame.size)
        return matches | {open_looks[j]: track for j, track in found.items()}

    def _assigned(
        self, tracks: Sequence[Track], looks: Sequence[Look], seconds: float, size: tuple[int, int]
    ) -> dict[int, Track]:
        """The same for `looks` that nothing but their looks tells apart; and all tracks are moved
        on by `seconds`."""
        if not tracks or not looks:
            return {}
        known = [t.look for t in tracks]
        moved = np.array([t.moved for t in tracks])
        before = np.array([k.centre for k in known]) + moved
        found = np.array([look.centre for look in looks])
        alike, stride = likeness(known, looks), stride_of(size)
        # As it moved before; and, where that does not fit, as the surest matches say.
        for _ in range(2):
            drift = self._motion.at(before) * seconds
            shared, inside = overlaps(known, (moved + drift) / stride, looks, alike >= ALIKE)
            near = nearness(known, before + drift, found, stride)
            affinity = np.where(alike >= ALIKE, alike * (shared + inside + near) / 3, 0)
            rows, columns = linear_sum_assignment(-affinity)
            sure = shared[rows, columns] >= SURE
            if not seconds or not sure.any():
                break
            r, c = rows[sure], columns[sure]
            weights = shared[r, c] * [0.1 if looks[j].truncated else 1.0 for j in c]
            self._motion = fit(before[r], (found[c] - before[r]) / seconds, weights, size)
            change = self._motion.at(before) * seconds - drift
            if np.abs(change).max() < stride:
                break
        for track, step in zip(tracks, self._motion.at(before) * seconds, strict=True):
            track.moved = track.moved + step
        good = affinity[rows, columns] >= LEAST
        return dict(zip(columns[good].tolist(), (tracks[i] for i in rows[good]), strict=True))

    def _is_new_scene(self, matches: dict[int, Track], found: int) -> bool:
        seen = sum(t.stamp == self._stamp for t in self._tracks)
        return min(seen, found) >= 3 and len(matches) < SAME_SCENE * min(seen, found)

    def _new_name(self, given: Sequence[str]) -> str:
        taken = {t.name for t in self._tracks} | set(given)
        self._number += 1
        while str(self._number) in taken:
            self._number += 1
        return str(self._number)


def nearness(
    known: Sequence[Look], expected: Vectors, found: Vectors, stride: int
) -> NDArray[np.float64]:
    """``(n, m)``, 1 where an object is ``found`` right where it is `expected`, 0 far away."""
    reach = NEAR * stride * np.array([k.size for k in known])
    distance = expected[:, None] - found[None]
    return np.exp(-(distance**2).sum(axis=2) / reach[:, None] ** 2)
