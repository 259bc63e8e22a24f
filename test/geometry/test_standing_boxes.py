"""Boxes that stand: of objects whose sides the camera does not see."""

from dataclasses import replace

import numpy as np
import pytest

from segan_ros.frame import (
    AmodalObject,
    CompletedScene,
    Evidence,
    Frame,
    OcclusionEdge,
    OcclusionGraph,
)
from segan_ros.geometry.oriented_boxes import oriented_box
from segan_ros.geometry.standing_boxes import standing_boxes

SIZE = 240, 320
CAMERA = np.array([[400.0, 0, 160], [0, 400, 120], [0, 0, 1]])
UP = (0.0, 0.0, -1.0)
"""The camera looks straight down, from 0.8 m above the table."""
LARGE, SMALL = np.s_[80:160, 100:220], np.s_[100:130, 130:170]


def seen_from_above(*objects, up=UP, edges=(), supports=()):
    """Boxes by id, and the frame and scene: regions with their heights above the table."""
    labels, depth = np.zeros(SIZE, np.int32), np.full(SIZE, 0.8, np.float32)
    for i, (region, height) in enumerate(objects, 1):
        labels[region], depth[region] = i, 0.8 - height
    frame = Frame(np.zeros((*SIZE, 3), np.uint8), labels, depth, CAMERA)
    found = []
    for i, ((rows, columns), _) in enumerate(objects, 1):
        box = columns.start, rows.start, columns.stop, rows.stop
        visible = labels[rows, columns] == i
        whole = np.ones_like(visible)
        found.append(AmodalObject(i, box, visible, whole, whole.astype(np.float32)))
    ids = tuple(range(1, len(objects) + 1))
    graph = OcclusionGraph(
        ids, (0,) * len(ids), tuple(edges), removal_order=ids, supports=tuple(supports), up=up
    )
    scene = CompletedScene(SIZE, tuple(found), graph)
    return standing_boxes(frame, scene), frame, scene


def upright_side(box):
    """How high the box is, and its heights above the table."""
    axis = int(np.abs(box.rotation[2]).argmax())
    assert abs(box.rotation[2, axis]) == pytest.approx(1), "one axis is up"
    middle = 0.8 - box.centre[2]
    return middle - box.size[axis] / 2, middle + box.size[axis] / 2


def test_a_plate_seen_from_above_has_a_thickness():
    boxes, frame, scene = seen_from_above((LARGE, 0.05))
    assert upright_side(boxes[1]) == pytest.approx((0, 0.05), abs=1e-3)
    level = sorted(boxes[1].size)[1:]
    assert level == pytest.approx([79 * 0.75 / 400, 119 * 0.75 / 400], rel=1e-3)
    assert min(boxes[1].measured) < 0.05, "its height is inferred"
    assert oriented_box(frame, scene.objects[0]).size.min() < 1e-3, "the smallest box is flat"


@pytest.mark.parametrize("where", ["edges", "supports"])
def test_what_is_carried_stands_on_what_carries_it(where):
    carries = OcclusionEdge(2, 1, evidence=Evidence.SUPPORT)
    boxes, *_ = seen_from_above((LARGE, 0.05), (SMALL, 0.08), **{where: [carries]})
    assert upright_side(boxes[2]) == pytest.approx((0.05, 0.08), abs=1e-3)
    assert upright_side(boxes[1]) == pytest.approx((0, 0.05), abs=1e-3)


def test_in_front_is_not_below():
    hides = OcclusionEdge(2, 1, evidence=Evidence.AMODAL)
    boxes, *_ = seen_from_above((LARGE, 0.05), (SMALL, 0.08), edges=[hides])
    assert upright_side(boxes[2]) == pytest.approx((0, 0.08), abs=1e-3)


def test_without_up_the_box_is_the_smallest_around_what_is_seen():
    boxes, frame, scene = seen_from_above((LARGE, 0.05), up=None)
    expected = oriented_box(frame, scene.objects[0])
    np.testing.assert_array_equal(boxes[1].size, expected.size)


def test_only_those_asked_for_and_those_with_depth():
    boxes, frame, scene = seen_from_above((LARGE, 0.05), (SMALL, 0.08))
    assert list(boxes) == [1, 2]
    assert list(standing_boxes(frame, scene, [2, 9])) == [2]
    depth = np.where(frame.labels == 2, np.nan, frame.depth).astype(np.float32)
    assert list(standing_boxes(replace(frame, depth=depth), scene)) == [1]
    assert standing_boxes(replace(frame, camera_matrix=None), scene) == {}
