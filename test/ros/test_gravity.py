"""Which way is up: from a parameter, from /tf, from an Imu, all over DDS; else from the table."""

import pytest

pytest.importorskip("rclpy")
tf2_msgs = pytest.importorskip("tf2_msgs.msg", reason="tools/build_interfaces.py makes it")

import numpy as np  # noqa: E402
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from ros_harness import (  # noqa: E402
    RELIABLE,
    SECOND,
    START,
    image_message,
    level_and_text,
    listen,
    two_boxes,
)
from scipy.spatial.transform import Rotation  # noqa: E402
from sensor_msgs.msg import CameraInfo, Imu  # noqa: E402

from segan_ros.ros.diagnostics import values  # noqa: E402
from segan_ros.ros.gravity import Gravity  # noqa: E402
from segan_ros.ros.up_parameter import AUTO, NONE, up_problem  # noqa: E402

pytestmark = pytest.mark.ros

UP = np.array([0.0, -0.8, -0.6])
"""In the camera's frame: it looks down by 37 degrees."""
MOUNTED = Rotation.align_vectors([[0, 0, 1]], [UP])[0]
"""From the camera's frame to one whose z axis points up."""
STATIC = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def table(stamp=START):
    """Picture, masks, depth and camera of two boxes on a table seen under `UP`."""
    rgb, labels = two_boxes()
    rows, columns = np.indices(labels.shape)
    rays = np.stack([(columns - 40) / 80, (rows - 30) / 80, np.ones(labels.shape)], axis=2)
    depth = np.where(labels > 0, 0.45, 0.5) / np.maximum(-(rays @ UP), 0.05)
    camera = CameraInfo(height=60, width=80, k=[80.0, 0, 40, 0, 80, 30, 0, 0, 1])
    image = image_message(rgb, "rgb8", stamp)
    camera.header = image.header
    return {
        "image": image,
        "instance_mask": image_message(labels, "16UC1", stamp),
        "depth": image_message(depth.astype(np.float32), "32FC1", stamp),
        "camera_info": camera,
    }


def mounting(child="camera"):
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id = "world"
    found.transform.translation = Vector3(x=1.0, y=2.0, z=3.0)
    found.transform.rotation = Quaternion(**dict(zip("xyzw", MOUNTED.as_quat(), strict=True)))
    return tf2_msgs.TFMessage(transforms=[found])


class Seen:
    """The graphs of a node whose camera sees `table` again and again."""

    def __init__(self, start_node, robot, **parameters):
        self.node = start_node(use_depth="always", **parameters)
        self._robot = robot
        (self.graphs,) = listen(robot, self.node, "occlusion_graph")
        self._stamp = START
        for topic, message in table().items():
            robot.camera(topic, type(message), RELIABLE)

    def send(self, robot):
        """One more frame."""
        self._stamp += 100_000_000
        messages = table(self._stamp)
        for topic in ("camera_info", "depth", "instance_mask", "image"):
            robot.publish(topic, messages[topic])

    def up(self, good):
        """That of the first graph that `good` holds for, frames coming in until then."""
        at = [0]

        def found():
            if len(self.graphs) >= at[0]:
                at[0] = len(self.graphs) + 1
                self.send(self._robot)
            return next((g for g in self.graphs if good(g)), None)

        graph = self._robot.wait(found, "that graph")
        return np.array([graph.up.x, graph.up.y, graph.up.z]), graph.up_confidence

    def said(self):
        return values(self.node.node.report())


def given(graph):
    return graph.up_confidence == 1


def test_without_any_of_them_the_table_tells_and_how_surely(start_node, robot):
    seen = Seen(start_node, robot)
    up, confidence = seen.up(lambda g: g.up_confidence > 0)
    np.testing.assert_allclose(up, UP, atol=0.01)
    assert 0.9 < confidence <= 1
    assert seen.said()["up.source"] == "background"
    robot.wait(lambda: float(seen.said()["up.confidence"]) > 0.9, "the confidence")


def test_parameter_says_it_and_may_change_while_running(start_node, robot):
    seen = Seen(start_node, robot, up="0 -2 0")
    assert seen.up(given)[0].tolist() == [0, -1, 0]
    assert seen.said()["up.source"] == "parameter up"
    seen.node.do(lambda: seen.node.node.set_parameters([Parameter("up", value="0, -0.8, -0.6")]))
    up, _ = seen.up(lambda g: g.up.z < -0.5)
    np.testing.assert_allclose(up, UP, atol=1e-9)


def test_frame_on_tf_says_it(start_node, robot):
    fixed = robot.node.create_publisher(tf2_msgs.TFMessage, "/tf_static", STATIC)
    fixed.publish(mounting())
    seen = Seen(start_node, robot, gravity_frame="world")
    up, _ = seen.up(given)
    np.testing.assert_allclose(up, UP, atol=1e-6)
    assert seen.said()["up.source"] == "gravity_frame world"


def test_missing_frame_is_a_warning_and_the_table_tells(start_node, robot):
    seen = Seen(start_node, robot, gravity_frame="wrld")
    up, _ = seen.up(lambda g: g.up_confidence > 0)
    np.testing.assert_allclose(up, UP, atol=0.01)
    robot.wait(lambda: "no transform from 'wrld'" in level_and_text(seen.node)[1], "the warning")
    assert "estimated from the background meanwhile" in level_and_text(seen.node)[1]


def imu(acceleration, frame="camera", stamp=START):
    found = Imu(header=image_message(np.zeros((1, 1), np.uint8), "mono8", stamp, frame).header)
    found.linear_acceleration = Vector3(**dict(zip("xyz", map(float, acceleration), strict=True)))
    return found


def rest(robot, acceleration, frame="camera"):
    """An IMU that has measured the same for half a second."""
    robot.camera("imu", Imu, RELIABLE)
    for stamp in (START - SECOND // 2, START):
        robot.publish("imu", imu(acceleration, frame, stamp))


@pytest.mark.parametrize("frame", ["camera", "imu_link"])
def test_imu_at_rest_says_it(start_node, robot, frame):
    """In the camera's own frame, or in one that /tf relates to it."""
    measured = 9.81 * (UP if frame == "camera" else MOUNTED.apply(UP))
    if frame != "camera":
        fixed = robot.node.create_publisher(tf2_msgs.TFMessage, "/tf_static", STATIC)
        message = mounting()
        message.transforms[0].header.frame_id = frame
        fixed.publish(message)
    seen = Seen(start_node, robot, use_imu=True)
    rest(robot, measured, frame)
    up, _ = seen.up(given)
    np.testing.assert_allclose(up, UP, atol=1e-6)
    assert seen.said()["up.source"] == "imu on /imu"


def test_imu_that_is_moved_is_not_believed(start_node, robot):
    seen = Seen(start_node, robot, use_imu=True)
    rest(robot, 14 * UP)
    robot.wait(lambda: seen.up(lambda g: g.up_confidence > 0), "a graph")
    robot.wait(lambda: "expected 9.81 +- 0.5" in level_and_text(seen.node)[1], "the warning")


def test_imu_that_tilts_is_not_believed_until_it_has_been_at_rest(robot):
    """35 degrees in half a second: the strength of the mean alone would not tell."""
    said = []
    asked = {"up": AUTO, "gravity_frame": NONE, "use_imu": True}
    gravity = Gravity(robot.node, asked, said.append)
    robot.camera("imu", Imu, RELIABLE)
    heard = robot.hear("imu", Imu)
    robot.wait(lambda: robot.node.count_subscribers("imu") == 2, "both to listen")
    period, found = SECOND // 20, []
    for number in range(40):
        tilt = np.radians(np.clip(3.5 * (number - 10), 0, 35))
        true = np.array([np.sin(tilt), -np.cos(tilt), 0])
        message = imu(9.81 * true, stamp=START + number * period)
        robot.publish("imu", message)
        robot.wait(lambda number=number: len(heard) == number + 1, "it")
        up = gravity.at(message.header)
        found.append(up is not None)
        assert up is None or np.degrees(np.arccos(min(up @ true, 1))) < 3
        assert up is not None or "imu differs by" in said[-1] or "for less than 0.5 s" in said[-1]
    gravity.close()
    # At rest for half a second, and again half a second after it has come to its new place.
    assert found[10] and not any(found[13:29]) and all(found[32:])


@pytest.mark.parametrize("text", ["down", "0 0", "0 0 0", "nan 0 1", "1 2 3 4"])
def test_what_is_no_direction_is_refused_with_an_example(text):
    assert "set it to auto, or to three numbers" in up_problem(text)


def test_refused_at_the_door(start_node):
    node = start_node(up="sideways")
    assert node.node.state == "unconfigured" and "up is 'sideways'" in node.node.report().problem
