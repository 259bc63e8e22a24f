"""Exported networks at work: a folder of ONNX files in, `segment` and `paint` out."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import yaml

from segan_ros.crops import PLANE_CHANNELS, Planes, Roi
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


class ModelError(ValueError):
    """A model folder or a provider cannot be used; the message says why and what helps."""


@dataclass(frozen=True)
class SegmentorSpec:
    """The ``segmentor`` part of ``model.yaml``; README, "Models", explains each key."""

    file: str
    view: str
    size: tuple[int, int]
    planes: tuple[str, ...]
    roi: Roi
    threshold: float
    occluders: str

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return sum(PLANE_CHANNELS[p] for p in self.planes)


@dataclass(frozen=True)
class PainterSpec:
    """The ``painter`` part of ``model.yaml``."""

    file: str
    size: tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """``model.yaml``: what `SceneCompleter` must know of an exported pair."""

    name: str
    segmentor: SegmentorSpec
    painter: PainterSpec

    @classmethod
    def read(cls, folder: str | Path) -> ModelSpec:
        """Read ``model.yaml`` in `folder`.

        Raises:
            ModelError: it is missing, unreadable, of another format, lacks a key or holds a bad
                value.
        """
        path = Path(folder) / "model.yaml"
        if not path.is_file():
            raise ModelError(
                f"{path}: no such file; a model is a folder with model.yaml and its ONNX files"
            )
        try:
            text = yaml.safe_load(path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: not readable as YAML: {error}") from None
        get = _Keys(path, text)
        if get("format", int) != 1:
            raise ModelError(
                f"{path}: format is {text['format']}, this version reads 1; export the model again"
            )
        try:
            roi = Roi(get("segmentor.roi.margin", float), get("segmentor.roi.of", str))
        except ValueError as error:
            raise ModelError(f"{path}: {error}") from None
        return cls(
            get("name", str),
            SegmentorSpec(
                file=get.file("segmentor.file"),
                view=get.choice("segmentor.view", ("roi", "image")),
                size=get.size("segmentor.size"),
                planes=tuple(
                    get.choice("segmentor.planes", PLANE_CHANNELS, p)
                    for p in get("segmentor.planes", list)
                ),
                roi=roi,
                threshold=get.share("segmentor.threshold"),
                occluders=get.choice("segmentor.occluders", ("labelled", "any")),
            ),
            PainterSpec(get.file("painter.file"), get.size("painter.size")),
        )


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


class _Keys:
    """Dotted access to a YAML document, with errors that name file, key and remedy."""

    def __init__(self, path: Path, document: Any) -> None:
        self._path, self._document = path, document

    def __call__(self, key: str, kind: type) -> Any:
        value = self._document
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise ModelError(
                    f"{self._path}: key {key!r} is missing; export the model again or add it"
                )
            value = value[part]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ModelError(
                f"{self._path}: {key} is {value!r}; it must be of type {kind.__name__}"
            )
        return value

    def choice(self, key: str, allowed: Any, value: Any = None) -> str:
        value = self(key, str) if value is None else value
        if value not in tuple(allowed):
            raise ModelError(f"{self._path}: {key} has {value!r}; known are {', '.join(allowed)}")
        return value

    def size(self, key: str) -> tuple[int, int]:
        value = self(key, list)
        if len(value) != 2 or not all(isinstance(v, int) and 8 <= v <= 2048 for v in value):
            raise ModelError(
                f"{self._path}: {key} is {value!r}; it must be [height, width], each 8..2048"
            )
        return value[0], value[1]

    def share(self, key: str) -> float:
        value = self(key, float)
        if not 0 < value < 1:
            raise ModelError(f"{self._path}: {key} is {value}; it must lie between 0 and 1")
        return value

    def file(self, key: str) -> str:
        value = self(key, str)
        if Path(value).name != value:
            raise ModelError(
                f"{self._path}: {key} is {value!r}; it must be a file beside model.yaml"
            )
        return value
