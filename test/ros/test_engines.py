"""The node answers while its engines are built, changes over, and says so."""

import threading
from functools import partial

import onnxruntime as ort
import pytest

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(
        "OpenVINOExecutionProvider" not in ort.get_available_providers(),
        reason="OpenVINO stands in for TensorRT",
    ),
]
pytest.importorskip("rclpy")

from dummy_model import write_networks  # noqa: E402
from ros_harness import SECOND, START, image_and_mask, level_and_text, listen  # noqa: E402

from segan_ros.runtime.engines import Engines  # noqa: E402


@pytest.fixture
def model(dummy_model, tmp_path):
    """A model that OpenVINO compiles."""
    (tmp_path / "model.yaml").write_text((dummy_model / "model.yaml").read_text())
    return write_networks(tmp_path)


def test_frames_are_answered_while_engines_are_built(start_node, robot, model, monkeypatch):
    release = threading.Event()

    class SlowEngines(Engines):
        """Builds when the test says so."""

        def build(self, *arguments):
            assert release.wait(60)
            return super().build(*arguments)

    cache = partial(SlowEngines, provider="openvino")
    monkeypatch.setattr("segan_ros.ros.loader.Engines", cache)
    node = start_node(
        model=str(model), provider="openvino", engine_cache=str(model / "cache"), use_depth="never"
    )
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: len(graphs) == 1, "an answer while building")
    report = node.node.report()
    assert report.provider == "cpu"
    assert report.engine.startswith("building ")

    release.set()
    robot.wait(lambda: node.node.report().engine == "ready", "the engines")
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: len(graphs) == 2, "an answer of the engines")
    report = node.node.report()
    assert (report.provider, report.engine) == ("openvino", "ready")
    # The place that the parameter names, and no other.
    assert len(list((model / "cache").glob("*/manifest.json"))) == 2
    assert graphs[0].edges == graphs[1].edges


def test_failed_engines_are_a_warning_with_the_reason(start_node, robot, model, monkeypatch):
    class NoRoom(Engines):
        """Its builder gets a file that is no network."""

        def build(self, network, *rest):
            network.path.write_bytes(b"")
            return super().build(network, *rest)

    monkeypatch.setattr("segan_ros.ros.loader.Engines", partial(NoRoom, provider="openvino"))
    node = start_node(model=str(model), provider="openvino", engine_cache=str(model / "cache"))
    robot.wait(lambda: node.node.report().engine.startswith("failed"), "the end of the build")
    robot.send(*image_and_mask())
    level, text = level_and_text(node)
    assert level == b"\x01"
    assert text.startswith("engine failed: ")
    assert "serving on cpu" in text


def test_cache_that_cannot_be_written_costs_no_frame(start_node, robot, model, monkeypatch, caplog):
    place = "/dev/null/engines"
    cache = partial(Engines, provider="openvino")
    monkeypatch.setattr("segan_ros.ros.loader.Engines", cache)
    node = start_node(model=str(model), provider="openvino", engine_cache=place)
    robot.wait(lambda: node.node.report().engine == "ready", "the engines")
    assert f"cannot use engine_cache {place}" in caplog.text
    (graphs,) = listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask())
    robot.wait(lambda: graphs, "a graph")
    assert (node.node.report().provider, node.node.report().engine) == ("openvino", "ready")
