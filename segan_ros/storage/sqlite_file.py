"""What can be read of a .db3 file of rosbag2, also while its newest messages are in a -wal."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from segan_ros.storage.recorded import Entry


def has_wal(path: Path) -> bool:
    """Whether messages may be in the write-ahead log beside `path`, which `rosbags` ignores."""
    wal = _wal(path)
    return wal.exists() and wal.stat().st_size > 0


class SqliteFile:
    """Use `entries`, then `read`.

    Args:
        path: of the file. With a log beside it, both are copied: SQLite would work it in.

    `problem` says why it was not read to its end; empty if it was.

    Raises:
        ValueError: it is no database of rosbag2.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.entries: list[Entry] = []
        self._folder: TemporaryDirectory[str] | None = None
        if has_wal(path):
            self._folder = TemporaryDirectory()
            copy = Path(self._folder.name, path.name)
            shutil.copyfile(path, copy)
            shutil.copyfile(_wal(path), _wal(copy))
            self._database = sqlite3.connect(copy)
        else:
            address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
            self._database = sqlite3.connect(address, uri=True)
        try:
            self._find_entries()
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(f"no database of rosbag2: {error}") from None

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
            self.problem = f"it breaks off after {len(self.entries)} messages: {error}"


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
