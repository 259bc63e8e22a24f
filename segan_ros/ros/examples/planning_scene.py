"""Keeps MoveIt's planning scene in step with what is seen: `ros2 run segan_ros planning_scene`.

One collision object for each box, `segan_<track>`, or `segan_<id>` without tracking: added when it
is first seen, moved when it moves, removed when it is gone. When MoveIt was away, or refused
something, all are added anew, which replaces what it has. `-p frame:=base_link` gives poses in that
frame, by TF: needed where the camera moves.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import Pose, Quaternion
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.task import Future

from segan_ros.messages.bridge import quaternion
from segan_ros.messages.stamps import stamp_of
from segan_ros.msg import AmodalObjectArray, OrientedBox, OrientedBoxArray
from segan_ros.ros.transforms import Transform, TransformError, Transforms

KINDS = {"objects": AmodalObjectArray, "boxes": OrientedBoxArray}

WAITING = 10
"""Images whose answers are not complete yet, at most."""

LONGEST = 2.0
"""Seconds that MoveIt may take for an answer."""

MOVED, TURNED, GROWN = 0.005, 2.0, 0.01
"""Metres and degrees from which on a box has moved, metres from which on a side has changed."""


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


def changes(
    known: Mapping[str, Placed | None], seen: Mapping[str, Placed], gone: set[str]
) -> dict[str, tuple[str, Placed | None]]:
    """What to tell MoveIt: by collision object, ``ADD``, ``MOVE`` or ``REMOVE`` and its box.

    A box of another size is added again, which replaces the old one; so is one of which it is not
    known how MoveIt has it, None in `known`.
    """
    found: dict[str, tuple[str, Placed | None]] = {}
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
        self._request = import_module("moveit_msgs.srv").ApplyPlanningScene.Request
        self._client = self.create_client(
            import_module("moveit_msgs.srv").ApplyPlanningScene, "/apply_planning_scene"
        )
        self._transforms = Transforms(self) if self._frame else None
        self.images = 0
        self._known: dict[str, Placed | None] = {}
        self._missed: dict[str, int] = {}
        self._asked: Future | None = None
        self._since = 0.0
        self._answers: OrderedDict[int, dict[str, Any]] = OrderedDict()
        for topic, kind in KINDS.items():
            self.create_subscription(kind, f"segan/{topic}", partial(self._hear, topic), 5)

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
        if not self._client.service_is_ready():
            self._forget()
            self.get_logger().warning(
                "no service /apply_planning_scene: start move_group", throttle_duration_sec=10.0
            )
            return
        if self._asked is not None:
            if time.monotonic() - self._since < LONGEST:
                return
            self._forget()
            self.get_logger().warning(
                f"MoveIt did not answer within {LONGEST:g} s; the scene is sent anew"
            )
        try:
            way = self._way(boxes.header)
        except TransformError as error:
            self.get_logger().warning(f"not applied: {error}", throttle_duration_sec=10.0)
            return
        seen = {names[box.id]: self._placed(box, way) for box in boxes.boxes if box.id in names}
        gone = {name for name, times in self._missed.items() if times >= self._patience}
        if found := changes(self._known, seen, gone):
            self._asked = self._client.call_async(self._request(scene=self._scene(found, boxes)))
            self._since = time.monotonic()
            self._asked.add_done_callback(partial(self._applied, found))

    def _forget(self) -> None:
        """What MoveIt has is not known: a request may be lost, or it started anew."""
        if self._asked is not None:
            self._client.remove_pending_request(self._asked)
            self._asked = None
        self._known = dict.fromkeys(self._known)

    def _applied(self, found: Mapping[str, tuple[str, Placed | None]], asked: Future) -> None:
        if asked is not self._asked:
            return  # it was given up
        self._asked = None
        for name, (_, placed) in found.items():
            self._known.pop(name, None)
            if placed is not None:
                self._known[name] = placed
        if asked.exception() is not None or not asked.result().success:
            # MoveIt may have done a part. What it would not remove, it does not have.
            self._forget()
            self.get_logger().warning("MoveIt refused a part of the scene; it is sent anew")
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

    def _scene(
        self, found: Mapping[str, tuple[str, Placed | None]], boxes: OrientedBoxArray
    ) -> Any:
        scene = self._moveit.PlanningScene(is_diff=True)
        scene.robot_state.is_diff = True  # or MoveIt detaches what the gripper holds
        for name, (what, placed) in found.items():
            item = self._moveit.CollisionObject(id=name)
            item.operation = getattr(item, what)
            item.header.frame_id = self._frame or boxes.header.frame_id
            item.header.stamp = boxes.header.stamp
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
    """Keep in step until Ctrl-C."""
    rclpy.init()
    try:
        node = PlanningScene()
    except (ImportError, TransformError) as error:
        print(
            f"planning_scene: {error}; sudo apt install ros-$ROS_DISTRO-moveit-msgs, or source the "
            "workspace that holds MoveIt",
            file=sys.stderr,
        )
        return 1
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    return 0
