"""MCAP as other programs write it: without index, with other encodings, in chunks of any kind."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

import lz4.frame
from rosbags.rosbag2 import Reader

MAGIC = b"\x89MCAP0\r\n"
FOREIGN = ("/foreign", "foxglove.Log", "protobuf")


def messages_of(bag: Path) -> list[tuple[str, str, int, bytes]]:
    """Topic, type, time and data of all messages of a whole bag."""
    with Reader(bag) as reader:
        return [(c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages()]


def write_mcap(
    path: Path,
    messages: Sequence[tuple[str, str, int, bytes]],
    *,
    profile: str = "ros2",
    foreign: bool = False,
    chunk: int = 4,
    lz4_chunks: bool = False,
    index: str = "none",
    loose: int = 0,
) -> Path:
    """Write `messages` in chunks of some; return the path.

    Args:
        path: of the file.
        messages: see `messages_of`.
        profile: of the header.
        foreign: whether there is a topic that is not of ROS as well.
        chunk: messages in each; 0 = no chunks.
        lz4_chunks: compress them.
        loose: messages at the end that lie outside of chunks.
        index: ``none``, or ``chunks``: a summary whose chunks have no message index.
    """
    topics = dict.fromkeys((topic, kind, "cdr") for topic, kind, *_ in messages)
    if foreign:
        messages = [("/foreign", FOREIGN[1], messages[0][2], b"\x0a\x01x"), *messages]
        topics = {FOREIGN: None, **topics}
    declared = b""
    numbers = {}
    for number, (topic, kind, encoding) in enumerate(topics, 1):
        form = "ros2msg" if encoding == "cdr" else encoding
        body = struct.pack("<H", number) + text(kind) + text(form) + text("")
        declared += record(3, body)
        body = struct.pack("<HH", number, number) + text(topic) + text(encoding) + bytes(4)
        declared += record(4, body)
        numbers[topic] = number
    content = MAGIC + record(1, text(profile) + text("a test"))
    packed = [
        record(5, struct.pack("<HIQQ", numbers[topic], 0, time, time) + data)
        for topic, _, time, data in messages
    ]
    chunks = []
    loose = loose if chunk else len(packed)
    if loose:
        content += declared + b"".join(packed[-loose:])
    packed = packed[: len(packed) - loose]
    for at in range(0, len(packed), chunk or 1):
        inside = declared + b"".join(packed[at : at + chunk])
        data = lz4.frame.compress(inside) if lz4_chunks else inside
        times = [m[2] for m in messages[at : at + chunk]]
        method = text("lz4" if lz4_chunks else "")
        head = struct.pack("<QQQI", min(times), max(times), len(inside), crc32(inside))
        body = head + method + struct.pack("<Q", len(data)) + data
        place = len(content), len(record(6, body))
        chunks.append(
            struct.pack("<QQQQIQ", min(times), max(times), *place, 0, 0)
            + method
            + struct.pack("<QQ", len(data), len(inside))
        )
        content += record(6, body)
    content += record(15, bytes(4))
    start = 0
    if index == "chunks":
        start = len(content)
        content += declared + b"".join(record(8, c) for c in chunks)
        content += record(11, statistics(messages, numbers, len(chunks)))
    content += record(2, struct.pack("<QQI", start, 0, 0)) + MAGIC
    path.write_bytes(content)
    return path


def statistics(
    messages: Sequence[tuple[str, str, int, bytes]], numbers: dict[str, int], chunks: int
) -> bytes:
    times = [m[2] for m in messages]
    counts = [(n, sum(m[0] == topic for m in messages)) for topic, n in numbers.items()]
    sizes = len(messages), len(numbers), len(numbers), 0, 0, chunks
    body = struct.pack("<QHIIIIQQ", *sizes, min(times), max(times))
    return body + struct.pack("<I", 10 * len(counts)) + join(struct.pack("<HQ", *c) for c in counts)


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(body)) + body


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def join(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)
