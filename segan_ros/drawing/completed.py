"""The hidden objects of a scene, a row each: what is seen, the whole mask, the completed object."""

from __future__ import annotations

import cv2
import numpy as np

from segan_ros.boxes import crop
from segan_ros.drawing.paint import DARK, colour_of, fitted, hatch, write
from segan_ros.frame import CompletedScene, Frame, Image


def completed_sheet(frame: Frame, scene: CompletedScene, most: int = 12, side: int = 160) -> Image:
    """One row per hidden object, the most hidden first: what is seen, where the rest is, all of it.

    Returns:
        ``(rows, 3 * side, 3)`` uint8 RGB with a heading; one line of text when nothing is hidden.
    """
    hidden = sorted(
        (o for o in scene.objects if o.invisible.any()), key=lambda o: -o.occlusion_ratio
    )
    heading = np.full((28, 3 * side, 3), 255, np.uint8)
    for column, text in enumerate(("visible", "whole mask", "completed")):
        write(heading, (column * side + 8, 20), text if hidden else "", DARK)
    if not hidden:
        write(heading, (8, 20), "no object has a hidden part", DARK)

    def line(text: str) -> Image:
        strip = np.full((20, 3 * side, 3), 255, np.uint8)
        write(strip, (8, 12), text, DARK)
        return strip

    rows = [heading]
    for item in hidden[:most]:
        photo = crop(frame.rgb, item.box)
        shape = np.full_like(photo, 255)
        shape[item.visible] = colour_of(item.id)
        hatch(shape, item.invisible, item.id, pitch=max(4, min(photo.shape[:2]) // 10))
        whole = photo if item.appearance is None else item.appearance
        cells = [
            fitted(np.where(item.visible[..., None], photo, 255).astype(np.uint8), side),
            fitted(shape, side),
            fitted(np.where(item.amodal[..., None], whole, 255).astype(np.uint8), side),
        ]
        row = np.concatenate(cells, axis=1)
        cv2.line(row, (0, 0), (row.shape[1], 0), (225, 225, 225), 1)
        rows += [row, line(f"object {item.id}: {item.occlusion_ratio:.0%} hidden")]
    if len(hidden) > most:
        rows.append(line(f"and {len(hidden) - most} that are hidden less"))
    return np.concatenate(rows)
