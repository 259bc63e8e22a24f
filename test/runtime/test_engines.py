"""Engines are built once, checked before use, and never keep the robot waiting.

OpenVINO compiles networks and keeps them, as TensorRT does: it stands in for TensorRT on machines
without a GPU, through the same code.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
from dummy_model import COMPILES

from segan_ros.runtime import engines as engines_module
from segan_ros.runtime.background import EngineBuild
from segan_ros.runtime.engine_builder import EngineError
from segan_ros.runtime.engines import MANIFEST, UNFINISHED, Engines
from segan_ros.runtime.model import Model
from segan_ros.runtime.network import MAX_BATCH, Network
from segan_ros.runtime.providers import (
    PROVIDERS,
    ProviderError,
    UnavailableError,
    load_cuda,
    provider_options,
    require,
)
from segan_ros.runtime.sessions import failure, open_session

PAINTER = {"canvas": (3, 32, 32)}


@pytest.fixture(autouse=True)
def a_cpu_without_bf16(monkeypatch):
    """Engines of OpenVINO answer as the CPU does, to its digits."""
    monkeypatch.setattr("segan_ros.runtime.providers.computes_bf16", lambda: False)


def test_tensorrt_is_told_every_batch_size(tmp_path):
    network = Network(tmp_path / "segmentor.onnx", {"planes": (4, 500, 500), "boxes": (4,)})
    options = provider_options("tensorrt", network, "fp32", 0, None)
    assert options["trt_profile_min_shapes"] == "planes:1x4x500x500,boxes:1x4"
    assert options["trt_profile_max_shapes"] == f"planes:{MAX_BATCH}x4x500x500,boxes:{MAX_BATCH}x4"
    assert "trt_engine_cache_path" not in options
    kept = provider_options("tensorrt", network, "fp32", 0, tmp_path)
    # "1", which the C API takes, is refused.
    assert kept["trt_engine_cache_enable"] == "True"
    assert kept["trt_engine_cache_path"] == str(tmp_path)


@pytest.mark.parametrize(
    ("precision", "half", "quantised"),
    [("fp32", "False", "False"), ("fp16", "True", "False"), ("int8", "True", "True")],
)
def test_tensorrt_is_told_the_precision(painter, precision, half, quantised):
    options = provider_options("tensorrt", painter, precision, 0, None)
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (half, quantised)


@pytest.mark.parametrize(
    ("gpu", "version", "message"),
    [(None, None, "no NVIDIA GPU"), ("Orin sm87", None, "TensorRT .* is not found")],
)
def test_what_tensorrt_lacks_is_said_before_any_build(monkeypatch, gpu, version, message):
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PROVIDERS.values()))
    monkeypatch.setattr("segan_ros.runtime.providers.gpu", lambda: gpu)
    monkeypatch.setattr("segan_ros.runtime.providers.tensorrt_version", lambda: version)
    with pytest.raises(ProviderError, match=message):
        require("tensorrt")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "its library or device is missing"),
        (
            "Failed to load /pip/libcublas.so.13: /lib/libc.so.6: version not found\n"
            "Failed to load libcudart.so.13: libcudart.so.13: cannot open shared object file\n"
            "Failed to load libcurand.so.10: libcurand.so.10: cannot open shared object file\n"
            "Please follow a link.",
            "^libcudart.so.13, libcurand.so.10 is missing",
        ),
    ],
)
def test_cuda_that_does_not_load_is_named(monkeypatch, capsys, painter, said, reason):
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PROVIDERS.values()))
    monkeypatch.setattr("segan_ros.runtime.providers.gpu", lambda: "a GPU")
    monkeypatch.setattr(ort, "preload_dlls", lambda: said and print(said), raising=False)
    load_cuda.cache_clear()
    with pytest.raises(UnavailableError, match=reason):
        open_session(painter, "cuda", {}, 0)
    load_cuda.cache_clear()
    assert capsys.readouterr().out == ""


@COMPILES
def test_an_engine_is_built_once(cache, painter):
    assert cache.find(painter, "fp32") is None
    built = cache.build(painter, "fp32")
    assert built == cache.find(painter, "fp32")
    assert [p for p in built.iterdir() if p.name != MANIFEST]
    assert not list(cache.folder.glob(f"{UNFINISHED}*"))


@COMPILES
@pytest.mark.parametrize("change", ["network", "weights", "precision", "shapes", "runtime"])
def test_an_engine_for_something_else_is_not_used(cache, painter, change, monkeypatch):
    if change == "weights":
        onnx.save(
            onnx.load(painter.path),
            painter.path,
            save_as_external_data=True,
            location="painter.data",
            size_threshold=0,
            convert_attribute=True,
        )
        painter = Network(painter.path, painter.inputs)
    cache.build(painter, "fp32")
    precision = "fp32"
    if change == "weights":
        weights = painter.path.with_suffix(".data")
        weights.write_bytes(weights.read_bytes()[::-1])
        painter = Network(painter.path, painter.inputs)
    elif change == "network":
        with painter.path.open("ab") as file:
            file.write(b"more")
        painter = Network(painter.path, painter.inputs)
    elif change == "precision":
        precision = "int8"
    elif change == "shapes":
        painter = Network(painter.path, {"canvas": (3, 64, 64)})
    else:
        monkeypatch.setattr(ort, "__version__", "0.1")
    assert cache.find(painter, precision) is None


def test_another_gpu_or_runtime_is_another_engine(tmp_path, painter, monkeypatch):
    names = set()
    for card, version in (("Orin", "1"), ("A10", "1"), ("Orin", "2")):
        monkeypatch.setattr(engines_module, "gpu", lambda card=card: card)
        monkeypatch.setattr(engines_module, "tensorrt_version", lambda version=version: version)
        names.add(str(Engines(tmp_path).key(painter, "fp16")))
    assert len(names) == 3


@COMPILES
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "manifest", "not json", "lying"])
def test_a_damaged_engine_is_deleted_and_built_again(cache, painter, damage, caplog):
    built = cache.build(painter, "fp32")
    engine = next(p for p in built.iterdir() if p.name != MANIFEST)
    data = engine.read_bytes()
    if damage == "cut":
        engine.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        engine.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "missing":
        engine.unlink()
    elif damage == "manifest":
        (built / MANIFEST).unlink()
    elif damage == "not json":
        (built / MANIFEST).write_bytes(b"\xff{")
    else:
        manifest = json.loads((built / MANIFEST).read_text())
        manifest["key"]["onnxruntime"] = "0.1"
        (built / MANIFEST).write_text(json.dumps(manifest))
    assert cache.find(painter, "fp32") is None
    assert "rebuilding" in caplog.text
    assert not built.exists()
    assert cache.build(painter, "fp32") == built == cache.find(painter, "fp32")


@COMPILES
def test_two_builders_may_finish_the_same_engine(cache, painter):
    built = cache.build(painter, "fp32")
    before = (built / MANIFEST).stat().st_ino
    assert cache.build(painter, "fp32") == built
    assert (built / MANIFEST).stat().st_ino == before


@COMPILES
def test_without_a_writable_cache_engines_last_as_long_as_the_process(tmp_path, painter, caplog):
    (tmp_path / "file").touch()
    cache = Engines(tmp_path / "file" / "cache", provider="openvino")
    built = cache.build(painter, "fp32")
    assert cache.find(painter, "fp32") == built
    assert "cannot use engine_cache" in caplog.text
    assert "set another one" in caplog.text


def test_builder_of_a_process_that_is_gone_ends(painter):
    order = {"parent": 1, "path": str(painter.path)}
    command = [sys.executable, "-m", "segan_ros.runtime.engine_builder", json.dumps(order)]
    builder = subprocess.run(command, capture_output=True, text=True, check=False)
    assert builder.returncode == 1 and "has ended" in builder.stderr


def test_failure_without_words_is_a_failure():
    def work(_):
        raise MemoryError

    build = EngineBuild(work)
    assert build.wait(10)
    assert build.status("cpu") == "failed: MemoryError(); serving on cpu"


@COMPILES
def test_a_full_disk_is_noticed_before_the_build(cache, painter, caplog, monkeypatch):
    monkeypatch.setattr(engines_module, "ROOM_PER_NETWORK", 2**60)
    built = cache.build(painter, "fp32")
    assert not built.is_relative_to(cache.folder)
    assert "MB are needed" in caplog.text
    assert "free space" in caplog.text


def test_a_model_that_keeps_no_engines_needs_no_home(homeless, folder):
    assert Model(folder, "cpu").provider == "cpu"


@COMPILES
def test_without_a_home_engines_live_until_the_process_ends(homeless, painter, caplog):
    cache = Engines(provider="openvino")
    built = cache.build(painter, "fp32")
    assert cache.find(painter, "fp32") == built and not list(Path().glob("~*"))
    assert "cannot use engine_cache ~/.cache/segan_ros/engines" in caplog.text
    assert "HOME is not set" in caplog.text


def test_a_failed_build_says_why_and_leaves_nothing(tmp_path, painter):
    painter.path.write_bytes(b"not a network")
    cache = Engines(tmp_path / "cache", provider="cpu")
    with pytest.raises(EngineError, match=r"painter\.onnx: ONNX Runtime cannot read it"):
        cache.build(painter, "fp32")
    assert list(cache.folder.iterdir()) == []


def test_a_provider_that_writes_no_engine_is_an_error(tmp_path, painter):
    with pytest.raises(EngineError, match="wrote no engine"):
        Engines(tmp_path / "cache", provider="cpu").build(painter, "fp32")


def test_a_killed_builder_is_explained(tmp_path, painter):
    cache = Engines(tmp_path / "cache", provider="cpu")
    with pytest.raises(EngineError, match=r"killed by SIGKILL; is the machine out of memory\?"):
        cache.build(painter, "fp32", watch=subprocess.Popen.kill)
    assert list(cache.folder.iterdir()) == []


@COMPILES
def test_leftovers_of_a_power_failure_go_away(cache, painter):
    old, young = (cache.folder / f"{UNFINISHED}{n}" for n in ("old", "young"))
    for path in (old, young):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    cache.build(painter, "fp32")
    assert not old.exists()
    assert young.exists()


def test_cuda_does_not_time_every_convolution_for_each_number_of_objects(painter):
    options = provider_options("cuda", painter, "fp32", 0, None)
    assert options == {"cudnn_conv_algo_search": "HEURISTIC"}


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("CUDA failure 2: out of memory ; GPU=0", True),
        ("std::bad_alloc", True),
        ("Failed to allocate memory for requested buffer of size 4096", True),
        ("CUDA failure 700: an illegal memory access was encountered", False),
        ("/data/allocator/memory/x.engine: deserialization failed", False),
    ],
)
def test_lack_of_memory_is_told_from_other_failures(text, lacks):
    assert isinstance(failure(RuntimeError(text)), UnavailableError) == lacks


def test_digest_is_of_the_file_and_of_what_it_names_alone(painter):
    before = Network(painter.path, PAINTER).digest
    for name in (b"N", b"weight", b"Ger\xe4t.txt", b"painter.txt"):
        (painter.path.parent / os.fsdecode(name)).write_bytes(b"x")
    assert Network(painter.path, PAINTER).digest == before


@COMPILES
def test_engine_of_another_user_that_cannot_be_read_is_left_alone(cache, painter, caplog):
    built = cache.build(painter, "fp32")
    assert built.stat().st_mode & 0o755 == 0o755
    if os.getuid() == 0:
        pytest.skip("root reads and deletes everything")
    (built / MANIFEST).chmod(0)
    built.chmod(0o500)
    try:
        spare = cache.build(painter, "fp32")
    finally:
        built.chmod(0o700)
    assert not spare.is_relative_to(cache.folder)
    assert "cannot be deleted" in caplog.text
