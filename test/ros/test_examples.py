"""The example programs, as they are installed, beside a real node."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")

import numpy as np  # noqa: E402
from geometry_msgs.msg import Quaternion, TransformStamped  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402
from ros_harness import SECOND, START, image_and_mask, image_message  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402

from segan_ros.frame import AmodalObject, CompletedScene, Evidence, OcclusionEdge  # noqa: E402
from segan_ros.msg import OcclusionGraph  # noqa: E402
from segan_ros.occlusion.graph import build_graph  # noqa: E402
from segan_ros.ros.examples.pick_next import _hindrance  # noqa: E402

PROGRAMS = Path(sys.prefix) / "lib" / "segan_ros"
TIMEOUT = 60
ANY_AGE = ("--max-age", "2147483647")


@pytest.fixture
def run_program(ros):
    """Starts an example; ends what a test leaves."""
    started = []

    def run(name, *arguments):
        if not (PROGRAMS / name).exists():
            pytest.skip(f"{PROGRAMS / name} is not installed")
        started.append(
            subprocess.Popen(
                [str(PROGRAMS / name), *arguments],
                env=os.environ | {"RCUTILS_LOGGING_BUFFERED_STREAM": "0"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(TIMEOUT)
        process.stdout.close()


HEARD = {"objects", "occlusion_graph", "points"}


def test_pick_next_says_what_is_free_and_what_that_rests_on(start_node, robot, run_program):
    node = start_node(edge_rule="coverage")  # trees know nothing of the dummy model's masks
    program = run_program("pick_next")
    robot.wait(lambda: set(node.subscribed) >= HEARD, "pick_next")
    robot.send(*image_and_mask())
    # The dummy model lets 3 hide 7 as well, with less certainty.
    assert "0 of 2 objects can be picked now\n" in program.stdout.readline()
    said = program.stdout.readline()
    assert re.search(
        r"next: 7, partly occluded; .* disturbs nothing with probability 0\.\d\d; ", said
    )
    assert said.endswith("its position is not known without depth and camera_info\n")
    assert "this rests on the image alone: every occlusion counts" in program.stdout.readline()
    program.send_signal(signal.SIGINT)
    assert program.wait(TIMEOUT) == 0


@pytest.mark.parametrize(
    ("supports", "unlabelled", "said"),
    [
        ([(1, 2), (2, 1)], False, ", blocked by an edge that was set aside"),
        ([], True, ", under something unlabelled"),
        ([], False, ""),
    ],
)
def test_pick_next_says_why_the_safest_object_is_not_free(supports, unlabelled, said):
    """Two that support each other are under nothing unlabelled."""
    box, mask = (0, 0, 1, 1), np.ones((1, 1), bool)
    best = AmodalObject(1, box, mask, mask, mask.astype(np.float32))
    best = replace(best, occluded_by_unlabelled=unlabelled)
    edges = [
        OcclusionEdge(*ends, 0.4, evidence=Evidence.SUPPORT, lift_risk=0.4) for ends in supports
    ]
    graph = build_graph([1, 2], [], edges)
    graph = replace(graph, free=graph.free - ({1} if unlabelled else set()))
    scene = CompletedScene((1, 1), (best,), graph)
    assert _hindrance(scene, best) == said


def test_pick_next_says_where_in_the_frame_asked_for(start_node, robot, run_program):
    tf2_msgs = pytest.importorskip("tf2_msgs.msg", reason="tools/build_interfaces.py makes it")
    mount = TransformStamped(child_frame_id="camera")
    mount.header.frame_id = "base_link"
    mount.transform.translation.z = 2.0
    mount.transform.rotation = Quaternion(x=1.0, w=0.0)  # looks down
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    frames = robot.node.create_publisher(tf2_msgs.TFMessage, "/tf_static", latched)
    frames.publish(tf2_msgs.TFMessage(transforms=[mount]))
    node = start_node(use_depth="always")
    program = run_program("pick_next", "--ros-args", "-p", "frame:=base_link")
    robot.wait(lambda: set(node.subscribed) >= HEARD, "pick_next")
    robot.wait(frames.get_subscription_count, "pick_next, for frames")
    k = [100.0, 0.0, 40.0, 0.0, 100.0, 30.0, 0.0, 0.0, 1.0]
    robot.publish("camera_info", CameraInfo(width=80, height=60, k=k))
    robot.wait(lambda: node.tally("camera_info").received, "camera_info")
    depth = np.full((60, 80), 1000, np.uint16)
    depth[30:55, 30:70] = 900  # object 7, columns 30 to 69 and rows 30 to 54
    for second in range(20):  # the first may come before the transform
        robot.publish("depth", image_message(depth, "16UC1", START + second * SECOND))
        robot.send(*image_and_mask(START + second * SECOND))
        assert "1 of 2 objects can be picked now: 7\n" in program.stdout.readline()
        said = program.stdout.readline()
        basis = program.stdout.readline()
        if "no transform" not in said:
            break
    # 0.9 m ahead, and (49.5 - 40, 42 - 30) pixels from the middle at 100 pixels a metre
    place = f"take it at ({0.095 * 0.9:.3f}, {-0.12 * 0.9:.3f}, 1.100) m in base_link, "
    assert "next: 7; " in said and place in said
    normal = np.array(re.findall(r"surface normal \((.*)\)", said)[0].split(", "), float)
    np.testing.assert_allclose(normal, [0, 0, 1], atol=1e-3)
    assert "this rests on depth and gravity (confidence " in basis


def test_what_is_on_top_asks_the_service(start_node, robot, run_program):
    node = start_node(edge_rule="coverage")
    graphs = robot.hear("/segan/occlusion_graph", OcclusionGraph)
    robot.wait(lambda: "occlusion_graph" in node.subscribed, "a listener")
    labels = np.zeros((120, 160), np.uint16)
    labels[40:80, 50:80] = 3
    labels[50:110, 70:120] = labels[20:50, 60:120] = 7  # around two sides of it
    rgb = np.zeros((*labels.shape, 3), np.uint8)
    robot.send(image_message(rgb, "rgb8"), image_message(labels, "16UC1"))
    robot.wait(lambda: graphs, "a graph")

    said, _ = run_program("what_is_on_top", "3", *ANY_AGE).communicate(timeout=TIMEOUT)
    assert said.startswith("lift before 3, in this order: 7\n  7 occludes ")
    assert "\n  set aside: 3 occludes " in said
    assert re.search(r"\nprobability that nothing else is disturbed: 0\.\d\d\n$", said)
    sure = run_program("what_is_on_top", "7", *ANY_AGE, "--min-score", "0.94")
    said, _ = sure.communicate(timeout=TIMEOUT)
    assert said.startswith("7 can be lifted first\n")
    old, _ = run_program("what_is_on_top", "3").communicate(timeout=TIMEOUT)
    assert "request_max_age is 2 s" in old and "or set max_age in the request" in old
    named = run_program("what_is_on_top", "cup", *ANY_AGE)
    said, _ = named.communicate(timeout=TIMEOUT)
    assert said == "target is 'cup', but the frame has 3, 7\n" and named.returncode == 1
    unknown = run_program("what_is_on_top", "5", *ANY_AGE)
    said, _ = unknown.communicate(timeout=TIMEOUT)
    assert said == "target_id is 5, but the frame has 3, 7\n"
    assert unknown.returncode == 1
