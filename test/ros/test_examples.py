"""The example programs, as they are installed, beside a real node."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")

from ros_harness import image_and_mask  # noqa: E402

from segan_ros.msg import OcclusionGraph  # noqa: E402

PROGRAMS = Path(sys.prefix) / "lib" / "segan_ros"
TIMEOUT = 20
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


def test_pick_next_says_what_is_free(start_node, robot, run_program):
    node = start_node()
    program = run_program("pick_next")
    robot.wait(lambda: "occlusion_graph" in node.subscribed, "pick_next")
    robot.send(*image_and_mask())
    # The dummy model lets 3 hide 7 as well, with less certainty.
    assert "1 of 2 objects can be picked now: 7 (partly occluded)" in program.stdout.readline()
    program.send_signal(signal.SIGINT)
    assert program.wait(TIMEOUT) == 0


def test_what_is_on_top_asks_the_service(start_node, robot, run_program):
    node = start_node()
    graphs = robot.hear("/segan/occlusion_graph", OcclusionGraph)
    robot.wait(lambda: "occlusion_graph" in node.subscribed, "a listener")
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")

    said, _ = run_program("what_is_on_top", "3", *ANY_AGE).communicate(timeout=TIMEOUT)
    assert said.startswith("lift before 3, in this order: 7\n  7 occludes ")
    sure = run_program("what_is_on_top", "7", *ANY_AGE, "--min-score", "0.94")
    said, _ = sure.communicate(timeout=TIMEOUT)
    assert said == "7 can be lifted first\n"
    old, _ = run_program("what_is_on_top", "3").communicate(timeout=TIMEOUT)
    assert "request_max_age is 2 s" in old and "or set max_age in the request" in old
    unknown = run_program("what_is_on_top", "5", *ANY_AGE)
    said, _ = unknown.communicate(timeout=TIMEOUT)
    assert said == "target_id is 5, but the frame has 3, 7\n"
    assert unknown.returncode == 1
