"""Recordings of other programs, of killed ones and damaged ones: what is there is read, what is
missing is told."""

import shutil
import sqlite3
from pathlib import Path

import pytest
import yaml
from mcap_writer import messages_of, write_mcap
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from small_bag import PERIOD, START, Contents, write_bag

from segan_ros.storage.bag import BagError
from segan_ros.storage.bags import open_bag

STAMPS = [START + i * PERIOD for i in range(3)]


def look(path: Path) -> tuple[list[int], list[str]]:
    """Stamps of the frames that can be used, and the problems."""
    with open_bag(path) as bag:
        frames = list(bag.frames())
        assert all(f.frame is None or f.frame.depth is not None for f in frames)
        return [f.stamp for f in frames if f.frame is not None], bag.problems


@pytest.fixture
def messages(tmp_path):
    return messages_of(write_bag(tmp_path / "whole"))


@pytest.mark.parametrize(
    "form",
    [
        {"foreign": True},
        {"foreign": True, "chunk": 0},
        {"profile": ""},
        {"lz4_chunks": True},
        {"index": "chunks"},
        {"index": "chunks", "foreign": True, "lz4_chunks": True},
        {"index": "chunks", "loose": 5},
    ],
)
def test_mcap_of_other_programs_is_read(tmp_path, messages, form):
    path = write_mcap(tmp_path / "other.mcap", messages, **form)
    assert look(path) == (STAMPS, [])


def test_messages_that_were_written_out_of_order_are_put_in_order(tmp_path, messages):
    path = write_mcap(tmp_path / "other.mcap", messages[::-1], chunk=0)
    assert look(path) == (STAMPS, [])


def test_recorder_whose_clock_was_set_makes_no_pause_of_centuries(tmp_path, messages):
    later = [(*m[:2], 2**64 - 5, m[3]) if m[2] > STAMPS[1] else m for m in messages]
    path = write_mcap(tmp_path / "other.mcap", later)
    assert look(path) == (STAMPS, [])
    with open_bag(path) as bag:
        times = [m.time for m in bag.inputs()]
    assert len(times) == 12 and max(times) - min(times) <= PERIOD + 5_000_000


def test_topic_of_another_encoding_is_named_where_it_is_wanted(tmp_path, messages):
    wanted = [m for m in messages if m[0] != "/camera/image"]
    path = write_mcap(tmp_path / "other.mcap", wanted, foreign=True)
    with pytest.raises(BagError, match=r"/foreign \(foxglove.Log \(protobuf\)\)"):
        look(path)


def test_truncated_mcap_is_read_to_where_it_breaks_off(tmp_path, messages):
    path = write_mcap(tmp_path / "other.mcap", messages, chunk=6)  # a frame has six
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size * 5 // 6])
    stamps, problems = look(path)
    assert stamps == STAMPS[:2]
    (problem,) = problems
    assert problem.startswith("other.mcap: truncated at byte ")
    assert problem.endswith(f" of {size * 5 // 6}")


@pytest.mark.parametrize(("packed", "share"), [("", 0.5), ("lz4", 0.6), ("zstd", 0.25)])
def test_last_chunk_of_a_truncated_mcap_is_read_as_far_as_it_goes(
    tmp_path, messages, packed, share
):
    if packed == "zstd":
        plugin, compression = StoragePlugin.MCAP, CompressionMode.STORAGE
        bag = write_bag(tmp_path / "bag", Contents(plugin=plugin, compression=compression))
        (path,) = bag.glob("*.mcap")
    else:
        path = write_mcap(tmp_path / "other.mcap", messages, chunk=99, lz4_chunks=packed == "lz4")
    content = path.read_bytes()
    # Behind the one of zstd lies an index that is three times as large.
    path.write_bytes(content[: round(len(content) * share)])
    stamps, problems = look(path)
    assert 0 < len(stamps) < 3 and stamps == STAMPS[: len(stamps)]
    assert problems[0].startswith(f"{path.name}: truncated at byte ")


def test_mcap_that_is_truncated_before_its_first_topic_says_so(tmp_path, messages):
    path = write_mcap(tmp_path / "other.mcap", messages)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BagError, match=r"not a readable rosbag2: other\.mcap: truncated at byte"):
        look(path)


def test_damaged_chunk_costs_its_messages_alone(tmp_path, messages):
    path = write_mcap(tmp_path / "other.mcap", messages, chunk=6)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    stamps, problems = look(path)
    assert stamps == [STAMPS[0], STAMPS[2]]
    (problem,) = problems
    assert problem.endswith("a chunk does not match its stated size and checksum")


def test_messages_that_metadata_counts_and_the_files_lack_are_told(tmp_path, messages):
    bag = write_bag(tmp_path / "bag")
    write_mcap(bag / "bag.mcap", messages[:12])
    stamps, problems = look(bag)
    assert stamps == STAMPS[:2]
    assert "/camera/image: 1 of 3 recorded messages cannot be read" in problems


def test_metadata_without_storage_identifier_goes_by_the_files(tmp_path):
    bag = write_bag(tmp_path / "bag")
    metadata = bag / "metadata.yaml"
    text = metadata.read_text()
    assert "storage_identifier: mcap" in text
    metadata.write_text(text.replace("storage_identifier: mcap", "storage_identifier: ''"))
    assert look(bag) == (STAMPS, [])


def test_topic_that_metadata_lacks_is_read_from_the_files(tmp_path):
    bag = write_bag(tmp_path / "bag")
    metadata = bag / "metadata.yaml"
    stated = yaml.safe_load(metadata.read_text())
    information = stated["rosbag2_bagfile_information"]
    topics = information["topics_with_message_count"]
    information["topics_with_message_count"] = [
        t for t in topics if t["topic_metadata"]["name"] != "/camera/depth"
    ]
    metadata.write_text(yaml.safe_dump(stated))
    assert look(bag) == (STAMPS, [])  # with depth


@pytest.mark.parametrize("plugin", StoragePlugin)
@pytest.mark.parametrize("mode", [m for m in CompressionMode if m is not CompressionMode.STORAGE])
@pytest.mark.parametrize("stated", [True, False], ids=["metadata", "no metadata"])
def test_compression_is_seen_in_the_files(tmp_path, plugin, mode, stated):
    bag = write_bag(tmp_path / "bag", Contents(plugin=plugin, compression=mode))
    if not stated:
        (bag / "metadata.yaml").unlink()
    assert look(bag) == (STAMPS, [])


def test_compressed_file_is_a_bag_by_itself(tmp_path):
    bag = write_bag(tmp_path / "bag", Contents(compression=CompressionMode.FILE))
    (file,) = bag.glob("*.zstd")
    assert look(file) == (STAMPS, [])
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(BagError, match="its compressed data is truncated"):
        look(file)


def of_a_killed_recorder(folder: Path) -> Path:
    """A bag whose newest messages are in the log alone."""
    bag = write_bag(folder / "bag", Contents(plugin=StoragePlugin.SQLITE3))
    file = bag / "bag.db3"
    database = sqlite3.connect(file)
    rows = database.execute("SELECT * FROM messages").fetchall()
    database.execute("DELETE FROM messages WHERE id > 6")
    database.commit()
    database.execute("PRAGMA journal_mode=WAL")
    database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", rows[6:])
    database.commit()
    killed = folder / "killed"
    shutil.copytree(bag, killed, ignore=shutil.ignore_patterns("*-shm"))
    database.close()
    shutil.move(killed / "bag.db3", killed / "killed.db3")
    shutil.move(killed / "bag.db3-wal", killed / "killed.db3-wal")
    metadata = killed / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("bag.db3", "killed.db3"))
    return killed


@pytest.mark.parametrize("single", [False, True])
def test_messages_in_the_log_of_sqlite_are_read_and_nothing_is_changed(tmp_path, single):
    bag = of_a_killed_recorder(tmp_path)
    before = {p.name: p.read_bytes() for p in bag.iterdir()}
    assert "killed.db3-wal" in before
    assert look(bag / "killed.db3" if single else bag) == (STAMPS, [])
    assert {p.name: p.read_bytes() for p in bag.iterdir()} == before


def test_log_that_was_lost_is_told_by_the_counts(tmp_path):
    bag = of_a_killed_recorder(tmp_path)
    (bag / "killed.db3-wal").unlink()
    stamps, problems = look(bag)
    assert stamps == STAMPS[:1]
    assert "/camera/image: 2 of 3 recorded messages cannot be read" in problems


def test_truncated_database_is_read_to_where_it_breaks_off(tmp_path):
    bag = write_bag(tmp_path / "bag", Contents(frames=12, plugin=StoragePlugin.SQLITE3))
    file = bag / "bag.db3"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with open_bag(bag) as opened:
        frames = [f for f in opened.frames() if f.frame is not None]
        assert 2 <= len(frames) < 12
        assert any("bag.db3: truncated after" in p for p in opened.problems)
        assert any("of 12 recorded messages cannot be read" in p for p in opened.problems)


def test_bag_in_several_files_is_read_without_the_one_that_is_missing(tmp_path):
    bag = write_bag(tmp_path / "bag")
    metadata = bag / "metadata.yaml"
    text = metadata.read_text()
    metadata.write_text(text.replace("  - bag.mcap\n", "  - bag.mcap\n  - bag_1.mcap\n"))
    assert "- bag_1.mcap" in metadata.read_text()
    assert look(bag) == (STAMPS, [])


def test_bag_of_ros_1_is_named_with_the_command_that_converts_it(tmp_path):
    path = tmp_path / "old.bag"
    path.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    text = r"old.bag: a bag of ROS 1; convert it: rosbags-convert --src .*old.bag --dst .*old"
    with pytest.raises(BagError, match=text):
        look(path)


@pytest.mark.parametrize(
    ("topic", "usable"),
    [
        ("/camera/image", [0, 2]),
        ("/camera/instance_mask", [0, 2]),
        ("/camera/camera_info", [0, 1, 2]),
    ],
)
def test_message_that_is_cut_short_costs_its_own_frame_alone(tmp_path, messages, topic, usable):
    def cut(message):
        return message[0] == topic and STAMPS[1] <= message[2] < STAMPS[2]

    short = [(*m[:3], m[3][:40]) if cut(m) else m for m in messages]
    with open_bag(write_mcap(tmp_path / "other.mcap", short)) as bag:
        frames = list(bag.frames())
    assert [f.index for f in frames if f.frame is not None] == usable
    if topic != "/camera/camera_info":
        assert "its 40 recorded bytes are not a sensor_msgs/msg/Image: " in frames[1].problem


def test_message_without_valid_stamp_is_left_out_and_told(tmp_path, messages):
    altered = [
        (topic, kind, time, data[:4] + b"\xff" * 4 + data[8:])
        if (topic, time) == ("/camera/image", STAMPS[1])
        else (topic, kind, time, data)
        for topic, kind, time, data in messages
    ]
    stamps, problems = look(write_mcap(tmp_path / "other.mcap", altered))
    assert stamps == [STAMPS[0], STAMPS[2]]
    assert problems == [
        "/camera/image: 1 messages without a valid stamp were skipped, the first: a message has "
        f"stamp -1 s {STAMPS[1] % 10**9} ns, which is not a valid time"
    ]
