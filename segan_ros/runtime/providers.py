"""Which provider runs the networks, at what precision, with which options of ONNX Runtime.

A provider is what ONNX Runtime computes with: TensorRT, CUDA, OpenVINO or its own CPU code.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TypeVar

import onnxruntime as ort

from segan_ros.runtime.gpu import gpu, tensorrt_version
from segan_ros.runtime.network import MAX_BATCH, USUAL_BATCH, Network, shapes
from segan_ros.runtime.openvino import computes_bf16, multiplies_int8
from segan_ros.runtime.spec import ModelError

LOG = logging.getLogger(__name__)

T = TypeVar("T")

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Choices of `provider` in the order that ``auto`` tries them, and ONNX Runtime's names."""

NVIDIA = ("tensorrt", "cuda")
"""Those that need an NVIDIA GPU and CUDA's libraries."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
"""Choices of `precision`. ``auto`` is fp16 on TensorRT; on OpenVINO bf16 where the CPU has it, or
else int8 where the CPU and the model have it; and fp32 elsewhere."""


class ProviderError(Exception):
    """This provider cannot run this network here; another one might."""


class UnavailableError(ProviderError):
    """It lacks a library, a device or memory: nothing is wrong with the network or its engine."""


def choose(provider: str, start: Callable[[str], T | None]) -> tuple[T, bool]:
    """Start on the first provider that runs.

    Args:
        provider: key of `PROVIDERS`, or ``auto`` for each of them in turn.
        start: starts the networks on the provider of that name, or raises `ProviderError`. None
            means that it has to wait for its engines: the next one that runs serves meanwhile.

    Returns:
        What `start` gave, and whether a provider before it waits for its engines.

    Raises:
        ModelError: none runs.
    """
    order = list(PROVIDERS)
    names = order if provider == "auto" else [provider]
    waits = False
    while names:
        name, *names = names
        try:
            started = start(name)
        except ProviderError as error:
            if not names:
                raise ModelError(f"provider {name}: {error}") from None
            LOG.info("provider %s skipped: %s", name, error)
            continue
        if started is not None:
            return started, waits
        waits = True
        names = order[order.index(name) + 1 :]
    raise ModelError(
        f"provider {provider}: its engines are not built yet, and no other provider works"
    )


def precision_on(provider: str, precision: str, quantised: bool = False) -> str:
    """``fp32``, ``bf16``, ``fp16`` or ``int8``: what `precision` means where `provider` runs.

    fp16 runs on TensorRT, int8 on TensorRT and OpenVINO, bf16 on OpenVINO where the CPU computes
    with it (elsewhere it would be imitated, at a third of the speed); all else is fp32.

    Args:
        provider: key of `PROVIDERS`.
        precision: one of `PRECISIONS`.
        quantised: the model has an 8-bit segmentor for the provider, which ``auto`` may take.
    """
    if precision == "auto":
        precision = {"tensorrt": "fp16", "openvino": "bf16"}.get(provider, "fp32")
        if provider == "openvino" and not computes_bf16() and quantised and multiplies_int8():
            precision = "int8"
    able = {"fp16": ("tensorrt",), "int8": ("tensorrt", "openvino"), "bf16": ("openvino",)}
    if provider not in able.get(precision, ()) or (precision == "bf16" and not computes_bf16()):
        return "fp32"
    return precision


def require(provider: str) -> None:
    """Raise `ProviderError` if this ONNX Runtime or this machine lacks the provider."""
    available = ort.get_available_providers()
    if PROVIDERS[provider] not in available:
        have = [k for k, v in PROVIDERS.items() if v in available]
        raise ProviderError(
            f"not in this onnxruntime ({ort.__version__}), which has {', '.join(have)}; "
            "docs/gpu.md lists the packages"
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
        if precision == "bf16":
            options["load_config"] = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}})
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
