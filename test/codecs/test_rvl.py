"""RVL streams are decoded to the bit, and damaged ones refused."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from rvl_stream import encode

from segan_ros.codecs.rvl import decode

DEPTHS = st_numpy.arrays(
    np.uint16, st.integers(1, 60), elements=st.one_of(st.just(0), st.integers(0, 65535))
)


@given(DEPTHS)
def test_every_image_comes_back(pixels):
    np.testing.assert_array_equal(decode(encode(pixels), len(pixels)), pixels)


def test_stream_of_the_paper_s_own_terms():
    """Two zeros, three others of 1000, 1001, 999: differences 1000, 1, -2."""
    groups = [2, 3, 0b1000, 0b1010, 0b1111, 0b0011, 2, 3]
    word = sum(group << 28 - 4 * n for n, group in enumerate(groups))
    np.testing.assert_array_equal(decode(word.to_bytes(4, "little"), 5), [0, 0, 1000, 1001, 999])


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda data: data[: len(data) // 2 // 4 * 4], "does not fit|ends after"),
        (lambda data: b"", "ends after 0 of 48 pixels"),
        (lambda data: b"\xff" * 48, "ends after 0|takes"),
        (lambda data: b"\0" * 48, "a run of 0 and 0 pixels does not fit 48"),
    ],
)
def test_damaged_stream_is_refused(change, text):
    pixels = np.arange(1, 49, dtype=np.uint16) * 1000 % 60_000
    with pytest.raises(ValueError, match=text):
        decode(change(encode(pixels)), 48)


def test_pixels_beyond_those_of_the_image_are_refused():
    with pytest.raises(ValueError, match="a run of 0 and 9 pixels does not fit 4"):
        decode(encode(np.full(9, 700, np.uint16)), 4)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_no_bytes_make_it_fail_otherwise(data, pixels):
    with suppress(ValueError):
        assert len(decode(data, pixels)) == pixels
