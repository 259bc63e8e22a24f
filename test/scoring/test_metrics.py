"""Scores against cases worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, CompletedScene, Frame, OcclusionEdge, OcclusionGraph
from segan_ros.scoring.metrics import (
    EdgeScore,
    ObjectScore,
    SceneScore,
    iou,
    score_edges,
    score_scene,
    true_edges,
)
from segan_ros.scoring.summary import KindScore, bin_by_occlusion, by_kind, summarise
from segan_ros.truth import LabelledScene, TrueObject

SIZE = 20, 30


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def completed(labels: np.ndarray, masks: dict[int, np.ndarray], edges=()) -> CompletedScene:
    """An answer of full-image masks, so that no test depends on how boxes are cut."""
    height, width = labels.shape
    objects = [
        AmodalObject(i, (0, 0, width, height), labels == i, m, m.astype(np.float32))
        for i, m in masks.items()
    ]
    graph = OcclusionGraph(edges=tuple(OcclusionEdge(*e) for e in edges))
    return CompletedScene((height, width), tuple(objects), graph)


@pytest.fixture
def scene() -> LabelledScene:
    """Object 1 (10x10, whole) hides 40 of the 100 pixels of object 2, which lies to its right.

    1 covers columns 5..15, 2 truly covers columns 11..21, both rows 5..15.
    """
    labels = np.zeros(SIZE, np.int32)
    labels[rectangle(11, 5, 21, 15)] = 2
    labels[rectangle(5, 5, 15, 15)] = 1
    frame = Frame(np.zeros((*SIZE, 3), np.uint8), labels)
    objects = TrueObject(1, rectangle(5, 5, 15, 15)), TrueObject(2, rectangle(11, 5, 21, 15))
    return LabelledScene(frame, objects, ((1, 2, 40),))


def test_perfect_masks_score_one_and_hallucinate_nothing(scene):
    answer = completed(scene.frame.labels, {o.id: o.amodal for o in scene.objects}, [(1, 2)])
    score = score_scene(scene, answer)
    front, behind = score.objects
    assert (front.sf, behind.sf, behind.si) == (1, 1, 1)
    assert math.isnan(front.si)  # nothing is hidden and nothing was said to be
    assert front.hallucination == 0
    assert behind.occlusion == 0.4
    assert (behind.visible_area, behind.amodal_area) == (60, 100)
    assert score.edges == EdgeScore(1, 1, 1, 0, 0)


def test_half_of_the_hidden_part_and_some_too_much(scene):
    # Of the 40 hidden pixels (columns 11..15) 20 are found (13..15); 10 more lie below the object.
    mask = rectangle(13, 5, 21, 15) | rectangle(11, 15, 21, 16)
    behind = score_scene(scene, completed(scene.frame.labels, {2: mask})).objects[1]
    assert behind.si == 20 / (40 + 10)
    assert behind.sf == 80 / (100 + 10)
    assert behind.hallucination == 30 / 60


def test_hallucination_is_relative_to_the_visible_area(scene):
    front = score_scene(scene, completed(scene.frame.labels, {1: rectangle(5, 5, 17, 15)})).objects[
        0
    ]
    assert front.hallucination == 20 / 100
    assert front.si == 0


def test_object_missing_from_the_answer_scores_zero(scene):
    behind = score_scene(scene, completed(scene.frame.labels, {})).objects[1]
    assert (behind.sf, behind.si, behind.hallucination) == (0, 0, 0)


def test_true_visible_masks_count_even_if_the_answer_saw_noisy_ones(scene):
    noisy = scene.frame.labels.copy()
    noisy[:, 19:21] = 0
    answer = completed(noisy, {2: rectangle(11, 5, 21, 15)})
    assert score_scene(scene, answer).objects[1].si == 1


def test_objects_without_a_visible_pixel_and_unknown_objects_are_left_out(scene):
    buried = TrueObject(7, rectangle(6, 6, 14, 14))
    truth = replace(scene, objects=(*scene.objects, buried))
    answer = completed(
        scene.frame.labels,
        {o.id: o.amodal for o in scene.objects} | {9: rectangle(0, 0, 2, 2)},
        [(1, 2), (9, 1)],
    )
    score = score_scene(truth, answer)
    assert [o.id for o in score.objects] == [1, 2]
    assert score.edges == EdgeScore(1, 1, 1, 0, 0)


def test_objects_without_trusted_truth_and_edges_onto_them_are_left_out(scene):
    """Of them it is still trusted that they hide others."""
    front, behind = scene.objects
    answer = completed(scene.frame.labels, {1: front.amodal, 2: behind.amodal}, [(1, 2), (2, 1)])
    only_front = replace(scene, objects=(front, replace(behind, scored=False)))
    score = score_scene(only_front, answer)
    assert [o.id for o in score.objects] == [1]
    assert score.edges == EdgeScore(false_positives=1)  # (2, 1)
    only_behind = replace(scene, objects=(replace(front, scored=False), behind))
    score = score_scene(only_behind, answer)
    assert [o.id for o in score.objects] == [2]
    assert score.edges == EdgeScore(pairs=1, pairs_right=1, true_positives=1)


def test_empty_scene_has_no_scores():
    frame = Frame(np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.int32))
    score = score_scene(LabelledScene(frame, ()), completed(frame.labels, {}))
    assert score == SceneScore()
    summary = summarise([score])
    assert summary.scenes == 1 and summary.objects == 0
    assert all(
        math.isnan(v)
        for v in (summary.sf, summary.si, summary.order_accuracy, summary.edge_f1, summary.l1)
    )


def test_iou_of_two_empty_masks_is_undefined():
    empty = np.zeros(SIZE, bool)
    assert math.isnan(iou(empty, empty))
    assert iou(empty, rectangle(0, 0, 1, 1)) == 0


def test_painting_is_compared_where_predicted_and_true_hidden_parts_meet(scene):
    front, behind = scene.objects
    truth = replace(
        scene, objects=(front, replace(behind, appearance=np.full((10, 10, 3), 100, np.uint8)))
    )
    # The answer's box starts at column 13: 20 of the 40 hidden pixels, half of them 51 too bright.
    appearance = np.full((10, 8, 3), 100, np.uint8)
    appearance[:, 0] = 151
    mask = np.ones((10, 8), bool)
    item = AmodalObject(
        2, (13, 5, 21, 15), mask.copy(), mask, mask.astype(np.float32), appearance=appearance
    )
    answer = CompletedScene(SIZE, (item,), OcclusionGraph())
    score = score_scene(truth, answer).objects[1]
    assert score.painted_pixels == 20
    assert score.l1 == pytest.approx(0.2 / 2)
    assert score.l2 == pytest.approx(0.2**2 / 2)
    assert math.isnan(score.true_mask_l1)


def test_painting_with_true_masks_counts_all_hidden_pixels(scene):
    front, behind = scene.objects
    truth = replace(
        scene, objects=(front, replace(behind, appearance=np.zeros((10, 10, 3), np.uint8)))
    )
    painted = completed(scene.frame.labels, {2: behind.amodal})
    item = replace(painted.objects[0], appearance=np.full((*SIZE, 3), 51, np.uint8))
    score = score_scene(
        truth, completed(scene.frame.labels, {}), replace(painted, objects=(item,))
    ).objects[1]
    assert score.true_mask_l1 == pytest.approx(0.2)
    assert score.true_mask_l2 == pytest.approx(0.04)
    assert score.painted_pixels == 0 and math.isnan(score.l1)


@pytest.mark.parametrize(("height", "counts"), [(4, False), (5, True)])
def test_true_edge_needs_twenty_pixels(height: int, counts: bool):
    labels = np.zeros((60, 60), np.int32)
    labels[:30, :30] = 2
    labels[:height, :4] = 1
    objects = [TrueObject(1, labels == 1), TrueObject(2, labels > 0)]
    assert (true_edges(labels, objects) == {(1, 2): 4 * height}) is counts


@pytest.mark.parametrize(("side", "counts"), [(49, True), (51, False)])
def test_true_edge_needs_one_percent_of_the_occludee(side: int, counts: bool):
    labels = np.zeros((60, 60), np.int32)
    labels[:side, :side] = 2
    labels[:5, :5] = 1  # 25 pixels: 1 % of 2,500
    objects = [TrueObject(1, labels == 1), TrueObject(2, labels > 0)]
    assert (true_edges(labels, objects) == {(1, 2): 25}) is counts


def graph(*edges: tuple[int, int, float]) -> OcclusionGraph:
    return OcclusionGraph(edges=tuple(OcclusionEdge(*e) for e in edges))


def test_order_and_edges_of_a_mixed_answer():
    truth = {(1, 2): 50, (3, 4): 60, (5, 6): 70}
    # right; turned round; missing; made up
    score = score_edges(truth, range(1, 9), graph((1, 2, 0.9), (4, 3, 0.9), (7, 8, 0.9)))
    assert score == EdgeScore(3, 1, 1, 2, 2)
    assert (score.order_accuracy, score.precision, score.recall) == (1 / 3, 1 / 3, 1 / 3)
    assert score.f1 == pytest.approx(1 / 3)


def test_both_directions_predicted_is_settled_by_the_higher_score():
    assert score_edges({(1, 2): 50}, (1, 2), graph((1, 2, 0.9), (2, 1, 0.8))).pairs_right == 1
    assert score_edges({(1, 2): 50}, (1, 2), graph((1, 2, 0.8), (2, 1, 0.9))).pairs_right == 0


def test_mutual_occlusion_goes_by_the_larger_overlap():
    truth = {(1, 2): 50, (2, 1): 30}
    assert score_edges(truth, (1, 2), graph((1, 2, 1.0))) == EdgeScore(1, 1, 1, 0, 1)
    assert score_edges(truth, (1, 2), graph((2, 1, 1.0))) == EdgeScore(1, 0, 1, 0, 1)
    assert score_edges({(1, 2): 9, (2, 1): 9}, (1, 2), graph((2, 1, 1.0))).pairs_right == 1
    assert score_edges({(1, 2): 9, (2, 1): 9}, (1, 2), graph()).pairs_right == 0


def test_true_edge_without_overlap_has_a_direction_too():
    assert score_edges({(1, 2): 0}, (1, 2), graph((2, 1, 0.9))).pairs_right == 0
    assert score_edges({(1, 2): 0}, (1, 2), graph((1, 2, 0.9))).pairs_right == 1


def test_no_edges_leave_the_ratios_undefined():
    nothing = score_edges({}, (1, 2), graph())
    assert all(
        math.isnan(v)
        for v in (nothing.order_accuracy, nothing.precision, nothing.recall, nothing.f1)
    )
    assert score_edges({}, (1, 2), graph((1, 2, 1.0))).f1 == 0
    assert score_edges({(1, 2): 50}, (1, 2), graph()).f1 == 0


def test_summary_takes_each_mean_over_its_own_objects():
    def item(occlusion: float, sf: float, si: float, hallucination: float) -> ObjectScore:
        return ObjectScore(1, occlusion=occlusion, sf=sf, si=si, hallucination=hallucination)

    scores = [
        SceneScore(
            (item(0.0, 1.0, float("nan"), 0.0), item(0.04, 0.9, 0.5, 0.2), item(0.05, 0.8, 0.4, 1)),
            EdgeScore(4, 1, 1, 1, 3),
        ),
        SceneScore((item(0.95, 0.2, 0.2, 9.0), item(0.96, 0.1, 0.1, 9.0)), EdgeScore(1, 1, 1)),
        SceneScore(),
    ]
    summary = summarise(scores)
    assert (summary.scenes, summary.objects) == (3, 5)
    assert summary.sf == pytest.approx(3.0 / 5)
    assert summary.si == pytest.approx((0.4 + 0.2) / 2) and summary.si_objects == 2
    assert summary.hallucination == pytest.approx(0.1) and summary.unoccluded_objects == 2
    assert summary.order_accuracy == pytest.approx((0.25 + 1) / 2) and summary.order_scenes == 2
    assert summary.edge_precision == 2 / 3
    assert summary.edge_recall == 2 / 5
    assert summary.edge_f1 == 4 / (4 + 1 + 3)
    assert summary.true_edges == 5


def test_bins_hold_their_lower_bound_and_the_last_one_both():
    objects = [ObjectScore(1, occlusion=o, sf=1.0, si=o) for o in (0.04, 0.05, 0.2, 0.95, 0.96)]
    bins = bin_by_occlusion(objects, (0.05, 0.2, 0.95))
    assert [(b.objects, b.si) for b in bins] == [(1, 0.05), (2, pytest.approx(0.575))]
    assert math.isnan(bin_by_occlusion([], (0.0, 1.0))[0].sf)


def test_variants_of_a_kind_count_together_and_the_worst_comes_first():
    def item(name: str, si: float, occlusion: float = 0.5) -> ObjectScore:
        return ObjectScore(1, name, occlusion=occlusion, si=si, boundary=si / 2)

    objects = [item("bag", 0.2), item("bag_2", 0.4), item("cup", 0.1), item("cup", 1, 0.01)]
    assert list(by_kind(objects).values()) == [
        KindScore("cup", 1, 0.1, 0.05),
        KindScore("bag", 2, pytest.approx(0.3), pytest.approx(0.15)),
    ]
