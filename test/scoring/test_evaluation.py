"""`segan evaluate` on small scenes, with a model that needs no weights."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from segan_ros.commands import main as cli
from segan_ros.frame import Frame
from segan_ros.scoring import evaluation as evaluate
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

pytest.importorskip("onnx")
from dummy_model import write_dummy_model

SIZE = 60, 80


def two_cards(shift: int) -> LabelledScene:
    """A card (id 1) over another (id 2), of which it hides a strip of 8 columns."""
    front, behind = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    front[10:50, 10 + shift : 40 + shift] = True
    behind[15:45, 32 + shift : 62 + shift] = True
    labels = np.where(front, 1, np.where(behind, 2, 0)).astype(np.int32)
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    objects = tuple(
        TrueObject(i, m, f"card {i}", np.full((*extent, 3), 128, np.uint8))
        for i, m, extent in ((1, front, (40, 30)), (2, behind, (30, 30)))
    )
    return LabelledScene(Frame(rgb, labels), objects, true_occlusions(labels, objects))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_dummy_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scenes(tmp_path) -> Path:
    for i in range(3):
        write_scene(tmp_path / "scenes" / f"{i:03d}", two_cards(i))
    return tmp_path / "scenes"


@pytest.mark.parametrize("more", [[], ["--tables"]])
def test_scene_whose_predicted_masks_are_too_many_is_named(scenes, model, tmp_path, capsys, more):
    (tmp_path / "masks").mkdir()
    many = np.arange(1, 301, dtype=np.uint16).repeat(16).reshape(SIZE)
    for path in scenes.iterdir():
        cv2.imwrite(str(tmp_path / "masks" / f"{path.name}.png"), many)
    arguments = ["--scenes", str(scenes), "--model", str(model), "--masks", str(tmp_path / "masks")]
    assert cli.main(["evaluate", *arguments, *more]) == 2
    assert "scenes/000: the labels hold 300 objects" in capsys.readouterr().err


def test_kinds_of_which_many_are_hidden_have_rows(tmp_path, model, capsys):
    for i in range(20):
        write_scene(tmp_path / "scenes" / f"{i:03d}", two_cards(i % 5))
    assert cli.main(["evaluate", "--scenes", str(tmp_path / "scenes"), "--model", str(model)]) == 0
    table = capsys.readouterr().out.partition("### By kind")[2].partition("###")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| card")]
    assert [[cell.strip() for cell in row] for row in rows] == [["card 2", "20"]]


def test_tables_and_files_hold_every_method(scenes, model, tmp_path, capsys):
    out = tmp_path / "out"
    code = cli.main(["evaluate", "--scenes", str(scenes), "--model", str(model), "--out", str(out)])
    assert code == 0
    printed = capsys.readouterr().out
    assert (out / "scores.md").read_text() == printed
    for method in (*evaluate.MASK_METHODS, *evaluate.PAINT_METHODS):
        assert f"| {method} " in printed
    assert "3 scenes, 6 objects: 3 partly hidden (SI), 3 unoccluded (halluc.)" in printed

    scores = json.loads((out / "scores.json").read_text())["methods"]
    assert scores["true masks"]["summary"]["si"] == 1
    assert scores["input mask"]["summary"]["si"] == 0
    assert scores["input mask"]["summary"]["l1"] is None  # NaN is not JSON
    assert scores["segan"]["summary"]["true_mask_l1"] > 0  # the dummy paints red
    assert scores[evaluate.TELEA]["summary"]["true_mask_l1"] == 0

    with (out / "objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 6
    assert rows[1]["name"] == "card 2" and float(rows[1]["occlusion"]) == pytest.approx(8 / 30)
    with (out / "edges.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5 * 3

    # Card 2 is hidden in part in each of the three scenes: two strips of two, one cell is empty.
    for name in ("worst.jpg", "objects.jpg"):
        sheet = cv2.imread(str(out / name))
        heading, row = 20, 128 + 20
        assert sheet.shape == (heading + 2 * row, 2 * 4 * 128, 3)
        second = sheet[heading + row :]
        assert sheet[heading : heading + 128, :128].max() > 100 < second[:128, :512].max()
        assert second[8:, 640:].min() > 235  # empty
    error = json.loads((out / "scores.json").read_text())["calibration_error"]
    assert f"hidden-pixel probabilities: {error:.3f}" in printed
    assert (out / "reliability.svg").read_text().startswith("<svg")


def test_limit_takes_the_first_scenes(scenes, model, capsys):
    arguments = ["evaluate", "--scenes", str(scenes), "--model", str(model), "--limit"]
    assert cli.main([*arguments, "2"]) == 0
    assert "2 scenes, 4 objects" in capsys.readouterr().out
    assert cli.main([*arguments, "0"]) == 2
    assert "--limit is 0; it must be at least 1" in capsys.readouterr().err


def test_scene_without_ground_truth_is_named(scenes, model, capsys):
    (scenes / "001" / "amodal.npz").unlink()
    assert cli.main(["evaluate", "--scenes", str(scenes), "--model", str(model)]) == 2
    assert "001: no ground truth to score with" in capsys.readouterr().err


def test_folder_without_scenes_is_an_error(tmp_path, model, capsys):
    assert cli.main(["evaluate", "--scenes", str(tmp_path), "--model", str(model)]) == 2
    assert "no scene folder here" in capsys.readouterr().err


def test_unwritable_out_is_said_before_any_work(scenes, model, tmp_path, capsys):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    arguments = ["evaluate", "--scenes", str(scenes), "--model", str(model), "--out", str(out)]
    assert cli.main(arguments) == 2
    assert "cannot be written (Not a directory); choose another --out" in capsys.readouterr().err


def test_depth_is_used_on_request_only(tmp_path, model, capsys):
    scene = two_cards(0)
    # Depth says the opposite of the masks: with it, the edge that the masks show is rejected.
    depth = np.where(scene.frame.labels == 1, 1.0, 0.5).astype(np.float32)
    frame = Frame(scene.frame.rgb, scene.frame.labels, depth)
    write_scene(tmp_path / "s", LabelledScene(frame, scene.objects, scene.occlusions))
    for option, order in (((), "1.000"), (("--use-depth",), "0.000")):
        cli.main(["evaluate", "--scenes", str(tmp_path), "--model", str(model), *option])
        row = next(r for r in capsys.readouterr().out.splitlines() if r.startswith("| true masks"))
        assert row.split("|")[5].strip() == order
