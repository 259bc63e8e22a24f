"""One recorded message and where it is; message and file compression."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

ZSTD = b"\x28\xb5\x2f\xfd"
"""How zstd begins; no message in CDR does."""


class MessageFile(Protocol):
    """A file whose messages can be read in any order; some types with their ``.msg`` text."""

    problem: str
    entries: list[Entry]
    definitions: dict[str, str]

    def read(self, entry: Entry) -> bytes: ...

    def close(self) -> None: ...


class Entry(NamedTuple):
    """A message: when it was recorded (nanoseconds), its topic and type, where it is."""

    time: int
    topic: str
    kind: str
    file: MessageFile
    place: tuple[int, ...]


def unzstd(data: bytes, is_cut: bool = False) -> bytes:
    """`data` decompressed; if it is cut, as far as it goes.

    Raises:
        ValueError: it cannot be decompressed.
    """
    try:
        return zstd.ZstdDecompressor().decompress(data) if is_cut else zstd.decompress(data)
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None
