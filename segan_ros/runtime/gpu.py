"""Which NVIDIA GPU and which TensorRT are here: an engine fits no other. Asked of their libraries,
because no Python package is sure to be there on a robot."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PROCESSORS, MAJOR, MINOR = 16, 75, 76
"""CUDA's names for the number of multiprocessors and the two halves of the compute capability."""


@cache
def gpu() -> str | None:
    """Name, compute capability, multiprocessors and memory of the first GPU; None without a GPU or
    its driver. The name does not tell one Jetson Orin from another."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, major, minor, processors = (ctypes.c_int() for _ in range(4))
    memory, name = ctypes.c_size_t(), ctypes.create_string_buffer(256)
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), MINOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(processors), PROCESSORS, device)
        or driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    )
    if failed:
        return None
    size = f"{processors.value} multiprocessors {memory.value / 2**30:.0f} GiB"
    return f"{name.value.decode()} sm{major.value}{minor.value} {size}"


@cache
def tensorrt_version() -> str | None:
    """Version of TensorRT's library, as the number it gives itself; None if there is none that ONNX
    Runtime could use (11 is not).

    That of pip's ``tensorrt-cu*`` comes before the one that the loader finds, and is loaded with
    its parser: ONNX Runtime then finds both.
    """
    pip = find_spec("tensorrt_libs")
    folders = (pip.submodule_search_locations if pip else None) or ()
    for folder in (*folders, ""):
        for major in (".10", ".8", ""):
            library, parser = (
                Path(folder, f"{name}.so{major}") for name in ("libnvinfer", "libnvonnxparser")
            )
            if folder and not parser.exists():
                continue
            try:
                version = str(ctypes.CDLL(str(library)).getInferLibVersion())
                if folder:
                    ctypes.CDLL(str(parser))
                return version
            except (OSError, AttributeError):
                continue
    return None
