"""What a segmentor is judged by while it trains, and which threshold it gets."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from tiny_training import discs

from segan_ros.model.segan import SPECS
from segan_ros.runtime.model import Model
from segan_ros.storage.scene_writer import write_scene
from segan_ros.training.validation import Scores, best, strict_scores

pytestmark = pytest.mark.torch


class Oracle(Model):
    """Answers `high` in the true whole mask and `low` elsewhere."""

    def __init__(self, truth, low=0.4, high=0.6):
        self.spec = SPECS["tabletop"]
        self.truth, self.low, self.high = truth, low, high

    def segment(self, planes, boxes):
        frame = self.truth.frame
        extent = np.array([frame.size[1], frame.size[0]] * 2)
        answers = []
        for box, item in zip(
            (boxes * extent).round().astype(int), self._asked(planes), strict=True
        ):
            x0, y0, x1, y1 = box
            mask = item.amodal[y0:y1, x0:x1].astype(np.float32)
            inside = cv2.resize(mask, (256, 256), interpolation=cv2.INTER_NEAREST)
            answers.append(self.low + (self.high - self.low) * inside)
        return np.stack(answers)[:, None]

    def _asked(self, planes):
        seen = [o for o in self.truth.objects if np.any(self.truth.frame.labels == o.id)]
        assert len(seen) == len(planes)
        return seen


def test_strict_scores_of_a_perfect_segmentor_are_perfect_at_its_threshold_only(tmp_path):
    truth = discs(3, count=4)
    write_scene(tmp_path / "000", truth)
    loose, tight, none = strict_scores(Oracle(truth), [tmp_path / "000"], (0.3, 0.5, 0.7))
    assert tight.si > 0.95 and tight.sf > 0.98
    assert tight.hallucination < 0.01
    assert loose.hallucination > 0.05 and loose.si < tight.si
    assert none.si == 0 and none.hallucination == 0
    assert tight.occluded >= 1


def test_highest_expected_iou_is_a_choice_of_threshold(tmp_path):
    truth = discs(3, count=4)
    write_scene(tmp_path / "000", truth)
    sure = Oracle(truth, low=0.02, high=0.98)
    (scores,) = strict_scores(sure, [tmp_path / "000"], (0.0,))
    assert scores.threshold == 0 and scores.si > 0.95 and scores.hallucination < 0.01


def test_best_threshold_weighs_hallucination_against_si():
    eager, careful = Scores(0.3, 0.60, 0.9, 0.10, 5), Scores(0.6, 0.58, 0.9, 0.02, 5)
    assert best([eager, careful], penalty=0) is eager
    assert best([eager, careful], penalty=1) is careful
