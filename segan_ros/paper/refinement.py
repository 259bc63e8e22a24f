"""Visible masks mended by a network: the paper's Multipath with a learned refinement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segan_ros.boxes import boxes_of, crop, paste
from segan_ros.completion import SceneCompleter
from segan_ros.crops.planes import resized
from segan_ros.frame import Frame


def refined(completer: SceneCompleter, frame: Frame) -> Frame:
    """`frame` with its visible masks mended.

    Args:
        completer: holds a segmentor that was trained to mend masks (a stage that trains
            ``refiner``).
        frame: with predicted visible masks.

    Returns:
        Each pixel belongs to the object of the highest probability, to none where all are at or
        below 0.5. An object of which nothing is left is gone.
    """
    roi = completer.model.spec.segmentor.roi
    rois = {i: roi.around(box, frame.size) for i, box in boxes_of(frame.labels).items()}
    best = np.full(frame.size, 0.5, np.float32)
    labels = np.zeros_like(frame.labels)
    for object_id, answer in completer.answers(frame, rois).items():
        view = crop(best, rois[object_id])
        probability = resized(answer[0], view.shape)
        won = probability > view
        view[won] = probability[won]
        paste(labels, rois[object_id], object_id, won)
    return replace(frame, labels=labels)
