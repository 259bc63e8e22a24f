"""Which objects are hidden by something without a mask: as depth tells it, where they meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import clip, crop, dilate, relative, union
from segan_ros.frame import AmodalObject, Mask
from segan_ros.occlusion.borders import REACH, borders_of

SCREEN = -1
"""Label of what has no mask and is no ground."""

SHORTEST, SHORTEST_RATIO = 6, 0.12
"""Pixels, and share of the square root of the object's visible area, along which what has no mask
must be nearer: an object is not hidden by less."""


def occluded_by_unlabelled(
    labels: NDArray[np.int32],
    objects: Sequence[AmodalObject],
    depth: NDArray[np.float32],
    raised: Mask,
    step: float,
) -> frozenset[int]:
    """Ids of the objects along whose border something without a mask is nearer.

    Args:
        labels: ``(H, W)`` visible ids.
        objects: completed.
        depth: ``(H, W)`` float32 metres, NaN unknown.
        raised: ``(H, W)`` bool, unlabelled pixels that are no ground.
        step: metres from which on something is nearer.
    """
    if not (objects and raised.any()):
        return frozenset()
    size = labels.shape[0], labels.shape[1]
    area = clip(dilate(union(*(o.box for o in objects)), 2 * REACH), size)
    screened = np.where(crop(raised, area), SCREEN, crop(labels, area))
    boxes = {o.id: relative(o.box, area) for o in objects}
    borders = borders_of(SCREEN, screened, crop(depth, area), boxes)
    return frozenset(
        o.id
        for o in objects
        if (border := borders.get(o.id)) is not None
        and border.length * border.front_share(step)
        >= max(SHORTEST, SHORTEST_RATIO * np.sqrt(o.visible_area))
    )
