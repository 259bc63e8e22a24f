"""`segan replay --segmenter`: bags that hold a segmenter's own messages."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("rosbags")
import small_bag
from foreign_messages import yolo_bag

from segan_ros.commands.main import main
from segan_ros.masks.layering import Choice
from segan_ros.masks.reading import ignore
from segan_ros.replay.recorded_names import RecordedNames
from segan_ros.storage.bags import open_bag

TOPIC = "--instance-mask-topic", "/camera/detections"


def test_bag_of_detections_is_replayed_with_names(tmp_path, dummy_model):
    bag = yolo_bag(tmp_path / "bag")
    options = ["--model", dummy_model, "--provider", "cpu", "--out", tmp_path / "out", *TOPIC]
    assert main(["replay", str(bag), "--segmenter", "yolo_msgs", *map(str, options)]) == 0
    run = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert [f["answer"]["objects"] for f in run["frames"]] == [2, 2, 2]
    assert "card 2" in (tmp_path / "out" / "frame_000" / "graph.svg").read_text()


ROLES = [
    (["--ignore", "card 2"], [1], []),
    (["--ignore", "2"], [1], []),
    (["--occluder-only", "card 1"], [1, 2], [1]),
    (["--occluder-only", "1"], [1, 2], [1]),
    (["--min-score", "0.85"], [1], []),
]
"""Options; ids of the objects that are left, and of those that only hide others."""


def found(out, frame=0):
    objects = json.loads((out / f"frame_{frame:03}" / "objects.json").read_text())
    return [o["id"] for o in objects], [o["id"] for o in objects if o["occluder_only"]]


@pytest.mark.parametrize(("options", "ids", "occluders"), ROLES)
def test_masks_have_roles_in_a_replay_too(tmp_path, dummy_model, options, ids, occluders):
    bag = yolo_bag(tmp_path / "bag", 1)
    given = ["--model", str(dummy_model), "--provider", "cpu", "--out", str(tmp_path / "out")]
    words = ["replay", str(bag), "--segmenter", "yolo_msgs", *given, *TOPIC, *options]
    assert main(words) == 0
    assert found(tmp_path / "out") == (ids, occluders)


@pytest.mark.parametrize("option", ["--ignore", "--occluder-only"])
def test_objects_in_a_role_are_scored_for_no_method(tmp_path, dummy_model, option):
    """The front card hides the other: no method gains by what all were told to leave out."""
    bag, out = small_bag.write_bag(tmp_path / "bag"), tmp_path / "out"
    given = ["--model", str(dummy_model), "--provider", "cpu", "--out", str(out)]
    assert main(["replay", str(bag), *given]) == 0
    before = json.loads((out / "replay.json").read_text())["summary"]["scores"]
    assert main(["replay", str(bag), *given, option, "2"]) == 0
    scores = json.loads((out / "replay.json").read_text())["summary"]["scores"]
    for method in ("segan", "convex hull", "input mask"):
        assert scores[method]["objects"] == before[method]["objects"] / 2
        assert scores[method]["si_objects"] == scores[method]["true_edges"] == 0


TABLE = '{"1": {"class": "hand"}, "2": {"class": "cup"}}'
NAMED = small_bag.Contents(frames=1, names=[TABLE])


def test_label_images_get_their_names_from_the_bag(tmp_path, dummy_model, capsys):
    bag = small_bag.write_bag(tmp_path / "bag", replace(NAMED, prefix="/cam"))
    topics = [f"--{n}-topic=/cam/{n.replace('-', '_')}" for n in ("image", "instance-mask")]
    given = ["--model", str(dummy_model), "--provider", "cpu", *topics]
    words = ["replay", str(bag), *given, "--out", str(tmp_path / "out"), "--occluder-only", "hand"]
    assert main([*words, "--label-names-topic", "/cam/label_names"]) == 0
    assert found(tmp_path / "out") == ([1, 2], [1])
    assert "cup" in (tmp_path / "out" / "frame_000" / "graph.svg").read_text()
    assert main(words) == 2
    assert "or with --label-names-topic have classes" in capsys.readouterr().err
    assert main([*words, "--label-names-topic", "/nope"]) == 2
    assert "no topic /nope; correct --label-names-topic" in capsys.readouterr().err


def test_each_label_image_has_the_table_of_its_time(tmp_path):
    contents = replace(NAMED, frames=2, names=[TABLE, '{"2": "can"}'])
    bag = small_bag.write_bag(tmp_path / "bag", contents)
    with open_bag(bag) as opened:
        names = RecordedNames(opened)
        opened.reading = replace(opened.reading, masks=names.reader(Choice(), ignore))
        seen = [frame.frame.names for frame in opened.frames()]
    assert seen == [{1: "hand", 2: "cup"}, {2: "can"}]


@pytest.mark.ros
def test_the_node_hears_the_names_of_label_images(tmp_path, dummy_model):
    pytest.importorskip("rclpy")
    from live_replay import replay_live

    bag, out = small_bag.write_bag(tmp_path / "bag", replace(NAMED, frames=2)), tmp_path / "out"
    options = "--model", dummy_model, "--provider", "cpu", "--occluder-only", "hand", "--out", out
    done = replay_live(bag, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found(out, 1) == ([1, 2], [1])


def test_label_images_have_no_classes(tmp_path, dummy_model, capsys):
    bag = small_bag.write_bag(tmp_path / "bag")
    assert main(["replay", str(bag), "--model", str(dummy_model), "--ignore", "card 2"]) == 2
    assert "--ignore names card 2, but only masks of another --segmenter" in capsys.readouterr().err
    assert main(["replay", str(bag), "--model", str(dummy_model), "--min-score", "0.5"]) == 2
    assert "--min-score is 0.5, but only masks of another" in capsys.readouterr().err


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_damaged_bag_still_holds_the_definitions(tmp_path, dummy_model, capsys, plugin):
    bag = yolo_bag(tmp_path / "bag", plugin=plugin)
    (bag / "metadata.yaml").unlink()
    options = ["--model", str(dummy_model), "--provider", "cpu", *TOPIC]
    assert main(["replay", str(bag), "--segmenter", "yolo_msgs", *options]) == 0
    assert "3 of 3 frames answered: 6 objects" in capsys.readouterr().out


def test_masks_of_another_type_name_the_option(tmp_path, dummy_model, capsys):
    bag = yolo_bag(tmp_path / "bag", 1)
    assert main(["replay", str(bag), "--model", str(dummy_model), *TOPIC]) == 2
    said = capsys.readouterr().err
    assert (
        "carries yolo_msgs/msg/DetectionArray, not sensor_msgs/msg/Image; see --segmenter" in said
    )
    other = ["--segmenter", "colours", *TOPIC]
    assert main(["replay", str(bag), "--model", str(dummy_model), *other]) == 2


@pytest.mark.ros
def test_node_answers_a_bag_of_detections(tmp_path, dummy_model):
    pytest.importorskip("rclpy")
    pytest.importorskip("yolo_msgs.msg", reason="tools/build_interfaces.py makes it")
    from live_replay import replay_live

    bag = yolo_bag(tmp_path / "bag")
    options = "--model", dummy_model, "--provider", "cpu", "--segmenter", "yolo_msgs", *TOPIC
    done = replay_live(bag, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 frames answered: 6 objects" in done.stdout


@pytest.mark.ros
def test_the_node_is_told_what_masks_are(tmp_path, dummy_model):
    pytest.importorskip("rclpy")
    pytest.importorskip("yolo_msgs.msg", reason="tools/build_interfaces.py makes it")
    from live_replay import replay_live

    bag, out = yolo_bag(tmp_path / "bag", 1), tmp_path / "out"
    options = "--model", dummy_model, "--provider", "cpu", "--segmenter", "yolo_msgs", *TOPIC
    done = replay_live(bag, *options, "--occluder-only", "card 1", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found(out) == ([1, 2], [1])
