"""Header stamps in nanoseconds, of messages and of their serialised bytes."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from segan_ros.frame import SECOND


def stamp_of(header: Any) -> int:
    """Nanoseconds; 0 for a stamp that was never set or is not valid."""
    return _nanoseconds(header.stamp.sec, header.stamp.nanosec) or 0


def serialised_stamp(message: bytes | memoryview) -> int:
    """The same of a CDR message that begins with a header.

    Raises:
        ValueError: it is too short to hold one, or the stamp is not valid.
    """
    if len(message) < 12:
        raise ValueError(f"a message of {len(message)} bytes has no header")
    seconds, rest = unpack_from("<iI" if message[1] & 1 else ">iI", message, 4)
    stamp = _nanoseconds(seconds, rest)
    if stamp is None:
        raise ValueError(f"a message has stamp {seconds} s {rest} ns, which is not a valid time")
    return stamp


def _nanoseconds(seconds: int, rest: int) -> int | None:
    valid = seconds >= 0 and 0 <= rest < SECOND
    return int(seconds) * SECOND + int(rest) if valid else None
