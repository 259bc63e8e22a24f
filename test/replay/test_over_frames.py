"""`segan replay` of streams: ids that do not last, tracks, hysteresis, and their scores."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rosbags")
from samples import frame_of, overlapping
from small_bag import Contents, write_bag

from segan_ros.commands.main import main
from segan_ros.completion import SceneCompleter
from segan_ros.replay.lasting import renamed_frame, renamed_scene
from segan_ros.replay.replayed import OURS, UNSTEADIED
from segan_ros.runtime.model import Model


def replay(bag, out, dummy_model, *options):
    given = ["--model", str(dummy_model), "--provider", "cpu", "--out", str(out), *options]
    assert main(["replay", str(bag), *given]) == 0
    return json.loads((out / "replay.json").read_text())


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    return (
        write_bag(folder / "same", Contents(8)),
        write_bag(folder / "anew", Contents(8, renumber=True)),
    )


def test_scores_do_not_depend_on_how_a_segmenter_numbers(bags, tmp_path, dummy_model):
    same, anew = (
        replay(bag, tmp_path / str(n), dummy_model)["summary"] for n, bag in enumerate(bags)
    )
    for part in ("scores", "steps"):
        assert same[part] == anew[part]


def test_tracks_are_scored(bags, tmp_path, dummy_model, capsys):
    for bag in bags:
        score = replay(bag, tmp_path / bag.name, dummy_model, "--track")["summary"]["streams"][OURS]
        assert (score["tracked"], score["switches"], score["frames"]) == (16, 0, 8)
    assert "0 of 16 (0.00 %)" in capsys.readouterr().out
    untracked = replay(bags[1], tmp_path / "none", dummy_model)["summary"]["streams"][OURS]
    assert untracked["tracked"] == 0


def test_steadied_answers_stand_beside_those_of_each_frame(bags, tmp_path, dummy_model, capsys):
    run = replay(bags[1], tmp_path / "run", dummy_model, "--track", "--steady", "graph")
    assert set(run["summary"]["streams"]) == {OURS, UNSTEADIED}
    assert UNSTEADIED in capsys.readouterr().out
    again = replay(bags[1], tmp_path / "again", dummy_model, "--track", "--steady", "graph")
    assert again == run


def test_without_truth_ids_are_those_of_tracks(bags, tmp_path, dummy_model):
    bag = write_bag(
        tmp_path / "bag", Contents(4, without=("objects", "occlusion_graph"), renumber=True)
    )
    run = replay(bag, tmp_path / "run", dummy_model, "--track")
    assert run["summary"]["streams"] == {}
    areas = [{o["id"]: o["visible_area"] for o in f["objects"]} for f in run["frames"]]
    assert all(found == areas[0] for found in areas)
    assert run["summary"]["steps"][OURS]["visible_iou"] > 0.8


def test_renamed_answers_say_the_same_of_other_ids(dummy_model):
    frame = frame_of(overlapping(), names={1: "box", 7: "can"}, occluder_only={7})
    scene = SceneCompleter(Model(dummy_model, "cpu")).complete(frame)
    ids = {1: 40, 7: 3}
    other = renamed_frame(frame, ids)
    assert other.names == {40: "box", 3: "can"} and set(other.occluder_only) == {3}
    np.testing.assert_array_equal(other.labels == 40, frame.labels == 1)
    renamed = renamed_scene(scene, ids)
    assert [o.id for o in renamed.objects] == [3, 40] == list(renamed.graph.object_ids)
    for old, new in ids.items():
        assert renamed.object(new).name == scene.object(old).name
        assert renamed.object(new).layer == scene.object(old).layer
    back = renamed_scene(renamed, {40: 1, 3: 7})
    assert replace(back.graph, safety=None) == replace(scene.graph, safety=None)
    np.testing.assert_array_equal(back.graph.safety, scene.graph.safety)


@pytest.mark.parametrize("value", ["-1", "nan"])
def test_bad_memory_is_refused(bags, dummy_model, capsys, value):
    given = ["--model", str(dummy_model), "--track", "--track-memory", value]
    assert main(["replay", str(bags[0]), *given]) == 2
    assert "track_memory is" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.ros
def test_node_answers_with_tracks(bags, dummy_model):
    pytest.importorskip("rclpy")
    from live_replay import replay_live

    options = "--model", dummy_model, "--provider", "cpu", "--track", "--steady", "graph"
    done = replay_live(bags[1], *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 of 16 (0.00 %)" in done.stdout
