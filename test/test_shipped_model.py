"""The weights that ship: they work, they are worth their size, and their card tells the truth."""

import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import yaml

from segan_ros.completion import SceneCompleter
from segan_ros.frame import Frame
from segan_ros.runtime.model import Model, model_folder
from segan_ros.runtime.spec import ModelSpec
from segan_ros.scoring.evaluation import OURS, evaluate
from segan_ros.scoring.summary import summarise
from segan_ros.storage.scenes import iterate_scenes

MODELS = Path(__file__).parents[1] / "models"
FOLDER = MODELS / "tabletop"


@pytest.fixture(scope="module")
def description():
    return yaml.safe_load((FOLDER / "model.yaml").read_text())


@pytest.fixture(scope="module")
def card():
    return (FOLDER / "MODEL_CARD.md").read_text()


@pytest.mark.slow
@pytest.mark.render
def test_it_beats_the_hull_on_ten_scenes_of_objects_it_never_saw(tmp_path):
    pytest.importorskip("segan_ros.synthesis.gl")
    from segan_ros.synthesis.generate import generate
    from segan_ros.synthesis.piles import Job
    from segan_ros.synthesis.workforce import Workforce

    generate(Job("test", 77, (240, 320), 10), tmp_path / "scenes", Workforce())
    completer = SceneCompleter(Model(model_folder("tabletop"), "cpu"))
    scores = evaluate(completer, list(iterate_scenes(tmp_path / "scenes"))).scores
    ours, hull = summarise(scores[OURS]), summarise(scores["convex hull"])
    assert ours.si > hull.si + 0.05 and ours.sf > hull.sf
    assert ours.hallucination < hull.hallucination
    assert ours.edge_f1 > hull.edge_f1 and ours.order_accuracy > hull.order_accuracy


@pytest.mark.parametrize("colour", [(255, 0, 0), (250, 8, 5), (0, 0, 255)])
def test_pure_red_and_blue_are_colours_though_eq_1_marks_pixels_with_them(colour):
    rgb, labels = np.full((240, 320, 3), 140, np.uint8), np.zeros((240, 320), np.int32)
    labels[60:180, 80:200], labels[100:220, 150:260] = 1, 2
    rgb[labels == 1], rgb[labels == 2] = colour, (60, 120, 70)
    below = SceneCompleter(Model(model_folder("tabletop"), "cpu")).complete(Frame(rgb, labels))
    item = next(o for o in below.objects if o.id == 1)
    assert np.count_nonzero(item.invisible) > 2000
    painted = item.appearance[item.invisible].astype(int)
    assert np.abs(painted.mean(0) - colour).max() < 80


def test_models_stay_small_enough_to_clone():
    assert sum(f.stat().st_size for f in MODELS.rglob("*") if f.is_file()) <= 40e6


def test_8_bit_networks_answer_as_the_others_do():
    spec = ModelSpec.read(FOLDER)
    rng = np.random.default_rng(0)
    planes = rng.random((2, spec.segmentor.channels, *spec.segmentor.size), np.float32)
    canvas = rng.random((2, 3, *spec.painter.size), np.float32)
    settings = ort.SessionOptions()  # as written: products of bytes overflow on some CPUs
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    for part, feed in ((spec.segmentor, {"planes": planes}), (spec.painter, {"canvas": canvas})):
        exact, rough = (
            ort.InferenceSession(
                str(FOLDER / file), settings, providers=["CPUExecutionProvider"]
            ).run(None, feed)[0]
            for file in (part.file, part.int8_files.openvino)
        )
        assert 0 < np.abs(exact - rough).mean() < 0.03


def test_card_names_the_networks_as_they_are(card):
    onnx = pytest.importorskip("onnx")
    for name in ("segmentor", "painter"):
        network = onnx.load(str(FOLDER / f"{name}.onnx"))
        millions = sum(int(np.prod(t.dims)) for t in network.graph.initializer) / 1e6
        row = next(r for r in card.splitlines() if r.startswith(f"| `{name}.onnx`"))
        assert float(re.search(r"([\d.]+) M", row)[1]) == pytest.approx(millions, abs=0.1)
        sides = [d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[1:]]
        assert "(N, {}, {}, {})".format(*sides) in row


def test_card_tells_the_training_and_the_validation_scores_as_the_files_do(card, description):
    training, scores = description["training"], description["scores"]["val"]
    assert training["command"] in card
    stages = re.findall(r"^\| (\w+: \d+ steps of \d+ objects(?: at \d+ pixels)?) \|", card, re.M)
    assert stages == training["stages"]
    assert f"{training['minutes']:.0f} minutes" in card
    for name in ("si", "sf", "hallucination"):
        assert f"{scores[name]:.3f}" in card
    assert f"Threshold {scores['threshold']:.2f}" in card
