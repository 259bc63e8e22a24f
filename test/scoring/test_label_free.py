"""What is said without ground truth, on hand-made pairs of frames."""

from dataclasses import replace

import numpy as np
import pytest
from samples import frame_of

from segan_ros.frame import CompletedScene, Frame, OcclusionEdge
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.scoring.label_free import Moment, step, summarise_steps
from segan_ros.scoring.references import from_masks

SIZE = 60, 90


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


FRONT, BEHIND, OTHER = box(40, 10, 60, 50), box(20, 20, 50, 40), box(70, 5, 85, 20)
"""Object 7 hides ten columns of object 1; object 3 stands aside."""


def frame(*masks: tuple[int, np.ndarray], grey: int = 0) -> Frame:
    """Painted from back to front, every object in a colour of its own."""
    labels = np.zeros(SIZE, np.int32)
    for object_id, mask in masks:
        labels[mask] = object_id
    rgb = np.repeat((30 * labels + grey).astype(np.uint8)[..., None], 3, axis=2)
    return Frame(rgb, labels)


def moment(seen: Frame, whole: dict[int, np.ndarray] | None = None) -> Moment:
    masks = {i: seen.labels == i for i in seen.object_ids}
    return Moment(seen, from_masks(seen, {**masks, **(whole or {})}, EdgeRule()))


BEFORE = frame((1, BEHIND), (7, FRONT), (3, OTHER))
AFTER = frame((1, BEHIND), (3, OTHER))


def test_perfect_prediction_of_what_is_revealed_scores_one():
    found = step(moment(BEFORE, {1: BEHIND}), moment(AFTER))
    assert found.still and found.removed == (7,)
    (revealed,) = found.revealed
    assert (revealed.removed_id, revealed.object_id) == (7, 1)
    assert revealed.actual == 10 * 20
    assert revealed.iou == revealed.recall == revealed.precision == 1
    assert revealed.edge


def test_half_predicted_has_half_the_recall():
    (revealed,) = step(moment(BEFORE, {1: box(20, 20, 45, 40)}), moment(AFTER)).revealed
    assert (revealed.recall, revealed.precision, revealed.iou) == (0.5, 1, 0.5)


def test_too_much_predicted_lowers_precision():
    (revealed,) = step(moment(BEFORE, {1: box(20, 20, 60, 40)}), moment(AFTER)).revealed
    assert (revealed.recall, revealed.precision, revealed.iou) == (1, 0.5, 0.5)


def test_nothing_predicted_is_a_missed_edge():
    (revealed,) = step(moment(BEFORE), moment(AFTER)).revealed
    assert revealed.recall == 0 and np.isnan(revealed.precision) and revealed.iou == 0
    assert not revealed.edge


def test_where_a_third_object_appears_nothing_is_held_against_the_prediction():
    """Object 1 may go on behind object 5, which was under the one that is gone."""
    between = box(50, 10, 60, 50)
    before = frame((5, between | box(55, 50, 60, 58)), (1, BEHIND), (7, FRONT), (3, OTHER))
    after = frame((5, between | box(55, 50, 60, 58)), (1, BEHIND), (3, OTHER))
    found = step(moment(before, {1: box(20, 20, 60, 40)}), moment(after)).revealed
    of_one = next(r for r in found if r.object_id == 1)
    assert of_one.precision == 1


def test_moving_camera_says_nothing_of_what_is_revealed():
    moved = frame(*((i, np.roll(m, 6, axis=1)) for i, m in ((1, BEHIND), (3, OTHER))))
    found = step(moment(BEFORE, {1: BEHIND}), moment(moved))
    assert not found.still and found.revealed == ()


def test_object_that_was_pushed_is_left_out():
    pushed = frame((1, np.roll(BEHIND, 6, axis=0)), (3, OTHER))
    found = step(moment(BEFORE, {1: BEHIND}), moment(pushed))
    assert found.still and found.revealed == ()


def test_lost_mask_of_an_object_that_is_still_there_is_no_removal():
    lost = Frame(BEFORE.rgb, AFTER.labels)
    found = step(moment(BEFORE, {1: BEHIND}), moment(lost))
    assert found.removed == (7,) and found.revealed == ()


def test_colours_of_the_hidden_part_are_compared_with_those_revealed():
    before = moment(BEFORE, {1: BEHIND})
    item = before.scene.object(1)
    x0, y0, x1, y1 = item.box
    painted = replace(item, appearance=AFTER.rgb[y0:y1, x0:x1] + np.uint8(51))
    others = tuple(painted if o.id == 1 else o for o in before.scene.objects)
    (revealed,) = step(
        Moment(BEFORE, replace(before.scene, objects=others)), moment(AFTER)
    ).revealed
    assert revealed.l1 == pytest.approx(0.2)


def test_stability_of_an_object_that_flickers():
    found = step(moment(BEFORE, {1: BEHIND}), moment(BEFORE, {1: box(20, 20, 45, 40)}))
    assert found.objects == 3
    assert found.visible_iou == 1
    assert found.whole_iou == pytest.approx((1 + 1 + 25 / 30) / 3)
    assert found.steadiness == pytest.approx(-(5 / 30) / 3)


def with_edges(scene: CompletedScene, *pairs: tuple[int, int]) -> CompletedScene:
    edges = tuple(OcclusionEdge(a, b) for a, b in pairs)
    return replace(scene, graph=replace(scene.graph, edges=edges))


def test_edges_that_flip_are_counted_among_objects_of_both_frames():
    now = moment(BEFORE)
    then = Moment(BEFORE, with_edges(now.scene, (7, 1), (3, 1)))
    turned = Moment(BEFORE, with_edges(now.scene, (1, 7), (3, 1)))
    found = step(then, turned)
    assert (found.edges, found.changed) == (3, 2)
    without = Moment(AFTER, with_edges(moment(AFTER).scene, (3, 1)))
    found = step(then, without)
    assert (found.edges, found.changed) == (1, 0)


def test_summary_leaves_out_what_is_not_defined():
    steps = [
        step(moment(BEFORE, {1: BEHIND}), moment(AFTER)),
        step(moment(BEFORE), moment(AFTER)),
        step(moment(BEFORE), moment(BEFORE)),
    ]
    summary = summarise_steps(steps)
    assert (summary.steps, summary.still_steps, summary.removals, summary.revealed) == (3, 3, 2, 2)
    assert (summary.revealed_iou, summary.revealed_recall) == (0.5, 0.5)
    assert summary.revealed_precision == 1
    assert summary.revealed_edges == 0.5
    assert np.isnan(summarise_steps([]).whole_iou)


def test_another_image_size_is_another_camera():
    found = step(moment(BEFORE), moment(frame_of(np.ones((30, 30), int))))
    assert not found.still and found.revealed == ()
