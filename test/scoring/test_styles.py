"""`segan evaluate --mask-style depth` scores what the depth segmenter finds."""

import json
from dataclasses import replace

import pytest
from boxes_on_a_table import Box, look

from segan_ros.commands import main as cli
from segan_ros.frame import Frame
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

BOXES = [
    Box(-0.1, 0, (0.1, 0.1, 0.06), (200, 40, 40), 20),
    Box(0.1, 0.05, (0.1, 0.08, 0.1), (40, 60, 190)),
]


@pytest.fixture
def scene():
    rgb, depth, labels, camera = look(BOXES)
    objects = tuple(TrueObject(i, labels == i, "box") for i in (1, 2))
    frame = Frame(rgb, labels, depth, camera)
    return LabelledScene(frame, objects, true_occlusions(labels, objects))


def evaluate(scenes, model, out):
    options = ["--scenes", str(scenes), "--model", str(model), "--out", str(out)]
    return cli.main(["evaluate", *options, "--mask-style", "depth"])


def test_row_says_what_was_found_and_scores_it(scene, dummy_model, tmp_path, capsys):
    write_scene(tmp_path / "scenes" / "000", scene)
    assert evaluate(tmp_path / "scenes", dummy_model, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "`depth` finds 2 of 2 objects (mean IoU 0.9" in printed
    assert "| depth      |       segan |" in printed
    style = json.loads((tmp_path / "out" / "scores.json").read_text())["mask_styles"]["depth"]
    assert style["lost"] == 0 and style["masks"]["found"] == 2
    assert style["methods"]["input mask"]["sf"] == pytest.approx(style["masks"]["iou"], abs=0.01)


@pytest.mark.parametrize("lacking", ["depth", "camera_matrix"])
def test_scene_without_what_it_needs_is_refused(scene, dummy_model, tmp_path, capsys, lacking):
    bare = replace(scene, frame=replace(scene.frame, **{lacking: None}))
    write_scene(tmp_path / "scenes" / "000", bare)
    assert evaluate(tmp_path / "scenes", dummy_model, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "scene 000 has no depth or no camera_matrix, which --mask-style depth needs" in error
