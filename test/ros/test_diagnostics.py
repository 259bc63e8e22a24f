"""Levels on /diagnostics mean something, and say what to do."""

import random
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
from segan_ros.ros.counters import Counters, Tally
from segan_ros.ros.diagnostics import ERROR, OK, WARN, Diagnostics, Report, judge, values
from segan_ros.ros.gaps import Gaps
from segan_ros.ros.throttled_log import ThrottledLog

pytestmark = pytest.mark.ros

SECOND = 1_000_000_000
TOPICS = {"image": "/cam/rgb", "instance_mask": "/cam/ids", "depth": "/cam/depth"}


def verdict(image=None, mask=None, depth=None, **report):
    recent = {"image": image or Tally(100, 100), "instance_mask": mask or Tally(100, 100)}
    recent["depth"] = depth or Tally()
    limits = {"sync_slop": 0.01, "sync_timeout": 1.0, "image_transport": "raw"}
    limits |= {"mask_transport": "compressed", "depth_transport": "same"}
    values = {"topics": TOPICS, "tallies": recent, "parameters": limits, "at": 10.0, **report}
    return judge(Report("active", **values), Report("active"))


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
            "none of 100 frames was finished in 10 s on cpu; choose a faster provider or model",
        ),
        (
            {"mask": Tally()},
            WARN,
            "nothing comes in on /cam/ids; nobody publishes /cam/ids: start who should, or remap",
        ),
        (
            {"mask": Tally(), "publishers": {"instance_mask": 1}},
            WARN,
            "it has a publisher: does that publish, and offer what input_reliability asks for?",
        ),
        (
            {"image": Tally(), "elsewhere": {"image": "/cam/rgb/compressed"}},
            WARN,
            "/cam/rgb/compressed is published: set image_transport to compressed",
        ),
        (
            {"mask": Tally(), "elsewhere": {"instance_mask": "/cam/ids"}},
            WARN,
            "/cam/ids is published: set mask_transport to raw",
        ),
        (
            {"image": Tally(9, 0, {"no_partner": 9}), "mask": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "the segmenter must copy its image's stamp, or raise sync_slop (0.01 s); raise "
            "sync_timeout (1.0 s)",
        ),
        (
            {"mask": Tally(100, 80, {"no_partner": 20})},
            WARN,
            "20 masks came without their image: raise sync_timeout (1.0 s), and sync_queue with "
            "it, if some come later than that; else images get lost on the way",
        ),
        (
            {"depth": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "no depth has the stamp of an image; fix its stamps, raise sync_slop (0.01 s), or set",
        ),
        ({"depth": Tally(9, 5, {"no_partner": 4})}, OK, "100 of 100 frames published"),
        ({"lost_share": 0.4}, WARN, "about 40% of the images never came"),
        ({"image": Tally(9, 0, {"no_depth": 9})}, WARN, "no depth on /cam/depth; or set use_depth"),
        (
            {"image": Tally(9, 0, {"no_depth": 9}), "mask": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "no depth on /cam/depth; or set use_depth",
        ),
        (
            {
                "image": Tally(300, 0, {"superseded": 200, "too_many_objects": 100}),
                "texts": {"too_many_objects": "400 objects, max_objects is 255"},
            },
            WARN,
            "100 dropped: 400 objects, max_objects is 255",
        ),
        (
            {
                "image": Tally(9, 0, {"too_many_objects": 9}),
                "texts": {"too_many_objects": "400 objects, max_objects is 255"},
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
            "images get lost on the way",
        ),
        (
            {"image": Tally(90, 0, {"queue_full": 60}), "mask": Tally()},
            WARN,
            "nobody publishes /cam/ids",
        ),
        (
            {
                "image": Tally(90, 0, {"queue_full": 60}),
                "mask": Tally(60, 0, {"no_partner": 60}),
                "texts": {"queue_full": "more of image wait than sync_queue holds"},
            },
            WARN,
            "60 dropped: more of image wait than sync_queue holds",
        ),
        ({"jumps": 3}, WARN, "stamps jumped back 3 times; does one input have two publishers"),
        ({"jumps": 2}, OK, "100 of 100 frames published"),
        ({"camera_problem": "camera_info is for 9x9"}, WARN, "camera_info is for 9x9"),
        (
            {"depth": Tally(9, 9), "spatial": ["boxes", "markers"]},
            WARN,
            "boxes and markers stay empty: no calibrated camera_info comes in on camera_info; pub",
        ),
        ({"depth": Tally(9, 9), "spatial": ["boxes"], "calibrated": True}, OK, "100 of 100"),
        ({"spatial": ["boxes"]}, OK, "100 of 100 frames published"),
        (
            {"publishers": {"depth": 1}},
            WARN,
            "nothing comes in on /cam/depth; it has a publisher: does that publish, and offer what",
        ),
        (
            {"elsewhere": {"depth": "/cam/depth/compressedDepth"}},
            WARN,
            "/cam/depth/compressedDepth is published: set depth_transport to compressed",
        ),
        ({"engine": "building 35 s, serving on cuda"}, OK, "100 of 100 frames published"),
        (
            {"engine": "failed: no memory; serving on cuda"},
            WARN,
            "engine failed: no memory; serving on cuda; mend that and call ~/reload, or choose",
        ),
        ({"reload_problem": "not replaced"}, WARN, "mend its files and call ~/reload again"),
        ({"image": Tally(9, 8, {"internal_error": 1})}, ERROR, "the log has the traceback"),
        ({"problem": "cannot configure: no model"}, ERROR, "cannot configure: no model"),
        ({"enabled": False, "mask": Tally()}, OK, "disabled through ~/enable"),
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
        tallies = {"image": Tally(count, count // 2)}
        message = diagnostics.message("segan", Report("active", tallies=tallies, at=100.0 + n))
    found = {v.key: v.value for v in message.status[0].values}
    assert found["image.received.hz"] == "30.0" and found["image.published.hz"] == "15.0"
    assert found["instance_mask.matched.hz"] == "0.0"


def said(diagnostics, at, received, **report):
    tallies = {s: Tally(received, received) for s in ("image", "instance_mask")}
    report = {"tallies": tallies, "topics": TOPICS, **report}
    return diagnostics.message("segan", Report("active", at=at, **report)).status[0]


def test_silence_of_a_triggered_camera_is_no_fault():
    diagnostics = Diagnostics()
    there = {"publishers": {"image": 1, "instance_mask": 1}}
    levels = {}
    for second in range(200):
        frames = min(second // 15, 5)  # a frame each 15 s, and none after the fifth
        levels[second] = said(diagnostics, 100.0 + second, frames + 1, **there).level
    assert all(levels[s] == OK for s in range(30, 75 + 45))
    assert levels[75 + 46] == WARN
    diagnostics = Diagnostics()
    for second in range(40):
        status = said(diagnostics, 100.0 + second, min(second // 15, 1) + 1)
    assert status.level == WARN and "nobody publishes /cam/rgb" in status.message


def test_camera_that_hangs_after_an_outage_is_missed_soon():
    """Neither one outage nor the time before activation is a habit."""
    diagnostics, there = Diagnostics(), {"publishers": {"image": 1, "instance_mask": 1}}
    for second in range(600):
        diagnostics.message("segan", Report("inactive", at=100.0 + second))
    at, received = 700.0, 0
    for seconds, rate in ((60, 30), (120, 0), (60, 30), (12, 0)):
        for _ in range(seconds):
            at, received = at + 1, received + rate
            status = said(diagnostics, at, received, **there)
    assert status.level == WARN and "nothing comes in" in status.message


@pytest.mark.parametrize("period", [0.1, 1.0, 10.0, 60.0])
def test_drops_are_judged_over_seconds_however_often_that_is_said(period):
    """A camera that dies is reported ten seconds later, or with the next message."""
    diagnostics = Diagnostics()
    for n in range(round(200 / period) + 1):
        at = n * period
        received = round(10 * min(at, 60.0)) + 1
        there = {"publishers": {"image": 1, "instance_mask": 1}}
        level = said(diagnostics, 100.0 + at, received, **there).level
        if at > 10 + 0.5 and at <= 60 + 9:
            assert level == OK
        if at >= 60 + max(10.5, 2 * period):
            assert level == WARN


def test_slow_networks_are_no_error_in_a_short_time():
    diagnostics = Diagnostics()
    for n in range(200):  # 20 s: a frame is finished every 2 s
        received, done = 3 * n, n // 20
        tallies = {
            "image": Tally(received, done, {"superseded": received - done}),
            "instance_mask": Tally(received, received),
        }
        status = diagnostics.message("segan", Report("active", tallies=tallies, at=50 + n / 10))
        assert status.status[0].level != ERROR


def test_a_slow_start_is_no_error_yet():
    tallies = {"image": Tally(9, 0, {"superseded": 8}), "instance_mask": Tally(9, 9)}
    message = Diagnostics().message("segan", Report("active", tallies=tallies, at=1.0))
    assert message.status[0].level == OK


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_lost_images_are_seen_from_the_stamps_alone(share):
    gaps, chance = Gaps(window=400), random.Random(1)
    for n in range(400):
        if chance.random() >= share:
            gaps.add(n * 33_000_000 + chance.randrange(2_000_000))
    assert gaps.lost_share == pytest.approx(share, abs=0.08)


def test_camera_that_is_triggered_now_and_then_loses_nothing():
    gaps, chance, stamp = Gaps(), random.Random(1), SECOND
    for _ in range(60):
        stamp += round(chance.uniform(0.05, 0.6) * SECOND)
        gaps.add(stamp)
    assert gaps.lost_share == 0


@pytest.mark.parametrize("announced", [True, False])
def test_pause_of_the_camera_is_no_loss(announced):
    gaps, pause = Gaps(), SECOND // 4 if announced else 60 * SECOND
    for n in range(30):
        gaps.add(SECOND + n * SECOND // 30 + (n > 15) * pause)
        if announced and n == 15:
            gaps.interrupt()
    assert gaps.lost_share == 0


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
    assert counters.throttled.last["truncated"] == "frame 99 is cut short"
    assert counters.tally("image").dropped == {"truncated": 100}
