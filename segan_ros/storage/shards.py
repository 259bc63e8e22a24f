"""Packed scenes: tar files in webdataset layout, whose members read like the files of a folder.

The files of scene ``000123`` are the members ``000123.rgb.png``, ``000123.labels.png`` and so on,
next to each other: streaming loaders take what stands before the first dot for the sample's key.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PackedFile:
    """A member of a shard, with the part of `pathlib.Path` that readers of scenes need.

    Args:
        shard: the tar file.
        name: of the member.
        place: offset and length of its content in `shard`; None when there is no such member.
    """

    shard: Path
    name: str
    place: tuple[int, int] | None

    def exists(self) -> bool:
        """Whether the shard has it."""
        return self.place is not None

    def read_bytes(self) -> bytes:
        """Its content. Raises FileNotFoundError when the shard does not have it."""
        if self.place is None:
            raise FileNotFoundError(f"{self}: no such member")
        offset, length = self.place
        with self.shard.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def __str__(self) -> str:
        return f"{self.shard}/{self.name}"


@dataclass(frozen=True, eq=False)
class PackedScene:
    """A scene of a shard; ``scene / "rgb.png"`` is its file of that name, there or not."""

    shard: Path
    name: str
    places: Mapping[str, tuple[int, int]]

    def __truediv__(self, name: str) -> PackedFile:
        return PackedFile(self.shard, f"{self.name}.{name}", self.places.get(name))

    def __str__(self) -> str:
        return f"{self.shard}/{self.name}"


def read_shard(path: Path) -> Iterator[PackedScene]:
    """The scenes of a tar file, in its order. Only headers are read here.

    Raises:
        ValueError: it is no tar file, or not a whole one.
    """
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                key, _, name = member.name.rpartition("/")[2].partition(".")
                if member.isfile() and name:
                    found.setdefault(key, {})[name] = member.offset_data, member.size
            _check_end(path, archive.offset)
    except tarfile.TarError as error:
        raise ValueError(f"{path}: not a complete tar file ({error}); create it again") from None
    for key, places in found.items():
        yield PackedScene(path, key, places)


def _check_end(path: Path, offset: int) -> None:
    """Raise tarfile.ReadError where what follows the last member is not the end of a tar file:
    `tarfile` itself takes any damaged header for it."""
    rest = 0
    with path.open("rb") as file:
        file.seek(offset)
        while part := file.read(1 << 20):
            rest += len(part)
            if part.strip(b"\0"):
                raise tarfile.ReadError(f"bad header at byte {offset}")
    if rest < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("unexpected end")


class ShardWriter:
    """Writes a shard in one step: it is there whole, after `close`, or not at all.

    The bytes depend on nothing but the scenes: members carry no time and no owner.

    Args:
        path: the tar file; an old one is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, path.with_name(f".{path.name}.part")
        self._file = self._part.open("wb")
        self._archive = tarfile.TarFile(None, "w", self._file, tarfile.USTAR_FORMAT)

    def add(self, name: str, files: Mapping[str, bytes]) -> None:
        """Append the `files` of a scene. Raises OSError when they cannot be written."""
        for file in sorted(files):
            member = tarfile.TarInfo(f"{name}.{file}")
            member.size = len(files[file])
            self._archive.addfile(member, io.BytesIO(files[file]))

    def close(self) -> None:
        """Complete the shard. Raises OSError when it cannot be written."""
        self._archive.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)

    def discard(self) -> None:
        """Forget what was written so far."""
        with suppress(OSError):  # what is buffered does not fit on a full disk, and need not
            self._file.close()
        self._part.unlink(missing_ok=True)
