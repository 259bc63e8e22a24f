"""The installed node in its own process: it answers over DDS, and signals end it cleanly."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
from dummy_model import COMPILES, write_networks
from ros_harness import SECOND, START, image_and_mask

from segan_ros.host.resources import resource_path
from segan_ros.messages.stamps import stamp_of
from segan_ros.msg import AmodalObjectArray, OcclusionGraph
from segan_ros.replay.node_process import profile_variable
from segan_ros.ros.interface import DIAGNOSTICS, INPUTS, OUTPUTS, SERVICES
from segan_ros.ros.parameters import PARAMETERS
from segan_ros.srv import CompleteObjects

pytestmark = pytest.mark.ros

EXECUTABLE = Path(sys.prefix) / "lib" / "segan_ros" / "segan_node"
TIMEOUT = 60
MAIN = """
import sys
from segan_ros.ros.program import main
sys.exit(main(sys.argv))
"""


@pytest.fixture
def start_process(ros, dummy_model):
    """Starts the installed node; kills what a test leaves."""
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is not installed")
    started = []

    def start(*arguments, before="", **environment):
        """`before`: Python to run in the process first."""
        command = [str(EXECUTABLE)]
        if before:
            command = [sys.executable, "-c", f"{before}\n{MAIN}"]
        process = subprocess.Popen(
            [
                *command,
                "--ros-args",
                "-p",
                f"model:={dummy_model}",
                "-p",
                "provider:=cpu",
                *arguments,
            ],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(TIMEOUT)
        process.stderr.close()


def wait_for(process, text):
    """Read the process's log up to a line with `text`; end a process that stays silent."""
    deadline = threading.Timer(TIMEOUT, process.kill)
    deadline.start()
    try:
        for line in process.stderr:
            if text in line:
                return line
    finally:
        deadline.cancel()
    raise AssertionError(f"the node ended with {process.wait()} before it said {text!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_node_with_exit_code_0(start_process, robot, number):
    process = start_process()
    wait_for(process, "active")
    process.send_signal(number)
    robot.wait(lambda: process.poll() is not None, "its end")
    assert process.returncode == 0
    assert "Traceback" not in process.stderr.read()


def test_second_signal_ends_a_node_that_still_loads_its_model(start_process, robot):
    process = start_process(
        before="""
import ctypes, sys
import segan_ros.ros.loader as loader

def load(*_, **__):
    print("loading", file=sys.stderr, flush=True)
    mutex = (ctypes.c_char * 64)()
    while True:  # as in somebody's library: no Python, and no end
        ctypes.CDLL(None).pthread_mutex_lock(mutex)

loader.Model = load
"""
    )
    wait_for(process, "loading")

    process.send_signal(signal.SIGINT)

    def ended():
        process.send_signal(signal.SIGTERM)
        return process.poll() is not None

    robot.wait(ended, "its end")
    assert process.returncode == -signal.SIGTERM


def test_signal_in_the_middle_of_frames_ends_it_cleanly(start_process, robot):
    process = start_process()
    wait_for(process, "active")
    graphs = robot.hear("/segan/occlusion_graph", OcclusionGraph)
    n = 0

    def answered():
        nonlocal n
        n += 1
        robot.send(*image_and_mask(START + n * SECOND // 30))
        return len(graphs) > 2

    robot.wait(answered, "answers")
    process.terminate()
    for _ in range(10):
        answered()
    assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in process.stderr.read()


def test_killed_node_that_starts_again_goes_on_with_the_stream(start_process, robot):
    """What `respawn` of the launch file does, with nobody else started again."""
    graphs = robot.hear("/segan/occlusion_graph", OcclusionGraph)
    stamps = itertools.count(START, SECOND // 30)

    def answered(since):
        robot.send(*image_and_mask(next(stamps)))
        return graphs and stamp_of(graphs[-1].header) > since

    for _ in range(2):
        process = start_process()
        wait_for(process, "active")
        begin = next(stamps)
        robot.wait(lambda b=begin: answered(b), "an answer to a frame of now")
        process.kill()
        process.wait(TIMEOUT)
        for _ in range(5):
            answered(begin)


def test_log_folder_that_cannot_be_made_is_one_line(start_process):
    process = start_process(ROS_LOG_DIR="/dev/null/log")
    assert process.wait(TIMEOUT) == 1
    said = process.stderr.read()
    assert "ROS cannot start" in said and "/dev/null/log" in said and "Traceback" not in said


def test_user_without_home_and_passwd_entry_needs_neither(start_process, robot):
    process = start_process(
        before="""
import os, pwd

def unknown(uid):
    raise KeyError(uid)

pwd.getpwuid = unknown
del os.environ["HOME"]
os.environ.pop("ROS_LOG_DIR", None)
"""
    )
    wait_for(process, "active")
    process.send_signal(signal.SIGINT)
    robot.wait(lambda: process.poll() is not None, "its end")
    assert process.returncode == 0


def run(*arguments):
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is not installed")
    return subprocess.run(
        [str(EXECUTABLE), *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@pytest.mark.parametrize("arguments", [["--help"], ["-h", "--ros-args", "-r", "image:=/rgb"]])
def test_help_lists_topics_services_and_parameters(ros, arguments):
    done = run(*arguments)
    assert done.returncode == 0 and not done.stderr
    for each in (*INPUTS, *OUTPUTS, DIAGNOSTICS, *SERVICES):
        assert re.search(
            rf"^  {re.escape(each.name)} +{each.type_name} ", done.stdout, re.MULTILINE
        )
    for parameter in PARAMETERS:
        assert f"\n  {parameter.name} = {parameter.default_text} " in done.stdout
    assert "-p max_age:=0.5" in done.stdout and "ros2 param set /segan max_age" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["max_age:=1"], 2, "error: unknown argument 'max_age:=1'; parameters and remappings go"),
        (["--model", "x", "--ros-args", "-p", "threads:=1"], 2, "unknown argument '--model'"),
        (["--ros-args", "--foo"], 1, "ROS cannot start with these arguments: ['--foo']"),
        (["--ros-args", "--params-file", "/none.yaml"], 1, "Couldn't parse params file"),
    ],
)
def test_bad_argument_is_an_error_line(ros, arguments, code, text):
    done = run(*arguments)
    assert done.returncode == code and text in done.stderr
    assert "Traceback" not in done.stderr


def test_parameter_file_for_another_node_is_a_warning_that_names_it(start_process, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("segn:\n  ros__parameters:\n    max_age: 0.5\n")
    process = start_process("--params-file", str(path))
    said = wait_for(process, "WARN")
    assert f"parameter file {path} has no effect: it has parameters for /segn" in said
    assert "this node is /segan; make its top key /segan, or /** for every node" in said


@COMPILES
def test_full_disk_stops_nothing(start_process, robot, dummy_model, tmp_path):
    """The logs and the engines are to lie on a file system without room."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.yaml").write_text((dummy_model / "model.yaml").read_text())
    model = write_networks(tmp_path / "model")
    full = tmp_path / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a file system")
    try:
        with contextlib.suppress(OSError):
            (full / "filler").write_bytes(bytes(1 << 20))
        process = start_process(
            *("-p", f"engine_cache:={full}/engines", "-p", f"model:={model}"),
            *("-p", "provider:=openvino"),
            before="""
from functools import partial
import segan_ros.ros.loader as loader
loader.Engines = partial(loader.Engines, provider="openvino")
""",
            ROS_LOG_DIR=str(full),
        )
        wait_for(process, "engine_cache")
        graphs = robot.hear("/segan/occlusion_graph", OcclusionGraph)
        n = itertools.count()

        def answered():
            robot.send(*image_and_mask(START + next(n) * SECOND // 30))
            return graphs

        robot.wait(answered, "a graph")
        process.terminate()
        assert process.wait(TIMEOUT) == 0
    finally:
        subprocess.run(["umount", str(full)], check=False)


def test_signal_leaves_no_request_unanswered(start_process, robot):
    process = start_process()
    wait_for(process, "active")
    client = robot.node.create_client(CompleteObjects, "/segan/complete")
    robot.wait(client.service_is_ready, "the service")
    image, labels = image_and_mask()
    request = CompleteObjects.Request(image=image, labels=labels, with_appearance=True)
    futures = [client.call_async(request) for _ in range(6)]
    robot.wait(lambda: any(f.done() for f in futures), "the first answer")
    process.terminate()
    robot.wait(lambda: all(f.done() for f in futures), "the other answers")
    assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in process.stderr.read()


def test_node_under_another_name_and_namespace_answers_on_remapped_topics(start_process, robot):
    remaps = ("__ns:=/left", "__node:=pile", "image:=/cam/rgb", "instance_mask:=/cam/ids")
    process = start_process(*(word for remap in remaps for word in ("-r", remap)))
    assert "/cam/rgb, /cam/ids, /left/depth" in wait_for(process, "active")
    objects = robot.hear("/left/pile/objects", AmodalObjectArray)
    robot.camera("/cam/rgb")
    robot.camera("/cam/ids")
    n = 0

    def answered():
        nonlocal n
        n += 1
        for topic, message in zip(
            ("/cam/rgb", "/cam/ids"), image_and_mask(START + n * SECOND // 30), strict=True
        ):
            robot.publish(topic, message)
        return objects

    robot.wait(answered, "objects")


def test_node_that_cannot_configure_stays_and_says_how_to_go_on(start_process):
    process = start_process("-p", "threshold:=3.0")
    assert "threshold is 3; set it to a value in 0 .. 0.99" in wait_for(process, "ERROR")
    assert "ros2 lifecycle set /segan configure" in wait_for(process, "not started")
    assert process.poll() is None
    process.terminate()
    assert process.wait(TIMEOUT) == 0


def test_node_does_not_start_itself_when_told_so(start_process, robot):
    process = start_process("-p", "autostart:=false")
    from lifecycle_msgs.srv import GetState

    answer = robot.ask(GetState, "/segan/get_state", GetState.Request(), every=3)
    assert answer.current_state.label == "unconfigured"
    process.terminate()
    assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("profile, warns", [("fastdds.xml", False), ("none.xml", True)])
def test_fast_dds_reads_the_shipped_profile(ros, profile, warns):
    path = resource_path("config/fastdds.xml").with_name(profile)
    done = subprocess.run(
        [sys.executable, "-c", "import rclpy; rclpy.init(); rclpy.create_node('reader')"],
        env=os.environ | {profile_variable(): str(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert ("XMLPARSER" in done.stdout) == warns


def test_shipped_profile_makes_room_for_images():
    root = ET.parse(resource_path("config/fastdds.xml")).getroot()
    names = {"dds": root.tag.removesuffix("dds").strip("{}")}
    assert root.findtext(".//dds:segment_size", namespaces=names) == str(32 << 20)
    types = [e.text for e in root.findall(".//dds:transport_descriptor/dds:type", names)]
    assert types == ["SHM", "UDPv4"]
    assert root.findtext(".//dds:useBuiltinTransports", namespaces=names) == "false"
