"""What is made of answers over frames, as the settings say: tracks, and hysteresis."""

from __future__ import annotations

from dataclasses import dataclass

from segan_ros.frame import CompletedScene, Frame
from segan_ros.tracks.steady import Steady
from segan_ros.tracks.tracker import Tracker

NONE, GRAPH, MASKS = STEADY = ("none", "graph", "masks")
"""What is steadied: nothing; edges and removal order; whole masks, too."""


@dataclass(frozen=True)
class FollowSettings:
    """What to do.

    Args:
        track: give objects a `track_id` that lasts; see `Tracker`.
        memory: seconds that an object may be out of sight and still keep its track.
        steady: one of `STEADY`; see `Steady`.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    track: bool = False
    memory: float = 5.0
    steady: str = NONE

    def __post_init__(self) -> None:
        if self.steady not in STEADY:
            raise ValueError(f"steady is {self.steady!r}; choose {', '.join(STEADY)}")
        if not 0 <= self.memory <= 3600:
            raise ValueError(f"track_memory is {self.memory:g} s; it must lie in 0..3600")


class Follower:
    """Takes the completed scenes of a stream in the order of their frames, before they are painted.

    Args:
        settings: what to make of them.
    """

    def __init__(self, settings: FollowSettings | None = None) -> None:
        self.settings = settings or FollowSettings()
        self._tracker = Tracker(self.settings.memory) if self.settings.track else None
        self._steady = (
            None if self.settings.steady == NONE else Steady(self.settings.steady == MASKS)
        )

    def __call__(self, frame: Frame, scene: CompletedScene) -> CompletedScene:
        """`scene`, which was answered to `frame`, with tracks and without flicker."""
        if self._tracker is not None:
            scene = self._tracker.track(frame, scene)
        if self._steady is not None:
            scene = self._steady(scene, frame.stamp)
        return scene
