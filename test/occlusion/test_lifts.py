"""What a lift would disturb: on objects whose places in space are known."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, Evidence, OcclusionEdge
from segan_ros.geometry.upright import Upright
from segan_ros.occlusion.lifts import judge_lifts

SIZE = 120, 160


def scene(*boxes):
    """Objects 1, 2 ... with these boxes (x0, y0, x1, y1) as masks; later ones over earlier ones."""
    labels = np.zeros(SIZE, np.int32)
    for object_id, (x0, y0, x1, y1) in enumerate(boxes, 1):
        labels[y0:y1, x0:x1] = object_id
    objects = []
    for object_id, (x0, y0, x1, y1) in enumerate(boxes, 1):
        visible = labels[y0:y1, x0:x1] == object_id
        whole = np.ones((y1 - y0, x1 - x0), bool)
        objects.append(
            AmodalObject(object_id, (x0, y0, x1, y1), visible, whole, whole.astype(np.float32))
        )
    return labels, objects


def slab(x, y, top, half=0.05, thick=0.03):
    """48 points of the top and one side of a slab of that half width."""
    grid = np.linspace(-half, half, 6)
    upper = np.array([[x + a, y + b, top] for a in grid for b in grid])
    side = np.array([[x + a, y - half, top - thick * k] for k in (0.3, 0.9) for a in grid])
    return np.concatenate([upper, side])


def space(**points):
    """Where these objects are, on a ground of height 0; their footprints are rectangles."""
    found = {int(name[1:]): cloud for name, cloud in points.items()}
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    feet = {
        i: np.stack([c[:, :2].min(axis=0), c[:, :2].max(axis=0)])[corners, [0, 1]]
        for i, c in found.items()
    }
    return Upright(found, feet, 0.0)


LYING = space(o1=slab(0, 0, 0.03), o2=slab(0.01, 0, 0.06, half=0.03))
APART = space(o1=slab(0, 0, 0.03), o2=slab(0.2, 0, 0.03))
COVERS = OcclusionEdge(2, 1, 0.9, 400, 0.3)
MASKS = (40, 40, 100, 100), (55, 45, 85, 75)


def test_what_lies_on_an_object_blocks_its_lift():
    lifts = judge_lifts(*scene(*MASKS), [COVERS], LYING)
    (edge,) = lifts.edges
    assert edge.blocks_lift and edge.evidence == Evidence.AMODAL | Evidence.SUPPORT
    assert edge.lift_risk > 0.7 and edge.score == COVERS.score
    assert lifts.supports == ()
    assert lifts.risks[0, 1] > 0.7 and lifts.risks[1, 0] < 0.3
    assert lifts.probabilities[0] < 0.3 and lifts.probabilities[1] > 0.8


def test_what_merely_stands_in_front_blocks_no_lift():
    (edge,) = judge_lifts(*scene(*MASKS), [COVERS], APART).edges
    assert not edge.blocks_lift and edge.evidence == Evidence.AMODAL


def test_support_that_no_picture_shows_is_an_edge_of_its_own():
    """The one on top hides nothing of the other's mask, as far as is known."""
    lifts = judge_lifts(*scene(*MASKS), [], LYING)
    (support,) = lifts.supports
    assert (support.occluder_id, support.occludee_id) == (2, 1)
    assert support.evidence == Evidence.SUPPORT and support.blocks_lift
    assert support.score == support.lift_risk == lifts.risks[0, 1]


@pytest.mark.parametrize("known", [None, space(o1=LYING.points[1])])
def test_without_space_every_occlusion_blocks_and_supports_nothing(known):
    lifts = judge_lifts(*scene(*MASKS), [COVERS], known)
    (edge,) = lifts.edges
    assert edge.blocks_lift and edge.evidence == Evidence.AMODAL and not lifts.supports
    assert lifts.probabilities[0] < lifts.probabilities[1]


def test_ids_as_large_as_messages_allow_cost_no_memory():
    """Segmenters that hash or count for ever number so."""
    labels, objects = scene(*MASKS)
    far = {1: 1_000_003, 2: 2**31 - 1}
    renumbered = [replace(o, id=far[o.id]) for o in objects]
    edge = replace(COVERS, occluder_id=far[2], occludee_id=far[1])
    large = np.select([labels == i for i in far], list(far.values())).astype(np.int32)
    tracemalloc.start()
    lifts = judge_lifts(large, renumbered, [edge])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(lifts.risks, judge_lifts(labels, objects, [COVERS]).risks)
    assert peak < 20_000_000


def test_nothing_to_lift_where_no_object_was_completed():
    assert judge_lifts(scene(*MASKS)[0], [], []).risks.shape == (0, 0)


def test_a_larger_picture_of_the_same_says_the_same():
    """Pixels are no measure: a camera may have more of them."""
    small = judge_lifts(*scene(*MASKS), [COVERS])
    labels, _ = scene(*MASKS)
    boxes = [tuple(4 * v for v in box) for box in MASKS]
    large_labels = np.kron(labels, np.ones((4, 4), np.int32))
    objects = [
        AmodalObject(
            i, b, large_labels[b[1] : b[3], b[0] : b[2]] == i,
            *[np.ones((b[3] - b[1], b[2] - b[0]), t) for t in (bool, np.float32)],
        )
        for i, b in enumerate(boxes, 1)
    ]  # fmt: skip
    large = judge_lifts(large_labels, objects, [COVERS])
    np.testing.assert_allclose(large.probabilities, small.probabilities, atol=0.05)


def test_safety_sums_to_the_probabilities():
    lifts = judge_lifts(*scene(*MASKS), [COVERS], LYING)
    np.testing.assert_allclose(np.exp(lifts.safety.sum(axis=1)), lifts.probabilities)


def test_a_hardly_seen_object_is_not_said_to_be_safe():
    labels, objects = scene((40, 40, 100, 100), (55, 45, 57, 46))
    lifts = judge_lifts(labels, objects, [])
    assert lifts.probabilities[1] < 0.8 < lifts.probabilities[0]


def test_no_objects_and_one_object():
    assert judge_lifts(np.zeros(SIZE, np.int32), [], []).probabilities.shape == (0,)
    assert judge_lifts(*scene((5, 5, 60, 60)), [], space(o1=LYING.points[1])).probabilities[0] > 0.9
