"""Scores of lifts on piles whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from dummy_model import write_dummy_model

from segan_ros.commands import main as cli
from segan_ros.frame import AmodalObject, CompletedScene, Evidence, Frame, OcclusionEdge
from segan_ros.occlusion.graph import build_graph
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.scoring.lift_report import warnings_of
from segan_ros.scoring.lifts import BEST, NEAREST, OURS, RANDOM, score_pile, true_harm
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject

HARM = {1: (2, 3), 2: (3,), 3: ()}
"""3 lies on 2, which lies on 1."""


def scene_with(harm):
    labels = np.zeros((60, 80), np.int32)
    depth = np.full((60, 80), 0.9, np.float32)
    for i, z in ((1, 0.8), (2, 0.5), (3, 0.7)):
        labels[10 * i : 10 * i + 10, 10:40] = i
        depth[labels == i] = z
    frame = Frame(
        np.zeros((60, 80, 3), np.uint8), labels, depth, np.eye(3), up=np.array([0, -1.0, 0])
    )
    return LabelledScene(frame, tuple(TrueObject(i, labels == i) for i in harm), harm=harm)


def pile(supports=(), order=(3, 2, 1), harm=HARM):
    scene = scene_with(harm)
    labels, objects = scene.frame.labels, []
    for i in harm:
        mask = labels[10 * i : 10 * i + 10, 10:40] == i
        box = (10, 10 * i, 40, 10 * i + 10)
        objects.append(
            AmodalObject(i, box, mask, mask, mask.astype(np.float32), lift_probability=0.5)
        )
    graph = replace(build_graph(harm, [], supports), removal_order=order)
    return score_pile(scene, CompletedScene((60, 80), tuple(objects), graph))


def support(upper, lower, risk):
    return OcclusionEdge(upper, lower, risk, evidence=Evidence.SUPPORT, lift_risk=risk)


def test_picks_are_scored_by_what_they_disturb():
    found = pile()
    assert found.clean[OURS] == 1 and found.disturbed[OURS] == 0 and found.spared[OURS] == 1
    assert found.clean[NEAREST] == 0 and found.disturbed[NEAREST] == 1
    assert found.clean[RANDOM] == pytest.approx(1 / 3) and found.disturbed[RANDOM] == 1
    assert found.clean[BEST] == 1 and found.spared[BEST] == 1


def test_what_is_gone_is_not_hit():
    """2 first hits 3; then 3 hits nothing, and 1 hits nothing that is still there."""
    assert pile(order=(2, 3, 1)).spared[OURS] == pytest.approx(2 / 3)


def test_best_order_is_the_best_of_all():
    """Each lift hits one object: who takes the first of these anyway goes on with 2 and hits 3."""
    found = pile(order=(1, 2, 3), harm={1: (3,), 2: (3,), 3: (2,)})
    assert found.spared[OURS] == pytest.approx(1 / 3)
    assert found.spared[BEST] == pytest.approx(2 / 3)


def test_sequences_to_each_object_are_scored_by_what_they_hit():
    """Without an edge nothing is lifted before the object, with edges what lies on it is."""
    assert [(n, clean) for n, _, clean in pile().sequences] == [(1, False), (1, False), (1, True)]
    stack = [support(2, 1, 0.9), support(3, 2, 0.8)]
    assert [(n, clean) for n, _, clean in pile(stack).sequences] == [
        (3, True),
        (2, True),
        (1, True),
    ]


def test_edges_are_warnings_direct_and_indirect():
    found = warnings_of([pile([support(2, 1, 0.9), support(3, 2, 0.8)])])
    assert found.warned == pytest.approx(2 / 3) and found.warned_indirectly == 1
    assert found.precision == 1 and found.image_accuracy == 0
    wrong = warnings_of([pile([support(1, 3, 0.9), support(3, 2, 0.8)])])
    assert wrong.precision == 0.5
    assert wrong.average_precision == pytest.approx(0.5 / 3)


def test_all_relations_right_is_image_accuracy():
    edges = [support(a, b, 0.9) for b, over in HARM.items() for a in over]
    assert warnings_of([pile(edges), pile()]).image_accuracy == 0.5


def test_command_scores_lifts_with_masks_as_segmenters_draw_them(tmp_path, capsys):
    model = write_dummy_model(tmp_path / "model")
    write_scene(tmp_path / "scenes" / "0", scene_with(HARM))
    arguments = ["evaluate", "--lifts", "--scenes", str(tmp_path / "scenes"), "--model", str(model)]
    assert cli.main([*arguments, "--mask-style", "erode2"]) == 0
    text = capsys.readouterr().out
    for case in ("depth and up", "noisy depth", "picture alone", "depth, erode2"):
        assert f"| segan, {case} " in text
    assert text.count("| best possible ") == 1


def test_scenes_without_lifts_are_refused():
    scene = LabelledScene(Frame(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.int32)), ())
    with pytest.raises(ValueError, match="segan generate --lifts"):
        true_harm(scene, [])


def test_noisy_depth_is_the_same_each_time_and_lacks_edges():
    labels = np.zeros((60, 80), np.int32)
    depth = np.where(np.arange(80) < 40, 0.5, 0.8) * np.ones((60, 1), np.float32)
    frame = Frame(np.zeros((60, 80, 3), np.uint8), labels, depth.astype(np.float32))
    first, again = noisy_depth(frame).depth, noisy_depth(frame).depth
    np.testing.assert_array_equal(first, again)
    assert np.isnan(first[:, 39:41]).mean() > 0.5
    assert np.isnan(first[:, :35]).mean() < 0.1
    assert 0.001 < np.nanstd(first[:, :35]) < 0.004
