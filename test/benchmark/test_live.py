"""The live benchmark runs through, and its heap of objects is what it says."""

import json
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from segan_ros.host.resources import resource_path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmark"
TIMEOUT = 300


@pytest.fixture(scope="module")
def pile():
    spec = util.spec_from_file_location("pile", BENCHMARK / "pile.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pile


@pytest.mark.parametrize(("size", "count"), [((480, 640), 1), ((240, 320), 20)])
def test_heap_has_as_many_objects_as_asked_for(pile, size, count):
    bag = resource_path("demo/tabletop.mcap")
    frame = pile(bag, size, count)
    assert frame.size == size
    assert frame.object_ids == list(range(1, count + 1))
    np.testing.assert_array_equal(pile(bag, size, count).labels, frame.labels)


@pytest.mark.ros
@pytest.mark.slow
def test_quick_benchmark_measures_node_and_echo(dummy_model, tmp_path):
    pytest.importorskip("rclpy")
    options = ["--quick", "--frames", "3", "--model", str(dummy_model), "--provider", "cpu"]
    result = subprocess.run(
        [sys.executable, BENCHMARK / "live.py", *options, "--json", tmp_path / "all.json"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "| VGA, 10, painted" in result.stdout and "x echo" in result.stdout
    document = json.loads((tmp_path / "all.json").read_text())
    plain, painted = document["cases"]
    assert plain["stages"]["paint"] == 0 < painted["stages"]["paint"]
    for case in (plain, painted):
        assert 0 < case["stages"]["segment"] < case["graph"][0]
        assert case["stages"]["fit"] > 0 and case["stages"]["follow"] == 0
        assert case["echo"][0] > 0 and case["memory"] > 0
        assert case["counts"]["in"] == case["counts"]["out"] + case["counts"]["dropped"]
    assert document["flood"]["counts"]["in"] > 0


@pytest.mark.ros
@pytest.mark.slow
def test_two_revisions_are_asked_in_turns(dummy_model, tmp_path):
    pytest.importorskip("rclpy")
    git = ["git", "-C", BENCHMARK.parent, "rev-parse", "HEAD"]
    if subprocess.run(git, capture_output=True, check=False).returncode:
        pytest.skip("no git checkout")
    options = ["--quick", "--frames", "2", "--model", str(dummy_model), "--provider", "cpu"]
    result = subprocess.run(
        [
            *(sys.executable, BENCHMARK / "live.py", *options),
            *("--against", "HEAD", "--json", tmp_path / "all.json"),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "| VGA, 10, painted" in result.stdout and "answered of 30/s" in result.stdout
    assert "| median ms" in result.stdout and " fit |" in result.stdout
    for case in json.loads((tmp_path / "all.json").read_text())["cases"]:
        for side in (case["now"], case["before"]):
            assert 0 < side["graph"] <= side["objects"]
            assert side["memory"] > 0 and 0 < side["rate"] <= 31
            assert side["stages"]["segment"] > 0 and side["stages"]["fit"] > 0


@pytest.mark.ros
def test_an_unknown_revision_is_named():
    result = subprocess.run(
        [sys.executable, BENCHMARK / "live.py", "--quick", "--against", "no-such-revision"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert result.returncode == 2
    assert "--against no-such-revision" in result.stderr
