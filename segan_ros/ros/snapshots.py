"""The messages of one moment, and the frame they become."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from segan_ros.frame import Frame
from segan_ros.messages.frames import Reading, Tell, to_frame
from segan_ros.messages.stamps import stamp_of


def _nobody(of_what: str, problem: str) -> None:
    """Where an answer says itself what it lacks."""


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
        reading: how to read them.
        up: ``(3,)`` unit vector against gravity in the image's frame, or None.
        tell: learns from `to_frame` of the optional inputs that cannot be used.
    """

    image: Image
    mask: Image
    depth: Image | None = None
    camera: CameraInfo | None = None
    arrived: float = 0.0
    matched: float = field(default_factory=time.monotonic)
    reading: Reading = field(default_factory=Reading)
    tell: Tell = _nobody
    up: NDArray[np.float64] | None = None

    @property
    def header(self) -> Header:
        """The image's."""
        return self.image.header

    @property
    def stamp(self) -> int:
        """The image's, in nanoseconds; 0 when it is not valid."""
        return stamp_of(self.header)

    def to_frame(self) -> Frame:
        """Decode the messages. Raises MessageError like `messages.frames.to_frame`."""
        return to_frame(
            *(self.image, self.mask, self.depth, self.camera, self.reading),
            up=self.up,
            tell=self.tell,
        )
