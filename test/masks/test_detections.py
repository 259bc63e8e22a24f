"""Supervision's detections become frames, and completed scenes such detections."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from samples import frame_of, overlapping

from segan_ros.masks.detections import frame_from_detections, layered_detections, to_detections
from segan_ros.masks.layering import Choice
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.scoring.references import convex_hulls

RGB = np.zeros((60, 80, 3), np.uint8)


@dataclass
class Detections:
    """The fields that ``supervision.Detections`` has; the library itself is no dependency."""

    xyxy: np.ndarray
    mask: np.ndarray | None = None
    confidence: np.ndarray | None = None
    class_id: np.ndarray | None = None
    tracker_id: np.ndarray | None = None
    data: dict = field(default_factory=dict)


def two_masks():
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 10:40, 10:40], masks[1, 20:30, 30:60] = True, True
    return masks


def test_masks_become_labels_with_names_and_scores():
    found = Detections(
        np.zeros((2, 4)),
        two_masks(),
        np.array([0.9, 0.4]),
        tracker_id=np.array([5, 8]),
        data={"class_name": np.array(["bowl", "cup"])},
    )
    layered = layered_detections(RGB, found)
    assert layered.names == {5: "bowl", 8: "cup"} and layered.instances[8].score == 0.4
    assert set(np.unique(layered.labels)) == {0, 5, 8}
    frame = frame_from_detections(RGB, found, Choice(min_score=0.5))
    assert frame.object_ids == [5] and frame.track_ids == {5: "5"}


def test_detections_without_names_scores_and_tracks_will_do():
    frame = frame_from_detections(RGB, Detections(np.zeros((2, 4)), two_masks()))
    assert frame.object_ids == [1, 2] and (frame.labels[20:30, 30:60] == 2).all()
    assert frame_from_detections(RGB, Detections(np.zeros((0, 4)))).object_ids == []


@pytest.mark.parametrize(
    ("tracker_id", "ids", "tracks"),
    [
        (np.array([3.0, 8.0]), [3, 8], {3: "3", 8: "8"}),
        (np.array([3.0, np.nan]), [1, 2], {1: "3"}),
        (np.array([7, None], object), [1, 2], {1: "7"}),
    ],
)
def test_tracks_may_be_floats_or_missing(tracker_id, ids, tracks):
    frame = frame_from_detections(
        RGB, Detections(np.zeros((2, 4)), two_masks(), tracker_id=tracker_id)
    )
    assert frame.object_ids == ids and frame.track_ids == tracks


def test_two_detections_of_one_track_are_a_warning(caplog):
    found = Detections(np.zeros((2, 4)), two_masks(), tracker_id=np.array([5, 5]))
    assert frame_from_detections(RGB, found).object_ids == [1, 2]
    assert "tracker_id has 5: several masks have the same track id" in caplog.text


def test_detections_without_masks_or_of_another_size_are_refused():
    with pytest.raises(ValueError, match="2 detections without masks; use a segmentation model"):
        frame_from_detections(RGB, Detections(np.zeros((2, 4))))
    with pytest.raises(ValueError, match=r"masks are \(2, 30, 40\) but the image has 80x60"):
        frame_from_detections(RGB, Detections(np.zeros((2, 4)), np.zeros((2, 30, 40), bool)))


def test_completed_scene_becomes_detections():
    frame = frame_of(overlapping())
    scene = convex_hulls(frame, EdgeRule())
    first, second = scene.objects
    scene = replace(scene, objects=(replace(first, name="cup"), second))
    found = Detections(**to_detections(scene))
    assert found.tracker_id.tolist() == [1, 7] and found.mask.shape == (2, 60, 90)
    np.testing.assert_array_equal(found.mask[0], scene.objects[0].full_mask(frame.size))
    np.testing.assert_array_equal(found.data["visible_mask"][1], frame.labels == 7)
    assert found.data["class_name"].tolist() == ["cup", ""]
    x0, y0, x1, y1 = found.xyxy[1].astype(int)
    assert found.mask[1, y0:y1, x0:x1].any(axis=0).all() and found.mask[1].sum() > 0
