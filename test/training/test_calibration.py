"""The scale and shift that turn a segmentor's logits into probabilities."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from segan_ros.model.segmentor import PaperSegmentor, TabletopSegmentor  # noqa: E402
from segan_ros.scoring.reliability import reliability  # noqa: E402
from segan_ros.training.calibration import platt  # noqa: E402

pytestmark = pytest.mark.torch


def overconfident(count=20000):
    """Logits twice too large and shifted, with the truth they came from."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, count)
    true = rng.random(count) < 1 / (1 + np.exp(-logits))
    return (1 / (1 + np.exp(-(2 * logits + 1)))), true


def test_scale_and_shift_undo_what_was_wrong():
    scale, shift = platt([overconfident()])
    assert scale == pytest.approx(1 / 2, abs=0.03)
    assert shift == pytest.approx(-1 / 2, abs=0.05)


def test_calibrated_probabilities_come_true():
    said, true = overconfident()
    scale, shift = platt([(said, true)])
    logits = np.log(said / (1 - said))
    repaired = 1 / (1 + np.exp(-(scale * logits + shift)))
    before = reliability([(said, true)]).error
    assert before > 0.1 and reliability([(repaired, true)]).error < 0.02


@pytest.mark.parametrize("factor", [9, 30])
def test_probabilities_near_0_and_1_that_are_often_wrong_are_repaired_too(factor):
    """Whole Newton steps ran away from these."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.2, 20000)
    true = rng.random(20000) < 1 / (1 + np.exp(-(logits - 1)))
    said = 1 / (1 + np.exp(-factor * logits))
    scale, shift = platt([(said.astype(np.float32), true)])
    back = np.log(said.clip(1e-6, 1 - 1e-6) / (1 - said.clip(1e-6, 1 - 1e-6)))
    repaired = 1 / (1 + np.exp(-(scale * back + shift)))
    assert reliability([(said, true)]).error > 0.15
    assert reliability([(repaired, true)]).error < 0.06


@pytest.mark.parametrize("true", [np.ones(5, bool), np.zeros(5, bool), np.zeros(0, bool)])
def test_pixels_that_do_not_tell_change_nothing(true):
    assert platt([(np.full(len(true), 0.7, np.float32), true)]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("network", "planes"),
    [(TabletopSegmentor((8, 8, 8, 8)), (2, 8, 32, 32)), (PaperSegmentor(), (2, 4, 64, 64))],
)
def test_rescaled_segmentor_answers_scaled_and_shifted_logits(network, planes):
    network.eval()
    planes, boxes = torch.rand(planes), torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2)
    with torch.no_grad():
        before = network.logits(planes, boxes)
        network.rescale(0.5, -1.0)
        after = network.logits(planes, boxes)
    whole, rest = slice(0, 1), slice(1, None)
    assert torch.allclose(after[:, whole], 0.5 * before[:, whole] - 1.0, atol=1e-5)
    assert torch.equal(after[:, rest], before[:, rest])
