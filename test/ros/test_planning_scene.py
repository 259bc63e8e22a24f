"""The planning scene kept in step, with MoveIt's real messages and a stand-in for its service."""

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
from segan_ros.ros.examples.planning_scene import PlanningScene  # noqa: E402

pytestmark = pytest.mark.ros

PERIOD = 100_000_000
STATIC = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class MoveGroup:
    """What MoveIt does with the differences: a world of collision objects by id."""

    def __init__(self, node, answers=True):
        self.world, self.heard, self.success = {}, [], True
        apply = self._apply if answers else self._hang
        self._node = node
        self._service = node.create_service(
            ApplyPlanningScene,
            "/apply_planning_scene",
            apply,
            callback_group=ReentrantCallbackGroup(),
        )

    def stop(self):
        self._node.destroy_service(self._service)

    async def _hang(self, request, response):
        self.heard.append(request)
        await Future()

    def _apply(self, request, response):
        scene = request.scene
        assert scene.is_diff and scene.robot_state.is_diff, "it would forget the rest"
        self.heard.append({o.id: o.operation for o in scene.world.collision_objects})
        response.success = self.success
        for item in scene.world.collision_objects if self.success else ():
            if item.operation != CollisionObject.ADD and item.id not in self.world:
                response.success = False  # as MoveIt, which goes on with the others
            elif item.operation == CollisionObject.REMOVE:
                del self.world[item.id]
            elif item.operation == CollisionObject.MOVE:
                assert not item.primitives, "MoveIt wants no geometry with a MOVE"
                self.world[item.id].pose = item.pose
            else:
                self.world[item.id] = item
        return response


class Kitchen:
    """Node under test, MoveIt's stand-in, and a camera that sees boxes."""

    def __init__(self, robot, **parameters):
        self._robot, self._stamp = robot, START
        self.node = PlanningScene(
            parameter_overrides=[Parameter(n, value=v) for n, v in parameters.items()]
        )
        robot.node.executor.add_node(self.node)
        self.moveit = MoveGroup(robot.node)
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

    def until(self, condition, *items, **options):
        """Images of `items` until `condition` holds."""
        count = [-1]

        def found():
            if condition():
                return True
            # One image at a time: the next one once this was looked at.
            if self.node.images != count[0]:
                count[0] = self.node.images
                self.see(*items, **options)
            return False

        self._robot.wait(found, "that planning scene")

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


def test_a_move_group_that_starts_again_gets_everything(kitchen, robot):
    place = kitchen()
    boxes = (1, "", 0.1, 0.06), (2, "", 0.3, 0.08)
    place.until(lambda: len(place.moveit.world) == 2, *boxes)
    client = robot.node.create_client(ApplyPlanningScene, "/apply_planning_scene")
    place.moveit.stop()
    robot.wait(lambda: not client.service_is_ready(), "the end of move_group")
    images = place.node.images
    place.until(lambda: place.node.images > images + 1, *boxes)
    place.moveit = MoveGroup(robot.node)
    place.until(lambda: len(place.moveit.world) == 2, *boxes)


def test_an_object_that_moveit_lost_costs_no_other_one(kitchen):
    place = kitchen()
    place.until(lambda: place.moveit.world, (1, "", 0.1, 0.06))
    place.moveit.world.clear()
    moved = (1, "", 0.2, 0.06), (3, "", 0.5, 0.05)
    place.until(lambda: len(place.moveit.world) == 2, *moved)
    place.moveit.world.clear()
    place.until(lambda: len(place.moveit.heard) == 4)
    heard = len(place.moveit.heard)
    place.until(lambda: "segan_4" in place.moveit.world, (4, "", 0.5, 0.05))
    assert place.moveit.heard[heard:] == [{"segan_4": CollisionObject.ADD}], "gone once and for all"


def test_a_request_that_is_never_answered_is_given_up(kitchen, robot, monkeypatch):
    monkeypatch.setattr(planning_scene, "LONGEST", 0.2)
    place = kitchen()
    place.moveit.stop()
    place.moveit = MoveGroup(robot.node, answers=False)
    place.until(lambda: len(place.moveit.heard) == 2, (1, "", 0.1, 0.06))


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
