"""8-bit networks beside the 32-bit ones: named in model.yaml, close to them, and smaller."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from samples import frame_of, overlapping

from segan_ros.commands.main import main
from segan_ros.crops.planes import canvas, input_planes
from segan_ros.host.resources import resource_path
from segan_ros.model.quantise import everywhere, on_others, quantise
from segan_ros.runtime.model import model_folder
from segan_ros.runtime.spec import Int8Files, ModelSpec
from segan_ros.storage.bags import open_bag
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene

pytestmark = pytest.mark.torch  # Not of torch's doing, but of use only where models are made.


FLOAT = onnx.TensorProto.FLOAT
IMAGES = (("planes", 3), ("out", 1))


def scenes(folder, *frames):
    for i, frame in enumerate(frames):
        write_scene(folder / f"{i:03d}", LabelledScene(frame, ()))
    return str(folder)


def answer(path, feed):
    """As written: products of bytes overflow on some CPUs."""
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]


@pytest.mark.slow
def test_shipped_networks_in_8_bits_answer_nearly_the_same(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(model_folder("tabletop"), model)
    with open_bag(resource_path("demo/tabletop.mcap")) as bag:
        frame, *others = (f.frame for f in bag.frames())
    assert (
        main(["quantise", "--model", str(model), "--scenes", scenes(tmp_path, *others[3:5])]) == 0
    )
    spec = ModelSpec.read(model)
    assert spec.segmentor.int8_files == Int8Files(openvino="segmentor.openvino.int8.onnx")
    assert spec.painter.int8_files == Int8Files(openvino="painter.openvino.int8.onnx")
    feeds = {
        "segmentor": {"planes": planes_of(frame, spec)},
        "painter": {"canvas": canvas_of(frame, spec)},
    }
    gaps = {}
    for name, part in (("segmentor", spec.segmentor), ("painter", spec.painter)):
        exact, rough = model / part.file, model / part.int8_files.openvino
        assert rough.stat().st_size < 0.5 * exact.stat().st_size
        gaps[name] = np.abs(answer(rough, feeds[name]) - answer(exact, feeds[name]))
    assert 0 < gaps["painter"].mean() < 0.005
    # What is asked on the pixels of other objects alone: whether the object goes on behind them,
    # and who lies in front.
    others = on_others(spec.segmentor)(feeds["segmentor"])[:, 0] > 0
    assert 0 < gaps["segmentor"][:, 0][others].mean() < 0.02
    assert 0 < gaps["segmentor"][:, 1][others].mean() < 0.1


@pytest.fixture
def network(tmp_path):
    """Two layers, of which the first suffers more: it makes a small difference great."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(8, 3, 1, 1)), rng.normal(size=(1, 8, 1, 1)) * 0.1
    first[:, 1] = -first[:, 0]
    first[:, :2] *= 100
    image = [onnx.helper.make_tensor_value_info(n, FLOAT, ["N", c, 8, 8]) for n, c in IMAGES]
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["planes", "w0"], ["a"], name="first"),
            onnx.helper.make_node("Relu", ["a"], ["b"], name="relu"),
            onnx.helper.make_node("Conv", ["b", "w1"], ["out"], name="last"),
        ],
        "two",
        image[:1],
        image[1:],
        [
            onnx.numpy_helper.from_array(w.astype(np.float32), f"w{i}")
            for i, w in enumerate((first, last))
        ],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "n.onnx")
    return tmp_path / "n.onnx"


def test_first_layers_stay_as_they_are_as_far_as_the_error_asks(network, tmp_path):
    rng = np.random.default_rng(0)
    feeds = [{"planes": rng.random((1, 3, 8, 8), np.float32)} for _ in range(8)]
    for feed in feeds:
        feed["planes"][:, 1] = feed["planes"][:, 0] + 0.01 * feed["planes"][:, 1]
    made = tmp_path / "made.onnx"

    def error():
        exact, rough = (np.stack([answer(p, f) for f in feeds]) for p in (network, made))
        return float(((exact - rough) ** 2).mean() ** 0.5)

    assert quantise(network, made, feeds, error=0.9) == (2, 2)
    whole = error()
    assert quantise(network, made, feeds, error=0.5 * whole) == (1, 2)
    assert error() < 0.5 * whole
    assert kept(made) == ["0_first"]
    with pytest.raises(ValueError, match=r"in 8 bits its output changes by more than 1e-12"):
        quantise(network, made, feeds, error=1e-12)


def test_tensorrt_gets_symmetric_signed_activations(network, tmp_path):
    feeds = [{"planes": np.random.default_rng(0).random((2, 3, 8, 8), np.float32)}]
    zeros = {}
    for provider in ("openvino", "tensorrt"):
        made = tmp_path / f"{provider}.onnx"
        quantise(network, made, feeds, runs_on=provider, error=0.9)
        graph = onnx.load(str(made)).graph
        constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        quantisers = [n for n in graph.node if n.op_type == "QuantizeLinear"]
        zeros[provider] = {str(constants[n.input[2]].dtype) for n in quantisers}
        if provider == "tensorrt":
            assert all((constants[n.input[2]] == 0).all() for n in quantisers)
    assert zeros == {"openvino": {"uint8"}, "tensorrt": {"int8"}}


def test_only_what_counts_is_an_error(network, tmp_path):
    planes = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
    planes[:, :, :4] = 0  # nothing plus nothing is nothing, in 8 bits too
    feeds, made = [{"planes": planes}], tmp_path / "q.onnx"
    upper = np.zeros((1, 1, 8, 8), np.float32)
    upper[:, :, :4] = 1
    assert quantise(network, made, feeds, error=1e-9, counts=lambda _: upper) == (2, 2)
    with pytest.raises(ValueError, match="in 8 bits its output changes by more than"):
        quantise(network, made, feeds, error=1e-9)
    with pytest.raises(ValueError, match="no calibration scene has objects that touch"):
        quantise(network, made, feeds, counts=lambda feed: 0 * everywhere(feed))


def test_layers_without_names_are_told_apart(network, tmp_path):
    model = onnx.load(str(network))
    for node in model.graph.node:
        node.name = ""
    onnx.save(model, str(network))
    feeds = [{"planes": np.random.default_rng(0).random((2, 3, 8, 8), np.float32)}]
    assert quantise(network, tmp_path / "q.onnx", feeds, error=0.9) == (2, 2)
    assert kept(tmp_path / "q.onnx") == []


def test_where_a_segmentors_answer_counts():
    spec = ModelSpec.read(model_folder("tabletop")).segmentor
    planes = np.zeros((1, spec.channels, 4, 4), np.float32)
    planes[0, 4, 1, 2] = 1  # after rgb and visible
    assert np.argwhere(
        on_others(replace(spec, occluders="labelled"))({"planes": planes})
    ).tolist() == [[0, 0, 1, 2]]
    assert on_others(replace(spec, occluders="any"))({"planes": planes}).all()


def test_shipped_model_stays_as_it_is(tmp_path, capsys):
    def files():
        return sorted((p.name, p.stat().st_mtime_ns) for p in model_folder("tabletop").iterdir())

    before = files()
    folder = scenes(tmp_path, frame_of(overlapping()))
    assert main(["quantise", "--model", "tabletop", "--scenes", folder]) == 2
    assert "is a shipped model, which is not modified; copy" in capsys.readouterr().err
    assert files() == before


def test_scenes_without_anything_to_do_are_refused(tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(model_folder("tabletop"), model)
    before = (model / "model.yaml").read_text()
    empty = scenes(tmp_path, frame_of(np.zeros((60, 90), np.int32)))
    assert main(["quantise", "--model", str(model), "--scenes", empty]) == 2
    assert "calibrate on scenes with occlusion" in capsys.readouterr().err
    assert (model / "model.yaml").read_text() == before


def kept(path):
    """The layers in 32 bits."""
    graph = onnx.load(str(path)).graph
    dequantised = {o for n in graph.node if n.op_type == "DequantizeLinear" for o in n.output}
    layers = [n for n in graph.node if n.op_type == "Conv"]
    return [n.name for n in layers if n.input[1] not in dequantised]


def planes_of(frame, spec):
    part = spec.segmentor
    return np.stack(
        [input_planes(frame.rgb, frame.labels, i, part.size, part.planes) for i in (1, 7)]
    )


def canvas_of(frame, spec):
    seen = frame.labels == 1
    whole = seen | (frame.labels == 7)
    return canvas(frame.rgb, seen, whole.astype(np.float32), spec.painter.size)[None]
