"""Detections of the Supervision library (``sv.Detections``) -> frames, and completed scenes back.

Nothing of the library is imported: anything with its fields will do.
"""

from __future__ import annotations

import logging
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import crop, tight_box
from segan_ros.frame import CompletedScene, Frame, Image
from segan_ros.instances import REPEATED, Instance, Instances, Layered
from segan_ros.masks.layering import Choice, to_labels

LOG = logging.getLogger(__name__)


def layered_detections(rgb: Image, detections: Any, choice: Choice | None = None) -> Layered:
    """One label image of masks that may overlap, with their names and scores by id.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        detections: with ``mask`` ``(N, H, W)`` bool and, optional, ``confidence`` ``(N,)``,
            ``tracker_id`` ``(N,)`` (None or NaN: no track) and ``data["class_name"]`` ``(N,)``.
        choice: which of them count, and as what; see `Choice`.

    Raises:
        ValueError: there are detections without masks, or masks of another size than the image.
    """
    size = rgb.shape[0], rgb.shape[1]
    count = len(detections.xyxy)
    if count and detections.mask is None:
        raise ValueError(f"{count} detections without masks; use a segmentation model")
    masks = np.zeros((0, *size), bool) if not count else np.asarray(detections.mask, bool)
    if masks.shape != (count, *size):
        raise ValueError(
            f"masks are {masks.shape} but the image has {size[1]}x{size[0]} pixels and there are "
            f"{count} detections: (N, H, W) is wanted"
        )
    names = (detections.data or {}).get("class_name", [""] * count)
    scores = [1.0] * count if detections.confidence is None else detections.confidence
    tracks = [None] * count if detections.tracker_id is None else detections.tracker_id
    items = []
    for mask, name, score, track in zip(masks, names, scores, tracks, strict=True):
        if (box := tight_box(mask)) != (0, 0, 0, 0):
            items.append(Instance(box, crop(mask, box), float(score), str(name), _track(track)))
    empty = {"empty": count - len(items)} if count > len(items) else {}
    found = to_labels(Instances(size, tuple(items), empty), choice)
    if found.repeated:
        LOG.warning("tracker_id has %s: %s", ", ".join(sorted(found.repeated)), REPEATED)
    return found


def _track(tracker_id: Any) -> str:
    """Arrays that lack a few tracks hold objects, or floats: 3.0 is the track 3."""
    if isinstance(tracker_id, float | np.floating):
        return "" if isnan(tracker_id) else f"{tracker_id:.17g}"
    return "" if tracker_id is None else str(tracker_id)


def frame_from_detections(rgb: Image, detections: Any, choice: Choice | None = None) -> Frame:
    """The frame to complete: `rgb` with the label image of `layered_detections`."""
    found = layered_detections(rgb, detections, choice)
    return Frame(
        rgb,
        found.labels,
        names=found.names,
        track_ids=found.track_ids,
        occluder_only=found.occluder_only,
    )


def to_detections(scene: CompletedScene) -> dict[str, Any]:
    """The whole masks of `scene`, for ``sv.Detections(**to_detections(scene))``.

    Returns:
        ``xyxy`` ``(N, 4)`` float32, ``mask`` ``(N, H, W)`` bool, ``confidence`` ``(N,)`` float32,
        ``class_id`` ``(N,)`` zeros, ``tracker_id`` ``(N,)`` int32 ids, and ``data`` with
        ``visible_mask`` ``(N, H, W)`` bool, ``class_name``, ``layer`` and ``occlusion_ratio``
        ``(N,)``.
    """
    count = len(scene.objects)
    whole, visible = (np.zeros((count, *scene.size), bool) for _ in range(2))
    for i, item in enumerate(scene.objects):
        crop(whole[i], item.box)[:] = item.amodal
        crop(visible[i], item.box)[:] = item.visible
    boxes: NDArray[np.float32] = np.array([tight_box(m) for m in whole], np.float32)
    return {
        "xyxy": boxes.reshape(count, 4),
        "mask": whole,
        "confidence": np.array([o.score for o in scene.objects], np.float32),
        "class_id": np.zeros(count, np.int32),  # annotators colour by it unless told otherwise
        "tracker_id": np.array([o.id for o in scene.objects], np.int32),
        "data": {
            "visible_mask": visible,
            "class_name": np.array([o.name for o in scene.objects], str),
            "layer": np.array([o.layer for o in scene.objects], np.int32),
            "occlusion_ratio": np.array([o.occlusion_ratio for o in scene.objects], np.float32),
        },
    }
