"""How frames lie to each other, from /tf and /tf_static: as much of tf2 as one lookup needs.

tf2_ros itself is no wheel, and so could not be tested here; its messages can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from segan_ros.frame import SECOND
from segan_ros.messages.stamps import stamp_of
from segan_ros.ros.qos import with_overrides
from segan_ros.ros.segmenters import remedy_for

KEPT = 1000
"""Transforms of each frame that are remembered: ten seconds at 100 Hz."""

REACH = 0.2
"""Seconds that a transform may be away from the moment that is asked for."""


class TransformError(ValueError):
    """Frames cannot be related; the text says why, and what to do."""


@dataclass(frozen=True, eq=False)
class Transform:
    """``x -> rotation @ x + translation``.

    Args:
        rotation: ``(3, 3)``.
        translation: ``(3,)`` metres.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    @classmethod
    def of(cls, message: Any) -> Transform:
        """From a ``geometry_msgs/Transform``."""
        return cls._of(message.rotation, message.translation)

    @classmethod
    def of_pose(cls, message: Any) -> Transform:
        """What takes points of an object to the frame of its ``geometry_msgs/Pose``."""
        return cls._of(message.orientation, message.position)

    @classmethod
    def _of(cls, q: Any, t: Any) -> Transform:
        vector = np.array([q.x, q.y, q.z])
        cross = np.cross(np.eye(3), vector)
        rotation = np.eye(3) * (q.w**2 - vector @ vector) + 2 * np.outer(vector, vector)
        scale = q.w**2 + vector @ vector
        return cls((rotation + 2 * q.w * cross) / scale, np.array([t.x, t.y, t.z]))

    def after(self, first: Transform) -> Transform:
        """First `first`, then this."""
        moved = self.rotation @ first.translation + self.translation
        return Transform(self.rotation @ first.rotation, moved)

    @property
    def inverse(self) -> Transform:
        """The way back."""
        back = self.rotation.T
        return Transform(back, -back @ self.translation)


class Transforms:
    """Hears /tf and /tf_static from now on.

    Args:
        node: subscribes.

    Raises:
        TransformError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        try:
            kind = import_module("tf2_msgs.msg").TFMessage
        except ImportError as error:
            raise TransformError(
                f"transforms need the messages of tf2_msgs ({error}): {remedy_for('tf2_msgs')}"
            ) from None
        self._parents: dict[str, str] = {}
        self._known: dict[str, deque[tuple[int, Transform]]] = {}
        self._fixed: set[str] = set()
        live = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        fixed = QoSProfile(
            depth=100,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._node = node
        self._subscriptions = [
            node.create_subscription(
                kind,
                topic,
                partial(self._add, qos is fixed),
                **with_overrides(node, "subscription", topic, qos),
            )
            for topic, qos in (("/tf", live), ("/tf_static", fixed))
        ]

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def between(self, target: str, source: str, stamp: int) -> Transform:
        """What takes points of the frame `source` to the frame `target`.

        Of moving frames, the transform nearest to `stamp` (nanoseconds) is taken.

        Raises:
            TransformError: the frames are not connected, or no transform is near enough.
        """
        up, across = dict(self._way(source, stamp)), dict(self._way(target, stamp))
        common = next((frame for frame in up if frame in across), None)
        if common is None:
            known = ", ".join(sorted({*self._parents, *self._parents.values()})) or "none"
            raise TransformError(
                f"no transform from {source!r} to {target!r}; frames on /tf and /tf_static: {known}"
            )
        return across[common].inverse.after(up[common])

    def _way(self, frame: str, stamp: int) -> Iterator[tuple[str, Transform]]:
        """Every ancestor of `frame`, itself first, with what takes points of `frame` there."""
        found, seen = Transform(np.eye(3), np.zeros(3)), {frame}
        yield frame, found
        while (parent := self._parents.get(frame)) is not None and parent not in seen:
            found = self._at(frame, stamp).after(found)
            frame = parent
            seen.add(frame)
            yield frame, found

    def _at(self, frame: str, stamp: int) -> Transform:
        at, nearest = min(self._known[frame], key=lambda known: abs(known[0] - stamp))
        away = abs(at - stamp) / SECOND
        if frame not in self._fixed and away > REACH:
            raise TransformError(
                f"no transform of {frame!r} within {REACH:g} s of the image's stamp (the nearest "
                f"is {away:.2f} s away); check its publisher's rate and clock"
            )
        return nearest

    def _add(self, fixed: bool, message: Any) -> None:
        for each in message.transforms:
            child = each.child_frame_id
            if fixed or self._parents.get(child) != each.header.frame_id:
                self._known[child] = deque(maxlen=KEPT)
            self._parents[child] = each.header.frame_id
            self._known[child].append((stamp_of(each.header), Transform.of(each.transform)))
            (self._fixed.add if fixed else self._fixed.discard)(child)
