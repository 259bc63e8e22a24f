"""The node `depth_segmenter` makes masks for `segan` of image, depth and camera_info, over DDS."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml
from boxes_on_a_table import Box, look

from segan_ros.depth_segmenter.segmenter import Settings

pytest.importorskip("rclpy")
import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from ros_harness import BEST_EFFORT, RELIABLE, SECOND, START, TIMEOUT, image_message, listen
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from segan_ros.messages.images import to_labels
from segan_ros.ros.depth_diagnostics import judge_depth
from segan_ros.ros.depth_parameters import DEPTH_PARAMETERS, OWN
from segan_ros.ros.depth_segmenter import DepthSegmenter
from segan_ros.ros.report import Report

pytestmark = pytest.mark.ros

ROOT = Path(__file__).parents[2]
BOXES = [
    Box(-0.1, 0, (0.1, 0.1, 0.06), (200, 40, 40), 20),
    Box(0.1, 0.05, (0.1, 0.08, 0.1), (40, 60, 190)),
]
RGB, METRES, LABELS, CAMERA = look(BOXES, size=(240, 320))
MILLIMETRES = np.nan_to_num(METRES * 1000).round().astype(np.uint16)


@pytest.fixture
def start_segmenter(ros):
    """Starts the node in its own thread."""
    ends = []

    def start(**parameters):
        given = [Parameter(n, value=v) for n, v in {"min_area": 50, **parameters}.items()]
        node = DepthSegmenter(parameter_overrides=given)
        executor, ended = SingleThreadedExecutor(), Event()
        executor.add_node(node)

        def spin():
            while not ended.is_set():
                executor.spin_once(timeout_sec=0.05)

        thread = Thread(target=spin, daemon=True)
        thread.start()

        def end():
            ended.set()
            thread.join(TIMEOUT)
            node.close()
            executor.shutdown()
            node.destroy_node()

        ends.append(end)
        return node

    yield start
    for end in ends:
        end()


BEGINNING = Report("active")


def level_and_text(node, before=BEGINNING, **changes):
    """What the node would say of itself on /diagnostics, of all that happened since `before`."""
    verdict = judge_depth(replace(node.report(), **changes), before)
    return verdict.level, verdict.text


def camera_info(**changes):
    about = {"width": 320, "height": 240, "k": CAMERA.ravel().tolist()} | changes
    return CameraInfo(**about)


def send(robot, stamp=START, depth=MILLIMETRES, encoding="16UC1"):
    robot.publish("image", image_message(RGB, "rgb8", stamp))
    robot.publish("depth", image_message(depth, encoding, stamp))


def calibrated(robot, node, **changes):
    """Publishes a camera_info, once the node has heard it."""
    robot.publish("camera_info", camera_info(**changes))
    robot.wait(lambda: node.counters.tally("camera_info").received, "the calibration")


def hear_masks(robot, node):
    masks = robot.hear("instance_mask", Image)
    robot.wait(lambda: node.count_subscribers("instance_mask"), "the subscription")
    return masks


def warned(node, text):
    """Whether the log says so."""
    return any(text in said for said in list(node.counters.throttled.last.values()))


def overlap(labels):
    """Of the best mask of each box: IoU."""
    boxes, masks = (np.stack([a == i for i in (1, 2)]) for a in (LABELS, labels))
    return max(
        [(boxes[n] & masks[m]).sum() / (boxes[n] | masks[m]).sum() for n, m in ((0, j), (1, 1 - j))]
        for j in (0, 1)
    )


@pytest.mark.parametrize(("depth", "encoding"), [(MILLIMETRES, "16UC1"), (METRES, "32FC1")])
def test_masks_have_the_header_of_their_image(start_segmenter, robot, depth, encoding):
    node = start_segmenter()
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    send(robot, depth=depth, encoding=encoding)
    robot.wait(lambda: masks, "masks")
    (message,) = masks
    assert message.header == image_message(RGB, "rgb8").header and message.encoding == "16UC1"
    labels = to_labels(message)
    assert labels.max() == 2 and min(overlap(labels)) > 0.8
    assert node.counters.tally("image").done == node.counters.tally("depth").done == 1


def test_segan_completes_what_it_finds(start_segmenter, start_node, robot):
    node, segan = start_segmenter(), start_node()
    (graphs,) = listen(robot, segan, "occlusion_graph")
    robot.wait(lambda: node.count_subscribers("instance_mask"), "segan")
    calibrated(robot, node)
    send(robot)
    robot.wait(lambda: graphs, "a graph")
    assert list(graphs[0].object_ids) == [1, 2] and graphs[0].header.frame_id == "camera"


def test_compressed_images_are_read(start_segmenter, robot):
    node = start_segmenter(image_transport="compressed")
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    header = image_message(RGB, "rgb8").header
    for topic, ending, pixels, how in (
        ("image/compressed", ".jpg", RGB[..., ::-1], "jpeg"),
        ("depth/compressedDepth", ".png", MILLIMETRES, "16UC1; png"),
    ):
        data = cv2.imencode(ending, pixels)[1].tobytes()
        robot.publish(topic, CompressedImage(header=header, format=how, data=data))
    robot.wait(lambda: masks, "masks")
    assert to_labels(masks[0]).max() == 2


def test_calibration_that_was_published_once_before_is_heard(start_segmenter, robot):
    latched = QoSProfile(
        depth=1, reliability=RELIABLE, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL
    )
    once = robot.node.create_publisher(CameraInfo, "camera_info", latched)
    once.publish(camera_info())
    node = start_segmenter()
    robot.wait(lambda: node.counters.tally("camera_info").received, "the calibration")


@pytest.mark.parametrize(
    ("depth", "encoding", "text"),
    [
        (MILLIMETRES[:120, :160], "16UC1", "depth is 160x120 but the image is"),
        (RGB, "rgb8", "depth has encoding 'rgb8'"),
    ],
)
def test_bad_depth_is_dropped_with_its_reason_and_the_next_frame_segmented(
    start_segmenter, robot, depth, encoding, text
):
    node = start_segmenter()
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    send(robot, depth=depth, encoding=encoding)
    robot.wait(lambda: warned(node, text), "the warning")
    assert sum(node.counters.tally("depth").dropped.values()) == 1
    send(robot, START + SECOND)
    robot.wait(lambda: masks, "masks")
    assert masks[0].header.stamp.sec == START // SECOND + 1


def test_image_without_calibration_is_dropped_with_the_remedy(start_segmenter, robot):
    node = start_segmenter()
    hear_masks(robot, node)
    send(robot)
    robot.wait(lambda: warned(node, "no camera_info on /camera_info so far"), "the warning")
    robot.publish("camera_info", camera_info(k=[0.0] * 9))
    robot.wait(lambda: node.counters.tally("camera_info").received, "the calibration")
    send(robot, START + SECOND)
    robot.wait(lambda: warned(node, "calibrate the camera"), "the warning")
    assert node.counters.tally("image").dropped == {"no_camera": 1, "bad_camera": 1}


def test_nothing_is_computed_for_nobody(start_segmenter, robot):
    node = start_segmenter()
    calibrated(robot, node)
    send(robot)
    robot.wait(lambda: node.counters.tally("image").dropped.get("no_subscriber"), "the drop")


def test_depth_in_the_wrong_unit_and_a_bent_lens_are_warnings(start_segmenter, robot):
    node = start_segmenter(depth_scale=1.0)
    masks = hear_masks(robot, node)
    calibrated(robot, node, d=[0.1, 0.0, 0.0, 0.0, 0.0], distortion_model="plumb_bob")
    send(robot)
    robot.wait(lambda: masks, "masks")
    assert "check the unit: set depth_scale" in node.counters.throttled.last["depth"]
    assert (
        "distortion, which is not taken into account" in node.counters.throttled.last["distortion"]
    )


def test_diagnostics_name_what_is_missing_and_count_what_came(start_segmenter, robot):
    node = start_segmenter(diagnostics_period=0.1)
    reports = robot.hear("/diagnostics", DiagnosticArray)

    def said(text):
        return robot.wait(
            lambda: [r for r in reports if text in r.status[0].message][-1:], f"a report of {text}"
        )[0].status[0]

    status = said("no publisher on /image")
    assert "no publisher on /depth: start it, or remap depth" in status.message
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    send(robot)
    robot.wait(lambda: masks, "masks")
    reports.clear()
    values = {v.key: v.value for v in said("segmenting").values}
    assert values["image.published"] == values["depth.matched"] == "1"


FLAT = np.full_like(MILLIMETRES, 800)


@pytest.mark.parametrize(
    ("camera", "depth", "text"),
    [
        ({"k": [0.0] * 9}, MILLIMETRES, "1 dropped: camera_info is all zero; calib"),
        (
            {"distortion_model": "equidistant", "d": [0.1] * 4},
            MILLIMETRES,
            "1 dropped: camera_info has distortion_model 'equidistant'",
        ),
        ({}, MILLIMETRES[:120, :160], "1 dropped: depth is 160x120 but the image is 320x240"),
        ({}, FLAT, "no object above the plane in 1 frames, nor before: check the depth image, and"),
    ],
)
def test_frames_without_masks_are_a_warning_on_diagnostics(
    start_segmenter, robot, camera, depth, text
):
    node = start_segmenter()
    hear_masks(robot, node)
    calibrated(robot, node, **camera)
    send(robot, depth=depth)
    tally = node.counters.tally
    robot.wait(lambda: tally("image").received and not tally("image").in_flight, "the frame")
    level, said = level_and_text(node, silent=())
    assert level == b"\x01" and text in said


def test_table_that_was_cleared_is_no_warning(start_segmenter, robot):
    node = start_segmenter()
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    send(robot)
    robot.wait(lambda: masks, "masks")
    robot.wait(lambda: not node.counters.tally("image").in_flight, "the count")
    before = node.report()
    send(robot, START + SECOND, depth=FLAT)
    robot.wait(lambda: node.counters.tally("image").done == 2, "no masks")
    expected = b"\x00", "no object above the plane in 1 frames"
    assert level_and_text(node, before, silent=()) == expected


def test_inputs_that_stop_are_a_warning_on_diagnostics(start_segmenter, robot):
    node = start_segmenter()
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    send(robot)
    robot.wait(lambda: masks and len(node.report().silent) == 2, "the silence of both inputs")
    level, said = level_and_text(node)
    assert level == b"\x01"
    assert said.startswith("nothing received on /image and /depth; its publisher sends nothing")


def test_parameters_are_checked_at_start_and_while_it_runs(start_segmenter, robot, capfd):
    node = start_segmenter(crease=100.0, no_such=1, max_objects=5)
    assert node.get_parameter("crease").value == Settings().crease
    logged = capfd.readouterr().err
    assert "crease is 100; set it to a value in 1 .. 89 degrees; its default is used" in logged
    # One of the other node comes with a file for every node.
    assert "'no_such' is unknown" in logged and "max_objects" not in logged
    (refused,) = node.set_parameters([Parameter("cut", value=2.0)])
    assert not refused.successful and "Max: 0.999" in refused.reason
    masks = hear_masks(robot, node)
    calibrated(robot, node)
    (taken,) = node.set_parameters([Parameter("min_height", value=0.5)])
    assert taken.successful
    send(robot)
    robot.wait(lambda: masks, "masks")
    assert not to_labels(masks[0]).any()


def test_qos_overrides_hold_and_those_of_nothing_are_a_warning(start_segmenter, robot, capfd):
    given = [
        f"qos_overrides./{t}.reliability" for t in ("image.subscription", "diagnostics.publisher")
    ]
    start_segmenter(
        **dict(zip(given, ["reliable", "best_effort"], strict=True)),
        **{"qos_overrides./imge.subscription.depth": 2},
    )

    def reliability(infos):
        found = [i.qos_profile.reliability for i in infos if i.node_name == "depth_segmenter"]
        return found[0] if found else None

    ask = robot.node.get_subscriptions_info_by_topic, robot.node.get_publishers_info_by_topic
    for get_infos, topic, expected in zip(
        ask, ["/image", "/diagnostics"], [RELIABLE, BEST_EFFORT], strict=True
    ):
        found = robot.wait(lambda g=get_infos, t=topic: reliability(g(t)), f"who is on {topic}")
        assert found == expected
    (warning,) = (line for line in capfd.readouterr().err.splitlines() if "has no effect" in line)
    assert "qos_overrides./imge.subscription.depth" in warning


def test_program_ends_cleanly_with_a_signal_and_refuses_other_arguments(ros):
    command = [sys.executable, "-m", "segan_ros.ros.depth_segmenter"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert any("waiting for /image, /depth" in line for line in process.stderr)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
    command.append("--nope")
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "--nope" in refused.stderr


def test_config_holds_its_parameters_and_they_are_those_of_the_method():
    document = yaml.safe_load((ROOT / "config" / "segan.yaml").read_text())
    values = document["/**/depth_segmenter"]["ros__parameters"]
    assert values == {p.name: p.default for p in OWN} == vars(Settings())
    shared = {p.name for p in DEPTH_PARAMETERS} - set(values)
    assert shared <= set(document["/**"]["ros__parameters"])
    assert [p.problem(p.default) for p in DEPTH_PARAMETERS] == [None] * len(DEPTH_PARAMETERS)
