"""A scene to learn from whose pixels are known."""

import cv2
import numpy as np

from segan_ros.boxes import tight_box
from segan_ros.frame import Frame
from segan_ros.truth import LabelledScene, TrueObject

GREEN, GREY = (10, 200, 30), (120, 120, 120)


def disc_behind_bar(size=(120, 160), centre=(80, 60)):
    """A green disc (1), a grey bar (2) across it, and a disc (3) far away."""
    rgb, labels = np.full((*size, 3), 60, np.uint8), np.zeros(size, np.int32)
    masks = {}
    for i, (draw, colour) in enumerate(
        [
            (lambda m: cv2.circle(m, centre, 25, 1, -1), GREEN),
            (lambda m: cv2.rectangle(m, (centre[0] + 5, 5), (centre[0] + 17, 115), 1, -1), GREY),
            (lambda m: cv2.circle(m, (15, 15), 10, 1, -1), GREEN),
        ],
        start=1,
    ):
        masks[i] = draw(np.zeros(size, np.uint8)) > 0
        rgb[masks[i]], labels[masks[i]] = colour, i
    objects = []
    for i, mask in masks.items():
        x0, y0, x1, y1 = tight_box(mask)
        colour = GREY if i == 2 else GREEN
        objects.append(TrueObject(i, mask, "toy", np.full((y1 - y0, x1 - x0, 3), colour, np.uint8)))
    return LabelledScene(Frame(rgb, labels), tuple(objects))
