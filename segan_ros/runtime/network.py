"""A network as a file: ONNX, its fingerprint, the shapes of its inputs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from segan_ros.frame import Planes

USUAL_BATCH, MAX_BATCH = 8, 16
"""Objects per call that engines are tuned for, and the most: callers cut more into several calls,
which bounds memory."""


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


def shapes(network: Network, count: int) -> str:
    """Shapes of the inputs for `count` objects, as TensorRT reads them."""
    return ",".join(f"{n}:{'x'.join(map(str, (count, *s)))}" for n, s in network.inputs.items())
