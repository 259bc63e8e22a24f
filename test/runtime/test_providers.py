"""Which provider is chosen, and at what precision it runs."""

import json
import logging

import onnxruntime as ort
import pytest
from dummy_model import write_dummy_model

from segan_ros.runtime import openvino, providers
from segan_ros.runtime.model import Model
from segan_ros.runtime.network import Network
from segan_ros.runtime.providers import (
    PROVIDERS,
    ProviderError,
    choose,
    precision_on,
    provider_options,
)
from segan_ros.runtime.spec import ModelError

NEEDS_OPENVINO = pytest.mark.skipif(
    PROVIDERS["openvino"] not in ort.get_available_providers(), reason="needs onnxruntime-openvino"
)


def starter(**answers):
    """Starts nothing; the providers of other names lack something."""

    def start(name):
        if name not in answers:
            raise ProviderError(f"{name} lacks something")
        return answers[name]

    return start


def test_auto_takes_the_first_that_runs_and_says_what_it_skipped(caplog):
    caplog.set_level(logging.INFO)
    assert choose("auto", starter(openvino="o", cpu="c")) == ("o", False)
    assert "provider tensorrt skipped: tensorrt lacks something" in caplog.text
    assert "provider cuda skipped" in caplog.text and "cpu" not in caplog.text


def test_a_named_provider_is_the_only_one():
    assert choose("cpu", starter(openvino="o", cpu="c")) == ("c", False)
    with pytest.raises(ModelError, match="provider openvino: openvino lacks something"):
        choose("openvino", starter(cpu="c"))


@pytest.mark.parametrize("provider", ["auto", "tensorrt"])
def test_the_next_one_serves_while_engines_are_built(provider):
    assert choose(provider, starter(tensorrt=None, cpu="c")) == ("c", True)


def test_none_that_runs_is_an_error():
    with pytest.raises(ModelError, match="provider cpu: cpu lacks something"):
        choose("auto", starter())


def test_precision_is_what_a_provider_can_do(monkeypatch):
    monkeypatch.setattr(providers, "computes_bf16", lambda: False)
    assert precision_on("tensorrt", "auto") == precision_on("tensorrt", "fp16") == "fp16"
    assert precision_on("cpu", "auto") == precision_on("cpu", "fp16") == "fp32"
    assert precision_on("openvino", "int8") == precision_on("tensorrt", "int8") == "int8"
    assert precision_on("cpu", "int8") == precision_on("cuda", "int8") == "fp32"


def test_auto_takes_8_bits_on_a_cpu_that_multiplies_bytes_where_the_model_has_them(monkeypatch):
    monkeypatch.setattr(providers, "computes_bf16", lambda: False)
    monkeypatch.setattr(providers, "multiplies_int8", lambda: True)
    assert precision_on("openvino", "auto", quantised=True) == "int8"
    assert precision_on("openvino", "auto", quantised=False) == "fp32"
    assert precision_on("openvino", "fp32", quantised=True) == "fp32"
    assert precision_on("tensorrt", "auto", quantised=True) == "fp16"
    assert precision_on("cpu", "auto", quantised=True) == "fp32"
    monkeypatch.setattr(providers, "multiplies_int8", lambda: False)
    assert precision_on("openvino", "auto", quantised=True) == "fp32"
    monkeypatch.setattr(providers, "computes_bf16", lambda: True)
    monkeypatch.setattr(providers, "multiplies_int8", lambda: True)
    assert precision_on("openvino", "auto", quantised=True) == "bf16"


@pytest.mark.parametrize(
    ("flags", "does"),
    [("fpu avx2 avx_vnni", True), ("avx512f avx512_vnni", True), ("fpu avx2 avx512f", False)],
)
def test_byte_products_are_read_from_the_flags_of_the_cpu(flags, does, monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(openvino, "CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(openvino, "capabilities", lambda: frozenset({"FP32", "INT8"}))
    assert openvino.multiplies_int8.__wrapped__() is does
    monkeypatch.setattr(openvino, "capabilities", frozenset)
    assert openvino.multiplies_int8.__wrapped__() is False


def test_bf16_is_for_openvino_on_a_cpu_that_computes_with_it(monkeypatch):
    monkeypatch.setattr(providers, "computes_bf16", lambda: True)
    assert precision_on("openvino", "auto") == precision_on("openvino", "bf16") == "bf16"
    assert precision_on("openvino", "fp32") == "fp32"
    for other in ("tensorrt", "cuda", "cpu"):
        assert precision_on(other, "bf16") == "fp32"
    monkeypatch.setattr(providers, "computes_bf16", lambda: False)
    assert precision_on("openvino", "auto") == precision_on("openvino", "bf16") == "fp32"


def test_openvino_is_told_of_bf16_alone(tmp_path):
    network = Network(tmp_path / "none.onnx", {})
    options = provider_options("openvino", network, "bf16", 2, None)
    assert json.loads(options["load_config"]) == {"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}
    for precision in ("fp32", "int8"):
        assert "load_config" not in provider_options("openvino", network, precision, 2, None)


@NEEDS_OPENVINO
def test_openvino_knows_bf16_where_the_kernel_lists_its_instructions():
    """Two independent answers about this very CPU agree."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next(line for line in file if line.startswith("flags")).split()
    except (OSError, StopIteration):
        pytest.skip("no flags of an x86 CPU here")
    assert "FP32" in openvino.capabilities()
    assert ("BF16" in openvino.capabilities()) == bool({"avx512_bf16", "amx_bf16"} & {*flags})


@NEEDS_OPENVINO
@pytest.mark.parametrize("precision", ["auto", "bf16"])
def test_a_model_runs_bf16_where_the_cpu_has_it_and_nowhere_else(tmp_path, precision):
    model = Model(write_dummy_model(tmp_path), "openvino", precision=precision)
    assert model.precision == ("bf16" if openvino.computes_bf16() else "fp32")
    if model.precision == "fp32":
        model.require("auto")
        with pytest.raises(ModelError, match="bf16 but openvino would run fp32 here"):
            model.require("bf16")


def test_no_openvino_means_no_bf16(monkeypatch):
    openvino.capabilities.cache_clear()
    monkeypatch.setattr(openvino, "LIBRARY", "libnone.so")
    assert openvino.capabilities() == frozenset() and not openvino.computes_bf16()
    openvino.capabilities.cache_clear()


def test_an_older_onnx_runtime_means_no_bf16(monkeypatch):
    monkeypatch.setattr(openvino, "capabilities", lambda: frozenset({"BF16"}))
    assert openvino.computes_bf16() == (tuple(map(int, ort.__version__.split(".")[:2])) >= (1, 24))
    monkeypatch.setattr(ort, "__version__", "1.22.1")
    assert not openvino.computes_bf16()
