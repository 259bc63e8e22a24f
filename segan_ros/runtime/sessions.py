"""One exported network on one of ONNX Runtime's providers, checked before it is used."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache, cached_property
from io import StringIO
from pathlib import Path

import numpy as np
import onnxruntime as ort

from segan_ros.frame import Planes
from segan_ros.runtime.gpu import gpu, tensorrt_version
from segan_ros.runtime.spec import ModelError

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Choices of `provider` in the order that ``auto`` tries them, and ONNX Runtime's names."""

NVIDIA = ("tensorrt", "cuda")
"""Those that need an NVIDIA GPU and CUDA's libraries."""

PRECISIONS = ("auto", "fp32", "fp16", "int8")
"""Choices of `precision`; ``auto`` is fp16 on TensorRT and fp32 elsewhere."""

USUAL_BATCH, MAX_BATCH = 8, 16
"""Objects per call that engines are tuned for, and the most: callers cut more into several calls,
which bounds memory."""

FIXED_BATCH = {PROVIDERS["cuda"]: USUAL_BATCH}
"""Objects in every call to a provider, empty ones among them: whenever their number changes, CUDA
plans all its convolutions anew, which takes a tenth to half a second (docs/gpu.md)."""


NO_MEMORY = (
    r"out of memory|bad_alloc|(insufficient|not enough|available) memory"
    r"|(cannot|could not|fail\w*( to)?|unable to) alloc"
)
"""How runtimes say that they lack it."""


class ProviderError(Exception):
    """This provider cannot run this network here; another one might."""


class UnavailableError(ProviderError):
    """It lacks a library, a device or memory: nothing is wrong with the network or its engine."""


@dataclass(frozen=True)
class Network:
    """An ONNX file, and the shapes of its inputs without the batch."""

    path: Path
    inputs: dict[str, tuple[int, ...]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, and of those beside it that it names (ONNX external data), as they
        were when this was asked first."""
        return self._digest()

    @property
    def has_changed(self) -> bool:
        """Whether the files are other ones now."""
        return self._digest() != self.digest

    def _digest(self) -> str:
        content = self.path.read_bytes()
        digest = hashlib.sha256(content)
        for other in sorted(self.path.parent.iterdir()):
            if other != self.path and _location(other.name) in content and other.is_file():
                digest.update(other.read_bytes())
        return digest.hexdigest()

    def zeros(self, count: int) -> dict[str, Planes]:
        """Inputs for `count` objects."""
        return {name: np.zeros((count, *s), np.float32) for name, s in self.inputs.items()}


def _location(name: str) -> bytes:
    """How an ONNX file says that weights lie in the file `name`: a key and a value of protobuf."""
    text = os.fsencode(name)
    length = len(text)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return b"\x0a\x08location\x12" + size + text


def precision_on(provider: str, precision: str) -> str:
    """``fp32``, ``fp16`` or ``int8``: what `precision` means where `provider` runs.

    Half precision is TensorRT's affair; int8 pays on TensorRT and OpenVINO alone.
    """
    if precision == "auto":
        precision = "fp16" if provider == "tensorrt" else "fp32"
    able = {"fp16": ("tensorrt",), "int8": ("tensorrt", "openvino")}
    return precision if provider in able.get(precision, PROVIDERS) else "fp32"


def require(provider: str) -> None:
    """Raise `ProviderError` if this ONNX Runtime or this machine lacks the provider."""
    available = ort.get_available_providers()
    if PROVIDERS[provider] not in available:
        have = [k for k, v in PROVIDERS.items() if v in available]
        raise ProviderError(
            f"this onnxruntime ({ort.__version__}) was built without it, it has "
            f'{", ".join(have)}; README, "Providers", says which package brings it'
        )
    if provider in NVIDIA:
        if gpu() is None:
            raise ProviderError("no NVIDIA GPU, or no driver for it (libcuda.so.1)")
        load_cuda()
    if provider == "tensorrt" and tensorrt_version() is None:
        raise ProviderError("TensorRT (libnvinfer.so) is not found; see docs/gpu.md")


@cache
def load_cuda() -> tuple[str, ...]:
    """Load CUDA and cuDNN from pip's ``nvidia-*`` packages, in which no loader looks by itself.

    Returns:
        the libraries of CUDA that ONNX Runtime found neither there nor elsewhere; none before 1.21,
        which cannot do this.
    """
    said = StringIO()
    with redirect_stdout(said):
        getattr(ort, "preload_dlls", lambda: None)()
    # It tries pip's files, by their paths, before it leaves the search to the loader, by name.
    return tuple(re.findall(r"Failed to load ([^/\s]+): ", said.getvalue()))


def open_session(
    network: Network, provider: str, options: dict[str, str], threads: int
) -> ort.InferenceSession:
    """A session that really runs on `provider`.

    Args:
        network: checked against what the file says.
        provider: key of `PROVIDERS`.
        options: see `provider_options`.
        threads: CPU threads, 0 for all cores.

    Raises:
        ProviderError: the provider cannot run it.
        ModelError: no provider could.
    """
    if not network.path.is_file():
        raise ModelError(
            f"{network.path}: no such file; model.yaml names it, export the model again"
        )
    require(provider)
    name = PROVIDERS[provider]
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    try:
        session = ort.InferenceSession(
            str(network.path),
            settings,
            providers=[(name, options)],
            enable_fallback=0,  # it would print the reason and take the CPU
        )
    except Exception as error:
        reason = first_line(error)
        try:
            ort.InferenceSession(str(network.path), settings, providers=["CPUExecutionProvider"])
        except Exception:
            raise ModelError(f"{network.path}: ONNX Runtime cannot read it: {reason}") from None
        raise failure(error) from None
    if session.get_providers()[0] != name:
        missing = load_cuda() if provider in NVIDIA else ()
        raise UnavailableError(
            f"{', '.join(missing) or 'its library or device'} is missing, ONNX Runtime fell back "
            "to the CPU"
        )
    session.disable_fallback()  # nor may it take the CPU when a run fails later
    _check_inputs(network, session)
    return session


def _check_inputs(network: Network, session: ort.InferenceSession) -> None:
    for item in session.get_inputs():
        if item.type != "tensor(float)" or not item.shape or isinstance(item.shape[0], int):
            raise ModelError(
                f"{network.path}: input {item.name} is {item.type} {item.shape}; it must be "
                "float32 for any number of objects, export the model again with a dynamic first "
                "axis"
            )
    stated = {i.name: tuple(i.shape[1:]) for i in session.get_inputs()}
    if stated != network.inputs:
        raise ModelError(
            f"{network.path}: its inputs are {stated} but model.yaml calls for {network.inputs}"
        )


def provider_options(
    provider: str, network: Network, precision: str, threads: int, engine: Path | None
) -> dict[str, str]:
    """ONNX Runtime's options for a provider.

    Args:
        provider: key of `PROVIDERS`.
        network: TensorRT is told the shapes of its inputs.
        precision: see `precision_on`.
        threads: CPU threads, 0 for all cores.
        engine: folder that ONNX Runtime keeps the compiled network in; None: nowhere.
    """
    if provider == "openvino":
        options = {"device_type": "CPU"}
        if threads:
            options["num_of_threads"] = str(threads)
        return options if engine is None else {**options, "cache_dir": str(engine)}
    if provider == "cuda":
        # The default search would time every convolution again for each new number of objects.
        return {"cudnn_conv_algo_search": "HEURISTIC"}
    if provider != "tensorrt":
        return {}
    options = {
        # ONNX Runtime's Python reads True and False here, and refuses 1 and 0.
        # In an int8 network, what is not quantised runs at half precision.
        "trt_fp16_enable": str(precision in ("fp16", "int8")),
        "trt_int8_enable": str(precision == "int8"),
    }
    for bound, count in (("min", 1), ("opt", USUAL_BATCH), ("max", MAX_BATCH)):
        options[f"trt_profile_{bound}_shapes"] = shapes(network, count)
    if engine is not None:
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(engine),
            "trt_engine_cache_prefix": network.path.stem,
        }
    return options


def shapes(network: Network, count: int) -> str:
    """Shapes of the inputs for `count` objects, as TensorRT reads them."""
    return ",".join(f"{n}:{'x'.join(map(str, (count, *s)))}" for n, s in network.inputs.items())


def failure(error: Exception, prefix: str = "") -> ProviderError:
    """What an error of ONNX Runtime, whose classes do not tell, means for its provider."""
    reason = first_line(error)
    lacks = re.search(NO_MEMORY, reason, re.IGNORECASE)
    return (UnavailableError if lacks else ProviderError)(prefix + reason)


def first_line(error: Exception | str) -> str:
    """The message without line breaks, cut to a length that fits a log line."""
    return re.sub(r"\s+", " ", str(error)).strip()[:300]
