"""Which mask or depth image belongs to which image: one rule, live and in bags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segan_ros.messages.pairing import nearest, partner

STAMPS = st.lists(st.integers(0, 200), max_size=12, unique=True).map(sorted)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([95, 100, 101], 100),
        ([94, 103], 103),
        ([89, 111], None),
        ([90], 90),
        ([110], 110),
        ([97, 103], 97),
        ([], None),
    ],
)
def test_equal_stamp_comes_first_then_the_nearest_within_slop(stamps, expected):
    assert partner(stamps, 100, 10) == expected


def test_what_belongs_to_another_image_is_left_to_it():
    images = {100, 103}
    assert partner([94, 103], 100, 10, lambda s: s not in images) == 94
    assert partner([94, 103], 103, 10, lambda s: s not in images) == 103
    assert partner([103], 100, 10, lambda s: s not in images) is None


@given(STAMPS, st.integers(0, 200), st.integers(0, 30), st.sets(st.integers(0, 200)))
def test_no_free_stamp_is_nearer(stamps, stamp, slop, owned):
    found = partner(stamps, stamp, slop, lambda s: s not in owned)
    free = [s for s in stamps if abs(s - stamp) <= slop and (s == stamp or s not in owned)]
    assert (found is None) == (not free)
    if found is not None:
        assert found in free and all(abs(found - stamp) <= abs(s - stamp) for s in free)


@given(STAMPS, st.integers(0, 200))
def test_nearest_knows_no_limit(stamps, stamp):
    found = nearest(stamps, stamp)
    assert found == min(stamps, key=lambda s: (abs(s - stamp), s), default=None)
