"""Keeps MoveIt's planning scene in step with what is seen: `ros2 run segan_ros planning_scene`.

One collision object for each box, `segan_<track>`, or `segan_<id>` without tracking: added when it
is first seen, moved when it moves, removed when it is gone or the program ends.
`-p frame:=base_link` gives poses in that frame, by TF: needed where the camera moves.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from threading import Event
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import Pose, Quaternion
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_msgs.msg import Header

from segan_ros.messages.bridge import quaternion
from segan_ros.messages.stamps import stamp_of
from segan_ros.msg import AmodalObjectArray, OrientedBox, OrientedBoxArray
from segan_ros.ros.transforms import Transform, TransformError, Transforms

SERVICE = "/apply_planning_scene"

KINDS = {"objects": AmodalObjectArray, "boxes": OrientedBoxArray}

WAITING = 10
"""Images whose answers are not complete yet, at most."""

MOVED, TURNED, GROWN = 0.005, 2.0, 0.01
"""Metres and degrees from which on a box has moved, metres from which on a side has changed."""

WATCH, ANSWER = 0.5, 2.0
"""Seconds between two looks at the service, and that its answer may take."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A box in the planning scene.

    Args:
        pose: its centre and axes.
        sides: ``(3,)`` metres.
    """

    pose: Transform
    sides: NDArray[np.float64]

    def has_moved(self, now: Placed) -> bool:
        """Whether it is elsewhere `now`."""
        cosine = (np.trace(self.pose.rotation.T @ now.pose.rotation) - 1) / 2
        turned = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        away = np.linalg.norm(self.pose.translation - now.pose.translation)
        return bool(away > MOVED or turned > TURNED)

    def has_grown(self, now: Placed) -> bool:
        """Whether it has another size `now`."""
        return bool(np.abs(self.sides - now.sides).max() > GROWN)


Changes = dict[str, tuple[str, Placed | None]]
"""What to tell MoveIt: by collision object, ``ADD``, ``MOVE`` or ``REMOVE`` and its box."""


def changes(
    known: Mapping[str, Placed | None], seen: Mapping[str, Placed], gone: set[str]
) -> Changes:
    """From what MoveIt has to what is seen.

    A box of another size, or of which is not known what MoveIt has (None), is added again: that
    replaces one of its name.
    """
    found: Changes = {}
    for name, now in seen.items():
        before = known.get(name)
        if before is None or before.has_grown(now):
            found[name] = "ADD", now
        elif before.has_moved(now):
            # The size stays what MoveIt has.
            found[name] = "MOVE", Placed(now.pose, before.sides)
    return found | dict.fromkeys(known.keys() & gone, ("REMOVE", None))


class PlanningScene(Node):
    """Subscribes to ``/segan/objects`` and ``/segan/boxes``, calls ``/apply_planning_scene``.

    `images` counts the images whose answers it has looked at.

    Raises:
        TransformError: `frame` is set, and tf2_msgs is not installed.
        ImportError: moveit_msgs is not installed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("planning_scene", **options)
        self._frame = self.declare_parameter("frame", "").value
        self._margin = self.declare_parameter("margin", 0.01).value
        self._patience = self.declare_parameter("patience", 3).value
        self._moveit = import_module("moveit_msgs.msg")
        self._shapes = import_module("shape_msgs.msg")
        apply = import_module("moveit_msgs.srv").ApplyPlanningScene
        self._request, self._client = apply.Request, self.create_client(apply, SERVICE)
        self._transforms = Transforms(self) if self._frame else None
        self.images = 0
        self._known: dict[str, Placed | None] = {}
        self._missed: dict[str, int] = {}
        self._servers = 0
        self._asked: Future | None = None
        self._asked_at = 0.0
        self._answers: OrderedDict[int, dict[str, Any]] = OrderedDict()
        for topic, kind in KINDS.items():
            self.create_subscription(kind, f"segan/{topic}", partial(self._hear, topic), 5)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # that of the node may stand still
        self.create_timer(WATCH, self._watch, clock=steady)

    def leave(self) -> Future | None:
        """Ask MoveIt to remove all boxes; None if there are none, or no MoveIt."""
        self._drop()
        if self._known and self._client.service_is_ready():
            self._ask(dict.fromkeys(self._known, ("REMOVE", None)), Header())
        return self._asked

    def _watch(self) -> None:
        """When the service comes, goes or does not answer, what MoveIt has is not known."""
        servers = self.count_services(self.resolve_service_name(SERVICE))
        if servers != self._servers:
            # One that crashed is counted for a while yet, beside the one that follows it.
            self._servers = servers
            self._forget(f"{SERVICE} has {servers} servers now")
        elif self._asked is not None and time.monotonic() - self._asked_at > ANSWER:
            self._forget(f"no answer of {SERVICE} within {ANSWER:g} s")

    def _forget(self, why: str) -> None:
        """Have the next image add all its boxes again."""
        self._drop()
        self._known = dict.fromkeys(self._known)
        if self._known:
            self.get_logger().warning(
                f"{why}; the next image adds all its boxes again", throttle_duration_sec=10.0
            )

    def _drop(self) -> None:
        """Wait no longer for an answer."""
        if self._asked is not None:
            self._client.remove_pending_request(self._asked)
            self._asked = None

    def _hear(self, topic: str, message: Any) -> None:
        answer = self._answers.setdefault(stamp_of(message.header), {})
        answer[topic] = message
        if answer.keys() == KINDS.keys():
            del self._answers[stamp_of(message.header)]
            self._update(**answer)
        while len(self._answers) > WAITING:
            self._answers.popitem(last=False)

    def _update(self, objects: AmodalObjectArray, boxes: OrientedBoxArray) -> None:
        """Tell MoveIt what has changed; the next image does what cannot be done now."""
        self.images += 1
        names = {o.id: f"segan_{o.track_id or o.id}" for o in objects.objects}
        there = set(names.values())
        # An object without a box is there all the same: depth may be missing for a moment.
        self._missed = {n: self._missed.get(n, 0) + 1 for n in self._known if n not in there}
        self._watch()
        if self._asked is not None:
            return
        if not self._client.service_is_ready():
            self.get_logger().warning(
                f"no service {SERVICE}: start move_group", throttle_duration_sec=10.0
            )
            return
        try:
            way = self._way(boxes.header)
        except TransformError as error:
            self.get_logger().warning(f"not applied: {error}", throttle_duration_sec=10.0)
            return
        seen = {names[box.id]: self._placed(box, way) for box in boxes.boxes if box.id in names}
        gone = {name for name, times in self._missed.items() if times >= self._patience}
        if found := changes(self._known, seen, gone):
            self._ask(found, boxes.header)

    def _ask(self, found: Changes, header: Header) -> None:
        self._known |= dict.fromkeys(found)
        self._asked_at = time.monotonic()
        self._asked = self._client.call_async(self._request(scene=self._scene(found, header)))
        self._asked.add_done_callback(partial(self._applied, found))

    def _applied(self, found: Changes, asked: Future) -> None:
        self._asked = None
        for name, (_, placed) in found.items():
            del self._known[name]
            # MoveIt refuses to remove only what it does not have.
            if placed is not None:
                self._known[name] = placed
        if not asked.result().success:
            self._forget("MoveIt refused a change, its log says why")
            return
        counts = [what for what, _ in found.values()]
        self.get_logger().info(
            ", ".join(f"{counts.count(what)} {what}" for what in sorted(set(counts)))
            + f"; {len(self._known)} objects in the planning scene"
        )

    def _way(self, header: Any) -> Transform:
        if self._transforms is None:
            return Transform(np.eye(3), np.zeros(3))
        return self._transforms.between(self._frame, header.frame_id, stamp_of(header))

    def _placed(self, box: OrientedBox, way: Transform) -> Placed:
        pose = way.after(Transform.of_pose(box.pose))
        sides = np.array([box.size.x, box.size.y, box.size.z]) + 2 * self._margin
        return Placed(pose, sides)

    def _scene(self, found: Changes, header: Header) -> Any:
        scene = self._moveit.PlanningScene(is_diff=True)
        scene.robot_state.is_diff = True  # or MoveIt detaches what the gripper holds
        for name, (what, placed) in found.items():
            item = self._moveit.CollisionObject(id=name)
            item.operation = getattr(item, what)
            item.header.frame_id = self._frame or header.frame_id
            item.header.stamp = header.stamp
            if placed is not None:
                x, y, z = placed.pose.translation.tolist()
                qx, qy, qz, qw = map(float, quaternion(placed.pose.rotation))
                item.pose.position.x, item.pose.position.y, item.pose.position.z = x, y, z
                item.pose.orientation = Quaternion(x=qx, y=qy, z=qz, w=qw)
            if what == "ADD" and placed is not None:
                box = self._shapes.SolidPrimitive(dimensions=placed.sides.tolist())
                box.type = box.BOX
                item.primitives, item.primitive_poses = [box], [Pose()]  # centred in its object
            scene.world.collision_objects.append(item)
        return scene


def main() -> int:
    """Keep in step until SIGINT or SIGTERM; then remove the boxes."""
    # With rclpy's handlers the context would be gone, and with it the way to MoveIt.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        node = PlanningScene()
    except (ImportError, TransformError) as error:
        print(
            f"planning_scene: {error}; sudo apt install ros-$ROS_DISTRO-moveit-msgs, or source the "
            "workspace that holds MoveIt",
            file=sys.stderr,
        )
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stopped.is_set():
        executor.spin_once(timeout_sec=WATCH)  # Python handles signals between two calls
    if asked := node.leave():
        executor.spin_until_future_complete(asked, ANSWER)
    return 0
