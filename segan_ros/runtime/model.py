"""A model folder, loaded: `segment` and `paint` with its two networks, on one provider."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from segan_ros.frame import Planes
from segan_ros.host.cores import thread_limit
from segan_ros.host.home import NoHomeError, expanded
from segan_ros.host.resources import resource_path
from segan_ros.runtime.background import EngineBuild
from segan_ros.runtime.engine_builder import Watch
from segan_ros.runtime.engines import Engines, check_unchanged
from segan_ros.runtime.network import MAX_BATCH, Network
from segan_ros.runtime.providers import (
    PRECISIONS,
    PROVIDERS,
    ProviderError,
    UnavailableError,
    choose,
    precision_on,
    provider_options,
    require,
)
from segan_ros.runtime.sessions import FIXED_BATCH, failure, open_session
from segan_ros.runtime.spec import NO_INT8_FILES, ModelError, ModelSpec

__all__ = ["MAX_BATCH", "PRECISIONS", "PROVIDERS", "Model", "load_model", "model_folder"]

LOG = logging.getLogger(__name__)


def model_folder(model: str | Path) -> Path:
    """The folder that `model` means: a path, or the bare name of a shipped model.

    Raises:
        ModelError: no model of that name is shipped.
    """
    try:
        path = expanded(model)
    except NoHomeError as error:
        raise ModelError(str(error)) from None
    if path.is_absolute() or len(path.parts) != 1 or (path / "model.yaml").is_file():
        return path
    try:
        return resource_path(f"models/{path}")
    except FileNotFoundError:
        if path.is_dir():
            raise ModelError(f"{path}: no model.yaml there; give the folder of a model") from None
        raise ModelError(
            f"model is {str(model)!r}, which is not a shipped one ({', '.join(shipped_models())}); "
            "give one of these or the path of a model folder"
        ) from None


def shipped_models() -> list[str]:
    """The names of the models that come with the package."""
    try:
        folders = resource_path("models").iterdir()
    except FileNotFoundError:
        return []
    return sorted(f.name for f in folders if (f / "model.yaml").is_file())


def load_model(
    model: str | Path = "tabletop",
    provider: str = "auto",
    *,
    threads: int = 0,
    precision: str = "auto",
) -> Model:
    """Load a model: its networks, checked and ready to run.

    Args:
        model: name of a shipped model, or the path of a model folder.
        provider: see `Model`.
        threads: see `Model`.
        precision: see `Model`.

    Raises:
        ModelError: the model, the provider or the precision cannot be used.
    """
    return Model(model_folder(model), provider, threads, precision)


@dataclass(frozen=True, eq=False)
class Running:
    """Both networks where they run."""

    provider: str
    precision: str
    segmentor: ort.InferenceSession
    painter: ort.InferenceSession
    digest: str


class Model:
    """An exported segmentor and painter, loaded, checked and warmed up.

    Engines that are missing are built at once if `provider` asks for TensorRT by name. With
    ``engines.background`` the model starts on the next provider that runs, and changes over when
    they are ready; see `engine`.

    Args:
        folder: holds ``model.yaml`` and the ONNX files it names.
        provider: ``auto`` or a key of `PROVIDERS`. ``auto`` takes the first that works here and
            logs what it skipped.
        threads: CPU threads per network, 0 for all cores that this process may use.
        precision: one of `PRECISIONS`; where a provider lacks it, it runs fp32.
        engines: cache of TensorRT engines; None for the default one.

    Raises:
        ModelError: the folder, a file, the provider or the precision cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        provider: str = "auto",
        threads: int = 0,
        precision: str = "auto",
        engines: Engines | None = None,
    ) -> None:
        if provider != "auto" and provider not in PROVIDERS:
            raise ModelError(f"provider is {provider!r}; choose from auto, {', '.join(PROVIDERS)}")
        if precision not in PRECISIONS:
            raise ModelError(f"precision is {precision!r}; choose from {', '.join(PRECISIONS)}")
        self.folder = Path(folder)
        self.spec = ModelSpec.read(folder)
        self._description = (self.folder / "model.yaml").read_text()
        self._threads, self._precision = threads or thread_limit(), precision
        self._engines = engines or Engines()
        self._build: EngineBuild | None = None
        self._files: dict[str, Network] = {}
        self._running, waits = choose(provider, lambda n: self._begin(n, named=n == provider))
        if waits:
            self._build = EngineBuild(self._change_over)

    def __repr__(self) -> str:
        running = getattr(self, "_running", None)
        where = f" on {running.provider} {running.precision}" if running else ""
        return f"<{type(self).__name__} {self.spec.name}{where}>"

    @property
    def provider(self) -> str:
        """What runs the networks now."""
        return self._running.provider

    @property
    def precision(self) -> str:
        """At what precision: ``fp32``, ``bf16``, ``fp16`` or ``int8``."""
        return self._running.precision

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of ``model.yaml`` and both networks' files, which tell models
        of the same name apart."""
        return self._running.digest

    def require(self, precision: str) -> None:
        """Raise `ModelError` unless the provider runs `precision`, for when no other will do."""
        if precision not in ("auto", self.precision):
            raise ModelError(
                f"precision is {precision} but {self.provider} would run {self.precision} here; "
                "choose another provider or precision"
            )

    @property
    def engine(self) -> str:
        """State of the TensorRT engines, in words; empty if none is being built."""
        return "" if self._build is None else self._build.status(self.provider)

    def wait_for_engines(self, seconds: float) -> bool:
        """Whether the engines are ready, or have failed, within `seconds`; see `engine`."""
        return self._build is None or self._build.wait(seconds)

    def close(self) -> None:
        """Stop building engines in the background. The model stays on its current provider."""
        if self._build is not None:
            self._build.stop()

    def segment(self, planes: Planes, boxes: Planes) -> Planes:
        """Probability that a pixel of the widened box belongs to the object, visible or hidden.

        Args:
            planes: ``(N, C, h, w)`` float32 in 0..1, see `crops.input_planes`.
            boxes: ``(N, 4)`` float32, the widened boxes in 0..1 of the image; used by ``view:
                image`` only.

        Returns:
            ``(N, C, P, P)`` float32 in 0..1. The second channel of models that have one tells, at
            the pixels of other objects, how likely these lie in front.
        """
        feeds = {"planes": planes}
        if self.spec.segmentor.view == "image":
            feeds["boxes"] = boxes
        return self._run(self._running.segmentor, feeds)

    def paint(self, canvases: Planes) -> Planes:
        """The object's appearance, its hidden part included (paper, section 3.2).

        Args:
            canvases: ``(N, 3, h, w)`` float32 in 0..1, see `crops.canvas`.

        Returns:
            ``(N, 3, h, w)`` float32 RGB in 0..1.
        """
        return self._run(self._running.painter, {"canvas": canvases})

    def _networks(self, provider: str, precision: str) -> tuple[Network, Network]:
        """The files for that precision, and the shapes that model.yaml states."""
        segmentor, painter = self.spec.segmentor, self.spec.painter
        inputs: dict[str, tuple[int, ...]] = {"planes": (segmentor.channels, *segmentor.size)}
        if segmentor.view == "image":
            inputs["boxes"] = (4,)
        files = [segmentor.file, painter.file]
        if precision == "int8":
            parts = segmentor, painter
            quantised = [part.int8_files.on(provider) for part in parts]
            if not any(quantised):
                problem = (
                    f"precision is int8 but {self.folder / 'model.yaml'} names no 8-bit network "
                    f"for {provider}; quantise a copy of the model "
                    f"(`segan quantise --for {provider}`) or choose precision auto"
                )
                has_others = any(part.int8_files != NO_INT8_FILES for part in parts)
                raise ProviderError(problem) if has_others else ModelError(problem)
            files = [q or file for q, file in zip(quantised, files, strict=True)]
        # One for each file, whoever runs it: what was loaded is told from what replaced it since.
        shapes: tuple[dict[str, tuple[int, ...]], ...] = (inputs, {"canvas": (3, *painter.size)})
        first, second = (
            self._files.setdefault(file, Network(self.folder / file, shape))
            for file, shape in zip(files, shapes, strict=True)
        )
        return first, second

    def _precision_on(self, provider: str) -> str:
        quantised = self.spec.segmentor.int8_files.on(provider) is not None
        return precision_on(provider, self._precision, quantised)

    def _begin(self, provider: str, named: bool) -> Running | None:
        """Both networks on `provider`; None if its engines are yet to be built meanwhile."""
        if provider != self._engines.provider:
            return self._open(provider)
        require(provider)
        precision = self._precision_on(provider)
        if all(self._engines.find(n, precision) for n in self._networks(provider, precision)):
            try:
                return self._open(provider)
            except UnavailableError:
                raise
            except ProviderError as error:
                LOG.warning("rebuilding the engines: %s", error)
        if self._engines.background:
            return None
        if not named:
            raise ProviderError(
                f"its engines are not built yet; set provider to {provider} to build them"
            )
        self._build_engines()
        return self._open(provider)

    def _build_engines(self, watch: Watch | None = None) -> None:
        precision = self._precision_on(self._engines.provider)
        for network in self._networks(self._engines.provider, precision):
            if self._engines.find(network, precision) is None:
                LOG.info("building the %s engine of %s", precision, network.path)
                self._engines.build(network, precision, self._threads, watch)

    def _change_over(self, watch: Watch) -> None:
        """Build the engines, then use them from the next call on; a call at work is finished."""
        self._build_engines(watch)
        running = self._open(self._engines.provider)
        for network in self._networks(running.provider, running.precision):
            check_unchanged(network)
        self._running = running
        LOG.info("engines ready: now on %s %s", self.provider, self.precision)

    def _open(self, provider: str) -> Running:
        """Both networks on `provider`, warmed up.

        Raises:
            ProviderError: it cannot run here.
            ModelError: the networks are not what model.yaml says.
        """
        precision = self._precision_on(provider)
        networks = self._networks(provider, precision)
        compiles = provider == self._engines.provider
        suspects: tuple[Network, ...] = networks
        sessions = []
        try:
            for network in networks:
                suspects = (network,)
                engine = self._engines.find(network, precision) if compiles else None
                options = provider_options(provider, network, precision, self._threads, engine)
                sessions.append(open_session(network, provider, options, self._threads))
            text = self._description + "".join(n.digest for n in networks)
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            segmentor, painter = sessions
            running = Running(provider, precision, segmentor, painter, digest)
            suspects = networks
            self._warm_up(running)
        except UnavailableError:
            raise
        except ProviderError:
            for network in suspects if compiles else ():
                self._engines.forget(network, precision)
            raise
        for network in networks if compiles else ():
            self._engines.renew(network, precision)
        return running

    def _warm_up(self, running: Running) -> None:
        segmentor, painter = self._networks(running.provider, running.precision)
        try:
            for count in (1, MAX_BATCH):
                shape = self._run(running.segmentor, segmentor.zeros(count))
                colours = self._run(running.painter, painter.zeros(count))
        except Exception as error:  # those of ONNX Runtime have no class in common
            raise failure(error, "it loads but inference fails: ") from None
        if not (np.isfinite(shape).all() and np.isfinite(colours).all()):
            raise ProviderError(f"{self.folder}: its networks return NaN or inf for a black image")
        if shape.ndim != 4 or shape.shape[1] not in (1, 2):
            raise ModelError(
                f"{segmentor.path}: its output must be (N, 1 or 2, P, P), got {shape.shape}"
            )
        if colours.shape[1:] != (3, *self.spec.painter.size):
            raise ModelError(
                f"{painter.path}: its output must be (N, 3, {self.spec.painter.size}), "
                f"got {colours.shape}"
            )

    @staticmethod
    def _run(session: ort.InferenceSession, feeds: dict[str, Planes]) -> Planes:
        count = len(next(iter(feeds.values())))
        fixed = FIXED_BATCH.get(session.get_providers()[0], 0)
        size = fixed or MAX_BATCH
        parts = []
        for i in range(0, count, size):
            part = {k: _filled_up(v[i : i + size], fixed) for k, v in feeds.items()}
            parts.append(session.run(None, part)[0][: count - i])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _filled_up(planes: Planes, count: int) -> Planes:
    """Contiguous, with empty objects behind if there are fewer than `count`."""
    missing = max(0, count - len(planes))
    if missing:
        return np.pad(planes, [(0, missing)] + [(0, 0)] * (planes.ndim - 1))
    return np.ascontiguousarray(planes)
