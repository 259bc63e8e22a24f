"""Something without a mask in front of an object: depth shows it, the table is none of it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from segan_ros.boxes import crop
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import overlay
from segan_ros.frame import AmodalObject, Frame
from segan_ros.host.resources import resource_path
from segan_ros.ordering import ordered
from segan_ros.replay.layers import layers
from segan_ros.scoring.metrics import least_overlap
from segan_ros.storage.bags import open_bag

SIZE = 240, 320
CAMERA = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
TILT = np.radians(50)
UP = np.array([0, -np.cos(TILT), -np.sin(TILT)])
BOX, SHEET, REGION = 5, 0, np.s_[90:150, 120:200]


def pile(over=np.s_[100:130, 180:220], height=0.15, label=SHEET):
    """A box 0.1 m high on a table, and something of that height and label `over` a part of it."""
    rows, columns = np.indices(SIZE)
    drop = -(np.stack([(columns - 160) / 300, (rows - 120) / 300, np.ones(SIZE)], axis=2) @ UP)
    labels, depth = np.zeros(SIZE, np.int32), 0.6 / drop
    labels[REGION], depth[REGION] = BOX, (0.5 / drop)[REGION]
    labels[over], depth[over] = label, ((0.6 - height) / drop)[over]
    return Frame(np.zeros((*SIZE, 3), np.uint8), labels, depth.astype(np.float32), CAMERA)


def completed(frame):
    """What is seen of each object, as its whole mask."""
    objects = []
    for i in frame.object_ids:
        rows, columns = np.nonzero(frame.labels == i)
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        mask = crop(frame.labels, box) == i
        objects.append(AmodalObject(i, box, mask, mask, mask.astype(np.float32)))
    return ordered(frame, objects, [])


def covered(frame):
    return {o.id for o in completed(frame).objects if o.occluded_by_unlabelled}


def test_something_nearer_without_a_mask_hides_the_object():
    scene = completed(pile())
    assert scene.object(BOX).occluded_by_unlabelled
    assert scene.graph.free == frozenset() and scene.graph.removal_order == (BOX,)


def test_something_that_lies_on_the_object_hides_it():
    assert covered(pile(np.s_[110:130, 150:170])) == {BOX}


@pytest.mark.parametrize(
    "frame",
    [
        pile(height=0.0),  # the table alone
        pile(height=0.05),  # lower, and so behind
        pile(label=7),  # it has a mask
        pile(np.s_[100:130, 230:260]),  # beside it
        pile(np.s_[100:130, 197:200], height=0.11),  # a rim that the segmenter left out
        replace(pile(), depth=None),
        replace(pile(), camera_matrix=None),
    ],
    ids=["table", "behind", "labelled", "apart", "rim", "no depth", "no camera"],
)
def test_what_does_not_hide_it(frame):
    assert BOX not in covered(frame)


def test_edges_without_depth_hide_nothing_of_that():
    """Cameras often know no depth along the edges of things."""
    frame = pile()
    frame.depth[94:136, 174:200] = np.nan
    assert covered(frame) == set(), "where they meet nothing is known"
    frame = pile()
    frame.depth[98:132, 178:181:2] = np.nan
    assert covered(frame) == {BOX}


def test_pictures_show_it():
    frame = pile()
    scene = completed(frame)
    clear = replace(
        scene, objects=tuple(replace(o, occluded_by_unlabelled=False) for o in scene.objects)
    )
    assert not np.array_equal(overlay(frame, scene), overlay(frame, clear))
    (shapes,) = layers(frame, scene)["objects"]
    assert shapes["unlabelled"] and not shapes["free"]
    assert "under something unlabelled" in graph_svg(scene.graph)


@cache
def demo():
    with open_bag(resource_path("demo/tabletop.mcap")) as bag:
        return [f.truth for f in bag.frames()][:8:3]


def test_rendered_piles_with_one_mask_removed():
    """Most of what the nameless object hides is found, and little else."""
    hidden, others = [], []
    for scene in demo():
        frame = scene.frame
        assert not covered(frame), "with all masks nothing is hidden by others"
        for removed in frame.object_ids:
            labels = np.where(frame.labels == removed, 0, frame.labels)
            found = covered(replace(frame, labels=labels))
            for item in scene.objects:
                if item.id == removed or item.id not in frame.object_ids:
                    continue
                pixels = np.count_nonzero(frame.labels[item.amodal] == removed)
                if not pixels:
                    others.append(item.id in found)
                elif pixels >= 2 * least_overlap(int(np.count_nonzero(item.amodal))):
                    hidden.append(item.id in found)
    assert len(hidden) > 15 and np.mean(hidden) > 0.85
    assert np.mean(others) < 0.05


def test_without_a_calibrated_camera_the_graph_does_not_claim_to_know_up():
    """What up is was given, but nothing could be measured along it."""
    scene = completed(replace(pile(), camera_matrix=None, up=UP))
    assert scene.graph.up is None and scene.graph.up_confidence == 0
