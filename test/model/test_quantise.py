"""8-bit networks beside the 32-bit ones: named in model.yaml, close to them, and smaller."""

import shutil

import numpy as np
import onnxruntime as ort
import pytest
from samples import frame_of, overlapping

from segan_ros.commands.main import main
from segan_ros.crops import canvas, input_planes
from segan_ros.resources import resource_path
from segan_ros.runtime.model import model_folder
from segan_ros.runtime.spec import ModelSpec
from segan_ros.storage.bags import open_bag
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene

pytestmark = pytest.mark.torch  # Not of torch's doing, but of use only where models are made.


def scenes(folder, *frames):
    for i, frame in enumerate(frames):
        write_scene(folder / f"{i:03d}", LabelledScene(frame, ()))
    return str(folder)


def answer(path, feed):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)[0]


@pytest.mark.slow
def test_shipped_networks_in_8_bits_answer_nearly_the_same(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(model_folder("tabletop"), model)
    with open_bag(resource_path("demo/tabletop.mcap")) as bag:
        frame, *others = (f.frame for f in bag.frames())
    assert (
        main(["quantise", "--model", str(model), "--scenes", scenes(tmp_path, *others[3:7])]) == 0
    )
    spec = ModelSpec.read(model)
    assert spec.segmentor.int8_file == "segmentor.int8.onnx"
    assert spec.painter.int8_file == "painter.int8.onnx"
    feeds = {
        "segmentor": {"planes": planes_of(frame, spec)},
        "painter": {"canvas": canvas_of(frame, spec)},
    }
    gaps = {}
    for name, part in (("segmentor", spec.segmentor), ("painter", spec.painter)):
        exact, rough = model / part.file, model / part.int8_file
        assert rough.stat().st_size < 0.5 * exact.stat().st_size
        gaps[name] = np.abs(answer(rough, feeds[name]) - answer(exact, feeds[name]))
    assert 0 < gaps["painter"].mean() < 0.02
    assert 0 < gaps["segmentor"][:, 0].mean() < 0.02
    # Who lies in front is told at the pixels of other objects alone.
    others = feeds["segmentor"]["planes"][:, spec.segmentor.planes.index("others") + 2] > 0.5
    assert 0 < gaps["segmentor"][:, 1][others].mean() < 0.1


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


def planes_of(frame, spec):
    part = spec.segmentor
    return np.stack(
        [input_planes(frame.rgb, frame.labels, i, part.size, part.planes) for i in (1, 7)]
    )


def canvas_of(frame, spec):
    seen = frame.labels == 1
    whole = seen | (frame.labels == 7)
    return canvas(frame.rgb, seen, whole.astype(np.float32), spec.painter.size)[None]
