"""What is known of each object before the networks are asked: where to look for its hidden part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate, union
from segan_ros.crops.planes import labelled_area, median_depth
from segan_ros.frame import Frame, Mask
from segan_ros.runtime.spec import SegmentorSpec


@dataclass(frozen=True, eq=False)
class Subject:
    """An object of which the visible mask alone is known.

    Args:
        id: of its mask.
        box: tight, around its mask.
        view: part of the image that the networks look at.
        distance: median depth of what is seen of it, metres; NaN unknown.
        occluders: ``(H, W)`` bool, where its hidden part may lie; None for anywhere.
        asked: whether there is anything in the view that may occlude it.
    """

    id: int
    box: Box
    view: Box
    distance: float
    occluders: Mask | None
    asked: bool


def subjects_of(
    frame: Frame,
    boxes: Mapping[int, Box],
    rois: Mapping[int, Box],
    spec: SegmentorSpec,
    *,
    occluders: str,
    gap_width: int,
) -> list[Subject]:
    """The objects of `frame`, in the order of `boxes`.

    Args:
        frame: picture, fitted masks, optional depth.
        boxes: by id, the tight box of each mask.
        rois: by id, where to look instead of around the box.
        spec: of the segmentor.
        occluders: one of `segan_ros.runtime.spec.OCCLUDERS`.
        gap_width: pixels; a hidden part may lie in gaps up to this width between masks.
    """
    labelled = _labelled(frame.labels, boxes.values(), gap_width)
    found = []
    for i, box in boxes.items():
        view = rois[i] if i in rois else spec.roi.around(box, frame.size)
        visible = crop(frame.labels, box) == i
        depth = None if frame.depth is None else crop(frame.depth, box)
        distance = median_depth(depth, visible)
        sees = spec.sees_depth and not np.isnan(distance)
        anywhere = occluders == "any" or (occluders == "auto" and sees)
        others = np.count_nonzero(crop(labelled, view)) > np.count_nonzero(visible)
        asked = i not in frame.occluder_only and (anywhere or others)
        found.append(Subject(i, box, view, distance, None if anywhere else labelled, bool(asked)))
    return found


def _labelled(labels: NDArray[np.int32], boxes: Collection[Box], gap_width: int) -> Mask:
    """``(H, W)`` bool: labelled objects and narrow gaps between them."""
    result = np.zeros(labels.shape, bool)
    if boxes:
        part = clip(dilate(union(*boxes), gap_width + 2), (labels.shape[0], labels.shape[1]))
        crop(result, part)[:] = labelled_area(crop(labels, part), gap_width)
    return result
