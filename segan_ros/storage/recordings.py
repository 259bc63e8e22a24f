"""Opens what was recorded: by `rosbags` where it is whole, else what can still be read of it."""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import yaml
from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

from segan_ros.storage.mcap_file import McapFile
from segan_ros.storage.recorded import ZSTD, Entry, MessageFile, unzstd, zstd
from segan_ros.storage.sqlite_file import SqliteFile, has_wal

KINDS: dict[str, Callable[[Path], MessageFile]] = {".mcap": McapFile, ".db3": SqliteFile}
_ROS1 = b"#ROSBAG V"


class Channel(NamedTuple):
    """A topic of one type, with its messages, in the words of `rosbags`."""

    id: int
    topic: str
    msgtype: str
    msgcount: int
    msgdef: MessageDefinition | None = None


class Recording(Protocol):
    """What `rosbags` and `Salvaged` have in common."""

    @property
    def connections(self) -> Sequence[Any]: ...

    def messages(
        self, connections: Collection[Any], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Any, int, bytes]]: ...

    def close(self) -> None: ...


def files_of(path: Path) -> list[Path]:
    """The storage files of a bag folder, or of one that is a single file."""
    if path.is_file():
        return [path]
    endings = (*KINDS, *(f"{kind}.zstd" for kind in KINDS))
    return sorted(p for p in path.iterdir() if p.name.endswith(endings))


def is_ros1(path: Path) -> bool:
    """Whether it is a bag of ROS 1."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_ROS1)) == _ROS1


def is_plain(path: Path) -> bool:
    """Whether `rosbags` may be asked: it would not notice messages in a write-ahead log."""
    if path.is_dir() and not (path / "metadata.yaml").exists():
        return False
    return not any(has_wal(file) for file in files_of(path))


def counted_messages(path: Path) -> dict[str, int]:
    """Messages by topic as metadata.yaml counts them; empty where it does not."""
    try:
        stated = yaml.safe_load((path / "metadata.yaml").read_bytes())
        topics = stated["rosbag2_bagfile_information"]["topics_with_message_count"]
        return {t["topic_metadata"]["name"]: int(t["message_count"]) for t in topics}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return {}


class Salvaged:
    """All messages that can be read of some files, in the order of their recording.

    Args:
        files: of one bag.

    `problems` say what cannot be read, by file name.

    Raises:
        ValueError: none of them can be read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.problems: list[str] = []
        self._folder = TemporaryDirectory()
        self._files: list[MessageFile] = []
        for file in files:
            self._open(file)
        if not self._files:
            self._folder.cleanup()
            raise ValueError(
                "; ".join(self.problems)
                or "it contains no .mcap or .db3 file; give a bag folder, an .mcap or a .db3"
            )
        entries = (e for file in self._files for e in file.entries)
        self._entries = sorted(entries, key=attrgetter("time"))
        counts = Counter((e.topic, e.kind) for e in self._entries)
        number = count(1)
        definitions = {
            kind: MessageDefinition(MessageDefinitionFormat.MSG, text)
            for file in self._files
            for kind, text in file.definitions.items()
        }
        self.connections = [
            Channel(next(number), *key, n, definitions.get(key[1]))
            for key, n in sorted(counts.items())
        ]

    def messages(
        self, connections: Collection[Channel], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Channel, int, bytes]]:
        """Messages recorded from `start` to before `stop` (nanoseconds); damaged ones are left out
        and become a problem."""
        wanted = {(c.topic, c.msgtype): c for c in connections}
        for entry in self._between(start, stop):
            if channel := wanted.get((entry.topic, entry.kind)):
                try:
                    data = entry.file.read(entry)
                    data = unzstd(data) if data.startswith(ZSTD) else data
                except ValueError as error:
                    self._note(f"{entry.topic}: {error}")
                else:
                    yield channel, entry.time, data

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._folder.cleanup()

    def _between(self, start: int | None, stop: int | None) -> Sequence[Entry]:
        times = attrgetter("time")
        first = 0 if start is None else bisect_left(self._entries, start, key=times)
        last = None if stop is None else bisect_left(self._entries, stop, key=times)
        return self._entries[first:last]

    def _open(self, path: Path) -> None:
        try:
            plain = self._unpacked(path)
            file = KINDS[plain.suffix](plain)
        except (KeyError, OSError, ValueError) as error:
            reason = f"no ending {' or '.join(KINDS)}" if isinstance(error, KeyError) else error
            self._note(f"{path.name}: {reason}")
            return
        self._files.append(file)
        if file.problem:
            self._note(f"{path.name}: {file.problem}")

    def _unpacked(self, path: Path) -> Path:
        """`path`, or a copy without compression."""
        with path.open("rb") as source:
            if source.read(len(ZSTD)) != ZSTD:
                return path
            source.seek(0)
            copy = Path(self._folder.name, path.name.removesuffix(".zstd"))
            try:
                with zstd.open(source) as packed, copy.open("wb") as target:
                    shutil.copyfileobj(packed, target)
            except (EOFError, zstd.ZstdError) as error:
                self._note(f"{path.name}: its compressed data is truncated: {error}")
            return copy

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
