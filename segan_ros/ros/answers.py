"""From a snapshot to its completed scene, in two steps: segmented first, painted on request."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import cv2
import numpy as np

from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
from segan_ros.frame import CompletedScene, Frame
from segan_ros.host.timing import timed
from segan_ros.messages.images import MessageError
from segan_ros.ros.snapshots import Snapshot
from segan_ros.runtime.model import Model
from segan_ros.tracks.follower import Follower

Paint = bool | Collection[int]
"""All objects, none, or those of these ids."""

Look = Callable[[Frame], None]


def look_away(_: Frame) -> None:
    """Where nobody wants to see the frame."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The `scene` of a `snapshot`, painted as far as `painted` says.

    `source` is the frame that the networks saw: `frame`, or an earlier one that looked the same.
    `follower` has seen the scene, if it is one of a stream.
    """

    snapshot: Snapshot
    settings: Settings
    frame: Frame
    source: Frame
    scene: CompletedScene
    painted: Paint = False
    follower: Follower | None = None


class Completion:
    """Completes snapshots with one model. To be used by one thread.

    It remembers the last answer: a service may ask for that snapshot again, and the next frame may
    look the same. `reused` counts the frames that got the answer of an earlier one.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reused = 0
        self._last: Answer | None = None

    def segment(
        self,
        snapshot: Snapshot,
        settings: Settings,
        reuse_change: float = 0.0,
        look: Look = look_away,
        follower: Follower | None = None,
    ) -> Answer:
        """Whole masks and graph of `snapshot`.

        Args:
            snapshot: what to complete. That of the last answer gives that answer, painted as far
                as it was.
            settings: how.
            reuse_change: grey levels. Where the labels are those of the last frame that the
                networks saw, and its picture differs by no more than this in the mean over all
                labelled pixels, its scene is given again. 0 = never.
            look: called with the decoded frame before the networks run.
            follower: of the stream that the snapshot is the next frame of; None for one by itself.

        Raises:
            MessageError: the messages do not hold what they should.
        """
        last = self._last
        if last is None or last.snapshot is not snapshot or last.settings != settings:
            last = self._segmented(snapshot, settings, reuse_change, look, follower)
            self._last = last
        return last

    def paint(self, answer: Answer, paint: Paint = True) -> Answer:
        """`answer` painted at least as far as `paint` asks."""
        if not _covers(answer.painted, paint):
            completer = SceneCompleter(self.model, answer.settings)
            scene = completer.paint(answer.source, answer.scene, paint)
            answer = replace(answer, scene=scene, painted=paint)
            if self._last is not None and self._last.snapshot is answer.snapshot:
                self._last = answer
        return answer

    def _segmented(
        self,
        snapshot: Snapshot,
        settings: Settings,
        reuse_change: float,
        look: Look,
        follower: Follower | None,
    ) -> Answer:
        timings: dict[str, float] = {}
        with timed(timings, "decode"):
            frame = snapshot.to_frame()
        look(frame)
        with timed(timings, "compare"):
            last = self._last
            reuses = (
                last is not None
                and last.settings == settings
                and last.follower is follower
                and _looks_like(frame, last.source, reuse_change)
            )
        if last is not None and reuses:
            self.reused += 1
            scene = replace(last.scene, timings=timings)
            return replace(last, snapshot=snapshot, frame=frame, scene=scene)
        try:
            scene = SceneCompleter(self.model, settings).segment(frame)
        except TooManyObjectsError as error:
            raise MessageError("too_many_objects", str(error)) from None
        timings |= scene.timings
        if follower is not None:
            with timed(timings, "follow"):
                scene = follower(frame, scene)
        scene = replace(scene, timings=timings)
        return Answer(snapshot, settings, frame, frame, scene, follower=follower)


def _looks_like(frame: Frame, known: Frame, change: float) -> bool:
    """Whether labels are equal and the labelled pixels differ by at most `change` in the mean."""
    if not change or (frame.depth is None) != (known.depth is None):
        return False
    if not np.array_equal(frame.labels, known.labels):
        return False
    # Parameters may change what ids mean, and a tracker what they are called.
    meaning, then = (
        (f.names or {}, f.track_ids or {}, set(f.occluder_only)) for f in (frame, known)
    )
    if meaning != then:
        return False
    difference = cv2.absdiff(frame.rgb, known.rgb)
    return float(np.mean(cv2.mean(difference, (frame.labels > 0).view(np.uint8))[:3])) <= change


def _covers(painted: Paint, wanted: Paint) -> bool:
    if painted is True or not wanted:
        return True
    return wanted is not True and bool(painted) and set(wanted) <= set(painted)  # type: ignore[arg-type]
