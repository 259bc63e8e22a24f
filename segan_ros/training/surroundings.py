"""What an object to learn from has around it: neighbours, and what truly hides it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, Roi, crop
from segan_ros.frame import Mask
from segan_ros.scoring.metrics import least_overlap

OCCLUDED = 0.03
"""Hidden share of the whole mask from which on an object counts as occluded."""


def has_neighbours(labels: NDArray[Any], object_id: int, box: Box) -> bool:
    """Whether another object of ``(H, W)`` labels is seen around the visible `box` of one."""
    size = labels.shape[0], labels.shape[1]
    near = crop(labels, Roi(0.5, "longest_side").around(box, size))
    return bool(np.any((near > 0) & (near != object_id)))


def hiders(labels: NDArray[Any], object_id: int, whole: Mask) -> frozenset[int]:
    """Labels of what truly hides an object.

    Args:
        labels: visible ids, cut like `whole`.
        object_id: the object's.
        whole: its whole mask.
    """
    over = np.bincount(labels[whole].clip(min=0))
    found = np.flatnonzero(over >= least_overlap(float(np.count_nonzero(whole))))
    return frozenset(found.tolist()) - {0, object_id}
