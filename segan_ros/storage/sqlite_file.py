"""What can be read of a .db3 file of rosbag2, also while its newest messages are in a -wal."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from segan_ros.storage.recorded import Entry

_MAGIC = b"SQLite format 3\0"
_HEADER = struct.Struct(">16xH10xI")
"""Size of a page, and how many there are."""


def has_wal(path: Path) -> bool:
    """Whether messages may be in the write-ahead log beside `path`, which `rosbags` ignores."""
    wal = _wal(path)
    return wal.exists() and wal.stat().st_size > 0


class SqliteFile:
    """Use `entries`, then `read`.

    Args:
        path: of the file. It is not changed: where SQLite would, it gets a copy.

    `problem` says why it was not read to its end; empty if it was.

    Raises:
        ValueError: it is not a rosbag2 database.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.entries: list[Entry] = []
        self.definitions: dict[str, str] = {}
        self._folder: TemporaryDirectory[str] | None = None
        size = _stated_size(path)
        if has_wal(path) or size > path.stat().st_size:
            self._folder = TemporaryDirectory()
            path = _repaired(path, Path(self._folder.name), size)
        address = f"file:{quote(str(path.resolve()))}"
        address += "" if has_wal(path) else "?mode=ro&immutable=1"
        self._database = sqlite3.connect(address, uri=True)
        try:
            self._find_entries()
            self._find_definitions()
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(f"not a rosbag2 database: {error}") from None

    def read(self, entry: Entry) -> bytes:
        """The message. Raises ValueError if it is damaged."""
        try:
            query = "SELECT data FROM messages WHERE rowid = ?"
            ((data,),) = self._database.execute(query, entry.place)
        except (sqlite3.DatabaseError, ValueError) as error:
            raise ValueError(f"a message is damaged: {error}") from None
        return data

    def close(self) -> None:
        self._database.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _find_definitions(self) -> None:
        query = (
            "SELECT topic_type, encoded_message_definition FROM message_definitions "
            "WHERE encoding = 'ros2msg'"
        )
        with suppress(sqlite3.DatabaseError):  # older recorders wrote none
            self.definitions = dict(self._database.execute(query).fetchall())

    def _find_entries(self) -> None:
        topics = {
            key: (name, kind if form == "cdr" else f"{kind} ({form})")
            for key, name, kind, form in self._database.execute(
                "SELECT id, name, type, serialization_format FROM topics"
            )
        }
        rows = self._database.execute("SELECT rowid, topic_id, timestamp FROM messages")
        try:
            for row, topic, time in rows:
                if topic in topics:
                    self.entries.append(Entry(time, *topics[topic], self, (row,)))
        except sqlite3.DatabaseError as error:
            self.problem = f"truncated after {len(self.entries)} messages: {error}"


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _stated_size(path: Path) -> int:
    """Bytes that the database should have, by its header."""
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise ValueError("not a rosbag2 database" if head else "it is empty")
    page, pages = _HEADER.unpack(head)
    return (65536 if page == 1 else page) * pages


def _repaired(path: Path, folder: Path, size: int) -> Path:
    """A copy of the stated size, with its log: SQLite opens none that is shorter."""
    copy = folder / path.name
    shutil.copyfile(path, copy)
    if size > copy.stat().st_size:
        with copy.open("r+b") as file:
            file.truncate(size)
    if has_wal(path):
        shutil.copyfile(_wal(path), _wal(copy))
    return copy
