"""What can be read of an MCAP file, whoever wrote it, as far as it goes; its index is not needed.

The format: https://mcap.dev/spec. `rosbags` reads whole files of ROS 2 alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from segan_ros.storage.recorded import Entry, unzstd

MAGIC = b"\x89MCAP0\r\n"

_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 3, 4, 5, 6, 15
_RECORD = struct.Struct("<BQ")
_MESSAGE_HEADER = struct.Struct("<HIQQ")
_CHUNK_HEADER = struct.Struct("<QQQI")


class McapFile:
    """Use `entries`, then `read`.

    Args:
        path: of the file.

    `problem` says why it was not read to its end; empty if it was.

    Raises:
        ValueError: it is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.entries: list[Entry] = []
        self.definitions: dict[str, str] = {}
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}
        self._unpacked = (-1, memoryview(b""))
        self._size = path.stat().st_size
        if not self._size:
            raise ValueError("it is empty")
        self._file = path.open("rb")
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            raise ValueError("it does not begin like an MCAP file")
        self._scan()

    def read(self, entry: Entry) -> bytes:
        """The message. Raises ValueError if it is damaged."""
        chunk, at, size = entry.place
        source = self._chunk(chunk) if chunk else self._bytes(at, size)
        return bytes(source[at : at + size] if chunk else source)

    def close(self) -> None:
        self._file.close()

    def _scan(self) -> None:
        at = len(MAGIC)
        while at < self._size:
            head = self._bytes(at, _RECORD.size)
            if len(head) < _RECORD.size:
                break
            kind, size = _RECORD.unpack(head)
            body = at + _RECORD.size
            is_cut = body + size > self._size
            if kind == _DATA_END:
                return
            try:
                if kind == _CHUNK:
                    self._take_chunk(body, is_cut)
                elif kind in (_SCHEMA, _CHANNEL, _MESSAGE) and not is_cut:
                    self._take(kind, self._bytes(body, size), (0, body))
            except (ValueError, struct.error) as error:
                if not is_cut:
                    self.problem = f"damaged at byte {at}: {error}"
            if is_cut:
                break
            at = body + size
        self.problem = self.problem or f"truncated at byte {at} of {self._size}"

    def _take_chunk(self, body: int, is_cut: bool) -> None:
        """All records of a chunk; those that are there where the file ends within it."""
        for kind, start, length in _records(self._chunk(body), is_cut):
            content = self._chunk(body)[start : start + length]
            self._take(kind, content, (body, start))

    def _take(self, kind: int, content: memoryview, place: tuple[int, int]) -> None:
        """Learn of a schema, a channel or a message."""
        if kind == _SCHEMA:
            (key,) = struct.unpack_from("<H", content)
            self._schemas[key], at = _text(content, 2)
            form, at = _text(content, at)
            if form == "ros2msg":
                self.definitions[self._schemas[key]] = _text(content, at)[0]
        elif kind == _CHANNEL:
            key, schema = struct.unpack_from("<HH", content)
            topic, at = _text(content, 4)
            encoding = _text(content, at)[0]
            name = self._schemas.get(schema, "?")
            self._channels[key] = topic, name if encoding == "cdr" else f"{name} ({encoding})"
        elif kind == _MESSAGE:
            key, _, time, _ = _MESSAGE_HEADER.unpack_from(content)
            if key in self._channels:
                skipped = _MESSAGE_HEADER.size
                where = (place[0], place[1] + skipped, len(content) - skipped)
                self.entries.append(Entry(time, *self._channels[key], self, where))

    def _chunk(self, body: int) -> memoryview:
        """The records of the chunk whose record's content begins at `body`."""
        if self._unpacked[0] != body:
            head = self._bytes(body, _CHUNK_HEADER.size + 4)
            _, _, size, checksum = _CHUNK_HEADER.unpack_from(head)
            name_at = body + _CHUNK_HEADER.size
            (length,) = struct.unpack_from("<I", head, _CHUNK_HEADER.size)
            method = bytes(self._bytes(name_at + 4, length)).decode("ascii")
            (packed,) = struct.unpack("<Q", self._bytes(name_at + 4 + length, 8))
            content = bytes(self._bytes(name_at + 12 + length, packed))
            is_cut = len(content) < packed
            data = _unpack(content, method, is_cut)
            if not is_cut and (len(data) != size or (checksum and crc32(data) != checksum)):
                raise ValueError("a chunk does not match its stated size and checksum")
            self._unpacked = body, memoryview(data)
        return self._unpacked[1]

    def _bytes(self, at: int, size: int) -> memoryview:
        self._file.seek(at)
        return memoryview(self._file.read(min(size, self._size)))


def _records(data: memoryview, is_cut: bool) -> Iterator[tuple[int, int, int]]:
    """Kind, begin and size of the content of each record; of `data` that is cut, the whole ones."""
    at = 0
    while at < len(data):
        if is_cut and at + _RECORD.size > len(data):
            return
        kind, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            if is_cut:
                return
            raise ValueError("a record is longer than its chunk")
        yield kind, at, size
        at += size


def _text(content: memoryview, at: int) -> tuple[str, int]:
    """A string, and where it ends."""
    (size,) = struct.unpack_from("<I", content, at)
    return bytes(content[at + 4 : at + 4 + size]).decode(), at + 4 + size


def _unpack(data: bytes, method: str, is_cut: bool) -> bytes:
    """`data` decompressed; of data that is cut, as far as it goes."""
    if method == "":
        return data
    if method == "zstd":
        return unzstd(data, is_cut)
    if method == "lz4":
        from lz4.frame import LZ4FrameDecompressor, decompress

        try:
            return LZ4FrameDecompressor().decompress(data) if is_cut else decompress(data)
        except RuntimeError as error:
            raise ValueError(str(error)) from None
    raise ValueError(f"chunk compression {method!r} is not supported; zstd and lz4 are")
