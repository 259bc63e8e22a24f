"""What the parameter `up` may say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AUTO, NONE = "auto", "none"


def to_up(text: str) -> NDArray[np.float64] | None:
    """``(3,)`` unit vector of three numbers; None for ``auto``.

    Raises:
        ValueError: it is neither.
    """
    if text.strip() == AUTO:
        return None
    try:
        vector = np.array([float(part) for part in text.replace(",", " ").split()])
    except ValueError:
        vector = np.zeros(0)
    length = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not (np.isfinite(length) and length > 0):
        raise ValueError(
            f"up is {text!r}; set it to auto, or to three numbers in the camera's optical frame (x "
            "right, y down, z ahead), such as '0 -0.7 -0.7' for a camera that looks down by 45 "
            "degrees"
        )
    return vector / length


def up_problem(text: str) -> str:
    """Why `text` is no `up`; empty if it is."""
    try:
        to_up(text)
    except ValueError as error:
        return str(error)
    return ""
