"""How well the outline of a hidden part is met (boundary F-score: Martin, Fowlkes, Malik 2004)."""

from __future__ import annotations

import cv2
import numpy as np

from segan_ros.boxes import clip, crop, dilate, tight_box, union
from segan_ros.frame import Mask

NEAR = 2
"""Pixels that two outlines may lie apart."""


def boundary_f(predicted: Mask, truth: Mask, visible: Mask) -> float:
    """F-score of the outline of a predicted whole mask, where the object is hidden.

    Args:
        predicted: ``(H, W)`` whole mask.
        truth: the true one.
        visible: the object's visible mask: outlines there are given, not predicted.

    Returns:
        Harmonic mean of the shares of each hidden outline that have the other mask's outline within
        `NEAR` pixels; 0 where nothing of ours is hidden, NaN where nothing of the true one is.
    """
    masks = [m for m in (predicted, truth) if m.any()]
    if not masks:
        return float("nan")
    size = predicted.shape[0], predicted.shape[1]
    part = clip(dilate(union(*map(tight_box, masks)), NEAR + 1), size)
    seen = crop(visible, part)
    ours, true = (_outline(crop(m, part)) for m in (predicted, truth))
    if not (true & ~seen).any():
        return float("nan")
    if not (ours & ~seen).any():
        return 0.0
    precision, recall = (np.mean(_wide(b)[a & ~seen]) for a, b in ((ours, true), (true, ours)))
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _outline(mask: Mask) -> Mask:
    """Pixels of `mask` beside one that is not; the border of the picture is none."""
    inside = cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    return mask & (inside == 0)


def _wide(outline: Mask) -> Mask:
    """Pixels within `NEAR` of it."""
    y, x = np.mgrid[-NEAR : NEAR + 1, -NEAR : NEAR + 1]
    disc = (x**2 + y**2 <= NEAR**2).astype(np.uint8)
    return cv2.dilate(outline.view(np.uint8), disc) > 0
