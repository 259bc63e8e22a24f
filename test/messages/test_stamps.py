"""Stamps are read alike from messages and from their serialised bytes."""

import struct
from types import SimpleNamespace

import pytest

from segan_ros.messages.stamps import serialised_stamp, stamp_of


def header(seconds, rest):
    return SimpleNamespace(stamp=SimpleNamespace(sec=seconds, nanosec=rest))


@pytest.mark.parametrize("order, flag", [("<", 1), (">", 0)])
def test_both_readings_agree(order, flag):
    data = bytes([0, flag, 0, 0]) + struct.pack(f"{order}iI", 7, 9) + b"rest"
    assert serialised_stamp(data) == stamp_of(header(7, 9)) == 7_000_000_009


@pytest.mark.parametrize("seconds, rest", [(-1, 0), (5, 1_000_000_000)])
def test_stamp_that_is_no_time(seconds, rest):
    assert stamp_of(header(seconds, rest)) == 0
    with pytest.raises(ValueError, match=f"stamp {seconds} s {rest} ns, which is not a valid time"):
        serialised_stamp(bytes([0, 1, 0, 0]) + struct.pack("<iI", seconds, rest))


def test_message_without_header_is_refused():
    with pytest.raises(ValueError, match="a message of 5 bytes has no header"):
        serialised_stamp(b"12345")
