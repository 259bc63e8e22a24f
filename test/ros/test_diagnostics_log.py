"""What /diagnostics warn of is in the log, with its remedy: nobody needs a viewer to see it."""

import itertools
import random
import time

import pytest

pytest.importorskip("rclpy")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ros_harness import RELIABLE, SECOND, START, image_and_mask, listen
from std_srvs.srv import SetBool

from segan_ros.ros.synchronizer import MASK

pytestmark = pytest.mark.ros

FRAME = SECOND // 30


@pytest.fixture
def log(capfd):
    """The lines that were logged since the last call."""
    lines = []

    def read():
        lines.extend(capfd.readouterr().err.splitlines())
        return lines

    return read


def holding(log, text):
    return [line for line in log() if text in line]


def test_missing_camera_is_logged_with_the_remedy_and_not_over_and_over(start_node, robot, log):
    start_node(diagnostics_period=0.1)
    heard = robot.hear("/diagnostics", DiagnosticArray)
    wanted = "nothing received on /image and /instance_mask; no publisher on /image and /instance_"
    robot.wait(lambda: holding(log, wanted), "the warning")
    count = len(heard)
    robot.wait(lambda: len(heard) > count + 5, "more diagnostics")
    assert len(holding(log, wanted)) == 1 and "[WARN]" in holding(log, wanted)[0]


def test_camera_that_dies_is_missed_at_once_and_its_return_is_logged(start_node, robot, log):
    """Long before the next regular message on /diagnostics."""
    node = start_node(diagnostics_period=60.0)
    heard = robot.hear("/diagnostics", DiagnosticArray)
    (graphs,) = listen(robot, node, "occlusion_graph")
    sent = []

    def fed():
        if len(graphs) == len(sent):  # none is lost, which would be another warning
            sent.append(START + len(sent) * FRAME)
            robot.send(*image_and_mask(sent[-1]))
        return len(graphs)

    robot.wait(lambda: fed() > 20, "graphs")
    last = time.monotonic()
    robot.wait(lambda: holding(log, "nothing received on /image"), "the warning")
    assert time.monotonic() - last > 0.9
    robot.wait(lambda: heard and heard[-1].status[0].level == DiagnosticStatus.WARN, "the level")
    robot.wait(lambda: fed() and holding(log, "recovered: "), "the return in the log")
    robot.wait(lambda: heard[-1].status[0].level == DiagnosticStatus.OK, "the level")


def test_lost_images_are_logged_with_the_remedy(start_node, robot, log):
    """Ten of 32 images come, as without the profile for Fast DDS."""
    node = start_node(diagnostics_period=0.1)
    camera = robot.camera("image", reliability=RELIABLE)
    masks = robot.camera("instance_mask", reliability=RELIABLE)
    listen(robot, node, "occlusion_graph")
    for n in sorted(random.Random(3).sample(range(32), 11)):
        image, mask = image_and_mask(START + n * SECOND // 10)
        before = node.tally(MASK).received
        camera.publish(image)
        masks.publish(mask)
        robot.wait(lambda b=before: node.tally(MASK).received > b, "the frame")
    (line,) = robot.wait(lambda: holding(log, "of the images are missing"), "the line")
    assert "[WARN]" in line and "config/fastdds.xml" in line


def test_masks_that_match_no_image_are_logged_with_the_remedy(start_node, robot, log):
    node = start_node(sync_timeout=0.2, diagnostics_period=0.1)
    stamps = itertools.count(START, FRAME)

    def said():
        stamp = next(stamps)
        robot.send(image_and_mask(stamp)[0], image_and_mask(stamp + SECOND)[1])
        return holding(log, "no mask has the stamp of an image")

    (line,) = robot.wait(said, "the warning")
    assert "[WARN]" in line and "must copy the header of its image" in line
    assert node.tally().done == 0


def test_what_is_done_to_the_node_is_logged(start_node, robot, log):
    node = start_node()
    for enabled in (False, True):
        robot.ask(SetBool, "/segan/enable", SetBool.Request(data=enabled))
    for step in ("deactivate", "cleanup", "shutdown"):
        node.do(getattr(node.node, f"trigger_{step}"))
    said = ("configured: model dummy", "active, waiting for /image", "disabled: frames are dropped")
    said += ("enabled", "deactivated: ", "cleaned up: ", "shut down")
    found = iter(log())
    for text in said:
        assert any(text in line and "[INFO]" in line for line in found), text
