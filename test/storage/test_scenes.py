"""Frames are checked at the door; scene and result folders survive the way to disk and back."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from png_files import chunk, png_file
from samples import labelled_scene

from segan_ros.frame import (
    AmodalObject,
    CompletedScene,
    Evidence,
    Frame,
    OcclusionEdge,
    OcclusionGraph,
)
from segan_ros.storage.frames import read_frame
from segan_ros.storage.images import encoded, read_image
from segan_ros.storage.results import graph_to_json, write_result
from segan_ros.storage.scene_writer import write_scene
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.truth import true_occlusions

REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "real"
HOPE = REAL_PHOTOS.with_name("hope")


def test_frame_of_unequal_sizes_is_refused():
    with pytest.raises(ValueError, match=r"labels is 20x10 but the image is 30x10; give both"):
        Frame(np.zeros((10, 30, 3), np.uint8), np.zeros((10, 20), np.int32))


@pytest.mark.parametrize(
    ("rgb", "labels", "message"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.int32), r"rgb must be \(H, W, 3\) uint8"),
        (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.int32), "rgb must be .* float32"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), r"labels must be \(H, W\) int32"),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((0, 4), np.int32), "rgb has no pixels"),
    ],
)
def test_frame_of_wrong_kind_is_refused(rgb, labels, message):
    with pytest.raises(ValueError, match=message):
        Frame(rgb, labels)


def test_true_occlusions_count_covered_pixels():
    assert labelled_scene().occlusions == ((300, 2, 8),)


def test_scene_folder_round_trip(tmp_path):
    scene = labelled_scene()
    write_scene(tmp_path / "scene", scene)
    again = read_scene(tmp_path / "scene")
    np.testing.assert_array_equal(again.frame.rgb, scene.frame.rgb)
    np.testing.assert_array_equal(again.frame.labels, scene.frame.labels)
    np.testing.assert_allclose(again.frame.depth, scene.frame.depth, atol=5e-4)
    np.testing.assert_array_equal(again.frame.camera_matrix, scene.frame.camera_matrix)
    assert again.occlusions == scene.occlusions
    assert again.extra == {"seed": 7}
    for mine, theirs in zip(scene.objects, again.objects, strict=True):
        assert (mine.id, mine.name, mine.box) == (theirs.id, theirs.name, theirs.box)
        np.testing.assert_array_equal(mine.amodal, theirs.amodal)
    np.testing.assert_array_equal(again.objects[0].appearance, scene.objects[0].appearance)
    assert again.objects[1].appearance is None


def test_half_written_scene_is_not_found(tmp_path, monkeypatch):
    write, written = Path.write_bytes, []

    def full(path, content):
        if written:
            raise OSError("disk full")
        written.append(path)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        write_scene(tmp_path / "scene", labelled_scene())
    assert written and list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_stops_nobody(tmp_path):
    left = tmp_path / f".scene.{os.getpid()}.part"
    left.mkdir()
    (left / "rgb.png").write_bytes(b"")
    write_scene(tmp_path / "scene", labelled_scene())
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


@pytest.mark.parametrize("width", [9, 64])
def test_masks_of_another_width_are_refused(tmp_path, width):
    scene = labelled_scene()
    write_scene(tmp_path / "scene", scene)
    masks = np.zeros((len(scene.objects), scene.frame.size[0], width), bool)
    assert width // 8 != scene.frame.size[1] // 8
    np.savez(tmp_path / "scene" / "amodal.npz", masks=np.packbits(masks, axis=-1))
    with pytest.raises(ValueError, match=r"amodal\.npz: rows of \d bytes do not fit a picture"):
        read_scene(tmp_path / "scene")


def test_picture_with_too_many_pixels_is_not_readable(tmp_path):
    path, small = tmp_path / "huge.png", png_file(np.zeros((1, 1), np.uint8), 8)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
    path.write_bytes(small[:8] + header + small[8 + len(header) :])
    with pytest.raises(ValueError, match=r"huge\.png: not a readable image"):
        read_image(path, cv2.IMREAD_COLOR)


def test_picture_too_large_for_its_format_is_an_error():
    with pytest.raises(ValueError, match=r"a picture of 2x70000 does not fit \.jpg"):
        encoded(np.zeros((70_000, 2, 3), np.uint8), ".jpg")


def test_folder_without_scenes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no scene folder here"):
        list(iterate_scenes(tmp_path))


def test_masks_that_do_not_fit_are_refused(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    description = json.loads((tmp_path / "scene" / "scene.json").read_text())
    description["objects"].pop()
    (tmp_path / "scene" / "scene.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"amodal\.npz.* do not fit 1 objects"):
        read_scene(tmp_path / "scene")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scene.json", b"[1]"),
        ("scene.json", b"{not json"),
        ("scene.json", b'{"objects": [{}, {}]}'),
        ("scene.json", b'{"objects": [{"id": 1}, {"id": 2}], "occ": [[1]]}'),
        ("scene.json", b'{"camera_matrix": {"fx": 600}}'),
        ("scene.json", b'{"camera_matrix": [600, 600, 160, 120]}'),
        ("amodal.npz", b"junk"),
        ("amodal.npz", b""),
    ],
)
def test_malformed_truth_is_one_clear_error(tmp_path, name, content):
    write_scene(tmp_path / "scene", labelled_scene())
    (tmp_path / "scene" / name).write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path / "scene")):
        read_scene(tmp_path / "scene")


def test_damaged_truth_is_one_clear_error(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    packed = tmp_path / "scene" / "amodal.npz"
    content = bytearray(packed.read_bytes())
    start = content.index(b"masks.npy") + 30
    content[start : start + 20] = b"\xff" * 20
    packed.write_bytes(content)
    with pytest.raises(ValueError, match=str(tmp_path / "scene")):
        read_scene(tmp_path / "scene")


def test_truth_without_masks_is_one_clear_error(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    np.savez(tmp_path / "scene" / "amodal.npz", other=np.zeros(3))
    with pytest.raises(ValueError, match="lacks what a scene needs"):
        read_scene(tmp_path / "scene")


def test_appearance_that_does_not_fit_its_mask_is_refused(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    file = next((tmp_path / "scene").glob("appearance_*.png"))
    cv2.imwrite(str(file), np.zeros((3, 5, 3), np.uint8))
    with pytest.raises(ValueError, match=rf"{file.name}: 5x3 pixels, but the whole mask's box has"):
        read_scene(tmp_path / "scene")


def test_ids_that_a_label_image_cannot_hold_are_refused(tmp_path):
    scene = labelled_scene()
    labels = scene.frame.labels.copy()
    labels[labels == 0] = -1
    write_scene(tmp_path / "scene", replace(scene, frame=replace(scene.frame, labels=labels)))
    read = read_scene(tmp_path / "scene").frame.labels
    np.testing.assert_array_equal(read, scene.frame.labels)
    labels[labels == -1] = 70_000
    with pytest.raises(ValueError, match=r"the id 70000; labels\.png holds ids up to 65535"):
        write_scene(tmp_path / "other", replace(scene, frame=replace(scene.frame, labels=labels)))


def test_results_never_replace_ground_truth(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    before = {p.name: p.read_bytes() for p in (tmp_path / "scene").iterdir()}
    with pytest.raises(ValueError, match="is a scene folder, results would replace"):
        write_result(tmp_path / "scene", CompletedScene((24, 37), (), OcclusionGraph()), {})
    assert {p.name: p.read_bytes() for p in (tmp_path / "scene").iterdir()} == before


def test_ids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"id 2147483653; ids must be below 2\^31"):
        Frame.from_arrays(np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 2**31 + 5, np.int64))


def test_unreadable_pictures_are_named(tmp_path):
    rgb, labels = tmp_path / "rgb.png", tmp_path / "labels.png"
    rgb.write_text("not a picture")
    labels.write_bytes(encoded(np.zeros((4, 4), np.uint8)))
    with pytest.raises(ValueError, match=r"rgb\.png: not a readable image"):
        read_frame(rgb, labels)
    with pytest.raises(ValueError, match=r"rgb\.png: not a readable image"):
        read_frame(labels, rgb)
    with pytest.raises(FileNotFoundError, match=r"nothing\.png: no such file"):
        read_frame(tmp_path / "nothing.png", labels)


def test_graph_is_strict_json_with_unknown_depth_as_null():
    edge = OcclusionEdge(3, 1, 0.5, 40, 0.1, float("nan"), Evidence.AMODAL | Evidence.DEPTH)
    rests = OcclusionEdge(3, 1, 0.9, evidence=Evidence.SUPPORT, lift_risk=0.9)
    graph = OcclusionGraph(
        (1, 3), (1, 0), (edge,), True, (3, 1), (rests,), frozenset({3}), (0.0, -1.0, 0.0), 0.5
    )
    text = json.loads(json.dumps(graph_to_json(graph), allow_nan=False))
    assert text["object_ids"] == [1, 3]
    assert text["layers"] == [1, 0]
    assert text["removal_order"] == [3, 1]
    assert text["is_acyclic"] is True
    assert text["free"] == [3] and text["up"] == [0, -1, 0] and text["up_confidence"] == 0.5
    assert text["edges"] == [
        {
            "occluder_id": 3,
            "occludee_id": 1,
            "score": 0.5,
            "overlap_area": 40,
            "overlap_ratio": 0.1,
            "depth_gap": None,
            "evidence": 3,
            "lift_risk": None,
            "blocks_lift": True,
            "set_aside": False,
        }
    ]
    (support,) = text["supports"]
    assert (support["evidence"], support["lift_risk"], support["depth_gap"]) == (8, 0.9, None)


def test_result_folder_has_the_documented_files(tmp_path):
    visible, amodal = np.zeros((4, 6), bool), np.ones((4, 6), bool)
    visible[:, :4] = True
    item = AmodalObject(
        9,
        (2, 3, 8, 7),
        visible,
        amodal,
        np.ones((4, 6), np.float32),
        np.full((4, 6, 3), 90, np.uint8),
    )
    scene = CompletedScene((10, 12), (item,), OcclusionGraph((9,), (0,), (), True, (9,)))
    write_result(tmp_path / "out", scene, {"overlay.png": np.zeros((10, 12, 3), np.uint8)})
    mask = cv2.imread(str(tmp_path / "out" / "amodal_9.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (10, 12)
    assert np.count_nonzero(mask == 255) == 24
    assert np.count_nonzero(mask) == 24
    rgba = cv2.imread(str(tmp_path / "out" / "appearance_9.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(rgba[..., 3], mask)
    assert (rgba[mask == 255][:, :3] == 90).all()
    stated = json.loads((tmp_path / "out" / "objects.json").read_text())[0]
    assert (stated["id"], stated["visible_area"], stated["amodal_area"]) == (9, 16, 24)
    assert stated["occlusion_ratio"] == pytest.approx(1 / 3, abs=1e-4)
    assert json.loads((tmp_path / "out" / "graph.json").read_text())["removal_order"] == [9]


def test_result_into_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    scene = CompletedScene((10, 12), (), OcclusionGraph())
    with pytest.raises(OSError):
        write_result(tmp_path / "out", scene, {})


def restated(folder, **changes):
    """The scene of `folder` after `changes` to its scene.json."""
    path = folder / "scene.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return read_scene(folder)


def test_scene_says_which_way_is_up_and_what_a_lift_disturbs(tmp_path):
    scene = labelled_scene()
    up = np.array([0.0, -0.6, -0.8])
    scene = replace(scene, frame=replace(scene.frame, up=up), harm={2: (300,), 300: ()})
    write_scene(tmp_path / "scene", scene)
    stated = json.loads((tmp_path / "scene" / "scene.json").read_text())
    assert stated["up"] == [0.0, -0.6, -0.8] and stated["harm"] == {"2": [300], "300": []}
    again = read_scene(tmp_path / "scene")
    np.testing.assert_array_equal(again.frame.up, up)
    assert again.harm == {2: (300,), 300: ()} and again.extra == {"seed": 7}


def test_description_with_a_byte_order_mark_is_read(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    path = tmp_path / "scene" / "scene.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert len(read_scene(tmp_path / "scene").objects) == 2


def test_scene_without_lifts_says_nothing_of_them(tmp_path):
    write_scene(tmp_path / "scene", labelled_scene())
    again = read_scene(tmp_path / "scene")
    assert again.frame.up is None and again.harm is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("up", [0, -1], "up not 3"),
        ("up", [0, -2, 0], "up must be a unit vector, its length is 2"),
        ("up", "above", "up not 3"),
        ("harm", [1], "scene.json or amodal.npz lacks what"),
        ("harm", {"2": [9]}, "harm has objects that the scene lacks: .9."),
    ],
)
def test_scene_with_a_senseless_up_or_harm_is_refused(tmp_path, key, value, message):
    write_scene(tmp_path / "scene", labelled_scene())
    with pytest.raises(ValueError, match=message):
        restated(tmp_path / "scene", **{key: value})


def test_objects_without_trusted_truth_are_told_from_the_others(tmp_path):
    scene = labelled_scene()
    objects = (replace(scene.objects[0], scored=False), scene.objects[1])
    write_scene(tmp_path / "scene", replace(scene, objects=objects))
    stated = json.loads((tmp_path / "scene" / "scene.json").read_text())["objects"]
    assert [o.get("scored") for o in stated] == [False, None]
    again = read_scene(tmp_path / "scene")
    assert [o.scored for o in again.objects] == [False, True]
    assert [o.id for o in again.trusted] == [300] and "scored" not in again.objects[0].about


@pytest.mark.skipif(not HOPE.is_dir(), reason="no photographs with partly trusted truth at hand")
def test_partly_trusted_photographs_are_read():
    for folder in iterate_scenes(HOPE):
        scene = read_scene(folder)
        assert 0 < len(scene.trusted) < len(scene.objects)


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="no real photos beside the checkout")
def test_real_photos_are_read():
    scenes = [read_scene(folder) for folder in iterate_scenes(REAL_PHOTOS)]
    assert [len(s.objects) for s in scenes] == [2, 10]
    for scene in scenes:
        assert true_occlusions(scene.frame.labels, scene.objects) == scene.occlusions
