"""Levels on /diagnostics mean something, and say what to do."""

import random
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
from segan_ros.ros.accounts import Accounts, Tally
from segan_ros.ros.diagnostics import ERROR, OK, WARN, Report, judge, values
from segan_ros.ros.gaps import Gaps
from segan_ros.ros.notices import Notices

pytestmark = pytest.mark.ros

SECOND = 1_000_000_000
TOPICS = {"image": "/cam/rgb", "instance_mask": "/cam/ids", "depth": "/cam/depth"}


def verdict(image=None, mask=None, depth=None, **report):
    recent = {"image": image or Tally(100, 100), "instance_mask": mask or Tally(100, 100)}
    recent["depth"] = depth or Tally()
    return judge(Report("active", topics=TOPICS, tallies=recent, **report), recent)


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
        ({"mask": Tally()}, WARN, "nothing comes in on /cam/ids; check"),
        (
            {"image": Tally(9, 0, {"no_partner": 9}), "mask": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "the segmenter must copy its image's stamp, or raise sync_slop",
        ),
        ({"mask": Tally(100, 80, {"no_partner": 20})}, WARN, "config/fastdds.xml"),
        (
            {"depth": Tally(9, 0, {"no_partner": 9})},
            WARN,
            "no depth has the stamp of an image; fix its stamps or set use_depth: never",
        ),
        ({"depth": Tally(9, 5, {"no_partner": 4})}, OK, "100 of 100 frames published"),
        ({"lost_share": 0.4}, WARN, "about 40% of the images never came"),
        ({"image": Tally(9, 0, {"no_depth": 9})}, WARN, "no depth on /cam/depth; or set use_depth"),
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


def test_same_warning_is_not_logged_for_each_frame():
    lines = []
    accounts = Accounts(Notices(SimpleNamespace(warning=lines.append)))
    for n in range(100):
        accounts.drop("image", "truncated", f"frame {n} is cut short")
    assert lines == ["frame 0 is cut short"]
    assert accounts.notices.last["truncated"] == "frame 99 is cut short"
    assert accounts.tally("image").dropped == {"truncated": 100}
