"""Images find their masks by stamp, and every message is matched or dropped with a reason."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, PATIENCE, STREAMS, Synchronizer

MS = 1_000_000
T0 = 1_700_000_000_000 * MS


class Bench:
    """A synchroniser, what it dropped, and a clock to advance by hand."""

    def __init__(self, **options):
        self.drops = Counter()
        self.now = 0.0
        options.setdefault("timeout", 1.0)
        self.synchronizer = Synchronizer(lambda *what: self.drops.update([what]), **options)

    def add(self, stream, milliseconds):
        found = self.synchronizer.add(
            stream, T0 + round(milliseconds * MS), (stream, milliseconds), self.now
        )
        return [(m.image[1], m.mask[1], m.depth and m.depth[1]) for m in found]

    def poll(self):
        found = self.synchronizer.poll(self.now)
        return [(m.image[1], m.mask[1], m.depth and m.depth[1]) for m in found]


def test_depth_of_a_triggered_camera_is_waited_for_while_somebody_publishes_it():
    bench = Bench(depth="auto")
    bench.synchronizer.depth_is_published = True
    for n in range(4):
        bench.now, at = 2.2 * n, 2200 * n
        assert bench.add(IMAGE, at) == []
        assert bench.add(MASK, at) == []
        assert bench.add(DEPTH, at) == [(at, at, at)]
    assert not bench.drops


@pytest.mark.parametrize("rate", [5, 30, 100])
@pytest.mark.parametrize("lead", [-20, -1, 5])
@pytest.mark.parametrize(("timeout", "queue"), [(1.0, 60), (3.0, 60), (1.0, 30)])
def test_depth_that_is_offered_and_never_comes_costs_no_frame(rate, lead, timeout, queue):
    """Masks come `lead` milliseconds after their images."""
    bench = Bench(depth="auto", timeout=timeout, queue=queue)
    bench.synchronizer.depth_is_published = True
    events = [(1000 * n / rate + max(-lead, 0), IMAGE, 1000 * n / rate) for n in range(300)]
    events += [(1000 * n / rate + max(lead, 0), MASK, 1000 * n / rate) for n in range(300)]
    answered = 0
    for at, stream, stamp in sorted(events):
        bench.now = at / 1000
        answered += len(bench.add(stream, stamp))
    bench.now += timeout
    answered += len(bench.poll())
    assert answered == 300 and not bench.drops


def test_depth_that_is_there_is_used_though_none_is_expected():
    bench = Bench(depth="auto", slop=10 * MS, timeout=1.0)
    bench.add(DEPTH, -3)
    bench.now = 0.6
    bench.add(IMAGE, 0)
    bench.now = 1.05  # a timeout after the last depth image: no more are expected
    assert bench.add(MASK, 0) == [(0, 0, -3)]
    assert not bench.drops


@pytest.mark.parametrize("first, second", [(IMAGE, MASK), (MASK, IMAGE)])
def test_equal_stamps_match_in_whatever_order_they_come(first, second):
    bench = Bench()
    assert bench.add(first, 0) == []
    assert bench.add(second, 0) == [(0, 0, None)]
    assert not bench.drops


def test_exact_mask_wins_over_a_near_one_that_came_first():
    bench = Bench(slop=10 * MS)
    bench.add(MASK, 95)
    assert bench.add(IMAGE, 100) == []
    assert bench.add(MASK, 100) == [(100, 100, None)]
    assert bench.drops == {(MASK, "no_partner"): 1}


def test_nearest_mask_within_slop_is_taken_once_no_exact_one_can_come():
    bench = Bench(slop=10 * MS)
    bench.add(MASK, 94)
    bench.add(IMAGE, 100)
    assert bench.add(MASK, 103) == [(100, 103, None)]


def test_nearest_mask_within_slop_is_taken_when_the_wait_is_over():
    bench = Bench(slop=10 * MS)
    bench.add(MASK, 94)
    bench.now = 0.1
    bench.add(IMAGE, 100)
    bench.now = 0.9
    assert bench.poll() == []
    bench.synchronizer.timeout = 0.8
    assert bench.poll() == [(100, 94, None)]


@pytest.mark.parametrize("stream", [MASK, DEPTH])
def test_mask_or_depth_that_another_image_owns_is_not_taken(stream):
    """A segmenter, or a depth camera, that answers every third image of a fast camera."""
    bench = Bench(slop=10 * MS, depth="never" if stream == MASK else "always")
    for stamp in (0, 8, 16, 25):
        bench.add(IMAGE, stamp)
        if stream == DEPTH:
            bench.add(MASK, stamp)
    assert bench.add(stream, 25) == [(25, 25, None if stream == MASK else 25)]


@pytest.mark.parametrize("depth", ["auto", "always"])
def test_depth_of_an_image_that_is_overtaken_is_free(depth):
    """Depth comes with every other image of a fast camera, masks with the ones between, late."""
    bench, matched = Bench(slop=10 * MS, depth=depth), []
    events = [(8 * n, IMAGE, 8 * n) for n in range(32)]
    events += [(8 * n + 1, DEPTH, 8 * n) for n in range(0, 32, 2)]
    events += [(8 * n + 20, MASK, 8 * n) for n in range(1, 32, 2)]
    for at, stream, stamp in sorted(events):
        bench.now = at / 1000
        matched += bench.add(stream, stamp)
    assert len(matched) >= 15 and (IMAGE, "no_depth") not in bench.drops
    assert all(image == mask and depth == image - 8 for image, mask, depth in matched)


def test_mask_beyond_slop_is_no_partner():
    bench = Bench(slop=10 * MS)
    bench.add(IMAGE, 100)
    assert bench.add(MASK, 111) == []
    bench.now = 1.0
    assert bench.poll() == []
    assert bench.drops == {(IMAGE, "no_partner"): 1, (MASK, "no_partner"): 1}


def test_image_without_mask_is_dropped_when_a_newer_one_is_matched():
    bench = Bench()
    for stamp in (0, 33, 66):
        bench.add(IMAGE, stamp)
    assert bench.add(MASK, 66) == [(66, 66, None)]
    assert bench.drops == {(IMAGE, "no_partner"): 2}
    assert bench.add(MASK, 33) == []
    assert bench.drops[MASK, "late"] == 1


def test_full_queue_gives_up_the_oldest_image():
    bench = Bench(queue=2)
    for stamp in (0, 33, 66):
        bench.add(IMAGE, stamp)
    assert bench.drops == {(IMAGE, "queue_full"): 1}
    assert bench.add(MASK, 33) == [(33, 33, None)]


def test_bag_that_starts_again_is_followed_at_once():
    bench = Bench()
    for stamp in (0, 1000, 2000):
        bench.add(IMAGE, stamp)
        bench.add(MASK, stamp)
    bench.add(IMAGE, 3000)
    # In the new run the mask comes first, and a straggler of the old run in between.
    bench.add(MASK, 0)
    bench.add(IMAGE, 3033)
    assert bench.add(IMAGE, 0) == [(0, 0, None)]
    assert bench.add(IMAGE, 1000) == []
    assert bench.add(MASK, 1000) == [(1000, 1000, None)]
    assert bench.drops == {(IMAGE, "clock_jump"): 2}
    assert bench.synchronizer.jumps == 2


@pytest.mark.parametrize("length", [2, 4, 12])
def test_short_bag_that_starts_again_and_again_does_not_starve(length):
    bench, matched = Bench(), []
    for n in range(40 * length):
        bench.now = n * 0.033
        bench.add(IMAGE, n % length * 33)
        matched += bench.add(MASK, n % length * 33)
    late = matched[length:]
    assert len(late) > length and bench.synchronizer.jumps > 1
    assert all(image == mask for image, mask, _ in late)


def test_one_stamp_from_the_far_future_does_not_stop_the_stream():
    bench, matched = Bench(), []
    for n in range(6):
        bench.add(IMAGE, 10**9 if n == 3 else n * 33)
        matched += bench.add(MASK, n * 33)
    assert [image for image, _, _ in matched] == [0, 33, 66, 132, 165]


@pytest.mark.parametrize("stamp", [0, -5])
def test_stamp_that_was_never_set_is_refused(stamp):
    bench = Bench()
    assert bench.synchronizer.add(IMAGE, stamp, "message", 0.0) == []
    assert bench.drops == {(IMAGE, "bad_stamp"): 1}


def test_second_message_of_the_same_stamp_is_dropped():
    bench = Bench()
    bench.add(IMAGE, 0)
    bench.add(IMAGE, 0)
    bench.add(MASK, 0)
    bench.add(MASK, 0)
    assert bench.drops == {(IMAGE, "duplicate_stamp"): 1, (MASK, "duplicate_stamp"): 1}


def test_frame_waits_for_depth_while_depth_comes():
    bench = Bench(depth="auto")
    bench.add(DEPTH, 0)
    bench.add(IMAGE, 33)
    assert bench.add(MASK, 33) == []
    assert bench.add(DEPTH, 33) == [(33, 33, 33)]


def test_frame_does_without_depth_that_stopped():
    bench = Bench(depth="auto")
    bench.add(DEPTH, 0)
    bench.now = 1.5
    bench.add(IMAGE, 1500)
    assert bench.add(MASK, 1500) == [(1500, 1500, None)]


@pytest.mark.parametrize("stamp", [0, -T0])
def test_frame_does_not_wait_for_depth_whose_stamps_were_never_set(stamp):
    bench = Bench(depth="auto")
    bench.synchronizer.add(DEPTH, stamp, "depth", 0.0)
    bench.add(IMAGE, 33)
    assert bench.add(MASK, 33) == [(33, 33, None)]


def test_frames_stop_to_wait_for_depth_of_another_clock_and_wait_again_once_it_is_mended():
    bench, an_hour = Bench(depth="auto"), 3_600_000
    waited = []
    for stamp in range(0, 12_000, 2000):
        bench.now = stamp / 1000
        bench.add(DEPTH, stamp - an_hour)
        bench.add(IMAGE, stamp)
        waited.append(not bench.add(MASK, stamp))
        bench.now += 0.5
        bench.add(DEPTH, stamp + 500 - an_hour)
        bench.now += 0.5
        bench.poll()
    assert waited == [True] * PATIENCE + [False] * (6 - PATIENCE)
    bench.now = 10.1
    assert bench.add(DEPTH, 10_000) == []  # too late for its image, but of the same clock
    bench.add(IMAGE, 10_033)
    assert bench.add(MASK, 10_033) == []
    assert bench.add(DEPTH, 10_033) == [(10_033, 10_033, 10_033)]


def test_frame_without_the_depth_it_needs_is_dropped():
    bench = Bench(depth="always")
    bench.add(IMAGE, 0)
    assert bench.add(MASK, 0) == []
    bench.now = 1.0
    assert bench.poll() == []
    assert bench.drops[IMAGE, "no_depth"] == 1


def test_cleared_messages_are_accounted_for():
    bench = Bench()
    bench.add(IMAGE, 0)
    bench.add(MASK, 33)
    bench.synchronizer.clear("deactivated")
    assert bench.drops == {(IMAGE, "deactivated"): 1, (MASK, "deactivated"): 1}


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STREAMS),
            st.integers(-2, 60).map(lambda n: n * 50),
            st.sampled_from([0.0, 0.01, 0.3, 2.0]),
        ),
        max_size=80,
    ),
    st.sampled_from(["never", "auto", "always"]),
    st.sampled_from([0, 10 * MS, 60 * MS]),
)
def test_nothing_is_lost_and_nothing_is_used_twice(events, depth, slop):
    bench = Bench(depth=depth, slop=slop, queue=5)
    received, matched = Counter(), Counter()
    used = set()
    for index, (stream, stamp, pause) in enumerate(events):
        bench.now += pause
        received[stream] += 1
        found = bench.synchronizer.add(stream, T0 + stamp * MS, (stream, index), bench.now)
        for match in found:
            parts = [m for m in (match.image, match.mask, match.depth) if m is not None]
            assert not used & set(parts)
            used |= set(parts)
            for _, number in parts:  # nobody else's
                own = T0 + events[number][1] * MS
                assert own == match.stamp or own not in bench.synchronizer.waiting(IMAGE)
            matched.update(part[0] for part in parts)
        for name in STREAMS:
            dropped = sum(n for (s, _), n in bench.drops.items() if s == name)
            waiting = len(bench.synchronizer.waiting(name))
            assert received[name] == matched[name] + dropped + waiting
            assert waiting <= 5
