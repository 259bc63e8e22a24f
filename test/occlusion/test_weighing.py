"""Without depth, trees weigh both whole masks of a pair: what makes an edge then."""

from dataclasses import replace

import numpy as np
import pytest

from segan_ros.boxes import crop
from segan_ros.frame import AmodalObject, Evidence, Frame
from segan_ros.occlusion.borders import find_borders, lacks_depth
from segan_ros.occlusion.edges import LEAST_LIKELY, EdgeRule, find_edges
from segan_ros.occlusion.weighing import FEATURES, edge_trees, pair_features
from segan_ros.ordering import ordered

WEIGHED, COVERAGE = EdgeRule("weighed"), EdgeRule("coverage")


def corner(likely: float, threshold: float = 0.5) -> tuple[np.ndarray, list[AmodalObject]]:
    """Object 1 is 40x40, its lower right corner, 12x12, is under object 2, 30x30: so it is with the
    probability `likely`. Object 2 claims nothing of 1."""
    labels = np.zeros((80, 90), np.int32)
    labels[10:50, 10:50] = 1
    labels[38:68, 38:68] = 2
    boxes = {1: (10, 10, 50, 50), 2: (38, 38, 68, 68)}
    objects = []
    for object_id, box in boxes.items():
        visible = crop(labels == object_id, box)
        probability = np.where(visible, 1, likely if object_id == 1 else 0).astype(np.float32)
        amodal = probability > threshold
        objects.append(AmodalObject(object_id, box, visible, amodal, probability))
    return labels, objects


def test_faint_claim_that_nothing_contradicts_makes_an_edge():
    labels, objects = corner(likely=0.45)
    assert find_edges(labels, objects, COVERAGE) == []
    (edge,) = find_edges(labels, objects, WEIGHED)
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)
    assert (edge.overlap_area, edge.overlap_ratio) == (0, 0.0)
    assert edge.evidence == Evidence.AMODAL
    assert LEAST_LIKELY <= edge.score < 1


def test_surer_claim_has_the_higher_score_and_states_its_overlap():
    (faint,) = find_edges(*corner(likely=0.45), WEIGHED)
    (sure,) = find_edges(*corner(likely=0.9), WEIGHED)
    assert sure.score > faint.score
    assert sure.overlap_area == 144 and sure.overlap_ratio == pytest.approx(0.09)


def test_no_claim_makes_no_edge():
    assert find_edges(*corner(likely=0.0), WEIGHED) == []


def test_objects_apart_are_no_pair():
    labels, objects = corner(likely=0.9)
    labels[labels == 2] = 0
    labels[60:80, 60:80] = 2
    seen = crop(labels == 2, (60, 60, 80, 80))
    far = AmodalObject(2, (60, 60, 80, 80), seen, seen, seen.astype(np.float32))
    assert pair_features(labels, [objects[0], far], np.array([15.0, 15.0]))[0] == []
    assert find_edges(labels, [objects[0], far], WEIGHED) == []
    assert find_edges(labels, [], WEIGHED) == []


def test_occluder_only_is_no_occludee():
    labels, objects = corner(likely=0.9)
    assert find_edges(labels, [replace(objects[0], occluder_only=True), objects[1]], WEIGHED) == []


@pytest.mark.parametrize("front", [0.5, 0.97, 0.999, 1.0, 1.5])
@pytest.mark.parametrize("likely", [0.0, 0.45, 0.9])
def test_where_depth_is_known_coverage_decides(likely, front):
    labels, objects = corner(likely)
    depth = np.where(labels == 2, front, 1.0).astype(np.float32)
    found = find_edges(labels, objects, WEIGHED, depth)
    assert found == find_edges(labels, objects, COVERAGE, depth)


def test_short_border_of_known_depth_is_left_to_coverage():
    """It says nothing, but not for want of depth."""
    labels, objects = corner(likely=0.9)
    thin = np.where(labels == 2, 0, labels)
    thin[37, 50] = 2
    lone = np.ones((1, 1), bool)
    dot = AmodalObject(2, (50, 37, 51, 38), lone, lone, lone.astype(np.float32))
    level = np.ones(labels.shape, np.float32)
    boxes = {1: objects[0].box, 2: dot.box}
    assert len(find_borders(thin, level, boxes)[1, 2].gaps) == 0
    assert not lacks_depth((1, 2), thin, level, boxes)
    assert lacks_depth((1, 2), thin, np.where(thin == 2, np.nan, level), boxes)
    both = [objects[0], dot]
    assert find_edges(thin, both, WEIGHED, level) == find_edges(thin, both, COVERAGE, level)


def test_where_depth_is_missing_trees_decide():
    """Object 3 has no depth, as glass has none."""
    labels, objects = corner(likely=0.45)
    labels[10:50, 0:10] = 3
    seen = crop(labels == 3, (0, 10, 10, 50))
    claims = np.full((40, 50), 0.45, np.float32)
    claims[:, :10] = 1
    amodal = np.pad(seen, ((0, 0), (0, 40)))
    amodal[0, 49] = True  # the box holds what it claims faintly
    objects.append(AmodalObject(3, (0, 10, 50, 50), amodal & (claims == 1), amodal, claims))
    depth = np.where(labels == 3, np.nan, 1.0).astype(np.float32)
    alone = {(e.occluder_id, e.occludee_id): e for e in find_edges(labels, objects, WEIGHED)}
    assert alone.keys() == {(2, 1), (1, 3)}
    (edge,) = find_edges(labels, objects, WEIGHED, depth)
    assert (edge.occluder_id, edge.occludee_id) == (1, 3)
    assert edge.score == alone[1, 3].score and np.isnan(edge.depth_gap)


def test_lifts_are_judged_by_the_edges_that_their_model_learned_from():
    labels, objects = corner(likely=0.9)
    frame = Frame(np.zeros((*labels.shape, 3), np.uint8), labels)
    (weighed,), (covered,) = (
        ordered(frame, objects, find_edges(labels, objects, rule), rule).graph.edges
        for rule in (WEIGHED, COVERAGE)
    )
    assert weighed.score != covered.score
    assert weighed.lift_risk == covered.lift_risk
    assert weighed.blocks_lift


def test_features_are_those_of_the_whole_picture():
    """As defined, without any crop."""
    labels, objects = corner(likely=0.45, threshold=0.4)
    least = np.array([WEIGHED.least_overlap(o) for o in objects])
    pairs, overlaps, features = pair_features(labels, objects, least)
    assert pairs == [(2, 1), (1, 2)] and overlaps == [144, 0]
    near = 2 * 14 * 2 - 4  # along two sides, 2 deep, and once where these meet
    seen = np.array([40 * 40 - 144, 900])
    larger = np.log((seen[0] + 1) / (seen[1] + 1))
    lengths = near / np.sqrt(seen)
    assert dict(zip(FEATURES, features[0], strict=True)) == pytest.approx(
        {
            "overlap": 144 / 16,
            "likely overlap": 144 * 0.45 / 16,
            "most likely": 0.45,
            "overlap back": 0,
            "likely overlap back": 0,
            "most likely back": 0,
            "length for occludee": lengths[0],
            "length for occluder": lengths[1],
            "larger": larger,
            "least": 0.01,
        }
    )


def test_trees_are_complete_and_know_every_feature():
    trees = edge_trees()
    assert trees.features.shape[1:] == (7,) and trees.leaves.shape[1:] == (8,)
    assert set(np.unique(trees.features)) <= set(range(len(FEATURES)))
