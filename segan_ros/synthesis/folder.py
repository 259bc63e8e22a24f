"""The folder that `segan generate` fills: whose it is, what it lacks, how scenes get into it."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from segan_ros.storage.output import no_empty_folder
from segan_ros.storage.scene_writer import write_scene_files
from segan_ros.storage.shards import ShardWriter

LOG = logging.getLogger(__name__)

NOTE = "generate.json"
"""Says what the folder holds; the same in every folder of the same seed."""

COUNTS = "shards.json"
"""How many scenes each complete shard holds."""

SAME_PILES = ("version", "split", "seed", "objects", "assets")
"""Two folders whose notes agree in these hold the same piles, whatever the size of the pictures."""

BYTES_PER_PIXEL, FILES, BLOCK = 4, 18, 4096
"""Of a scene, generously."""


class Store(Protocol):
    """Scenes on disk, numbered from 0."""

    def held(self) -> int:
        """How many scenes are there."""

    def missing(self) -> list[int]:
        """Numbers of the scenes that are to be added, in this order."""

    def add(self, number: int, files: Mapping[str, bytes]) -> None:
        """Write the next missing scene. Raises OSError when it cannot be written."""

    def close(self) -> None:
        """Leave nothing half written."""


class SceneFolders:
    """Each scene a folder, there whole or not at all.

    Args:
        out: a claimed folder.
        scenes: how many there shall be.
    """

    def __init__(self, out: Path, scenes: int) -> None:
        self._out, self._scenes = out, scenes

    def held(self) -> int:
        return sum(name.isdecimal() for name in os.listdir(self._out))

    def missing(self) -> list[int]:
        there = set(os.listdir(self._out))
        return [i for i in range(self._scenes) if scene_name(i) not in there]

    def add(self, number: int, files: Mapping[str, bytes]) -> None:
        write_scene_files(self._out / scene_name(number), files)

    def close(self) -> None:
        pass


class Shards:
    """Scenes in tar files of `per_shard` each, every one there whole or not at all.

    Args:
        out: a claimed folder.
        scenes: how many there shall be.
        per_shard: scenes in each file, the last may have fewer.
        stem: first part of the files' names.
    """

    def __init__(self, out: Path, scenes: int, per_shard: int, stem: str) -> None:
        self._out, self._scenes, self._per_shard, self._stem = out, scenes, per_shard, stem
        self._counts: dict[str, int] = _read_json(out / COUNTS)
        self._writer: ShardWriter | None = None

    def held(self) -> int:
        return sum(self._counts.values())

    def missing(self) -> list[int]:
        there = set(os.listdir(self._out))
        numbers: list[int] = []
        for first in range(0, self._scenes, self._per_shard):
            inside, path = self._inside(first), self._path(first)
            if path.name not in there or self._counts.get(path.name, 0) < len(inside):
                numbers += inside
        return numbers

    def add(self, number: int, files: Mapping[str, bytes]) -> None:
        if self._writer is None:
            self._writer = ShardWriter(self._path(number))
        self._writer.add(scene_name(number), files)
        inside = self._inside(number)
        if number == inside[-1]:
            self._writer.close()
            self._counts[self._writer.path.name] = len(inside)
            self._writer = None
            _write_json(self._out / COUNTS, dict(sorted(self._counts.items())))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _inside(self, number: int) -> range:
        """The scenes that share a shard with this one."""
        first = number - number % self._per_shard
        return range(first, min(first + self._per_shard, self._scenes))

    def _path(self, number: int) -> Path:
        return self._out / f"{self._stem}-{number // self._per_shard:06d}.tar"


def scene_name(number: int) -> str:
    """Name of a scene, by which names sort as numbers do."""
    return f"{number:06d}"


def parse_size(text: str) -> tuple[int, int]:
    """``"320x240"`` as (height, width). Raises ValueError when it is not that, or out of range."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"--size is {text!r}; write it as WIDTHxHEIGHT, for instance 320x240")
    size = int(height), int(width)
    if not all(64 <= side <= 2048 for side in size):
        raise ValueError(f"--size is {text}; each side must lie in 64..2048 pixels")
    return size


@contextmanager
def claimed(out: Path, identity: Mapping[str, Any]) -> Iterator[None]:
    """Hold `out` for scenes of `identity`, made if needed, clear of what was left half written.

    Another folder with the same piles is warned of; a full disk becomes an error that says how to
    go on.

    Raises:
        ValueError: it holds something else, or another process fills it.
        OSError: it cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; --out must name a folder")
    if not (out / NOTE).exists():
        _warn_of_same_piles(out, identity)
    with no_empty_folder(out), _held(out, identity):
        yield


@contextmanager
def _held(out: Path, identity: Mapping[str, Any]) -> Iterator[None]:
    """`out` locked and noted as that of `identity`."""
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out, os.O_RDONLY)
    try:
        _lock(handle, out)
        _take(out, identity)
        for part in out.glob(".*.part"):
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        try:
            yield
        finally:
            if os.listdir(out) == [NOTE]:  # nothing came of it
                (out / NOTE).unlink()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = f"{error.strerror}; free some, and the same command resumes where it stopped"
        raise OSError(error.errno, text, str(out)) from None
    finally:
        os.close(handle)


def check_space(out: Path, scenes: int, size: tuple[int, int], loose: bool) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        out: where to.
        scenes: how many are to be written.
        size: of their pictures, height and width.
        loose: as folders, whose files take whole blocks and an inode each.

    Raises:
        ValueError: there is too little space.
    """
    disk = os.statvfs(out)
    each = size[0] * size[1] * BYTES_PER_PIXEL + (FILES * BLOCK if loose else 0)
    free, needed = disk.f_bavail * disk.f_frsize, scenes * each
    if free < needed:
        raise ValueError(
            f"{out}: {scenes} scenes need about {needed / 1e9:.1f} GB of disk, "
            f"{free / 1e9:.1f} GB are free; choose another --out or fewer --scenes"
        )
    # Some file systems make inodes as they go, and report none.
    if loose and disk.f_files > 0 and disk.f_favail < scenes * FILES:
        raise ValueError(
            f"{out}: {scenes} scenes are about {scenes * FILES} files, this disk has room for "
            f"{disk.f_favail}; pack them with --shards"
        )


def _lock(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{out}: another `segan generate` is writing to it; wait, or choose another --out"
        ) from None
    except OSError:
        return  # a file system without locks


def _take(out: Path, identity: Mapping[str, Any]) -> None:
    note = out / NOTE
    if note.exists():
        held = read_note(out)
        if "mujoco" in identity:  # notes of before 0.7.1 do not say which it was
            held.setdefault("mujoco", identity["mujoco"])
        if held != identity:
            other = {k for k in {*held, *identity} if held.get(k) != identity.get(k)}
            has = ", ".join(f"{k} {held.get(k)}" for k in sorted(other))
            not_wanted = ", ".join(f"{k} {identity.get(k)}" for k in sorted(other))
            raise ValueError(f"{out}: holds {has}, not {not_wanted}; choose another --out")
    elif any(p.suffix != ".part" for p in out.iterdir()):
        raise ValueError(
            f"{out}: not empty, and not written by `segan generate`; choose another --out"
        )
    else:
        _write_json(note, identity)


def _warn_of_same_piles(out: Path, identity: Mapping[str, Any]) -> None:
    """Data for two purposes should not share piles, and a split and a seed name the same ones."""
    for note in sorted(out.absolute().parent.glob(f"*/{NOTE}")):
        if note.parent.name == out.absolute().name:
            continue
        try:
            held = read_note(note.parent)
        except ValueError:
            continue  # not a note of ours
        if all(held.get(k) == identity.get(k) for k in SAME_PILES):
            LOG.warning(
                "%s: has the same piles as %s (split %s, seed %d): do not train on one and score "
                "on the other; choose another --seed for other piles",
                out,
                note.parent,
                identity["split"],
                identity["seed"],
            )


def read_note(out: Path) -> dict[str, Any]:
    """What `segan generate` noted of a folder it filled; empty when it did not.

    Raises:
        ValueError: the note cannot be read.
    """
    return _read_json(out / NOTE)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise ValueError(f"{path}: not what `segan generate` writes; remove the folder")
    return held


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w") as file:
        file.write(json.dumps(content, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
