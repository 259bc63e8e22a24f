"""Exported networks at work: a folder of ONNX files in, `segment` and `paint` out."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import numpy as np
import onnxruntime as ort

from segan_ros.crops import Planes
from segan_ros.model_spec import ModelError, ModelSpec
from segan_ros.resources import resource_path

LOG = logging.getLogger(__name__)

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Choices of `provider` in the order that ``auto`` tries them, and ONNX Runtime's names."""

MAX_BATCH = 16
"""Most objects per call of a network; callers cut more into several calls, which bounds memory."""


def model_folder(model: str | Path) -> Path:
    """The folder that `model` means: a path, or the bare name of a shipped model.

    Raises:
        ModelError: no model of that name is shipped.
    """
    path = Path(model).expanduser()
    if path.is_absolute() or len(path.parts) != 1 or (path / "model.yaml").is_file():
        return path
    try:
        return resource_path(f"models/{path}")
    except FileNotFoundError:
        raise ModelError(
            f"model is {str(model)!r} but no such model is shipped; give the path of a model folder"
        ) from None


class Model:
    """An exported segmentor and painter, loaded, checked and warmed up.

    Args:
        folder: holds ``model.yaml`` and the ONNX files it names.
        provider: ``auto`` or a key of `PROVIDERS`. ``auto`` takes the first that really runs and
            logs what it skipped.
        threads: CPU threads per network, 0 for all cores.
        cache: folder for TensorRT engines, made when needed; unused by other providers.

    Raises:
        ModelError: the folder, a file or the provider cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        provider: str = "auto",
        threads: int = 0,
        cache: str | Path | None = None,
    ) -> None:
        if provider != "auto" and provider not in PROVIDERS:
            raise ModelError(f"provider is {provider!r}; known are auto, {', '.join(PROVIDERS)}")
        self.folder = Path(folder)
        self.spec = ModelSpec.read(folder)
        tried = list(PROVIDERS) if provider == "auto" else [provider]
        for name in tried:
            try:
                self._load(name, threads, None if cache is None else Path(cache).expanduser())
                break
            except _ProviderError as error:
                if name == tried[-1]:
                    raise ModelError(f"provider {name}: {error}") from None
                LOG.info("provider %s skipped: %s", name, error)

    def segment(self, planes: Planes, boxes: Planes) -> Planes:
        """Probability that a pixel of the widened box belongs to the object, hidden or seen.

        Args:
            planes: ``(N, C, h, w)`` float32 in 0..1, see `crops.input_planes`.
            boxes: ``(N, 4)`` float32, the widened boxes in 0..1 of the image; used by ``view:
                image`` only.

        Returns:
            ``(N, P, P)`` float32 in 0..1.
        """
        feeds = {"planes": planes}
        if self.spec.segmentor.view == "image":
            feeds["boxes"] = boxes
        found = self._run(self._segmentor, feeds)
        if found.ndim != 4 or found.shape[1] != 1:
            raise ModelError(
                f"{self.spec.segmentor.file}: its output must be (N, 1, P, P), got {found.shape}"
            )
        return found[:, 0]

    def paint(self, canvases: Planes) -> Planes:
        """The object's appearance, its hidden part included (paper, section 3.2).

        Args:
            canvases: ``(N, 3, h, w)`` float32 in 0..1, see `crops.canvas`.

        Returns:
            ``(N, 3, h, w)`` float32 RGB in 0..1.
        """
        return self._run(self._painter, {"canvas": canvases})

    def _load(self, provider: str, threads: int, cache: Path | None) -> None:
        segmentor, painter = self.spec.segmentor, self.spec.painter
        inputs: dict[str, tuple[int, ...]] = {"planes": (segmentor.channels, *segmentor.size)}
        if segmentor.view == "image":
            inputs["boxes"] = (4,)
        self._segmentor = _session(self.folder / segmentor.file, inputs, provider, threads, cache)
        self._painter = _session(
            self.folder / painter.file, {"canvas": (3, *painter.size)}, provider, threads, cache
        )
        self.provider = provider
        for count in (1, MAX_BATCH):
            side = self.segment(
                np.zeros((count, *inputs["planes"]), np.float32), np.zeros((count, 4), np.float32)
            )
            colours = self.paint(np.zeros((count, 3, *painter.size), np.float32))
        if not (np.isfinite(side).all() and np.isfinite(colours).all()):
            raise ModelError(f"{self.folder}: its networks answer a black picture with NaN or inf")
        if colours.shape[1:] != (3, *painter.size):
            raise ModelError(
                f"{painter.file}: its output must be (N, 3, {painter.size}), got {colours.shape}"
            )

    @staticmethod
    def _run(session: ort.InferenceSession, feeds: dict[str, Planes]) -> Planes:
        count = len(next(iter(feeds.values())))
        parts = [
            session.run(
                None, {k: np.ascontiguousarray(v[i : i + MAX_BATCH]) for k, v in feeds.items()}
            )[0]
            for i in range(0, count, MAX_BATCH)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class _ProviderError(Exception):
    """This provider cannot run here; another one might."""


def _session(
    path: Path, inputs: dict[str, tuple[int, ...]], provider: str, threads: int, cache: Path | None
) -> ort.InferenceSession:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; model.yaml names it, export the model again")
    name = PROVIDERS[provider]
    if name not in ort.get_available_providers():
        have = [k for k, v in PROVIDERS.items() if v in ort.get_available_providers()]
        raise _ProviderError(
            f"this onnxruntime ({ort.__version__}) was built without it, it has "
            f'{", ".join(have)}; README, "Providers", says which package brings it'
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(
            str(path),
            options,
            providers=[(name, provider_options(provider, path, inputs, threads, cache))],
        )
    except Exception as error:
        try:
            ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception:
            raise ModelError(f"{path}: ONNX Runtime cannot read it: {_first_line(error)}") from None
        raise _ProviderError(_first_line(error)) from None
    if session.get_providers()[0] != name:
        raise _ProviderError("its library or device is missing, ONNX Runtime fell back to the CPU")
    for item in session.get_inputs():
        if item.type != "tensor(float)" or isinstance(item.shape[0], int):
            raise ModelError(
                f"{path}: input {item.name} is {item.type} {item.shape}; it must be float32 for "
                "any number of objects, export the model again with a dynamic first axis"
            )
    stated = {i.name: tuple(i.shape[1:]) for i in session.get_inputs()}
    if stated != inputs:
        raise ModelError(f"{path}: its inputs are {stated} but model.yaml calls for {inputs}")
    return session


def provider_options(
    provider: str, path: Path, inputs: dict[str, tuple[int, ...]], threads: int, cache: Path | None
) -> dict[str, str]:
    """ONNX Runtime's options for a provider, see `Model`; `inputs` are shapes without the batch."""
    if provider == "openvino":
        return {"device_type": "CPU", **({"num_of_threads": str(threads)} if threads else {})}
    if provider != "tensorrt":
        return {}
    options = {"trt_fp16_enable": "1"}
    for bound, count in (("min", 1), ("opt", 8), ("max", MAX_BATCH)):
        shapes = ",".join(f"{n}:{'x'.join(map(str, (count, *s)))}" for n, s in inputs.items())
        options[f"trt_profile_{bound}_shapes"] = shapes
    if cache is not None:
        # ONNX Runtime puts GPU and TensorRT version into the file names; telling models and
        # runtimes apart is left to us.
        key = f"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}-ort{ort.__version__}"
        folder = cache / key
        folder.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder)}
    return options


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()[:300]
