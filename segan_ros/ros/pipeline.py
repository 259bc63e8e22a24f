"""From a snapshot to published answers: the newest frame wins, and every frame is accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event
from typing import Any

from rclpy.node import Node

from segan_ros.frame import CompletedScene, Frame
from segan_ros.masks.inspection import mask_problem
from segan_ros.messages.images import MessageError
from segan_ros.ros.answers import Completion, Paint, look_away
from segan_ros.ros.counters import Counters
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.outputs import BEFORE_PAINTING, Outputs
from segan_ros.ros.segmenters import role_problem
from segan_ros.ros.settings import to_follow_settings, to_settings
from segan_ros.ros.snapshots import Snapshot
from segan_ros.ros.synchronizer import IMAGE
from segan_ros.ros.worker import Worker
from segan_ros.tracks.follower import Follower

AHEAD = 0.1
"""Seconds that a stamp may lie ahead of the clock, in any case: clocks of hosts differ a little."""

INSPECTION_PERIOD = 1.0
"""Seconds between two looks at whether the masks are instance masks at all."""


def age_problem(age: float, limit: float, name: str = "max_age") -> str:
    """Why a frame of that age is not to be used, with the remedy; empty if it is.

    Args:
        age: seconds since its stamp by the node's clock; below 0, the stamp lies ahead of it.
        limit: largest age; 0 = any.
        name: of the parameter or field that sets the limit.
    """
    if not limit or -max(limit, AHEAD) <= age <= limit:
        return ""
    if age > 0:
        return (
            f"its stamp is {age:.2f} s old, {name} is {limit:g} s; raise {name}, or find out what "
            "delays image or instance_mask (recorded data: use_sim_time and ros2 bag play --clock)"
        )
    return (
        f"its stamp is {-age:.2f} s ahead of the node's clock, so its age is unknown ({name} is "
        f"{limit:g} s); check use_sim_time, and synchronise the clocks of the hosts"
    )


class Pipeline:
    """Runs between activate and deactivate.

    Args:
        node: its clock tells how old a frame is.
        parameters: which frames are too old, whether to paint, how to complete.
        counters: learns what became of each frame.
        completion: the networks; used by the worker's thread alone.
        outputs: where answers go.
    """

    def __init__(
        self,
        node: Node,
        parameters: LiveParameters,
        counters: Counters,
        completion: Completion,
        outputs: Outputs,
    ) -> None:
        self._node, self._parameters = node, parameters
        self._counters, self._completion, self._outputs = counters, completion, outputs
        self._latest: Snapshot | None = None
        self._mask_problem = self._role_problem = ""
        self._inspected = -INSPECTION_PERIOD
        self._up_confidence = float("nan")
        self._follower = Follower()
        self.update()
        self._worker: Worker[Snapshot] = Worker(self._handle, self._fail, "segan worker")

    @property
    def load(self) -> int:
        """Frames in the worker's hands."""
        return self._worker.load

    @property
    def stopping(self) -> Event:
        """Set once `close` was called."""
        return self._worker.stopping

    @property
    def latest(self) -> Snapshot | None:
        """The newest frame whose messages were complete."""
        return self._latest

    @property
    def mask_problem(self) -> str:
        """Why the masks seem to be no instance masks; empty if they are."""
        return self._mask_problem

    @property
    def role_problem(self) -> str:
        """Why masks do not get the roles that parameters set; empty if they do."""
        return self._role_problem

    @property
    def up_confidence(self) -> float:
        """Of the last frame, see `OcclusionGraph`; NaN before the first."""
        return self._up_confidence

    def update(self) -> None:
        """Take over parameters; they hold from the next frame on."""
        self._settings = to_settings(self._parameters.values)
        follow = to_follow_settings(self._parameters.values)
        if follow != self._follower.settings:
            self._follower = Follower(follow)
        self._max_age = self._parameters["max_age"]
        self._paints = self._parameters["publish_appearance"]
        self._reuse_change = self._parameters["reuse_change"]

    def deliver(self, snapshot: Snapshot) -> None:
        """Take in the newest frame. Does not block."""
        self._latest = snapshot
        if self._is_stale(snapshot):
            return
        if not self._outputs.wanted:
            self._counters.drop(IMAGE, "no_subscriber")
        elif self._worker.offer(snapshot) is not None:
            self._counters.drop(IMAGE, "superseded")

    def use(self, completion: Completion) -> None:
        """Complete with other networks from the next frame on."""
        self._completion = completion

    def ask(
        self, snapshot: Snapshot, paint: Paint, answer: Callable[[Frame, CompletedScene], Any]
    ) -> Future[Any]:
        """`answer` of the completed `snapshot`, worked out in the worker's thread: as the next
        frame of the stream if it is `latest`, else by itself.

        Raises:
            WorkerStopped, OverflowError: see `Worker.call`.
        """
        streamed = snapshot is self._latest
        look = self._inspect if streamed else look_away
        follower = self._follower if streamed else None

        def work() -> Any:
            completion = self._completion
            found = completion.segment(snapshot, self._settings, look=look, follower=follower)
            found = completion.paint(found, paint)
            return answer(found.frame, found.scene)

        return self._worker.call(work)

    def age(self, snapshot: Snapshot) -> float:
        """Seconds since the snapshot's stamp, by the node's clock."""
        return (self._node.get_clock().now().nanoseconds - snapshot.stamp) * 1e-9

    def close(self, reason: str) -> None:
        """Finish the frame in work, drop the one that waits, end the thread."""
        for _ in self._worker.stop():
            self._counters.drop(IMAGE, reason)
        self._latest = None
        # Pipeline and worker know each other, which would keep the networks for a while.
        del self._completion

    def _handle(self, snapshot: Snapshot) -> None:
        wanted = self._outputs.wanted
        if self._is_stale(snapshot):
            return
        if not wanted:
            self._counters.drop(IMAGE, "no_subscriber")
            return
        started = time.monotonic()
        published: dict[str, float] = {}
        completion = self._completion  # the same for both halves, whatever is loaded meanwhile
        answer = completion.segment(
            snapshot, self._settings, self._reuse_change, self._inspect, self._follower
        )
        self._up_confidence = answer.scene.graph.up_confidence
        early = wanted & BEFORE_PAINTING
        self._outputs.publish(early, answer.frame, answer.scene, snapshot.header, published)
        self._counters.time("graph_age", self.age(snapshot))
        paint = self._paints and "objects" in wanted
        answer = completion.paint(answer, paint)
        # A reused scene may be painted although nobody asks for it now.
        scene = answer.scene if paint else answer.scene.unpainted()
        self._outputs.publish(wanted - early, answer.frame, scene, snapshot.header, published)
        self._counters.finish(IMAGE)
        stages = {
            "wait": snapshot.matched - snapshot.arrived,
            "queue": started - snapshot.matched,
            **scene.timings,
            **published,
            "total": time.monotonic() - snapshot.arrived,
            "age": self.age(snapshot),
        }
        for stage, seconds in stages.items():
            self._counters.time(stage, seconds)

    def _inspect(self, frame: Frame) -> None:
        now = time.monotonic()
        if now - self._inspected >= INSPECTION_PERIOD:
            self._mask_problem = mask_problem(frame.labels, names=frame.names)
            named = bool(frame.names) or not (frame.labels > 0).any()
            self._role_problem = role_problem(self._parameters.values, named)
            self._inspected = now

    def _is_stale(self, snapshot: Snapshot) -> bool:
        problem = age_problem(self.age(snapshot), self._max_age)
        if problem:
            self._counters.drop(IMAGE, "stale", problem)
        return bool(problem)

    def _fail(self, snapshot: Snapshot, error: Exception) -> None:
        if isinstance(error, MessageError):
            self._counters.drop(IMAGE, error.reason, str(error))
        else:
            self._counters.fail(IMAGE, error)
