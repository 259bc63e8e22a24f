"""The messages of one moment, and the scene they become."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
from segan_ros.frame import CompletedScene, Frame
from segan_ros.messages.bridge import to_array
from segan_ros.messages.frames import Reading, to_frame
from segan_ros.messages.images import MessageError
from segan_ros.messages.stamps import stamp_of
from segan_ros.runtime.model import Model
from segan_ros.timing import timed

Paint = bool | Collection[int]
"""All objects, none, or those of these ids."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Checked messages that belong together.

    Args:
        image: the picture; its header goes out with every answer.
        mask: label image of the same size.
        depth: of the same size, or None.
        camera: of the same size, or None.
        arrived: when the image came in, seconds of ``time.monotonic``.
        matched: when the last of them came in, likewise.
        rectified: see `to_camera`.
    """

    image: Image
    mask: Image
    depth: Image | None = None
    camera: CameraInfo | None = None
    arrived: float = 0.0
    matched: float = field(default_factory=time.monotonic)
    rectified: bool = False

    @property
    def header(self) -> Header:
        """The image's."""
        return self.image.header

    @property
    def stamp(self) -> int:
        """The image's, in nanoseconds; 0 when it is not valid."""
        return stamp_of(self.header)

    def to_frame(self) -> Frame:
        """Decode the messages."""
        reading = Reading(self.rectified, to_array)
        return to_frame(self.image, self.mask, self.depth, self.camera, reading)


@dataclass(frozen=True, eq=False)
class _Answer:
    """What was last worked out: `scene` of `snapshot`, painted as far as `paint` says.

    `source` is the frame that the networks saw: `frame`, or an earlier one that looked the same.
    """

    snapshot: Snapshot
    settings: Settings
    frame: Frame
    source: Frame
    scene: CompletedScene
    paint: Paint = False


class Completion:
    """Completes snapshots and remembers the last scene, which services may ask for again.

    To be used by one thread. `reused` counts the frames that got the answer of an earlier one.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reused = 0
        self._last: _Answer | None = None

    def scene(
        self, snapshot: Snapshot, settings: Settings, paint: Paint, reuse_change: float = 0.0
    ) -> tuple[Frame, CompletedScene]:
        """The frame and the completed scene of `snapshot`, painted at least as far as `paint` asks.

        Args:
            snapshot: what to complete.
            settings: how.
            paint: what to paint; the next call for the same snapshot may ask for more.
            reuse_change: grey levels. Where the labels are those of the last frame that the
                networks saw, and its picture differs by no more than this in the mean over all
                labelled pixels, its scene is given again. 0 = never.

        Raises:
            MessageError: the messages do not hold what they should.
        """
        last = self._last
        if last is None or last.snapshot is not snapshot or last.settings != settings:
            last = self._begun(snapshot, settings, reuse_change)
        if not _covers(last.paint, paint):
            completer = SceneCompleter(self.model, settings)
            last = replace(
                last, scene=completer.painted(last.source, last.scene, paint), paint=paint
            )
        self._last = last
        return last.frame, last.scene

    def _begun(self, snapshot: Snapshot, settings: Settings, reuse_change: float) -> _Answer:
        """The scene without more painting than an earlier answer brings along."""
        timings: dict[str, float] = {}
        with timed(timings, "decode"):
            frame = snapshot.to_frame()
        with timed(timings, "compare"):
            last = self._last
            reuses = (
                last is not None
                and last.settings == settings
                and _looks_like(frame, last.source, reuse_change)
            )
        if last is not None and reuses:
            self.reused += 1
            scene = replace(last.scene, timings=timings)
            return replace(last, snapshot=snapshot, frame=frame, scene=scene)
        try:
            scene = SceneCompleter(self.model, settings).complete(frame, paint=False)
        except TooManyObjectsError as error:
            raise MessageError("too_many_objects", str(error)) from None
        scene.timings.update(timings)
        return _Answer(snapshot, settings, frame, frame, scene)


def _looks_like(frame: Frame, known: Frame, change: float) -> bool:
    """Whether labels are equal and the labelled pixels differ by at most `change` in the mean."""
    if not change or (frame.depth is None) != (known.depth is None):
        return False
    if not np.array_equal(frame.labels, known.labels):
        return False
    difference = cv2.absdiff(frame.rgb, known.rgb)
    return float(np.mean(cv2.mean(difference, (frame.labels > 0).view(np.uint8))[:3])) <= change


def _covers(painted: Paint, wanted: Paint) -> bool:
    if painted is True or not wanted:
        return True
    return wanted is not True and bool(painted) and set(wanted) <= set(painted)  # type: ignore[arg-type]
