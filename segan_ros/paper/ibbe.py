"""Iterative bounding box expansion (Li & Malik, Amodal Instance Segmentation, ECCV 2016)."""

from __future__ import annotations

from segan_ros.boxes import Box, Roi, boxes_of, clip, dilate, size_of
from segan_ros.completion import SceneCompleter
from segan_ros.frame import CompletedScene, Frame

START = Roi(0.1, "each_side")
"""First window: little more than what is seen."""

STEP = 0.1
"""Share of the window's side that is added where the predicted mask reaches its end."""

ROUNDS = 10
"""Looks at most."""


def by_expansion(completer: SceneCompleter, frame: Frame) -> CompletedScene:
    """`frame` completed in windows that grow until they hold the whole predicted mask.

    Their network is another and trained on other data: here the loop is theirs and the segmentor
    is that of `completer`.
    """
    rois = {i: START.around(box, frame.size) for i, box in boxes_of(frame.labels).items()}
    scene = completer.segment(frame, rois)
    for _ in range(ROUNDS - 1):
        grown = {o.id: expanded(rois[o.id], o.box, frame.size) for o in scene.objects}
        if grown == rois:
            break
        rois = grown
        scene = completer.segment(frame, rois)
    return scene


def expanded(roi: Box, mask: Box, size: tuple[int, int]) -> Box:
    """`roi` with those sides moved out that the box of a `mask` touches, within an image of `size`
    (height, width)."""
    height, width = size_of(roi)
    x0, y0, x1, y1 = dilate(roi, max(round(STEP * width), 1), max(round(STEP * height), 1))
    grown = (
        x0 if mask[0] <= roi[0] else roi[0],
        y0 if mask[1] <= roi[1] else roi[1],
        x1 if mask[2] >= roi[2] else roi[2],
        y1 if mask[3] >= roi[3] else roi[3],
    )
    return clip(grown, size)
