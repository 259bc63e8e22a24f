"""The planning scene kept in step, with MoveIt's real messages and a stand-in for its service."""

import signal
import subprocess
import sys

import pytest

pytest.importorskip("rclpy")
moveit_msgs = pytest.importorskip("moveit_msgs.msg", reason="tools/build_interfaces.py makes it")

import numpy as np  # noqa: E402
from geometry_msgs.msg import Pose, Quaternion, TransformStamped, Vector3  # noqa: E402
from moveit_msgs.msg import CollisionObject  # noqa: E402
from moveit_msgs.srv import ApplyPlanningScene  # noqa: E402
from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from rclpy.task import Future  # noqa: E402
from ros_harness import RELIABLE, START, image_message  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

from segan_ros.msg import AmodalObject, AmodalObjectArray, OrientedBox, OrientedBoxArray  # noqa: E402
from segan_ros.ros.examples import planning_scene  # noqa: E402
from segan_ros.ros.examples.planning_scene import SERVICE, PlanningScene  # noqa: E402

pytestmark = pytest.mark.ros

PERIOD = 100_000_000
STATIC = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class MoveGroup:
    """What MoveIt does with the differences: a world of collision objects by id.

    It refuses what names an object that it does not have, and applies the rest.
    """

    def __init__(self, node):
        self.world, self.heard, self.success = {}, [], True
        self.answers = Future()
        self.answers.set_result(True)
        self._node = node
        group = ReentrantCallbackGroup()  # an answer that is late holds up nobody else
        self._service = node.create_service(
            ApplyPlanningScene, SERVICE, self._apply, callback_group=group
        )

    def die(self):
        """Leave the network, whatever is under way."""
        self._node.destroy_service(self._service)

    async def _apply(self, request, response):
        scene = request.scene
        assert scene.is_diff and scene.robot_state.is_diff, "it would forget the rest"
        self.heard.append({o.id: o.operation for o in scene.world.collision_objects})
        await self.answers
        done = [self.success and self._change(o) for o in scene.world.collision_objects]
        response.success = all(done)
        return response

    def _change(self, item):
        there = item.id in self.world
        if item.operation == CollisionObject.REMOVE:
            self.world.pop(item.id, None)
            return there
        if item.operation == CollisionObject.MOVE:
            assert not item.primitives, "MoveIt wants no geometry with a MOVE"
            if there:
                self.world[item.id].pose = item.pose
            return there
        self.world[item.id] = item
        return True


class Camera:
    """Sees boxes."""

    def __init__(self, robot):
        self._robot, self._stamp = robot, START
        for topic, kind in (
            ("segan/objects", AmodalObjectArray),
            ("segan/boxes", OrientedBoxArray),
        ):
            robot.camera(topic, kind, RELIABLE)

    def see(self, *items, without_box=()):
        """One image: ``(id, track, x, side)`` of each object."""
        self._stamp += PERIOD
        header = image_message(np.zeros((1, 1), np.uint8), "mono8", self._stamp).header
        objects, boxes = AmodalObjectArray(header=header), OrientedBoxArray(header=header)
        for i, track, x, side in items:
            objects.objects.append(AmodalObject(id=i, track_id=track))
            pose = Pose(orientation=Quaternion(w=1.0))
            pose.position.x, pose.position.z = float(x), 0.5
            if i not in without_box:
                size = Vector3(x=side, y=side, z=side)
                boxes.boxes.append(OrientedBox(id=i, pose=pose, size=size))
        self._robot.publish("segan/objects", objects)
        self._robot.publish("segan/boxes", boxes)


class Kitchen:
    """Node under test, MoveIt's stand-in, and a camera."""

    def __init__(self, robot, **parameters):
        self._robot = robot
        self.node = PlanningScene(
            parameter_overrides=[Parameter(n, value=v) for n, v in parameters.items()]
        )
        robot.node.executor.add_node(self.node)
        self.moveit = MoveGroup(robot.node)
        self._camera = Camera(robot)

    def until(self, condition, *items, **options):
        """Images of `items` until `condition` holds."""
        count = [-1]

        def found():
            if condition():
                return True
            # One image at a time: the next one once this was looked at.
            if self.node.images != count[0]:
                count[0] = self.node.images
                self._camera.see(*items, **options)
            return False

        self._robot.wait(found, "that planning scene")

    def look(self, times, *items):
        """So many images of `items`."""
        end = self.node.images + times
        self.until(lambda: self.node.images >= end, *items)

    def close(self):
        self.node.destroy_node()


@pytest.fixture
def kitchen(robot):
    made = []

    def start(**parameters):
        made.append(Kitchen(robot, **parameters))
        return made[-1]

    yield start
    for each in made:
        each.close()


def x_of(item):
    return item.pose.position.x


def test_boxes_are_added_moved_and_removed(kitchen):
    place = kitchen()
    world = place.moveit.world
    place.until(lambda: len(world) == 2, (1, "", 0.1, 0.06), (2, "", 0.3, 0.08))
    assert set(world) == {"segan_1", "segan_2"}
    (shape,) = world["segan_1"].primitives
    assert shape.type == shape.BOX and shape.dimensions == pytest.approx([0.08] * 3), "a margin"
    assert world["segan_1"].header.frame_id == "camera"
    place.until(lambda: x_of(world["segan_1"]) == 0.2, (1, "", 0.2, 0.06), (2, "", 0.3, 0.08))
    assert place.moveit.heard[-1] == {"segan_1": CollisionObject.MOVE}
    place.until(lambda: len(world) == 1, (2, "", 0.3, 0.08))
    assert place.moveit.heard[-1] == {"segan_1": CollisionObject.REMOVE}


def test_another_size_replaces_the_box(kitchen):
    place = kitchen()
    place.until(lambda: place.moveit.world, (1, "", 0.1, 0.06))
    place.until(lambda: len(place.moveit.heard) == 2, (1, "", 0.1, 0.09))
    assert place.moveit.heard[-1] == {"segan_1": CollisionObject.ADD}
    assert place.moveit.world["segan_1"].primitives[0].dimensions[0] == pytest.approx(0.11)


def test_tracks_name_the_objects_where_ids_change(kitchen):
    place = kitchen()
    place.until(lambda: place.moveit.world, (1, "cup-7", 0.1, 0.06))
    place.until(lambda: len(place.moveit.heard) == 2, (5, "cup-7", 0.2, 0.06))
    assert place.moveit.heard == [
        {"segan_cup-7": CollisionObject.ADD},
        {"segan_cup-7": CollisionObject.MOVE},
    ]


def test_an_object_without_depth_for_a_moment_stays_and_so_does_one_missed_once(kitchen):
    place = kitchen(patience=5)
    place.until(lambda: place.moveit.world, (1, "", 0.1, 0.06))
    images = place.node.images
    place.until(lambda: place.node.images >= images + 8, (1, "", 0.1, 0.06), without_box={1})
    assert set(place.moveit.world) == {"segan_1"} and len(place.moveit.heard) == 1
    last_seen = place.node.images
    place.until(lambda: not place.moveit.world)
    assert place.node.images >= last_seen + 5


def test_what_moveit_refuses_is_tried_again(kitchen):
    place = kitchen()
    place.moveit.success = False
    place.until(lambda: len(place.moveit.heard) == 2, (1, "", 0.1, 0.06))
    place.moveit.success = True
    place.until(lambda: place.moveit.world, (1, "", 0.1, 0.06))
    assert all(each == {"segan_1": CollisionObject.ADD} for each in place.moveit.heard)


ONE, TWO = (1, "", 0.1, 0.06), (2, "", 0.3, 0.08)


@pytest.mark.parametrize("crashed", [False, True])
def test_all_boxes_are_sent_again_to_a_move_group_that_restarts(kitchen, robot, crashed):
    """One that crashed is on the network until its lease is over: after the next one has come."""
    place = kitchen()
    place.until(lambda: len(place.moveit.world) == 2, ONE, TWO)
    if not crashed:
        place.moveit.die()
        robot.wait(lambda: not place.node.count_services(SERVICE), "its end")
        place.look(1, ONE, TWO)
    other = MoveGroup(robot.node)
    place.until(lambda: len(other.world) == 2, ONE, TWO)
    if crashed:
        place.moveit.die()
        place.until(lambda: len(other.heard) > 1, ONE, TWO)
    assert set(other.world) == {"segan_1", "segan_2"}


def test_box_that_moveit_lost_is_added_again_with_the_others_when_it_moves(kitchen):
    place = kitchen()
    world = place.moveit.world
    place.until(lambda: len(world) == 2, ONE, TWO)
    del world["segan_1"]
    place.until(lambda: len(world) == 3, (1, "", 0.2, 0.06), TWO, (3, "", 0.5, 0.05))
    assert x_of(world["segan_1"]) == 0.2


def test_box_that_moveit_lost_is_removed_once(kitchen):
    place = kitchen()
    world = place.moveit.world
    place.until(lambda: len(world) == 2, ONE, TWO)
    del world["segan_1"]
    place.until(lambda: place.moveit.heard[-1] == {"segan_1": CollisionObject.REMOVE}, TWO)
    place.look(8, TWO)
    removed = [each for each in place.moveit.heard if "segan_1" in each][1:]
    assert removed == [{"segan_1": CollisionObject.REMOVE}] and set(world) == {"segan_2"}


def test_move_group_that_dies_with_a_request_under_way_is_waited_for_no_longer(kitchen, robot):
    place = kitchen()
    place.moveit.answers = Future()
    place.until(lambda: place.moveit.heard, ONE)
    place.moveit.die()
    robot.wait(lambda: not place.node.count_services(SERVICE), "its end")
    place.look(1, ONE)
    other = MoveGroup(robot.node)
    place.until(lambda: other.world, ONE)


def test_request_without_an_answer_is_put_again(kitchen, monkeypatch):
    monkeypatch.setattr(planning_scene, "ANSWER", 0.2)
    place = kitchen()
    place.moveit.answers = Future()
    place.until(lambda: len(place.moveit.heard) == 2, ONE)
    assert place.moveit.heard == [{"segan_1": CollisionObject.ADD}] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_boxes_are_removed_when_the_program_ends(robot, number):
    moveit = MoveGroup(robot.node)
    code = "from segan_ros.ros.examples.planning_scene import main; raise SystemExit(main())"
    with subprocess.Popen([sys.executable, "-c", code]) as program:
        camera = Camera(robot)

        def added():
            camera.see(ONE, TWO)
            return len(moveit.world) == 2

        robot.wait(added, "boxes")
        program.send_signal(number)
        robot.wait(lambda: program.poll() is not None, "its end")
    assert program.returncode == 0 and not moveit.world


def test_poses_in_the_frame_asked_for(kitchen, robot):
    fixed = robot.node.create_publisher(TFMessage, "/tf_static", STATIC)
    mount = TransformStamped(child_frame_id="camera")
    mount.header.frame_id = "base_link"
    mount.transform.translation.x = 1.0
    mount.transform.rotation = Quaternion(z=np.sqrt(0.5), w=np.sqrt(0.5))  # a quarter turn
    fixed.publish(TFMessage(transforms=[mount]))
    place = kitchen(frame="base_link")
    place.until(lambda: place.moveit.world, (1, "", 0.2, 0.06))
    item = place.moveit.world["segan_1"]
    assert item.header.frame_id == "base_link"
    at = item.pose.position
    assert (at.x, at.y, at.z) == pytest.approx((1.0, 0.2, 0.5))
    assert item.pose.orientation.z == pytest.approx(np.sqrt(0.5))
