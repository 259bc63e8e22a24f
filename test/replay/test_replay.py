"""`segan replay`, offline in one process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_bag import PERIOD, START, Contents, two_cards, write_bag, write_frames

from segan_ros.commands import main as cli
from segan_ros.completion import SceneCompleter
from segan_ros.messages import frames as messages_frames
from segan_ros.replay import live
from segan_ros.replay.recorded_names import RecordedNames
from segan_ros.replay.run import Answer, Replay, Wanted
from segan_ros.runtime.model import Model
from segan_ros.storage.bag import Bag
from segan_ros.storage.bags import open_bag
from segan_ros.storage.images import encoded
from segan_ros.storage.scene_writer import write_scene

pytest.importorskip("onnx")
from dummy_model import write_dummy_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_dummy_model(tmp_path_factory.mktemp("model"))


def replay(*arguments: object) -> int:
    return cli.main(["replay", *map(str, arguments)])


def test_offline_replay_scores_every_frame(bag, model, tmp_path, capsys):
    out = tmp_path / "out"
    assert replay(bag, "--model", model, "--out", out) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 frames answered: 6 objects, 6 of them occluded, 3 edges" in printed
    assert (out / "replay.md").read_text() in printed
    assert "| convex hull " in printed

    found = json.loads((out / "replay.json").read_text())
    assert found["summary"]["unanswered"] == []
    assert [f["index"] for f in found["frames"]] == [0, 1, 2]
    for frame in found["frames"]:
        assert frame["answer"]["removal_order"] == [1, 2]
        assert frame["segan"]["order_accuracy"] == 1
        assert 0 < frame["segan"]["si"] < 1
    timings = json.loads((out / "timings.json").read_text())
    assert [f["index"] for f in timings["frames"]] == [0, 1, 2]
    assert all(f["latency_ms"] > 0 for f in timings["frames"])
    assert found["summary"]["scores"]["segan"]["si_objects"] == 3
    assert found["summary"]["scores"]["input mask"]["si"] == 0
    assert found["summary"]["scores"]["convex hull"]["scenes"] == 3

    for i in range(3):
        folder = out / f"frame_{i:03d}"
        for name in ("graph.svg", "objects.json", "graph.json", "amodal_1.png"):
            assert (folder / name).stat().st_size > 0
        assert cv2.imread(str(folder / "overlay.png")).shape == (60, 80, 3)
        assert cv2.imread(str(folder / "completed.png")) is not None


def test_offline_replay_is_deterministic(bag, model, tmp_path):
    found = []
    for out in (tmp_path / "a", tmp_path / "b"):
        replay(bag, "--model", model, "--out", out)
        files = sorted(p for p in out.rglob("*") if p.is_file() and p.parent != out)
        found.append([p.read_bytes() for p in (out / "replay.json", *files)])
    assert found[0] == found[1]


def test_frames_are_compared_with_those_before(bag, model, tmp_path):
    """The front card moves one pixel a frame over a card that stays."""
    replay(bag, "--model", model, "--out", tmp_path)
    found = json.loads((tmp_path / "replay.json").read_text())
    first, second, _ = found["frames"]
    assert first["steps"] == {}
    step = second["steps"]["segan"]
    assert (step["objects"], step["changed"], step["removed"]) == (2, 0, [])
    assert 0.8 < step["whole_iou"] < 1 and 0.8 < step["visible_iou"] < 1
    summary = found["summary"]["steps"]
    assert set(summary) == {"segan", "convex hull", "true masks"}
    assert summary["segan"]["steps"] == 2 and summary["segan"]["revealed"] == 0


def test_truth_beside_the_bag_scores_the_frames_it_has(model, tmp_path, capsys):
    path = write_bag(tmp_path / "bag", Contents(without=("objects", "occlusion_graph")))
    write_scene(tmp_path / "truth" / str(START), two_cards(0))
    truth = ("--truth", tmp_path / "truth")
    assert replay(path, "--model", model, "--out", tmp_path / "out", *truth) == 0
    found = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert 0 < found["frames"][0]["segan"]["sf"] < 1
    assert found["frames"][1]["segan"] == {}
    assert found["summary"]["scores"]["segan"]["scenes"] == 1
    assert "1 scenes, 2 objects" in capsys.readouterr().out


def test_run_against_itself_is_no_different(bag, model, tmp_path, capsys):
    replay(bag, "--model", model, "--out", tmp_path / "a")
    capsys.readouterr()
    both = ("--out", tmp_path / "b", "--against", tmp_path / "a")
    assert replay(bag, "--model", model, *both) == 0
    printed = capsys.readouterr().out
    assert "| SI             |" in printed and "+0.000" in printed
    assert "Worse in 0 of 3 frames." in printed


def test_run_against_a_better_one_names_the_frames_that_got_worse(model, tmp_path, capsys):
    bag = write_bag(tmp_path / "six", Contents(frames=6))
    replay(bag, "--model", model, "--out", tmp_path / "a")
    earlier = json.loads((tmp_path / "a" / "replay.json").read_text())
    for i, more in enumerate((0.1, None, 0.5, 0, None, 0.9)):
        score = earlier["frames"][i]["frame_score"]
        earlier["frames"][i]["frame_score"] = None if more is None else score + more
    earlier["summary"]["scores"]["segan"]["sf"] += 0.125
    (tmp_path / "a" / "replay.json").write_text(json.dumps(earlier))
    capsys.readouterr()
    assert replay(bag, "--model", model, "--against", tmp_path / "a" / "replay.json") == 0
    printed = capsys.readouterr().out
    assert "Worse in 3 of 6 frames, most in 5 (-0.90), 2 (-0.50), 0 (-0.10)." in printed
    assert "-0.125 |" in printed


SMALL = encoded(np.zeros((5, 9), np.uint8))


def halved(content):
    return content[: len(content) // 2]


@pytest.fixture(scope="module")
def run(tmp_path_factory, model):
    """A bag, a model, and what a replay of them left behind."""
    folder = tmp_path_factory.mktemp("run")
    bag = write_bag(folder / "bag")
    replay(bag, "--model", model, "--out", folder / "out")
    return bag, model, folder / "out"


@pytest.mark.parametrize(
    "damage",
    [
        ("amodal_1.png", None, "amodal_1.png: no such file"),
        ("amodal_1.png", halved, "amodal_1.png: damaged or truncated"),
        ("appearance_1.png", halved, "appearance_1.png: damaged or truncated"),
        ("appearance_1.png", lambda _: SMALL, "appearance_1.png is 9x5 but the image is 80x60"),
        ("objects.json", None, "No such file"),
        ("objects.json", halved, "line "),
        ("graph.json", halved, "line "),
    ],
)
def test_damaged_frame_of_an_earlier_run_costs_its_picture_alone(run, tmp_path, capsys, damage):
    damaged, change, text = damage
    bag, model, earlier = run
    shutil.copytree(earlier, tmp_path / "a")
    file = tmp_path / "a" / "frame_001" / damaged
    before = file.read_bytes()
    file.unlink()
    if change is not None:
        file.write_bytes(change(before))
    words = ("--against", tmp_path / "a", "--out", tmp_path / "b")
    assert replay(bag, "--model", model, *words) == 0
    said = capsys.readouterr().err
    assert "frame_001: does not match the bag or is damaged" in said and text in said
    assert (tmp_path / "b" / "report.html").exists()


def test_report_of_a_bag_without_one_usable_frame_is_written(model, tmp_path, capsys):
    bag = write_bag(tmp_path / "bag", Contents(mask_delay=20 * PERIOD))
    assert replay(bag, "--model", model, "--out", tmp_path / "out") == 1
    assert "0 of 3 frames answered" in capsys.readouterr().out
    assert "no instance mask" in (tmp_path / "out" / "replay.md").read_text()


def test_unanswered_frames_take_no_picture_from_bad_answers(model, tmp_path):
    bag = write_bag(tmp_path / "bag", Contents(frames=8))

    def answer(frame):
        if frame.index % 5:  # a node that is too slow
            return Answer()
        return Answer(SceneCompleter(Model(model, "cpu")).complete(frame.frame), 0.1)

    with open_bag(bag) as opened:
        job = Replay(opened, None, None, Wanted(pictures=2))
        frames = job.run(answer)
    assert [f.index for f in frames if f.answer] == [0, 5]
    assert 5 in job.pictures


@pytest.mark.parametrize("then_without", [True, False])
def test_runs_with_truth_and_without_are_not_compared(model, tmp_path, capsys, then_without):
    """A frame's score is another thing in each."""
    whole = write_bag(tmp_path / "whole", Contents())
    bare = write_bag(tmp_path / "bare", Contents(without=("objects", "occlusion_graph")))
    then, now = (bare, whole) if then_without else (whole, bare)
    assert replay(then, "--model", model, "--out", tmp_path / "a") == 0
    assert replay(now, "--model", model, "--against", tmp_path / "a", "--out", tmp_path / "b") == 0
    assert "Worse in 0 of 3 frames." in capsys.readouterr().out


def test_recording_for_rerun_can_be_read(bag, model, tmp_path):
    pytest.importorskip("rerun")
    replay(bag, "--model", model, "--rrd", tmp_path / "run.rrd")
    verify = [sys.executable, "-m", "rerun", "rrd", "verify", tmp_path / "run.rrd"]
    done = subprocess.run(verify, capture_output=True, text=True, check=True)
    assert "verified without error" in done.stdout + done.stderr


def test_recording_for_rerun_needs_its_sdk(bag, model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert replay(bag, "--model", model, "--rrd", tmp_path / "run.rrd") == 2
    assert "--rrd needs the Rerun SDK" in capsys.readouterr().err


def test_renamed_topics_of_bag_and_truth_do_not_get_in_each_others_way(tmp_path, model, capsys):
    bag = write_bag(tmp_path / "bag", Contents(prefix="/cam", without=("objects",)))
    truth = write_bag(tmp_path / "truth", Contents(without=("image", "instance_mask", "depth")))
    names = ("--image-topic", "/cam/image", "--instance-mask-topic", "/cam/instance_mask")
    assert replay(bag, "--model", model, *names, "--truth", truth) == 0
    assert "3 of 3 frames answered: 6 objects, 6 of them occluded" in capsys.readouterr().out


def test_frame_with_too_many_objects_is_named_and_the_others_are_answered(tmp_path, model, capsys):
    frame, many = two_cards().frame, np.arange(60 * 80).reshape(60, 80) % 400
    frames = [(frame.rgb, labels) for labels in (frame.labels, many, frame.labels)]
    path = write_frames(tmp_path / "bag", frames)
    assert replay(path, "--model", model) == 1
    printed = capsys.readouterr().out
    assert "2 of 3 frames answered" in printed and "UNANSWERED frames: 1" in printed
    assert "399 objects, max_objects is 255" in printed


def test_images_of_one_stamp_are_counted_and_fail(tmp_path, model, capsys):
    frame = two_cards().frame
    path = write_frames(tmp_path / "bag", [(frame.rgb, frame.labels)] * 3, period=0)
    assert replay(path, "--model", model) == 1
    said = capsys.readouterr().out
    assert "2 images were left out: they have the stamp of the image before" in said


@pytest.mark.parametrize(
    ("skipped", "heading"),
    [((), "with depth"), ((1,), "with depth in 2 of 3 frames"), ((0, 1, 2), "without depth")],
)
def test_heading_says_in_how_many_frames_depth_was_used(tmp_path, model, capsys, skipped, heading):
    path = write_bag(tmp_path / "bag", Contents(skip_depth=skipped))
    assert replay(path, "--model", model) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f", {heading}")


def test_depth_that_cannot_be_used_is_none_in_the_heading(tmp_path, model, capsys, caplog):
    messages_frames.told.clear()
    path = write_bag(tmp_path / "bag", Contents(depth="16UC1"))
    assert replay(path, "--model", model, "--depth-scale", "0.1") == 0
    assert "the median depth of the objects is 50 m" in caplog.text
    assert capsys.readouterr().out.splitlines()[0].endswith(", with depth")
    damaged = write_bag(tmp_path / "damaged", Contents(depth="64FC1"))
    assert replay(damaged, "--model", model) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(", without depth")
    assert "depth has encoding '64FC1'; publish it as 16UC1" in caplog.text


def test_messages_that_are_missing_are_told_and_fail(tmp_path, model, capsys):
    path = write_bag(tmp_path / "bag")
    metadata = path / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 3", "message_count: 4"))
    assert replay(path, "--model", model) == 1
    said = capsys.readouterr().out
    assert "3 of 3 frames answered" in said
    assert f"{path}: /camera/image: 1 of 4 recorded messages cannot be read." in said


def test_bag_that_was_recorded_in_a_loop_is_replayed_once(tmp_path, model, capsys):
    frame = two_cards().frame
    path = write_frames(tmp_path / "bag", [(frame.rgb, frame.labels)] * 4, loop=2)
    assert replay(path, "--model", model) == 0
    assert "2 of 2 frames answered" in capsys.readouterr().out


def test_lost_object_is_left_out_of_hallucination(tmp_path, model):
    """Of two cards the segmenter sees one, the front one, of which nothing is hidden."""
    scene = two_cards()
    bag = write_bag(tmp_path / "all", Contents(frames=1))
    seen = np.where(scene.frame.labels == 1, 0, scene.frame.labels)
    poor = write_frames(tmp_path / "poor", [(scene.frame.rgb, seen)])
    assert replay(poor, "--model", model, "--truth", bag, "--out", tmp_path / "out") == 0
    scores = json.loads((tmp_path / "out" / "replay.json").read_text())["summary"]["scores"]
    assert scores["segan"]["unoccluded_objects"] == 1
    assert scores["segan"]["hallucination"] is None


def test_unanswered_frame_is_named_and_fails(tmp_path, model, capsys):
    path = write_bag(tmp_path / "bag", Contents(frames=4, skip_masks=(1, 3)))
    assert replay(path, "--model", model, "--out", tmp_path / "out") == 1
    printed = capsys.readouterr().out
    assert "2 of 4 frames answered" in printed
    assert "UNANSWERED frames: 1, 3" in printed
    assert "no instance mask within 10 ms" in printed
    found = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert found["summary"]["unanswered"] == [1, 3]


def test_bag_without_truth_is_replayed_without_scores(tmp_path, model, capsys):
    left_out = ("objects", "occlusion_graph", "depth", "camera_info")
    path = write_bag(tmp_path / "bag", Contents(without=left_out))
    assert replay(path, "--model", model) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 frames answered" in printed
    assert "halluc." not in printed and "true masks" not in printed
    assert "| visible IoU |" in printed


def test_bag_with_true_graph_alone_scores_order_and_edges(tmp_path, model):
    path = write_bag(tmp_path / "bag", Contents(without=("objects",)))
    assert replay(path, "--model", model, "--out", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "replay.json").read_text())
    scores = found["summary"]["scores"]["segan"]
    assert scores["order_accuracy"] == 1 and scores["edge_f1"] == 1
    assert scores["sf"] is None


def test_truth_of_other_stamps_is_no_truth(bag, model, tmp_path, capsys):
    write_scene(tmp_path / "scenes" / "123", two_cards(0))
    assert replay(bag, "--model", model, "--truth", tmp_path / "scenes") == 1
    assert "No image of the bag has ground truth in" in capsys.readouterr().out


def test_frames_of_an_earlier_run_do_not_stay(tmp_path, model):
    out = tmp_path / "out"
    replay(write_bag(tmp_path / "long"), "--model", model, "--out", out)
    (out / "frame_mine").mkdir()
    replay(write_bag(tmp_path / "short", Contents(frames=1)), "--model", model, "--out", out)
    assert sorted(p.name for p in out.glob("frame_*")) == ["frame_000", "frame_mine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing",), "missing: no such bag"),
        (("BAG", "--live", "--rate", "0"), "--rate is 0.0; it must be above 0"),
        (("BAG", "--live", "--rate", "nan"), "--rate is nan; it must be above 0"),
        (("BAG", "--live", "--patience", "-1"), "--patience is -1.0; it must be above 0"),
        (("BAG", "--image-topic", "/rgb"), "no topic /rgb; it has /camera/camera_info"),
        (("BAG", "--model", "nowhere"), "model is 'nowhere', which is not a shipped one"),
        (("BAG", "--pictures", "0"), "--pictures is 0; it must be at least 1"),
        (("BAG", "--truth", "BAG/nowhere"), "nowhere: no such bag"),
        (("BAG", "--rate", "2"), "--rate and --patience need --live"),
        (("BAG", "--depth-topic", "/camera/image"), "image and depth are both /camera/image"),
        (("BAG", "--against", "BAG"), "bag/replay.json: no such file; --against takes the --out"),
        (("BAG", "--against", "BAG/metadata.yaml"), "is not what `segan replay --out` of this"),
        (("BAG", "--against", "OLD"), "of this version writes (KeyError: 'summary'); run it again"),
        (("BAG", "--report", "BAG/metadata.yaml/a.html"), "choose another --report"),
        (("BAG", "--report", "BAG"), "bag is a folder; --report must name a file"),
        (("BAG", "--out", "BAG/metadata.yaml"), "cannot be written"),
        (("BAG", "--out", "BAG/metadata.yaml/out"), "cannot be written (Not a directory)"),
    ],
)
def test_bad_arguments_are_one_line(bag, model, capsys, arguments, message):
    old = bag.parent / "old.json"
    old.write_text('{"heading": "", "frames": []}')
    words = [w.replace("BAG", str(bag)).replace("OLD", str(old)) for w in arguments]
    if "--model" not in words:
        words += ["--model", str(model)]
    assert replay(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith("segan: error: ") and message in said


def test_live_replay_without_ros_says_where_to_get_it(bag, model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    for name in ("player", "peer"):
        monkeypatch.delitem(sys.modules, f"segan_ros.ros.{name}", raising=False)
    assert replay(bag, "--model", model, "--live") == 2
    assert "--live needs ROS 2 and the built messages" in capsys.readouterr().err


def test_frame_that_the_node_did_not_answer_fails_with_its_counts(bag, model, capsys, monkeypatch):
    def play(opened: Bag, settings: live.Live, log: Path, names: RecordedNames) -> live.Answers:
        completer = SceneCompleter(Model(settings.model, "cpu"))
        first, second, _ = (completer.complete(f.frame) for f in opened.frames() if f.frame)
        scenes = dict(zip(opened.stamps, (first, second), strict=False))
        return live.Answers(scenes.get, dict.fromkeys(scenes, 0.1), "image.dropped.superseded 1")

    monkeypatch.setattr("segan_ros.commands.replay.play", play)
    assert replay(bag, "--model", model, "--live") == 1
    printed = capsys.readouterr().out
    assert "UNANSWERED: no answer" in printed and "UNANSWERED frames: 2" in printed
    assert "The node's counters: image.dropped.superseded 1." in printed
    assert "Latency 100 ms (median)" in printed
