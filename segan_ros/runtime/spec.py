"""``model.yaml``: what everything but the networks themselves must know of an exported pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segan_ros.boxes import Roi

PLANE_CHANNELS = {"rgb": 3, "visible": 1, "others": 1, "borders": 1, "depth": 2}
"""Input planes of a segmentor and their channels: the picture in 0..1, the object's own visible
mask, the union of the other visible masks (what may hide it), the lines where two masks or a mask
and the background meet; how much nearer than the object each pixel is, and where that is known."""

OCCLUDERS = ("labelled", "any", "auto")
"""Where hidden pixels may lie: behind labelled objects; anywhere; anywhere if the depth of the
object is known and the segmentor sees it, else behind labelled objects."""


class ModelError(ValueError):
    """A model folder or a provider cannot be used; the message says why and what helps."""


INT8_PROVIDERS = ("openvino", "tensorrt")
"""Those that run 8-bit networks, each in a form of its own."""


def int8_key(provider: str) -> str:
    """What names a network's 8-bit file for `provider` in ``model.yaml``."""
    return f"{provider}_int8_file"


@dataclass(frozen=True)
class Int8Files:
    """The 8-bit networks beside a network's usual file, by the provider that takes their form."""

    openvino: str | None = None
    tensorrt: str | None = None

    def on(self, provider: str) -> str | None:
        """The one for that provider, if there is one."""
        return {"openvino": self.openvino, "tensorrt": self.tensorrt}.get(provider)


NO_INT8_FILES = Int8Files()


@dataclass(frozen=True)
class SegmentorSpec:
    """The ``segmentor`` part of ``model.yaml``; docs/data.md explains each key."""

    file: str
    view: str
    size: tuple[int, int]
    planes: tuple[str, ...]
    roi: Roi
    threshold: float
    occluders: str
    int8_files: Int8Files = NO_INT8_FILES

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return sum(PLANE_CHANNELS[p] for p in self.planes)

    @property
    def sees_depth(self) -> bool:
        """Whether depth is among the planes."""
        return "depth" in self.planes


@dataclass(frozen=True)
class PainterSpec:
    """The ``painter`` part of ``model.yaml``; docs/data.md explains each key.

    Args:
        roi: how the box of the whole mask is widened to what the painter looks at; None for what
            the segmentor looked at, as in the paper.
    """

    file: str
    size: tuple[int, int]
    roi: Roi | None = None
    int8_files: Int8Files = NO_INT8_FILES


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
            raise ModelError(f"{path}: not valid YAML: {error}") from None
        get = _Keys(path, text)
        if get("format", int) != 1:
            raise ModelError(
                f"{path}: format is {text['format']}, this version reads 1; export the model again"
            )
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
                roi=get.roi("segmentor"),
                threshold=get.threshold("segmentor.threshold"),
                occluders=get.choice("segmentor.occluders", OCCLUDERS),
                int8_files=get.int8_files("segmentor"),
            ),
            PainterSpec(
                get.file("painter.file"),
                get.size("painter.size"),
                get.roi("painter") if "roi" in get("painter", dict) else None,
                get.int8_files("painter"),
            ),
        )


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
            raise ModelError(f"{self._path}: {key} has {value!r}; choose from {', '.join(allowed)}")
        return value

    def size(self, key: str) -> tuple[int, int]:
        value = self(key, list)
        if len(value) != 2 or not all(isinstance(v, int) and 8 <= v <= 2048 for v in value):
            raise ModelError(
                f"{self._path}: {key} is {value!r}; it must be [height, width], each 8..2048"
            )
        return value[0], value[1]

    def threshold(self, key: str) -> float:
        value = self(key, float)
        if not 0 <= value < 1:
            raise ModelError(
                f"{self._path}: {key} is {value}; it must lie between 0 and 1, or be 0 for the "
                "mask of highest expected IoU"
            )
        return value

    def roi(self, section: str) -> Roi:
        margin, of = self(f"{section}.roi.margin", float), self(f"{section}.roi.of", str)
        try:
            return Roi(margin, of)
        except ValueError as error:
            raise ModelError(f"{self._path}: {section}: {error}") from None

    def int8_files(self, section: str) -> Int8Files:
        named = self(section, dict)
        keys = {p: int8_key(p) for p in INT8_PROVIDERS}
        return Int8Files(
            **{p: self.file(f"{section}.{k}") for p, k in keys.items() if named.get(k) is not None}
        )

    def file(self, key: str) -> str:
        value = self(key, str)
        if Path(value).name != value:
            raise ModelError(
                f"{self._path}: {key} is {value!r}; it must be a file beside model.yaml"
            )
        return value
