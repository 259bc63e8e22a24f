"""The soak test of benchmark/soak.py in short: some seconds, each fault once or twice."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip("rclpy")
from segan_ros.replay.node_process import NodeError, find_node

pytestmark = pytest.mark.ros

SCRIPT = Path(__file__).parents[2] / "benchmark" / "soak.py"


@pytest.fixture
def soak(monkeypatch):
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "soak", module)
    spec.loader.exec_module(module)
    return module


def samples(soak, resident, threads=9):
    return [soak.Sample(float(n), round(resident(n)), threads, 20) for n in range(600)]


def test_leak_of_one_percent_a_minute_fails(soak):
    good = {"sent": (9, 9), "graphs": 9, "threads": (7, 7)}
    good["counts"] = {"image.received": "9", "image.published": "9"}
    good["counts"] |= {"instance_mask.received": "9", "instance_mask.matched": "9"}

    def failures(resident, **other):
        found = soak.Soak(samples(soak, resident), **{**good, **other})
        return {c.name for c in soak.checks(found, 0.02) if not c.good}

    assert not failures(lambda n: 2e8 + 1e6 * (n % 3))
    assert not failures(lambda n: 2e8 if n > 100 else 1e8)
    assert failures(lambda n: 2e8 * 1.01 ** (n / 60)) == {"memory after warm-up"}
    more = 7 + cv2.getNumThreads()  # one more than OpenCV's pool adds
    assert failures(lambda n: 2e8, threads=(7, more)) == {"threads after cleanup"}
    assert not failures(lambda n: 2e8, threads=(7, more - 1))
    assert failures(lambda n: 2e8, graphs=8) == {"graphs heard"}
    assert failures(lambda n: 2e8, end="SIGSEGV") == {"end"}
    lost = good["counts"] | {"image.received": "10"}
    assert failures(lambda n: 2e8, counts=lost) == {"image accounted for"}


@pytest.mark.slow
def test_some_seconds_among_faults(ros, dummy_model, tmp_path):
    try:
        find_node()
    except NodeError as error:
        pytest.skip(str(error))
    options = (
        f"--minutes 0.15 --rate 15 --max-growth 0.1 --model {dummy_model} --provider cpu "
        f"--log {tmp_path / 'log'}"
    )
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options.split()],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "log").read_text()
    assert "FAIL" not in done.stdout and "camera_is_killed" in done.stdout
