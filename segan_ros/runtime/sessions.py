"""One network on one provider: an ONNX Runtime session, checked before it is used."""

from __future__ import annotations

import re

import onnxruntime as ort

from segan_ros.runtime.network import USUAL_BATCH, Network
from segan_ros.runtime.providers import (
    NVIDIA,
    PROVIDERS,
    ProviderError,
    UnavailableError,
    load_cuda,
    require,
)
from segan_ros.runtime.spec import ModelError

FIXED_BATCH = {PROVIDERS["cuda"]: USUAL_BATCH}
"""Objects in every call to a provider, empty ones among them: whenever their number changes, CUDA
plans all its convolutions anew, which takes a tenth to half a second (docs/gpu.md)."""

NO_MEMORY = (
    r"out of memory|bad_alloc|(insufficient|not enough|available) memory"
    r"|(cannot|could not|fail\w*( to)?|unable to) alloc"
)
"""How runtimes say that they lack it."""


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


def failure(error: Exception, prefix: str = "") -> ProviderError:
    """What an error of ONNX Runtime, whose classes do not tell, means for its provider."""
    reason = first_line(error)
    lacks = re.search(NO_MEMORY, reason, re.IGNORECASE)
    return (UnavailableError if lacks else ProviderError)(prefix + reason)


def first_line(error: Exception | str) -> str:
    """The message without line breaks, cut to a length that fits a log line."""
    return re.sub(r"\s+", " ", str(error)).strip()[:300]
