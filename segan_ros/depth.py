"""Depth images: their unit, which of their values are no measurements, and what is plausible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MILLIMETRE = 0.001
"""Metres of one step of integer depth, as nearly all cameras have it."""

PLAUSIBLE = (0.05, 10.0)
"""Metres at which objects are expected."""

_NOTHING = np.iinfo(np.uint16).max
"""What many drivers write where they measured nothing, 0 apart."""

_FEWEST = 20
"""Pixels that say something about the range."""


def to_metres(pixels: NDArray[Any], scale: float = MILLIMETRE) -> NDArray[np.float32]:
    """``(H, W)`` float32 metres, NaN where nothing was measured.

    Args:
        pixels: ``(H, W)``. Integers are steps of `scale`, and 0 and 65535 no measurements. Floats
            are metres, and neither are what is not above 0, infinite, or comes from a 65535: as
            it is or above, or in millimetres, 65.535.
        scale: metres.
    """
    metres = pixels.astype(np.float32)
    if np.issubdtype(pixels.dtype, np.integer):
        unknown = (pixels <= 0) | (pixels >= _NOTHING)
        metres *= np.float32(scale)
    else:
        # Also false for NaN.
        unknown = ~((metres > 0) & (metres < _NOTHING))
        unknown |= np.abs(metres - np.float32(_NOTHING * MILLIMETRE)) < MILLIMETRE / 10
    metres[unknown] = np.nan
    return metres


def depth_problem(depth: NDArray[np.float32], labels: NDArray[np.int32]) -> str:
    """Why the objects' depth is none, or hard to believe, with the remedy; empty if it is neither.

    Args:
        depth: ``(H, W)`` metres, NaN unknown.
        labels: ``(H, W)``, above 0 on objects.
    """
    # A sample will do for a median.
    every = max(min(depth.shape) // 120, 1)
    objects = depth[::every, ::every][labels[::every, ::every] > 0]
    known = objects[np.isfinite(objects)]
    if len(objects) >= _FEWEST and not len(known):
        return (
            "no object has any depth measurement; check the camera's minimum distance, and that "
            "depth is registered to the image"
        )
    if len(known) < _FEWEST:
        return ""
    median = float(np.median(known))
    if PLAUSIBLE[0] <= median <= PLAUSIBLE[1]:
        return ""
    return (
        f"the median depth of the objects is {median:.3g} m, expected {PLAUSIBLE[0]:g} to "
        f"{PLAUSIBLE[1]:g} m; check the unit: set depth_scale to the metres per step of integer "
        "depth (0.001 for millimetres), or publish 32FC1 in metres"
    )
