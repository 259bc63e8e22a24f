"""The demo bag: objects go one by one from the front, and the bag says the truth about it."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from segan_ros.commands import main as cli
from segan_ros.storage.bag_topics import TYPES, Topics
from segan_ros.storage.bags import open_bag
from segan_ros.synthesis.bag import FRAME_ID, START, BagJob, write_bag
from segan_ros.synthesis.clearing import CAST

pytestmark = [pytest.mark.render, pytest.mark.slow]

FRAMES, RATE, SIZE = 12, 4.0, (96, 128)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("bag") / "tabletop"
    write_bag(path, BagJob(1, SIZE, FRAMES, RATE))
    return path


@pytest.fixture(scope="module")
def frames(bag):
    with open_bag(bag) as opened:
        return list(opened.frames())


def test_every_topic_has_a_message_per_frame(bag):
    from rosbags.rosbag2 import Reader

    with Reader(bag) as reader:
        counts = {c.topic: (c.msgtype, c.msgcount) for c in reader.connections}
    topics = Topics()
    assert counts == {getattr(topics, n): (kind, FRAMES) for n, kind in TYPES.items()}


def test_stamps_of_a_frame_are_equal_and_follow_the_rate(bag):
    from rosbags.rosbag2 import Reader

    from segan_ros.messages.kinds import typestore

    with Reader(bag) as reader:
        for connection, time, data in reader.messages():
            header = typestore().deserialize_cdr(data, connection.msgtype).header
            assert header.stamp.sec * 10**9 + header.stamp.nanosec == time
            assert (time - START) % round(1e9 / RATE) == 0
            assert header.frame_id == FRAME_ID


def test_objects_go_one_by_one_and_only_with_nothing_in_front(frames):
    assert [len(f.truth.objects) for f in frames] == [12, 12, *range(11, 1, -1)]
    for before, after in pairwise(frames[1:]):
        (lifted,) = {o.id for o in before.truth.objects} - {o.id for o in after.truth.objects}
        graph = before.true_graph
        assert graph.layers[graph.object_ids.index(lifted)] == 0


def test_ground_truth_fits_the_masks(frames):
    for frame in frames:
        labels = frame.frame.labels
        ids = {o.id for o in frame.truth.objects}
        assert set(frame.frame.object_ids) <= ids == set(frame.true_graph.object_ids)
        whole = {o.id: o.amodal for o in frame.truth.objects}
        for item in frame.truth.objects:
            assert not ((labels == item.id) & ~item.amodal).any()
            assert item.appearance.any()
        for edge in frame.true_graph.edges:
            covered = np.count_nonzero(whole[edge.occludee_id] & (labels == edge.occluder_id))
            assert edge.overlap_area == covered >= 20
            assert edge.overlap_ratio >= 0.01


def test_first_frame_shows_all_and_hides_some(frames):
    first = frames[0]
    assert len(first.truth.objects) == len(CAST)
    shares = [np.mean(first.frame.labels[o.amodal] == o.id) for o in first.truth.objects]
    assert min(shares) > 0 and sum(s < 0.8 for s in shares) >= 5
    assert first.frame.camera_matrix is not None
    assert np.nanmax(first.frame.depth) < 25


def test_single_file_holds_the_same_bytes_as_the_folder(bag, tmp_path):
    write_bag(tmp_path / "tabletop.mcap", BagJob(1, SIZE, FRAMES, RATE))
    assert (tmp_path / "tabletop.mcap").read_bytes() == (bag / "tabletop.mcap").read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["tabletop.mcap"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "3"], "--frames is 3"),
        (["--rate", "0"], "--rate is 0"),
        (["--seed", "-2"], "--seed is -2"),
        (["--stream", "--frames", "9"], "--frames is 9"),
    ],
)
def test_bad_option_is_named(tmp_path, capsys, options, message):
    assert cli.main(["generate", "--bag", str(tmp_path / "new"), *options]) == 2
    assert message in capsys.readouterr().err


def test_existing_bag_is_left_alone(bag, capsys):
    assert cli.main(["generate", "--bag", str(bag)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_options_of_scenes_are_refused_beside_a_bag(tmp_path, capsys):
    bag = str(tmp_path / "x.mcap")
    assert cli.main(["generate", "--bag", bag, "--split", "test", "--shards", "5"]) == 2
    assert "--bag excludes --split, --shards, which are for scenes" in capsys.readouterr().err
