"""The messages of one moment, and the scene they become."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
from segan_ros.frame import CompletedScene, Frame
from segan_ros.image_messages import MessageError, to_camera_matrix, to_depth, to_labels, to_rgb
from segan_ros.inference import Model
from segan_ros.ros.bridge import to_array

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
    """

    image: Image
    mask: Image
    depth: Image | None = None
    camera: CameraInfo | None = None
    arrived: float = 0.0

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
        return Frame(
            to_rgb(self.image, to_array),
            to_labels(self.mask, to_array),
            None if self.depth is None else to_depth(self.depth, to_array),
            to_camera_matrix(self.camera, self.image),
            self.stamp,
        )


def stamp_of(header: Header) -> int:
    """Nanoseconds; 0 for a stamp that was never set or is not valid."""
    stamp = header.stamp
    if stamp.sec < 0 or stamp.nanosec >= 1_000_000_000:
        return 0
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


class Completion:
    """Completes snapshots and remembers the last scene, which services may ask for again.

    To be used by one thread.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._last: tuple[Snapshot, Settings, Paint, Frame, CompletedScene] | None = None

    def scene(
        self, snapshot: Snapshot, settings: Settings, paint: Paint
    ) -> tuple[Frame, CompletedScene]:
        """The frame and the completed scene of `snapshot`, painted at least as far as `paint` asks.

        Raises:
            MessageError: the messages do not hold what they should.
        """
        if self._last is not None:
            known, used, painted, frame, scene = self._last
            if known is snapshot and used == settings:
                if not _covers(painted, paint):
                    scene = self._painted(frame, scene, settings, paint)
                    self._last = (snapshot, settings, paint, frame, scene)
                return frame, scene
        start = time.perf_counter()
        frame = snapshot.to_frame()
        decode = time.perf_counter() - start
        try:
            scene = SceneCompleter(self.model, settings).complete(frame, paint)
        except TooManyObjectsError as error:
            raise MessageError("too_many_objects", str(error)) from None
        scene.timings["decode"] = decode
        self._last = (snapshot, settings, paint, frame, scene)
        return frame, scene

    def _painted(
        self, frame: Frame, scene: CompletedScene, settings: Settings, paint: Paint
    ) -> CompletedScene:
        start = time.perf_counter()
        ids = None if isinstance(paint, bool) else paint
        objects = SceneCompleter(self.model, settings).paint(frame, scene.objects, ids)
        timings = {**scene.timings, "paint": time.perf_counter() - start}
        return replace(scene, objects=tuple(objects), timings=timings)


def _covers(painted: Paint, wanted: Paint) -> bool:
    if painted is True or not wanted:
        return True
    return wanted is not True and bool(painted) and set(wanted) <= set(painted)  # type: ignore[arg-type]
