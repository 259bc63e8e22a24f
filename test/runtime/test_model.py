"""A model folder is checked when it is loaded, with a message that says what to do."""

import logging

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import yaml
from dummy_model import write_dummy_model
from onnx import TensorProto, helper

from segan_ros.runtime.model import MAX_BATCH, Model, model_folder
from segan_ros.runtime.sessions import FIXED_BATCH
from segan_ros.runtime.spec import ModelError, ModelSpec


@pytest.fixture
def folder(tmp_path):
    return write_dummy_model(tmp_path / "model")


def planes(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 5, 32, 32), np.float32)


def test_batches_of_any_size_give_the_same_answer(folder):
    model = Model(folder, "cpu")
    many = planes(2 * MAX_BATCH + 3)
    boxes = np.zeros((len(many), 4), np.float32)
    together = model.segment(many, boxes)
    assert together.shape == (len(many), 1, 32, 32)
    for i in (0, MAX_BATCH - 1, MAX_BATCH, len(many) - 1):
        np.testing.assert_array_equal(together[i], model.segment(many[i : i + 1], boxes[:1])[0])


def test_a_provider_with_a_fixed_batch_never_sees_another(folder, monkeypatch):
    model, many, boxes = Model(folder, "cpu"), planes(13), np.zeros((13, 4), np.float32)
    expected = model.segment(many, boxes)
    monkeypatch.setitem(FIXED_BATCH, "CPUExecutionProvider", 8)
    sizes, run = [], ort.InferenceSession.run

    def counting(session, names, feeds):
        sizes.append(len(feeds["planes"]))
        return run(session, names, feeds)

    monkeypatch.setattr(ort.InferenceSession, "run", counting)
    for count in (1, 8, 9, 13):
        answer = model.segment(many[:count], boxes[:count])
        np.testing.assert_array_equal(answer, expected[:count])
    assert sizes == [8] * 6


def test_auto_says_what_it_skipped(folder, caplog):
    with caplog.at_level(logging.INFO):
        model = Model(folder, "auto")
    assert model.provider in ("openvino", "cpu")
    assert "provider cuda skipped: not in this onnxruntime" in caplog.text


def test_unavailable_provider_is_an_error_with_a_remedy(folder):
    with pytest.raises(ModelError, match=r"provider tensorrt: .*lists the packages"):
        Model(folder, "tensorrt")


@pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in ort.get_available_providers(), reason="no OpenVINO"
)
def test_openvino_agrees_with_cpu(folder):
    one, other = Model(folder, "openvino"), Model(folder, "cpu")
    boxes = np.zeros((5, 4), np.float32)
    assert one.provider == "openvino"
    np.testing.assert_allclose(
        one.segment(planes(5), boxes), other.segment(planes(5), boxes), atol=1e-4
    )


def test_unknown_provider_is_refused(folder):
    with pytest.raises(ModelError, match="provider is 'gpu'; choose from auto, tensorrt"):
        Model(folder, "gpu")


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"model\.yaml: no such file; a model is a folder"):
        ModelSpec.read(tmp_path / "nowhere")
    text = r"model is 'no-such-model', which is not a shipped one \(tabletop\); give one of these"
    with pytest.raises(ModelError, match=text):
        model_folder("no-such-model")


def test_missing_onnx_is_named(folder):
    (folder / "painter.onnx").unlink()
    with pytest.raises(ModelError, match=r"painter\.onnx: no such file"):
        Model(folder, "cpu")


def test_corrupt_onnx_is_named(folder):
    (folder / "segmentor.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"segmentor\.onnx: ONNX Runtime cannot read it"):
        Model(folder, "cpu")


def test_truncated_onnx_is_named(folder):
    data = (folder / "painter.onnx").read_bytes()
    (folder / "painter.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"painter\.onnx: ONNX Runtime cannot read it"):
        Model(folder, "auto")


def test_wrong_shaped_onnx_is_refused(folder, tmp_path):
    other = write_dummy_model(tmp_path / "other", size=(48, 48))
    (folder / "segmentor.onnx").write_bytes((other / "segmentor.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"its inputs are .*48.* but model\.yaml calls for"):
        Model(folder, "cpu")


def save_network(path, node, source, result, kind=TensorProto.FLOAT):
    graph = helper.make_graph(
        [node],
        "odd",
        [helper.make_tensor_value_info(node.input[0], kind, source)],
        [helper.make_tensor_value_info(node.output[0], kind, result)],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))


IDENTITY = helper.make_node("Identity", ["canvas"], ["appearance"])
CANVAS = ["N", 3, 32, 32]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ((IDENTITY, [1, 3, 32, 32], [1, 3, 32, 32]), "for any number of objects"),
        ((IDENTITY, [], []), "for any number of objects"),
        ((IDENTITY, CANVAS, CANVAS, TensorProto.FLOAT16), "must be float32"),
        ((helper.make_node("Log", ["canvas"], ["appearance"]), CANVAS, CANVAS), "NaN or inf"),
    ],
    ids=["one object only", "a number", "half precision", "not finite"],
)
def test_odd_painter_is_refused(folder, network, message):
    save_network(folder / "painter.onnx", *network)
    with pytest.raises(ModelError, match=message):
        Model(folder, "cpu")


def test_segmentor_of_wrong_rank_is_refused(folder):
    node = helper.make_node("Flatten", ["planes"], ["probability"])
    save_network(folder / "segmentor.onnx", node, ["N", 5, 32, 32], ["N", 5120])
    with pytest.raises(ModelError, match=r"its output must be \(N, 1 or 2, P, P\), got"):
        Model(folder, "cpu")


def test_folder_without_a_model_is_named(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"mine: no model\.yaml there; give the folder of a model"):
        model_folder("mine")


def test_a_folder_beside_us_does_not_hide_the_shipped_model(tmp_path, monkeypatch):
    (tmp_path / "tabletop").mkdir()
    monkeypatch.chdir(tmp_path)
    assert (model_folder("tabletop") / "model.yaml").is_file()


KEYS = (
    *("format", "name", "painter.file", "painter.size"),
    *("segmentor", "segmentor.file", "segmentor.view", "segmentor.size", "segmentor.planes"),
    *("segmentor.roi.margin", "segmentor.roi.of", "segmentor.threshold", "segmentor.occluders"),
)


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(folder, key):
    description = yaml.safe_load((folder / "model.yaml").read_text())
    *parents, last = key.split(".")
    place = description
    for part in parents:
        place = place[part]
    del place[last]
    (folder / "model.yaml").write_text(yaml.safe_dump(description))
    with pytest.raises(ModelError, match=rf"key '{key}.*' is missing"):
        ModelSpec.read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format is 2, this version reads 1"),
        ({"format": "new"}, "format is 'new'; it must be of type int"),
        ({"segmentor.size": [32]}, r"size is \[32\]; it must be \[height, width\]"),
        ({"segmentor.threshold": 1.5}, "threshold is 1.5; it must lie between 0 and 1, or be 0"),
        ({"segmentor.view": "box"}, "view has 'box'; choose from roi, image"),
        ({"segmentor.planes": ["rgb", "heat"]}, "planes has 'heat'; choose from rgb, visible"),
        ({"segmentor.roi.of": "area"}, "roi.of is 'area'"),
        ({"segmentor.roi.margin": -1}, "roi.margin is -1.0; it must lie in"),
        ({"painter.file": "../painter.onnx"}, "it must be a file beside model.yaml"),
        (
            {"painter.roi": {"margin": 3.0, "of": "each_side"}},
            "painter: roi.margin is 3.0",
        ),
        ({"painter.roi": {"margin": 0.1}}, "key 'painter.roi.of' is missing"),
    ],
)
def test_bad_value_is_named_with_its_limit(folder, change, message):
    description = yaml.safe_load((folder / "model.yaml").read_text())
    for key, value in change.items():
        *parents, last = key.split(".")
        place = description
        for part in parents:
            place = place[part]
        place[last] = value
    (folder / "model.yaml").write_text(yaml.safe_dump(description))
    with pytest.raises(ModelError, match=message):
        ModelSpec.read(folder)


def test_garbled_yaml_is_named(folder):
    (folder / "model.yaml").write_text("a: [1")
    with pytest.raises(ModelError, match=r"model\.yaml: not valid YAML"):
        ModelSpec.read(folder)
