"""What OpenVINO can do on this CPU: asked of its library, which comes with ONNX Runtime."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import onnxruntime as ort

LIBRARY = "libopenvino_c.so"
CPU = Path("/proc/cpuinfo")
BYTE_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8")

BF16_SINCE = (1, 24)
"""ONNX Runtime's version from which on it was seen to pass the wish for bf16 on to OpenVINO; some
before it ignore it."""


@cache
def capabilities() -> frozenset[str]:
    """OpenVINO's ``OPTIMIZATION_CAPABILITIES`` of the CPU (``FP32``, ``BF16``, ``INT8`` ...): what
    it computes with natively. Empty where there is no OpenVINO, or an unknown one."""
    core, answer = ctypes.c_void_p(), ctypes.c_char_p()
    try:
        library = ctypes.CDLL(str(Path(ort.__file__).parent / "capi" / LIBRARY))
        if library.ov_core_create(ctypes.byref(core)) != 0:
            return frozenset()
    except (OSError, AttributeError):
        return frozenset()
    try:
        failed = library.ov_core_get_property(
            core, b"CPU", b"OPTIMIZATION_CAPABILITIES", ctypes.byref(answer)
        )
        words = b"" if failed else answer.value or b""
        library.ov_free(answer)
    except AttributeError:
        return frozenset()
    finally:
        library.ov_core_free(core)
    return frozenset(words.decode().split())


def computes_bf16() -> bool:
    """Whether the CPU has bfloat16 instructions (AVX512_BF16 or AMX) and OpenVINO uses them."""
    version = tuple(int(n) for n in ort.__version__.split(".")[:2])
    return version >= BF16_SINCE and "BF16" in capabilities()


@cache
def multiplies_int8() -> bool:
    """Whether the CPU has instructions for products of bytes (AVX512_VNNI, AVX_VNNI or AMX_INT8)
    and OpenVINO uses them. Others do without, and sums of two products overflow there."""
    try:
        flags = set(CPU.read_text().split())
    except OSError:
        return False
    return "INT8" in capabilities() and not flags.isdisjoint(BYTE_PRODUCTS)
