"""Engines: networks compiled for one GPU, which takes minutes, so they are kept and checked.

A folder of the cache holds one network's engine as ONNX Runtime wrote it, and ``manifest.json``,
which says what it was built from and for, and how its files must look. A folder appears under its
name only when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import onnxruntime as ort

from segan_ros.host.home import NoHomeError, expanded
from segan_ros.runtime.engine_builder import EngineError, Watch, run_builder
from segan_ros.runtime.gpu import gpu, tensorrt_version
from segan_ros.runtime.network import MAX_BATCH, USUAL_BATCH, Network, shapes
from segan_ros.runtime.providers import provider_options

LOG = logging.getLogger(__name__)

DEFAULT_FOLDER = "~/.cache/segan_ros/engines"
MANIFEST = "manifest.json"
UNFINISHED = ".building-"
ROOM_PER_NETWORK = 3
"""Free space that a build needs, in sizes of the ONNX file."""
PATIENCE = 6 * 3600
"""Seconds after which an unfinished folder is taken for abandoned."""


class Engines:
    """A cache of engines.

    Args:
        folder: made when needed. Where it cannot be written, engines live until the process ends.
        background: whether a model may start without its engines and build them meanwhile.
        provider: what they are for; others than TensorRT serve tests on machines without a GPU.
    """

    def __init__(
        self,
        folder: str | Path = DEFAULT_FOLDER,
        background: bool = False,
        provider: str = "tensorrt",
    ) -> None:
        self._obstacle = ""
        try:
            self.folder = expanded(folder)
        except NoHomeError as error:  # which only matters if an engine is to be kept
            self.folder, self._obstacle = Path(folder), str(error)
        self.background, self.provider = background, provider
        self._spare: tempfile.TemporaryDirectory[str] | None = None

    def find(self, network: Network, precision: str) -> Path | None:
        """Folder of the engine; None if there is none, or if its files are not what they were."""
        key = self.key(network, precision)
        for place in self._places():
            folder = place / _name(network, key)
            if not folder.is_dir():
                continue
            problem = _problem(folder, key)
            if problem is None:
                return folder
            LOG.warning("rebuilding %s: %s", folder, problem)
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def build(
        self,
        network: Network,
        precision: str,
        threads: int = 0,
        watch: Watch | None = None,
    ) -> Path:
        """Build the engine in a process of its own, keep it, and return its folder.

        Args:
            network, precision: what is built.
            threads: CPU threads, 0 for all cores.
            watch: see `Watch`.

        Raises:
            EngineError: it failed; the message says why.
        """
        key = self.key(network, precision)
        room = network.path.stat().st_size * ROOM_PER_NETWORK
        place = self._writable(room, key, _name(network, key))
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=place))
        try:
            options = provider_options(self.provider, network, precision, threads, unfinished)
            run_builder(network, self.provider, options, threads, watch)
            if not any(unfinished.iterdir()):
                raise EngineError("ONNX Runtime built the network but wrote no engine")
            check_unchanged(network)
            _sign(unfinished, key)
            unfinished.chmod(0o755)  # other users of the cache may read it
            return _settle(unfinished, place / _name(network, key), key)
        except OSError as error:
            raise EngineError(f"{error}; free space or set engine_cache") from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def renew(self, network: Network, precision: str) -> None:
        """Accept an engine as it is now, after it was seen to work: ONNX Runtime may rebuild an
        engine that it considers stale while it loads it."""
        key = self.key(network, precision)
        for place in self._places():
            folder = place / _name(network, key)
            if folder.is_dir() and _problem(folder, key) is not None:
                _sign(folder, key)

    def forget(self, network: Network, precision: str) -> None:
        """Delete an engine that does not work."""
        for place in self._places():
            name = _name(network, self.key(network, precision))
            shutil.rmtree(place / name, ignore_errors=True)

    def key(self, network: Network, precision: str) -> dict[str, Any]:
        """All that an engine depends on."""
        key = {
            "provider": self.provider,
            "onnx": network.digest,
            "onnxruntime": ort.__version__,
            "precision": precision,
            "shapes": [shapes(network, n) for n in (1, USUAL_BATCH, MAX_BATCH)],
        }
        if self.provider == "tensorrt":
            key |= {"gpu": gpu(), "tensorrt": tensorrt_version()}
        return key

    def _places(self) -> list[Path]:
        kept = [] if self._obstacle else [self.folder]
        return kept + ([Path(self._spare.name)] if self._spare else [])

    def _writable(self, room: int, key: dict[str, Any], name: str) -> Path:
        """The cache, or a folder that goes away with the process."""
        try:
            if self._obstacle:
                raise OSError(self._obstacle)
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
            free = shutil.disk_usage(self.folder).free
            if free < room:
                raise OSError(f"{free / 1e6:.0f} MB are free, {room / 1e6:.0f} MB are needed")
            if (self.folder / name).is_dir() and (problem := _problem(self.folder / name, key)):
                raise OSError(f"{name} is unusable ({problem}) but cannot be deleted")
        except OSError as error:
            LOG.warning(
                "cannot use engine_cache %s: %s. Engines will be rebuilt at the next start; free "
                "space, make the folder writable or set another one",
                self.folder,
                error,
            )
            if self._spare is None:
                self._spare = tempfile.TemporaryDirectory(prefix="segan-engines-")
            return Path(self._spare.name)
        _clear(self.folder)
        return self.folder


def check_unchanged(network: Network) -> None:
    """Raise `EngineError` if the network's files are not those any more that the model began with:
    new ones wait until they are asked for."""
    if network.has_changed:
        raise EngineError(f"{network.path} has changed since it was loaded; load the model again")


def _name(network: Network, key: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return f"{network.path.stem}-{key['precision']}-{digest[:16]}"


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sign(folder: Path, key: dict[str, Any]) -> None:
    """Write the manifest of the files in `folder`."""
    files = {p.name: _fingerprint(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps({"key": key, "files": files}, indent=1))


def _problem(folder: Path, key: dict[str, Any]) -> str | None:
    """Why the engine in `folder` is not the one of `key`."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["key"] != key:
            return "it was built for another network, GPU or version"
        for name, fingerprint in manifest["files"].items():
            if _fingerprint(folder / name) != fingerprint:
                return f"{name} was modified"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _settle(unfinished: Path, folder: Path, key: dict[str, Any]) -> Path:
    """Give a finished engine its name, unless another process was faster."""
    try:
        unfinished.rename(folder)
    except OSError:
        if _problem(folder, key) is not None:
            raise
    return folder


def _clear(folder: Path) -> None:
    """Delete what builders left that were cut off, by a power failure for example."""
    for path in folder.glob(f"{UNFINISHED}*"):
        try:
            if time.time() - path.stat().st_mtime > PATIENCE:
                shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:
            continue
