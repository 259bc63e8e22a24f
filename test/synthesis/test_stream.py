"""Streams: a moving camera, lasting truth, and masks as a segmenter gives them."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from rosbags.rosbag2 import Reader

from segan_ros.commands import main as cli
from segan_ros.masks.reading import mask_reader
from segan_ros.messages.frames import Reading
from segan_ros.messages.kinds import typestore
from segan_ros.scoring.matching import match_masks
from segan_ros.storage.bags import open_bag
from segan_ros.synthesis.bag import IMU, START, TF
from segan_ros.synthesis.clearing import CAST

pytestmark = pytest.mark.render

FRAMES = 24
OPTIONS = "--stream --size 96x72 --seed 1 --permute-ids --mask-style gap2 --frames"


def write(path):
    assert cli.main(["generate", "--bag", str(path), *OPTIONS.split(), str(FRAMES)]) == 0
    return path


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write(tmp_path_factory.mktemp("stream") / "stream.mcap")


@pytest.fixture(scope="module")
def frames(bag):
    with open_bag(bag) as opened:
        return list(opened.frames())


def messages(bag, topic):
    with Reader(bag) as reader:
        return [
            typestore().deserialize_cdr(data, connection.msgtype)
            for connection, _, data in reader.messages()
            if connection.topic == topic
        ]


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes(bag, tmp_path):
    assert write(tmp_path / bag.name).read_bytes() == bag.read_bytes()


def test_objects_are_taken_away_one_after_another_before_a_moving_camera(bag, frames):
    assert [f.stamp for f in frames] == [START + k * 100_000_000 for k in range(FRAMES)]
    lasting = [{o.track_id for o in m.objects} for m in messages(bag, "/ground_truth/objects")]
    assert len(lasting[0]) == len(CAST) == len(set.union(*lasting))
    assert len(lasting[-1]) <= 2
    assert max(len(before) - len(now) for before, now in pairwise(lasting)) <= 3
    middles = [np.argwhere(f.truth.objects[0].amodal).mean(axis=0) for f in frames[:4]]
    assert all(np.linalg.norm(b - a) > 0.5 for a, b in pairwise(middles))


def test_masks_are_numbered_anew_and_drawn_in_their_style(frames):
    agree = pairs = 0
    for frame in frames:
        seen, true = frame.frame, frame.truth.frame.labels
        assert seen.object_ids == list(range(1, len(seen.object_ids) + 1))
        found = match_masks(true, seen.labels).found
        agree, pairs = agree + sum(t == s for t, s in found.items()), pairs + len(found)
        assert not (seen.labels > 0)[true == 0].any()
    assert agree < 0.4 * pairs
    first = frames[0]
    assert np.count_nonzero((first.frame.labels == 0) & (first.truth.frame.labels > 0)) > 20


def test_which_way_is_up_is_said_in_two_ways_that_agree(bag):
    felt, poses = messages(bag, IMU), messages(bag, TF)
    assert len(felt) == len(poses) == FRAMES
    for imu, tf in zip(felt, poses, strict=True):
        up = np.array([getattr(imu.linear_acceleration, axis) for axis in "xyz"]) / 9.81
        (pose,) = tf.transforms
        assert (pose.header.frame_id, pose.child_frame_id) == ("world", imu.header.frame_id)
        q = pose.transform.rotation
        # The world's z in the camera's frame: the third row of the quaternion's rotation.
        z = [2 * (q.x * q.z - q.w * q.y), 2 * (q.y * q.z + q.w * q.x), 1 - 2 * (q.x**2 + q.y**2)]
        np.testing.assert_allclose(up, z, atol=1e-9)
        assert up[1] < -0.3, "a camera that looks down at a table has up at the top of the picture"


@pytest.mark.parametrize("output", ["yolo_msgs", "masks"])
def test_masks_may_be_messages_of_a_segmenter(tmp_path, dummy_model, output, capsys):
    bag = tmp_path / "stream.mcap"
    options = ["--size", "96x72", "--seed", "1", "--frames", "15"]
    assert cli.main(["generate", "--bag", str(bag), *options, "--segmenter", output]) == 0
    model = ["--model", str(dummy_model), "--provider", "cpu"]
    assert cli.main(["replay", str(bag), "--segmenter", output, *model]) == 0
    assert "15 of 15 frames answered" in capsys.readouterr().out
    reading = Reading(masks=mask_reader(output), mask_type="")
    with open_bag(bag, reading=reading) as opened:
        seen = set((next(iter(opened.frames())).frame.names or {}).values())
    assert seen == {o.class_id for o in messages(bag, "/ground_truth/objects")[0].objects}


@pytest.mark.parametrize("option", [["--stream"], ["--permute-ids"], ["--mask-style", "gap2"]])
def test_options_of_streams_need_a_bag(option, tmp_path, capsys):
    assert cli.main(["generate", "--out", str(tmp_path), "--scenes", "1", *option]) == 2
    assert "need --bag" in capsys.readouterr().err
