"""Levels on /diagnostics mean something, and say what to do."""

import random
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
from segan_ros.ros.counters import Counters, Tally
from segan_ros.ros.diagnostics import Diagnostics, values
from segan_ros.ros.report import Report
from segan_ros.ros.stream_monitor import Loss, Silence
from segan_ros.ros.throttled_log import ThrottledLog
from segan_ros.ros.verdict import ERROR, OK, WARN, judge

pytestmark = pytest.mark.ros

SECOND = 1_000_000_000
TOPICS = {"image": "/cam/rgb", "instance_mask": "/cam/ids", "depth": "/cam/depth"}


def verdict(image=None, mask=None, depth=None, **report):
    recent = {"image": image or Tally(100, 100), "instance_mask": mask or Tally(100, 100)}
    recent["depth"] = depth or Tally()
    limits = {"sync_slop": 0.01, "sync_timeout": 1.0, "image_transport": "raw"}
    limits |= {"mask_transport": "compressed", "depth_transport": "same"}
    limits |= {"segmenter": "label_image"}
    values = {"topics": TOPICS, "tallies": recent, "parameters": limits, "at": 10.0, **report}
    found = judge(Report("active", **values), Report("active"))
    return found.level, found.text


@pytest.mark.parametrize(
    "situation, level, text",
    [
        ({}, OK, "100 of 100 frames published"),
        ({"image": Tally(100, 40, {"superseded": 60})}, OK, "60 superseded"),
        (
            {"image": Tally(90, 30, {"no_partner": 60}), "mask": Tally(30, 30)},
            OK,
            "30 of 90 frames published, 60 no_partner",
        ),
        (
            {"image": Tally(100, 0, {"superseded": 98}), "provider": "cpu"},
            ERROR,
            "none of 100 frames was finished within 10 s on cpu; choose a faster provider or model",
        ),
        (
            # Published within these seconds, received before.
            {"image": Tally(149, 151), "mask": Tally(150, 150)},
            OK,
            "151 of 151 frames published",
        ),
        (
            {"silent": ["instance_mask"]},
            WARN,
            "nothing received on /cam/ids; no publisher on /cam/ids: start it or remap the topic",
        ),
        (
            {"silent": ["instance_mask"], "publishers": {"instance_mask": 1}},
            WARN,
            "its publisher sends nothing, or its QoS does not match input_reliability: ros2 topic "
            "info -v /cam/ids",
        ),
        (
            {"silent": ["image"], "elsewhere": {"image": "/cam/rgb/compressed"}},
            WARN,
            "/cam/rgb/compressed has a publisher: set image_transport to compressed",
        ),
        (
            {"silent": ["instance_mask"], "elsewhere": {"instance_mask": "/cam/ids"}},
            WARN,
            "/cam/ids has a publisher: set mask_transport to raw",
        ),
        (
            {"image": Tally(9, 0, {"no_partner": 9}), "mask": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "the segmenter must copy the header of its image; if the stamps differ a little, raise "
            "sync_slop (0.01 s); if masks come later than sync_timeout (1.0 s), raise it and",
        ),
        (
            {"mask": Tally(100, 80, {"no_partner": 20})},
            WARN,
            "20 masks have no image: if masks come later than sync_timeout (1.0 s), raise it and "
            "sync_queue; otherwise images are lost in transport: start the camera driver, the",
        ),
        (
            {"depth": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "no depth image has the stamp of an image: correct its stamps, raise sync_slop (",
        ),
        ({"depth": Tally(9, 5, {"no_partner": 4})}, OK, "100 of 100 frames published"),
        (
            {"lost_share": 0.4},
            WARN,
            "about 40% of the images are missing, by the gaps",
        ),
        (
            {"image": Tally(9, 0, {"no_depth": 9})},
            WARN,
            "9 frames dropped: no depth on /cam/depth; publish it, or set use_depth to auto",
        ),
        (
            {"image": Tally(9, 0, {"no_depth": 9}), "mask": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "9 frames dropped: no depth on /cam/depth",
        ),
        (
            {
                "image": Tally(300, 0, {"superseded": 200, "too_many_objects": 100}),
                "texts": {"image.too_many_objects": "400 objects, max_objects is 255"},
            },
            WARN,
            "100 dropped: 400 objects, max_objects is 255",
        ),
        (
            {
                "image": Tally(9, 0, {"too_many_objects": 9}),
                "texts": {"image.too_many_objects": "400 objects, max_objects is 255"},
            },
            WARN,
            "9 dropped: 400 objects, max_objects is 255",
        ),
        (
            {"image": Tally(300, 0, {"superseded": 298, "truncated": 1})},
            ERROR,
            "none of 300 frames was finished",
        ),
        (
            {
                "image": Tally(100, 60, {"no_depth": 40}),
                "mask": Tally(100, 60, {"no_partner": 40}),
                "depth": Tally(60, 60),
            },
            WARN,
            "images are lost in transport",
        ),
        (
            {"image": Tally(90, 0, {"queue_full": 60}), "silent": ["instance_mask"]},
            WARN,
            "no publisher on /cam/ids",
        ),
        (
            {
                "image": Tally(90, 0, {"queue_full": 60}),
                "mask": Tally(60, 0, {"no_partner": 60}),
                "texts": {"image.queue_full": "more image messages wait than sync_queue holds"},
            },
            WARN,
            "60 dropped: more image messages wait than sync_queue holds",
        ),
        ({"jumps": 3}, WARN, "stamps jumped back 3 times: one input has two publishers"),
        ({"jumps": 2}, OK, "100 of 100 frames published"),
        ({"mask_problem": "one id on"}, WARN, "/cam/ids: one id on"),
        (
            {"silent": ["instance_mask"], "type_problems": ["/cam/ids carries"]},
            WARN,
            "/cam/ids carries",
        ),
        ({"role_problem": "min_score is set, but"}, WARN, "min_score is set, but"),
        (
            {"masks": 0, "left_out": {"no mask": 9}},
            WARN,
            "/cam/ids: 9 of 9 detections were skipped (no mask): use a segmentation model (such",
        ),
        (
            {"masks": 10, "left_out": {"outside the image": 2, "duplicate": 8}},
            WARN,
            "/cam/ids: 2 of 20 detections were skipped (outside the image): run the segmenter",
        ),
        ({"masks": 99, "left_out": {"fewer than 3 points": 1}}, OK, "100 of 100"),
        ({"masks": 10, "left_out": {"ignored class": 9, "duplicate": 9}}, OK, "100 of 100"),
        (
            {
                "image": Tally(100, 0, {"superseded": 98}),
                "provider": "cpu",
                "mask_problem": "looks like a photograph",
            },
            WARN,
            "looks like a photograph",
        ),
        ({"camera_problem": "camera_info is for 9x9"}, WARN, "camera_info is for 9x9"),
        (
            {"depth": Tally(9, 9), "subscribed": ["objects", "markers", "boxes"]},
            WARN,
            "boxes and markers stay empty: no calibrated camera_info on camera_info; publish it or",
        ),
        ({"depth": Tally(9, 9), "subscribed": ["boxes"], "calibrated": True}, OK, "100 of 100"),
        ({"subscribed": ["boxes"]}, OK, "100 of 100 frames published"),
        (
            {"publishers": {"depth": 1}, "silent": ["depth"]},
            WARN,
            "nothing received on /cam/depth; its publisher sends nothing, or its QoS does not",
        ),
        (
            {"elsewhere": {"depth": "/cam/depth/compressedDepth"}, "silent": ["depth"]},
            WARN,
            "/cam/depth/compressedDepth has a publisher: set depth_transport to compressed",
        ),
        ({"silent": ["depth"]}, OK, "100 of 100 frames published"),
        ({"engine": "building 35 s, serving on cuda"}, OK, "100 of 100 frames published"),
        (
            {"engine": "failed: no memory; serving on cuda"},
            WARN,
            "engine failed: no memory; serving on cuda; correct that and call ~/reload, or choose",
        ),
        ({"reload_problem": "not replaced"}, WARN, "not replaced"),
        ({"image": Tally(9, 8, {"internal_error": 1})}, ERROR, "the log has the traceback"),
        ({"problem": "cannot configure: no model"}, ERROR, "cannot configure: no model"),
        ({"enabled": False, "silent": ["image"]}, OK, "disabled by ~/enable"),
    ],
)
def test_each_situation_has_its_level_and_remedy(situation, level, text):
    found = verdict(**situation)
    assert found[0] == level and text in found[1]


def test_every_drop_is_published_under_its_reason():
    found = values(Report("active", tallies={"image": Tally(9, 5, {"late": 1, "stale": 2})}))
    assert found["image.dropped.late"] == "1" and found["image.dropped.stale"] == "2"
    assert found["image.in_flight"] == "1"


def test_rates_are_those_of_the_last_seconds():
    diagnostics = Diagnostics()
    for n in range(30):
        count = 30 * n if n > 15 else 0
        tallies = {"image": Tally(count, count // 2), "instance_mask": Tally()}
        _, status = diagnostics.assess("segan", Report("active", tallies=tallies, at=100.0 + n))
    found = {v.key: v.value for v in status.values}
    assert found["image.received.hz"] == "30.0" and found["image.published.hz"] == "15.0"
    assert found["instance_mask.matched.hz"] == "0.0"


def silent_spans(arrivals, until, step=0.1):
    """When an input was called silent: begin and end of each time, seconds."""
    monitor, waiting, spans = Silence(0.0), sorted(arrivals), []
    for n in range(round(until / step)):
        now = n * step
        while waiting and waiting[0] <= now:
            monitor.heard(waiting.pop(0))
        if monitor.is_silent(now):
            if not spans or spans[-1][1] < now - 1.5 * step:
                spans.append([now, now])
            spans[-1][1] = now
    return spans


def every(period, begin, end):
    return [begin + n * period for n in range(round((end - begin) / period))]


@pytest.mark.parametrize(
    ("period", "patience"), [(1 / 30, 1.0), (0.2, 1.0), (0.5, 1.5), (2.0, 6.0), (15.0, 45.0)]
)
def test_dead_camera_is_missed_after_three_periods_or_a_second(period, patience):
    arrivals = every(period, 5.0, 5.0 + 40 * period)
    spans = silent_spans(arrivals, arrivals[-1] + 2 * patience + 1)
    assert spans[0] == [pytest.approx(1.1, abs=0.2), pytest.approx(5.0, abs=0.2)]
    assert spans[-1][0] == pytest.approx(arrivals[-1] + patience, abs=0.2)
    # A slow camera shows its period with its second picture.
    assert len(spans) == (2 if period < 1 else 3)


def test_change_of_rate_is_no_silence():
    arrivals = [*every(1 / 15, 0.1, 10), *every(1 / 5, 10, 20), *every(1 / 2, 20, 30)]
    assert silent_spans(arrivals, 30.0) == []


def test_pauses_of_a_camera_that_is_triggered_are_usual_from_the_third_on():
    arrivals = [t for n in range(6) for t in every(0.1, 0.1 + 30 * n, 3.0 + 30 * n)]
    spans = silent_spans(arrivals, 300.0)
    assert [begin for begin, _ in spans] == pytest.approx([4, 34, 153 + 3 * 27], abs=1)


def test_outages_of_a_steady_camera_are_no_habit():
    """It sent for longer than it paused, each time: the next end is missed as soon."""
    arrivals = [t for begin in (0.1, 80, 160) for t in every(1 / 30, begin, begin + 60)]
    spans = silent_spans(arrivals, 240.0)
    assert [round(begin) for begin, _ in spans] == [61, 141, 221]


def test_slow_networks_are_no_error_in_a_short_time():
    diagnostics = Diagnostics()
    for n in range(200):  # 20 s: a frame is finished every 2 s
        received, done = 3 * n, n // 20
        tallies = {
            "image": Tally(received, done, {"superseded": received - done}),
            "instance_mask": Tally(received, received),
        }
        verdict, _ = diagnostics.assess("segan", Report("active", tallies=tallies, at=50 + n / 10))
        assert verdict.level != ERROR


def test_a_slow_start_is_no_error_yet():
    tallies = {"image": Tally(9, 0, {"superseded": 8}), "instance_mask": Tally(9, 9)}
    verdict, _ = Diagnostics().assess("segan", Report("active", tallies=tallies, at=1.0))
    assert verdict.level == OK


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_lost_images_are_seen_from_the_stamps_alone(share):
    loss, chance = Loss(window=400), random.Random(1)
    for n in range(400):
        if chance.random() >= share:
            loss.add(n * 33_000_000 + chance.randrange(2_000_000))
    assert loss.share == pytest.approx(share, abs=0.08)


def test_ten_of_32_images_are_enough_to_see_that_the_others_were_lost():
    loss, chance = Loss(), random.Random(3)
    for n in sorted(chance.sample(range(32), 11)):
        loss.add(SECOND + n * 100_000_000 + chance.randrange(2_000_000))
    assert loss.share > 0.4


@pytest.mark.parametrize("rates", [(15, 5), (5, 15), (30, 10, 30), (30, 15, 5), (15, 10), (10, 15)])
def test_another_rate_is_no_loss_at_any_moment(rates):
    loss, chance, stamp = Loss(), random.Random(1), SECOND
    for rate in rates:
        for _ in range(80):
            stamp += SECOND // rate
            loss.add(stamp + chance.randrange(2_000_000))
            assert loss.share < 0.02


@pytest.mark.parametrize("rates", [(15, 5), (5, 15), (15, 6, 15)])
def test_another_rate_is_no_loss_though_stamps_jitter(rates):
    """By four milliseconds, as those of cameras on USB."""
    for seed in range(20):
        loss, chance, stamp = Loss(), random.Random(seed), SECOND
        for rate in rates:
            for _ in range(70):
                stamp += SECOND // rate
                loss.add(stamp + round(chance.gauss(0, 4e-3) * SECOND))
                assert loss.share < 0.05


def test_losses_are_seen_after_a_change_of_rate():
    loss, chance = Loss(), random.Random(1)
    for n in range(60):
        loss.add(SECOND + n * SECOND // 15)
    for n in range(60):
        if chance.random() < 0.6:
            loss.add(5 * SECOND + n * SECOND // 5)
    assert loss.share > 0.15


def test_camera_that_is_triggered_now_and_then_loses_nothing():
    loss, chance, stamp = Loss(), random.Random(1), SECOND
    for _ in range(60):
        stamp += round(chance.uniform(0.05, 0.6) * SECOND)
        loss.add(stamp)
    assert loss.share == 0


@pytest.mark.parametrize("announced", [True, False])
def test_pause_of_the_camera_is_no_loss(announced):
    loss, pause = Loss(), SECOND // 4 if announced else 60 * SECOND
    for n in range(30):
        loss.add(SECOND + n * SECOND // 30 + (n > 15) * pause)
        if announced and n == 15:
            loss.interrupt()
    assert loss.share == 0


def test_error_after_a_warning_reaches_the_log_of_ros(capfd):
    rclpy_logging = pytest.importorskip("rclpy.logging")
    counters = Counters(ThrottledLog(rclpy_logging.get_logger("counters")))
    counters.drop("image", "truncated", "cut short")
    counters.fail("image", RuntimeError("on fire"))
    counters.drop("image", "stale", "too old")
    said = capfd.readouterr().err
    assert "cut short" in said and "on fire" in said and "too old" in said
    assert counters.tally("image").dropped == {"truncated": 1, "internal_error": 1, "stale": 1}


def test_same_warning_is_not_logged_for_each_frame():
    lines = []
    counters = Counters(ThrottledLog(SimpleNamespace(warning=lines.append)))
    for n in range(100):
        counters.drop("image", "truncated", f"frame {n} is cut short")
    assert lines == ["frame 0 is cut short"]
    assert counters.throttled.last["image.truncated"] == "frame 99 is cut short"
    assert counters.tally("image").dropped == {"truncated": 100}


def test_inputs_that_fail_alike_are_both_logged():
    lines = []
    counters = Counters(ThrottledLog(SimpleNamespace(warning=lines.append)))
    for _ in range(9):
        counters.drop("image", "bad_encoding", "image is odd")
        counters.drop("depth", "bad_encoding", "depth is odd")
    assert lines == ["image is odd", "depth is odd"]
