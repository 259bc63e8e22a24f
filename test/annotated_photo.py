"""A photo in which a cup hides a part of a book and all of an egg."""

import numpy as np

SIZE = 60, 80


def box_mask(x0, y0, x1, y1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


FRONT, BEHIND, BURIED = box_mask(30, 10, 50, 50), box_mask(10, 20, 40, 40), box_mask(34, 20, 44, 30)
PHOTO = np.full((*SIZE, 3), 90, np.uint8)
