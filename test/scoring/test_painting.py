"""Paint beside the truth in the light of the picture."""

import math

import numpy as np
import pytest

from segan_ros.frame import AmodalObject
from segan_ros.scoring.painting import in_light
from segan_ros.truth import TrueObject

BOX = (10, 10, 50, 50)
SIDE = 40


@pytest.fixture
def half_hidden():
    """A textured square, lit at half its own brightness, whose lower half is hidden by grey."""
    texture = np.random.default_rng(1).integers(100, 140, (SIDE, SIDE, 3)).astype(np.uint8)
    amodal = np.zeros((60, 60), bool)
    amodal[10:50, 10:50] = True
    truth = TrueObject(1, amodal, "square", texture)
    rgb = np.full((60, 60, 3), 200, np.uint8)
    rgb[10:50, 10:50] = texture // 2
    rgb[30:] = 200
    visible = amodal.copy()
    visible[30:] = False
    return truth, rgb, visible


def painted(appearance):
    mask = np.ones((SIDE, SIDE), bool)
    return AmodalObject(1, BOX, mask, mask, mask.astype(np.float32), appearance=appearance)


def test_the_truth_in_the_light_of_the_picture_scores_best(half_hidden):
    truth, rgb, visible = half_hidden
    right = in_light(truth, painted(truth.appearance // 2), rgb, visible)
    assert right.l1 < 0.01
    assert right.step == pytest.approx(right.usual_step / 2, rel=0.3)
    assert right.detail == pytest.approx(right.true_detail, rel=0.1)


def test_paint_in_another_light_has_a_step(half_hidden):
    truth, rgb, visible = half_hidden
    found = in_light(truth, painted(truth.appearance), rgb, visible)
    assert found.l1 == pytest.approx(60 / 255, abs=0.02)
    assert found.step > 3 * found.usual_step


def test_flat_paint_has_no_detail(half_hidden):
    truth, rgb, visible = half_hidden
    flat = np.full((SIDE, SIDE, 3), 60, np.uint8)
    found = in_light(truth, painted(flat), rgb, visible)
    assert found.detail == 0 and found.l1 < 0.03


def test_nothing_is_said_without_colours_or_of_what_is_seen_whole(half_hidden):
    truth, rgb, visible = half_hidden
    for answer, seen in (
        (None, visible),
        (painted(None), visible),
        (painted(truth.appearance), truth.amodal),
        (painted(truth.appearance), np.zeros_like(visible)),
    ):
        assert math.isnan(in_light(truth, answer, rgb, seen).l1)
