"""The package's own doors: what a script imports, and what it sees of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dummy_model import write_dummy_model
from samples import frame_of, overlapping

import segan_ros
from segan_ros import Frame, SceneCompleter, load_model
from segan_ros.truth import LabelledScene, TrueObject

ROOT = Path(__file__).parents[1]
HEAVY = ("cv2", "onnxruntime", "networkx", "yaml", "torch", "rclpy")


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.parametrize(
    ("code", "free_of"),
    [
        ("import segan_ros", (*HEAVY, "numpy")),
        ("import segan_ros; segan_ros.__version__", (*HEAVY, "numpy")),
        ("from segan_ros import Frame, CompletedScene, Evidence", HEAVY),
        ("from segan_ros import EdgeRule", ("onnxruntime", "torch", "rclpy")),
        ("from segan_ros import SceneCompleter, load_model", ("torch", "rclpy")),
    ],
)
def test_an_import_brings_what_it_needs_and_no_more(code, free_of):
    loaded = python(f"{code}; import sys; print(*sys.modules)").split()
    assert not set(free_of) & set(loaded)


def test_all_public_names_are_there():
    for name in segan_ros.__all__:
        assert getattr(segan_ros, name) is not None
    assert set(segan_ros.__all__) <= set(dir(segan_ros))
    with pytest.raises(AttributeError, match="no attribute 'Frames'"):
        segan_ros.Frames  # noqa: B018


def test_version_is_that_of_package_xml():
    assert f"<version>{segan_ros.__version__}</version>" in (ROOT / "package.xml").read_text()


def test_type_checkers_see_the_public_names(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text(
        "from segan_ros import Frame, SceneCompleter, load_model\n"
        "reveal_type(SceneCompleter(load_model('tabletop')).complete)\n"
        "wrong: int = Frame.from_arrays\n"
    )
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", str(script)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout
    assert "-> segan_ros.frame.CompletedScene" in said
    assert "script.py:3: error: Incompatible types" in said
    assert (ROOT / "segan_ros" / "py.typed").is_file()


def test_help_shows_a_whole_script(tmp_path, monkeypatch, capsys):
    """The example of `help(segan_ros)` runs as it stands."""
    import cv2

    example = "\n".join(
        line[4:] for line in (segan_ros.__doc__ or "").splitlines() if line.startswith("    ")
    )
    frame = frame_of(overlapping())
    write_dummy_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("rgb.png", frame.rgb[..., ::-1])
    cv2.imwrite("labels.png", frame.labels.astype(np.uint16))
    assert 'load_model("tabletop")' in example
    names: dict = {}
    exec(example.replace('"tabletop"', '"./model", "cpu"'), names)
    assert sorted(names["scene"].graph.removal_order) == frame.object_ids


def test_reprs_tell_shapes_and_no_pixels(tmp_path):
    frame = frame_of(overlapping(), names={1: "cup"}, up=np.array([0.0, -1.0, 0.0]))
    model = load_model(write_dummy_model(tmp_path), "cpu")
    scene = SceneCompleter(model).complete(frame)
    truth = LabelledScene(frame, (TrueObject(1, frame.labels == 1, "cup"),))
    height, width = frame.size
    assert f"rgb=uint8[{height}, {width}, 3]" in repr(frame)
    assert "names={1: 'cup'}" in repr(frame) and "up=[0.0, -1.0, 0.0]" in repr(frame)
    assert "objects=<2 AmodalObject>" in repr(scene)
    assert "amodal=bool[" in repr(scene.objects[0])
    assert "objects=<1 TrueObject>" in repr(truth)
    assert repr(model) == "<Model dummy on cpu fp32>"
    for thing in (frame, scene, *scene.objects, scene.graph, truth, *truth.objects):
        assert "array(" not in repr(thing) and len(repr(thing)) < 600


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int64, np.uint64])
def test_labels_of_any_integer_type_become_ids(dtype):
    rgb = np.zeros((2, 3, 3), np.uint8)
    frame = Frame.from_arrays(rgb, np.array([[0, 1, 1], [2, 2, 0]], dtype))
    assert frame.labels.dtype == np.int32 and frame.object_ids == [1, 2]


def test_far_negative_labels_stay_background():
    rgb = np.zeros((1, 2, 3), np.uint8)
    assert Frame.from_arrays(rgb, [[-(2**32) + 5, 7]]).object_ids == [7]


def test_lists_become_arrays():
    rgb = np.zeros((1, 2, 3), np.uint8)
    frame = Frame.from_arrays(
        rgb, [[1, 2]], [[0.5, 0.6]], [[500, 0, 1], [0, 500, 1], [0, 0, 1]], up=[0, -1, 0]
    )
    assert frame.depth is not None and frame.depth.dtype == np.float32
    assert frame.camera_matrix is not None and frame.camera_matrix.dtype == np.float64
    assert frame.up is not None and frame.up.dtype == np.float64


def test_what_is_no_depth_measurement_is_unknown():
    rgb = np.zeros((1, 7, 3), np.uint8)
    depth = [[0.5, 0.0, -1.0, np.inf, 65.535, np.nan, 3e38]]
    frame = Frame.from_arrays(rgb, np.ones((1, 7), int), depth)
    np.testing.assert_array_equal(frame.depth, np.float32([[0.5] + [np.nan] * 6]))


def test_depth_in_integers_is_refused_with_the_factor():
    rgb, labels = np.zeros((1, 2, 3), np.uint8), [[1, 2]]
    with pytest.raises(ValueError, match=r"got \(1, 2\) uint16; multiply .* 0.001 for millimetres"):
        Frame.from_arrays(rgb, labels, np.array([[500, 600]], np.uint16))


def test_depth_that_is_hard_to_believe_is_a_warning(caplog):
    rgb, labels = np.zeros((5, 5, 3), np.uint8), np.ones((5, 5), int)
    Frame.from_arrays(rgb, labels, np.full((5, 5), 0.6))
    assert not caplog.text
    Frame.from_arrays(rgb, labels, np.full((5, 5), 600.0))  # millimetres
    assert "the median depth of the objects is 600 m" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.zeros((4, 5), np.uint8)}, r"int32, got \(4, 5\) uint8; Frame.from_arrays"),
        ({"up": np.array([0.0, -2.0, 0.0])}, "its length is 2; divide it by that"),
        ({"up": np.full(3, np.nan)}, "its length is nan"),
        ({"up": np.zeros(2)}, r"up must be \(3,\) float64, got \(2,\) float64"),
        ({"camera_matrix": np.eye(3, dtype=np.float32)}, r"float64, got \(3, 3\) float32"),
        ({"camera_matrix": np.zeros((3, 3))}, "fx and fy must be positive.*: calibrate the camera"),
        ({"camera_matrix": np.full((3, 3), np.nan)}, "camera_matrix is .*fx and fy must be"),
        ({"distortion": np.array([0, np.inf, 0, 0])}, "distortion is .* must be finite"),
        ({"names": {"1": "cup"}}, "names must map ids to texts, got '1': 'cup'"),
        ({"names": {1: None}}, "names must map ids to texts, got 1: None"),
    ],
)
def test_wrong_input_is_refused_with_what_it_should_be(wrong, message):
    given = {"rgb": np.zeros((4, 5, 3), np.uint8), "labels": np.zeros((4, 5), np.int32), **wrong}
    with pytest.raises(ValueError, match=message):
        Frame(**given)
