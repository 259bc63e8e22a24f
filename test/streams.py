"""Frames of rectangles that cover each other: short streams for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segan_ros.boxes import Box, crop, tight_box
from segan_ros.frame import SECOND, AmodalObject, CompletedScene, Frame, OcclusionEdge
from segan_ros.occlusion.graph import build_graph

SIZE = (240, 320)
COLOURS = np.array(
    [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (200, 40, 200), (40, 200, 200)],
    np.uint8,
)


def moment(
    boxes: Mapping[int, Box], seconds: float, edges: Sequence[OcclusionEdge] = ()
) -> tuple[Frame, CompletedScene]:
    """A frame and its perfect answer, without what is wholly hidden.

    Args:
        boxes: whole objects, the hindmost first, may reach out of the picture; the colour goes by
            the last digit of the id.
        seconds: its stamp.
        edges: of the answer.
    """
    labels = np.zeros(SIZE, np.int32)
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    whole = {}
    for i, box in boxes.items():
        x0, y0, x1, y1 = np.clip(box, 0, (SIZE[1], SIZE[0]) * 2).tolist()
        labels[y0:y1, x0:x1], rgb[y0:y1, x0:x1] = i, COLOURS[i % 10 % len(COLOURS)]
        whole[i] = np.zeros(SIZE, bool)
        whole[i][y0:y1, x0:x1] = True
    objects = [item(labels, i, mask) for i, mask in sorted(whole.items()) if (labels == i).any()]
    graph = build_graph([o.id for o in objects], edges)
    frame = Frame(rgb, labels, stamp=round((1000 + seconds) * SECOND))
    return frame, CompletedScene(SIZE, tuple(objects), graph)


def item(labels: np.ndarray, i: int, mask: np.ndarray) -> AmodalObject:
    """Object `i` with a true whole `mask`."""
    box = tight_box(mask)
    amodal = crop(mask, box)
    visible = crop(labels, box) == i
    return AmodalObject(i, box, visible, amodal, amodal.astype(np.float32))


def moved(box: Box, x: int, y: int = 0) -> Box:
    """`box` farther right and down."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
