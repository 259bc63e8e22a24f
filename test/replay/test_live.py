"""`segan replay --live`: a bag through the real node over DDS."""

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_replay import live_command, replay_live
from running import runs
from small_bag import Contents, write_bag

from segan_ros.commands import main as cli
from segan_ros.messages.answers import to_scene
from segan_ros.replay import live
from segan_ros.replay.node_process import NodeError, live_environment
from segan_ros.storage.bags import open_bag

pytestmark = pytest.mark.ros


def wait_until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the node in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_live_replay_that_is_ended_leaves_no_node(bag, dummy_model, tmp_path, hangup, number):
    words = live_command(bag, "--model", dummy_model, "--provider", "cpu", "--rate", 0.001)
    log = tmp_path / "node.log"
    with (
        subprocess.Popen([*words, "--out", tmp_path], stdout=subprocess.DEVNULL) as ours,
        ExitStack() as stack,
    ):
        stack.callback(ours.kill)
        wait_until(lambda: ours.poll() is not None or (log.exists() and log.read_text()))
        nodes = [
            int(pid)
            for task in Path(f"/proc/{ours.pid}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        assert len(nodes) == 1
        ours.send_signal(number)
        code = ours.wait(30)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    wait_until(lambda: not runs(nodes[0]))


@pytest.mark.slow
def test_live_replay_needs_no_home(bag, dummy_model, tmp_path, monkeypatch):
    for name in ("HOME", "ROS_LOG_DIR", "ROS_HOME"):
        monkeypatch.delenv(name, raising=False)
    done = replay_live(bag, "--model", dummy_model, "--provider", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 frames answered" in done.stdout


def test_live_replay_answers_as_the_method_does(bag, dummy_model, tmp_path):
    done = replay_live(bag, "--model", dummy_model, "--provider", "cpu", "--out", tmp_path / "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 frames answered" in done.stdout
    offline = ["--model", str(dummy_model), "--provider", "cpu", "--out", str(tmp_path / "offline")]
    assert cli.main(["replay", str(bag), *offline]) == 0
    ours = [
        json.loads((tmp_path / way / "replay.json").read_text())["frames"]
        for way in ("live", "offline")
    ]
    timings = json.loads((tmp_path / "live" / "timings.json").read_text())
    assert all(0 < f["latency_ms"] < 10_000 for f in timings["frames"])
    for live_frame, offline_frame in zip(*ours, strict=True):
        for key in ("stamp", "answer", "segan", "convex hull", "steps"):
            assert live_frame[key] == offline_frame[key]
    for name in ("amodal_2.png", "appearance_2.png"):
        pictures = [
            cv2.imread(str(tmp_path / way / "frame_001" / name), cv2.IMREAD_UNCHANGED)
            for way in ("live", "offline")
        ]
        assert np.array_equal(*pictures)


@pytest.mark.slow
def test_live_replay_knows_the_method_without_depth(bag, tmp_path):
    """Depth changes the shipped model's masks: the node's answers do not tell what it would say
    without."""
    options = ["--provider", "cpu", "--out"]
    done = replay_live(bag, *options, tmp_path / "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cli.main(["replay", str(bag), *options, str(tmp_path / "offline")]) == 0
    ours, offline = (
        json.loads((tmp_path / way / "replay.json").read_text())["frames"]
        for way in ("live", "offline")
    )
    flat = "segan, depth unused"
    assert [f[flat] for f in ours] == [f[flat] for f in offline]
    assert any(f[flat]["sf"] != f["segan"]["sf"] for f in ours)


@pytest.mark.slow
def test_answers_of_the_node_are_unpacked_one_by_one(bag, dummy_model, monkeypatch, tmp_path):
    """Those of a long bag would not fit into memory."""
    unpacked = []

    def unpack(*messages):
        unpacked.append(messages)
        return to_scene(*messages)

    monkeypatch.setattr(live, "to_scene", unpack)
    with live_environment() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)  # `play` sets them for good
    with open_bag(bag) as opened:
        answers = live.play(opened, live.Live(dummy_model, "cpu"), tmp_path / "node.log")
        assert not unpacked
        for count, frame in enumerate(opened.frames(), 1):
            scene, seconds, *_ = answers.to(frame)
            assert scene is not None and 0 < seconds < 10
            assert len(unpacked) == count
            assert answers.to(frame)[0] is None, "kept"


@pytest.mark.slow
def test_live_replay_of_compressed_images_writes_a_report(dummy_model, tmp_path):
    path = write_bag(tmp_path / "bag", Contents(compressed=True))
    report = tmp_path / "report.html"
    done = replay_live(path, "--model", dummy_model, "--provider", "cpu", "--report", report)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 frames answered" in done.stdout
    assert report.read_text().count("data:image/jpeg") == 3


@pytest.mark.slow
def test_live_replay_fails_when_a_frame_goes_unanswered(tmp_path, dummy_model):
    path = write_bag(tmp_path / "bag", Contents(skip_masks=(0,)))
    done = replay_live(path, "--model", dummy_model, "--provider", "cpu", "--patience", 2)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "UNANSWERED frames: 0" in done.stdout
    assert "2 of 3 frames answered" in done.stdout


@pytest.mark.slow
def test_live_replay_shows_why_the_node_is_not_ready(bag, dummy_model, monkeypatch, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in dummy_model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "segmentor.onnx").write_bytes(b"not a network")
    with live_environment() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)  # `play` sets them for good
    with open_bag(bag) as opened, pytest.raises(NodeError) as error:
        live.play(opened, live.Live(broken, "cpu"), tmp_path / "node.log")
    assert "the node cannot start: " in str(error.value)
    assert "segmentor.onnx: ONNX Runtime cannot read it" in str(error.value)
