"""A model serves while its engines are built, and goes on when one fails."""

import logging
import signal
import threading
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest
from dummy_model import COMPILES, write_network
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from segan_ros.runtime.engine_builder import EngineError
from segan_ros.runtime.engines import Engines
from segan_ros.runtime.model import Model
from segan_ros.runtime.network import Network
from segan_ros.runtime.providers import PROVIDERS
from segan_ros.runtime.sessions import open_session
from segan_ros.runtime.spec import ModelError

PAINTER = {"canvas": (3, 32, 32)}


@pytest.fixture(autouse=True)
def a_cpu_without_bf16(monkeypatch):
    """Engines of OpenVINO answer as the CPU does, to its digits."""
    monkeypatch.setattr("segan_ros.runtime.providers.computes_bf16", lambda: False)


def canvases(count=3):
    return np.random.default_rng(0).random((count, 3, 32, 32), np.float32)


@COMPILES
def test_the_model_serves_while_its_engines_are_built_and_changes_over(folder, tmp_path, caplog):
    cache = Engines(tmp_path / "cache", background=True, provider="openvino")
    with caplog.at_level(logging.INFO):
        model = Model(folder, "openvino", engines=cache)
        assert model.provider == "cpu"
        assert model.engine.startswith("building ")
        assert model.engine.endswith("s, serving on cpu")
        np.testing.assert_allclose(model.paint(canvases()), canvases(), atol=1e-6)
        assert model.wait_for_engines(60)
    assert (model.provider, model.engine) == ("openvino", "ready")
    assert "engines ready: now on openvino" in caplog.text
    np.testing.assert_allclose(model.paint(canvases()), canvases(), atol=1e-6)

    again = Model(folder, "openvino", engines=cache)
    assert (again.provider, again.engine) == ("openvino", "")


@COMPILES
def test_engines_that_cannot_be_built_leave_the_model_serving(folder, tmp_path, caplog):
    cache = Engines(tmp_path / "cache", background=True, provider="openvino")
    real = cache.build

    def build(network, *rest):
        # The file goes away after the model started: an update that was cut short.
        network.path.write_bytes(b"")
        return real(network, *rest)

    cache.build = build
    model = Model(folder, "openvino", engines=cache)
    assert model.wait_for_engines(60)
    assert model.engine.startswith("failed: ")
    assert model.engine.endswith("serving on cpu")
    assert "cannot use the engines" in caplog.text
    np.testing.assert_allclose(model.paint(canvases()), canvases(), atol=1e-6)


@COMPILES
def test_closing_a_model_ends_its_builder(folder, tmp_path):
    cache = Engines(tmp_path / "cache", background=True, provider="openvino")
    begun, builders = threading.Event(), []
    real = cache.build

    def build(network, precision, threads, watch):
        def watched(process):
            process.send_signal(signal.SIGSTOP)  # a build that would last
            builders.append(process)
            watch(process)
            begun.set()

        return real(network, precision, threads, watched)

    cache.build = build
    model = Model(folder, "openvino", engines=cache)
    assert begun.wait(30)
    model.close()
    assert builders[0].returncode == -signal.SIGKILL
    assert model.engine == "failed: stopped; serving on cpu"
    assert list(cache.folder.iterdir()) == []


@COMPILES
def test_without_background_naming_the_provider_builds_and_auto_does_not(folder, tmp_path, caplog):
    cache = Engines(tmp_path / "cache", provider="openvino")
    with caplog.at_level(logging.INFO):
        assert Model(folder, "auto", engines=cache).provider == "cpu"
    assert "set provider to openvino to build them" in caplog.text
    assert Model(folder, "openvino", engines=cache).provider == "openvino"
    assert Model(folder, "auto", engines=cache).provider == "openvino"


@COMPILES
def test_an_engine_that_the_runtime_refuses_is_built_again(folder, tmp_path, monkeypatch, caplog):
    cache = Engines(tmp_path / "cache", provider="openvino")
    Model(folder, "openvino", engines=cache)
    refusal = RuntimeError("the engine cannot be deserialised")
    monkeypatch.setattr(ort, "InferenceSession", answering(ort.InferenceSession, [refusal]))
    with caplog.at_level(logging.INFO):
        assert Model(folder, "openvino", engines=cache).provider == "openvino"
    assert "rebuilding the engines: " in caplog.text
    assert f"building the fp32 engine of {folder / 'segmentor.onnx'}" in caplog.text


@COMPILES
def test_an_engine_that_loads_but_does_not_run_is_built_again(
    folder, tmp_path, monkeypatch, caplog
):
    cache = Engines(tmp_path / "cache", provider="openvino")
    Model(folder, "openvino", engines=cache)
    failures = ["illegal instruction"]

    def run(session, real, feeds):
        if failures:
            raise RuntimeError(failures.pop())
        return real(feeds)

    run_by(monkeypatch, run)
    with caplog.at_level(logging.INFO):
        assert Model(folder, "openvino", engines=cache).provider == "openvino"
    assert (
        "rebuilding the engines: it loads but inference fails: illegal instruction" in caplog.text
    )
    assert f"building the fp32 engine of {folder / 'segmentor.onnx'}" in caplog.text


@COMPILES
@pytest.mark.parametrize("lack", ["memory", "library"])
def test_engines_outlive_what_is_not_their_fault(folder, tmp_path, monkeypatch, lack):
    cache = Engines(tmp_path / "cache", provider="openvino")
    Model(folder, "openvino", engines=cache)
    kept = sorted(cache.folder.iterdir())
    with monkeypatch.context() as lacking:
        if lack == "memory":
            answers, message = [RuntimeError("CUDA failure 2: out of memory")], "out of memory"
        else:
            # As ONNX Runtime answers where a library of the provider is not found.
            answers = [SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])]
            message = "library or device is missing"
        lacking.setattr(ort, "InferenceSession", answering(ort.InferenceSession, answers))
        with pytest.raises(ModelError, match=message):
            Model(folder, "openvino", engines=cache)
    assert sorted(cache.folder.iterdir()) == kept
    model = Model(folder, "openvino", engines=Engines(cache.folder, True, "openvino"))
    assert (model.provider, model.engine) == ("openvino", "")


@COMPILES
def test_network_that_overflows_gets_no_engine_and_serves_elsewhere(folder, tmp_path):
    write_network(folder / "painter.onnx", ("canvas", 3), ("appearance", 3), weight=np.nan)
    cache = Engines(tmp_path / "cache", provider="openvino")
    with pytest.raises(EngineError, match=r"painter\.onnx returns NaN or inf for a black image"):
        cache.build(Network(folder / "painter.onnx", PAINTER), "fp32")
    assert not list(cache.folder.iterdir())


@COMPILES
def test_engine_that_answers_nan_does_not_stop_the_model(folder, tmp_path, monkeypatch):
    cache = Engines(tmp_path / "cache", background=True, provider="openvino")
    assert Model(folder, "openvino", engines=cache).wait_for_engines(60)

    def run(session, real, feeds):
        (answer,) = real(feeds)
        on_engine = session.get_providers()[0] == PROVIDERS["openvino"]
        return [answer * np.nan if on_engine else answer]

    run_by(monkeypatch, run)
    model = Model(folder, "openvino", engines=cache)
    assert model.provider == "cpu" and model.engine.startswith("building ")
    assert model.wait_for_engines(60)
    assert "NaN or inf for a black image; serving on cpu" in model.engine


@COMPILES
@pytest.mark.parametrize("moment", ["before", "during"])
def test_files_that_are_replaced_during_a_build_wait_until_they_are_asked_for(
    folder, tmp_path, moment
):
    cache = Engines(tmp_path / "cache", background=True, provider="openvino")
    real, go_on = cache.build, threading.Event()

    def replaced():
        write_network(folder / "painter.onnx", ("canvas", 3), ("appearance", 3), weight=0.25)

    def build(network, precision, threads, watch):
        assert go_on.wait(60)
        if network.path.stem == "painter" and moment == "during":
            watch_it, watch = watch, lambda process: (watch_it(process), replaced())
        return real(network, precision, threads, watch)

    cache.build = build
    model = Model(folder, "openvino", engines=cache)
    digest = model.digest
    if moment == "before":
        replaced()
    go_on.set()
    assert model.wait_for_engines(60)
    assert "painter.onnx has changed since it was loaded; load the model again" in model.engine
    assert model.provider == "cpu" and model.digest == digest
    np.testing.assert_allclose(model.paint(canvases()), canvases(), atol=1e-6)
    cache.build = real
    again = Model(folder, "openvino", engines=cache)
    assert again.wait_for_engines(60) and again.engine == "ready" and again.digest != digest
    np.testing.assert_allclose(again.paint(canvases()), canvases() / 4, atol=1e-3)


@COMPILES
def test_provider_that_loads_but_does_not_run_is_skipped(folder, monkeypatch):
    def run(session, real, feeds):
        if session.get_providers()[0] == PROVIDERS["openvino"]:
            raise RuntimeError("no kernel image for this device")
        return real(feeds)

    run_by(monkeypatch, run)
    assert Model(folder, "auto").provider == "cpu"
    with pytest.raises(
        ModelError, match=r"openvino: it loads but inference fails: no kernel image"
    ):
        Model(folder, "openvino")


@COMPILES
def test_failure_of_a_later_run_is_no_secret_change_to_the_cpu(painter):
    session = open_session(painter, "openvino", {"device_type": "CPU"}, 1)

    class Broken:
        def run(self, *_):
            raise EPFail("no memory")

    session._sess = Broken()  # ONNX Runtime falls back by itself, and has no other seam
    with pytest.raises(EPFail, match="no memory"):
        session.run(["appearance"], {"canvas": canvases()})


def run_by(monkeypatch, run):
    """Sessions run by `run`, which gets the session, how it runs as usual, and its inputs."""

    class Session(ort.InferenceSession):
        def run(self, names, feeds, *options):
            return run(self, lambda feeds: super(Session, self).run(names, feeds, *options), feeds)

    monkeypatch.setattr(ort, "InferenceSession", Session)


def answering(real, answers):
    """Sessions as usual on the CPU; elsewhere `answers` come first."""

    def session(*arguments, providers, **options):
        if providers == ["CPUExecutionProvider"] or not answers:
            return real(*arguments, providers=providers, **options)
        answer = answers.pop()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return session
