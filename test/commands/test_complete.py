"""`segan complete`: a photo or scenes in, result folders out; what is wrong in one line."""

import json

import cv2
import numpy as np
import pytest
from png_files import png_file
from samples import labelled_scene

from segan_ros.commands.main import main
from segan_ros.storage.images import encoded, write_image
from segan_ros.storage.scene_writer import scene_files, write_scene
from segan_ros.storage.shards import ShardWriter


@pytest.fixture
def model(dummy_model):
    return dummy_model


MANY = np.arange(24 * 37, dtype=np.uint16).reshape(24, 37) % 301


def test_complete_one_photo(tmp_path, model, capsys):
    write_scene(tmp_path / "scene", labelled_scene())
    arguments = ["complete", "--model", str(model), "--provider", "cpu"]
    photo = [
        "--rgb",
        str(tmp_path / "scene/rgb.png"),
        "--labels",
        str(tmp_path / "scene/labels.png"),
    ]
    out = tmp_path / "out"
    depth = ["--depth", str(tmp_path / "scene/depth_mm.png")]
    assert main([*arguments, *photo, *depth, "--out", str(out)]) == 0
    assert "removal order:" in capsys.readouterr().out
    assert json.loads((out / "objects.json").read_text())[0]["depth_median"] == 0.75
    for name in ("overlay.png", "completed.png", "graph.svg", "objects.json", "amodal_2.png"):
        assert (out / name).stat().st_size > 0
    assert json.loads((out / "graph.json").read_text())["object_ids"] == [2, 300]
    assert cv2.imread(str(out / "appearance_2.png"), cv2.IMREAD_UNCHANGED).shape == (24, 37, 4)


def test_complete_a_photo_with_masks_that_overlap(tmp_path, model, capsys):
    scene = labelled_scene()
    write_scene(tmp_path / "scene", scene)
    for name, mask in {
        "card_1": scene.frame.labels == 2,
        "card_2": scene.frame.labels == 300,
        "card_3": scene.frame.labels == 300,
    }.items():
        (tmp_path / "masks").mkdir(exist_ok=True)
        write_image(tmp_path / "masks" / f"{name}.png", mask.astype(np.uint8) * 255)
    out = tmp_path / "out"
    photo = ["--rgb", tmp_path / "scene/rgb.png", "--masks", tmp_path / "masks", "--out", out]
    words = ["complete", "--model", model, "--provider", "cpu", *photo]
    assert main([str(w) for w in words]) == 0
    printed = capsys.readouterr().out
    assert "skipped 1 masks: duplicate" in printed and "object 1 (card): layer" in printed
    assert json.loads((out / "graph.json").read_text())["object_ids"] == [1, 2]


@pytest.fixture
def masks(tmp_path):
    """A photo of two cards in a scene folder, and a folder with their masks, one a hand."""
    scene = labelled_scene()
    write_scene(tmp_path / "scene", scene)
    (tmp_path / "masks").mkdir()
    for name, object_id in (("card_1", 2), ("hand", 300)):
        mask = scene.frame.labels == object_id
        write_image(tmp_path / "masks" / f"{name}.png", mask.astype(np.uint8) * 255)
    return tmp_path / "masks"


@pytest.mark.parametrize("source", ["masks", "labels", "scenes"])
def test_occluder_only_objects_are_not_lifted(tmp_path, model, masks, capsys, source):
    photo = ["--rgb", tmp_path / "scene/rgb.png"]
    what, given, out = {
        "masks": ([*photo, "--masks", masks], "hand", tmp_path / "out"),
        "labels": ([*photo, "--labels", tmp_path / "scene/labels.png"], "300", tmp_path / "out"),
        "scenes": (["--scenes", tmp_path / "scene"], "300", tmp_path / "out/scene"),
    }[source]
    hand, card = (2, 1) if source == "masks" else (300, 2)
    words = ["complete", *what, "--occluder-only", given, "--model", model]
    words += ["--provider", "cpu", "--out", tmp_path / "out"]
    assert main([str(w) for w in words]) == 0
    graph = json.loads((out / "graph.json").read_text())
    assert graph["removal_order"] == [card] and graph["object_ids"] == sorted([card, hand])
    told = {o["id"]: o["occluder_only"] for o in json.loads((out / "objects.json").read_text())}
    assert told == {hand: True, card: False}
    if source != "scenes":
        assert "occluder only" in capsys.readouterr().out


def test_indices_of_a_palette_are_ids_and_void_is_ignored(tmp_path, model):
    """As VOC and DAVIS store masks."""
    labels = np.zeros((24, 37), np.uint8)
    labels[4:14, 5:20], labels[10:20, 12:30], labels[0:3] = 7, 9, 255
    (tmp_path / "voc.png").write_bytes(png_file(labels, 8, palette=True))
    write_image(tmp_path / "rgb.png", np.full((24, 37, 3), 90, np.uint8))
    words = ["complete", "--rgb", tmp_path / "rgb.png", "--labels", tmp_path / "voc.png"]
    words += ["--ignore", "255", "--model", model, "--provider", "cpu", "--out", tmp_path / "out"]
    assert main([str(w) for w in words]) == 0
    assert json.loads((tmp_path / "out/graph.json").read_text())["object_ids"] == [7, 9]


@pytest.mark.parametrize("given", ["hand", "2"])
def test_ignored_masks_are_no_objects(tmp_path, model, masks, given):
    words = ["complete", "--rgb", tmp_path / "scene/rgb.png", "--masks", masks, "--ignore", given]
    words += ["--model", model, "--provider", "cpu", "--out", tmp_path / "out"]
    assert main([str(w) for w in words]) == 0
    assert json.loads((tmp_path / "out/graph.json").read_text())["object_ids"] == [1]


def test_a_class_that_no_mask_has_is_a_warning_with_those_there_are(tmp_path, model, masks, capsys):
    words = ["complete", "--rgb", tmp_path / "scene/rgb.png", "--masks", masks]
    words += ["--ignore", "hnad", "2", "--occluder-only", "card", "arm"]
    words += ["--model", model, "--provider", "cpu", "--out", tmp_path / "out"]
    assert main([str(w) for w in words]) == 0
    logged = capsys.readouterr().err
    assert "--ignore names hnad, but the masks have card, hand\n" in logged
    assert "--occluder-only names arm, but the masks have card, hand\n" in logged


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--ignore", "table", "3"], "--ignore names table, but only --masks have classes"),
        (["--occluder-only", "hand"], "--occluder-only names hand, but only --masks have classes"),
        (["--min-score", "1.5"], "--min-score is 1.5; it must lie in 0..1"),
    ],
)
def test_roles_that_cannot_be_meant_are_refused(tmp_path, masks, capsys, words, text):
    photo = [
        "--rgb",
        str(tmp_path / "scene/rgb.png"),
        "--labels",
        str(tmp_path / "scene/labels.png"),
    ]
    assert main(["complete", *photo, *words]) == 2
    assert text in capsys.readouterr().err


def test_complete_a_folder_of_scenes(tmp_path, model):
    for name in ("a", "b"):
        write_scene(tmp_path / "scenes" / name, labelled_scene())
    out = tmp_path / "out"
    arguments = [
        "--scenes",
        str(tmp_path / "scenes"),
        "--model",
        str(model),
        "--out",
        str(out),
    ]
    assert main(["complete", *arguments]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (b"broken", "a/labels.png: not a readable image"),
        (encoded(MANY), "scenes/a: the labels hold 300 objects, max_objects is 255"),
    ],
)
def test_one_bad_scene_does_not_end_the_run(tmp_path, model, capsys, broken, text):
    for name in ("a", "b"):
        write_scene(tmp_path / "scenes" / name, labelled_scene())
    (tmp_path / "scenes" / "a" / "labels.png").write_bytes(broken)
    out = tmp_path / "out"
    arguments = [
        "--scenes",
        str(tmp_path / "scenes"),
        "--model",
        str(model),
        "--out",
        str(out),
    ]
    assert main(["complete", *arguments]) == 1
    assert [p.name for p in out.iterdir()] == ["b"]
    assert text in capsys.readouterr().err


def test_scene_of_a_shard_without_labels_does_not_end_the_run(tmp_path, model, capsys):
    shard = ShardWriter(tmp_path / "a.tar")
    files = scene_files(labelled_scene())
    shard.add("0", {name: content for name, content in files.items() if name != "labels.png"})
    shard.add("1", files)
    shard.close()
    out = tmp_path / "out"
    arguments = [
        "--scenes",
        str(tmp_path / "a.tar"),
        "--model",
        str(model),
        "--out",
        str(out),
    ]
    assert main(["complete", *arguments]) == 1
    assert [p.name for p in out.iterdir()] == ["1"]
    assert "a.tar/0: no rgb.png" in capsys.readouterr().err


def test_scenes_of_one_name_are_refused(tmp_path, model, capsys):
    for name in ("a.tar", "b.tar"):
        shard = ShardWriter(tmp_path / name)
        shard.add("0", scene_files(labelled_scene()))
        shard.close()
    arguments = [
        "--scenes",
        str(tmp_path),
        "--model",
        str(model),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(["complete", *arguments]) == 2
    assert "a.tar/0 and " in capsys.readouterr().err


def test_files_of_others_stay(tmp_path, model):
    write_scene(tmp_path / "scene", labelled_scene())
    out = tmp_path / "out"
    out.mkdir()
    for name in ("amodal_mine.png", "amodal_77.png", "appearance_.png"):
        (out / name).write_bytes(b"")
    photo = ["--rgb", str(tmp_path / "scene/rgb.png"), "--labels"]
    photo += [str(tmp_path / "scene/labels.png"), "--model", str(model), "--out", str(out)]
    assert main(["complete", *photo]) == 0
    assert (out / "amodal_mine.png").exists() and (out / "appearance_.png").exists()
    assert not (out / "amodal_77.png").exists()


def test_scenes_are_not_completed_into_themselves(tmp_path, model, capsys):
    write_scene(tmp_path / "scene", labelled_scene())
    arguments = ["--scenes", str(tmp_path), "--model", str(model), "--out", str(tmp_path)]
    assert main(["complete", *arguments]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert not (tmp_path / "scene" / "overlay.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x"], "give --rgb with --labels or --masks, or --scenes"),
        (["--rgb", "a.png"], "--rgb needs the masks of its objects: either --labels"),
        (["--rgb", "a", "--labels", "b", "--masks", "c"], "either --labels, a label image, or"),
        (["--labels", "a.png"], "--labels needs --rgb, the photo"),
        (["--depth", "a.png"], "--depth needs --rgb, the photo"),
        ([], "give --rgb with --labels or --masks, or --scenes"),
        (["--scenes", "s", "--threshold", "1"], "threshold is 1.0; it must lie between 0 and 1"),
        (["--scenes", "s", "--model", "x"], "s: no scene folder here"),
        (["--rgb", "no.png", "--labels", "no.png", "--out", "x"], "no.png: no such file"),
        (["--scenes", "nowhere", "--out", "x"], "nowhere: no scene folder here"),
        (["--scenes", "s", "--depth", "d.png", "--out", "x"], "--scenes excludes --depth"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["complete", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_out_that_is_a_file_is_refused(tmp_path, model, capsys):
    (tmp_path / "out").write_text("")
    write_scene(tmp_path / "scene", labelled_scene())
    arguments = ["--scenes", str(tmp_path / "scene"), "--model", str(model)]
    assert main(["complete", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert str(tmp_path / "out") in capsys.readouterr().err


def photo(folder):
    write_scene(folder / "scene", labelled_scene())
    return ["--rgb", str(folder / "scene/rgb.png"), "--labels", str(folder / "scene/labels.png")]


def test_results_have_a_place_without_being_told(tmp_path, model, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = photo(tmp_path)
    assert main(["complete", *given, "--model", str(model)]) == 0
    assert (tmp_path / "rgb-completed" / "objects.json").exists()
    assert "results in rgb-completed" in capsys.readouterr().out
    assert main(["complete", "--scenes", "scene", "--model", str(model)]) == 0
    assert (tmp_path / "scene-completed" / "scene" / "objects.json").exists()


def test_nothing_is_left_of_what_failed(tmp_path, model):
    given = photo(tmp_path)
    out = tmp_path / "above" / "out"
    (model / "segmentor.onnx").rename(model / "other.onnx")
    try:
        assert main(["complete", *given, "--model", str(model), "--out", str(out)]) == 2
    finally:
        (model / "other.onnx").rename(model / "segmentor.onnx")
    assert not out.parent.exists()


def areas(folder):
    return {o["id"]: o["amodal_area"] for o in json.loads((folder / "objects.json").read_text())}


def test_threshold_and_occluders_are_those_of_the_settings(tmp_path, model):
    """The whole masks of this model are the visible ones grown on all sides."""
    command = ["complete", *photo(tmp_path), "--model", str(model)]

    def area(*options):
        out = tmp_path / "-".join(["out", *options])
        assert main([*command, *options, "--out", str(out)]) == 0
        return areas(out)[2]

    assert area("--threshold", "0.05") > area("--threshold", "0.95")
    assert area("--occluders", "any") > area("--occluders", "labelled")


def test_label_image_of_few_bits_keeps_its_ids(tmp_path, model):
    given = photo(tmp_path)
    labels = tmp_path / "labels.png"
    frame = labelled_scene().frame
    values = np.where(frame.labels == 300, 3, np.where(frame.labels == 2, 1, 0)).astype(np.uint8)
    labels.write_bytes(png_file(values, 2))
    out = tmp_path / "out"
    given = [*given[:2], "--labels", str(labels)]
    assert main(["complete", *given, "--model", str(model), "--out", str(out)]) == 0
    assert set(areas(out)) == set(np.unique(values)) - {0}


def test_users_without_a_home_need_none(tmp_path, model, homeless):
    out = tmp_path / "out"
    assert main(["complete", *photo(tmp_path), "--model", str(model), "--out", str(out)]) == 0
