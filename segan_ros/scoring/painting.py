"""How well a hidden part is painted: its colours, whether it goes on without a step, its detail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, crop, paste, relative
from segan_ros.crops.relighting import relit
from segan_ros.frame import AmodalObject, Image, Mask
from segan_ros.truth import TrueObject

NAN = float("nan")
RING = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class InLight:
    """A painted hidden part against the truth in the light of the picture (`relit`).

    The truth is a lone render: no neighbour throws a shadow on it. In the picture's light it goes
    on from what is seen of the object, as paint should.

    Args:
        l1: mean absolute colour difference, colours in 0..1.
        step: mean absolute difference of neighbouring pixels across the border of what is seen and
            what is painted.
        usual_step: that of neighbouring pixels inside the hidden part of the lone render.
        detail: mean absolute Laplacian of the paint, a pixel away from the border.
        true_detail: that of the truth.
    """

    l1: float = NAN
    step: float = NAN
    usual_step: float = NAN
    detail: float = NAN
    true_detail: float = NAN


def painting_error(
    truth: TrueObject, answer: AmodalObject | None, where: Mask
) -> tuple[float, float]:
    """Mean absolute and mean squared colour difference, colours in 0..1, over channels and pixels.

    Args:
        truth: with its appearance.
        answer: with its appearance.
        where: ``(H, W)`` bool; pixels inside both whole masks.

    Returns:
        ``(l1, l2)``, both NaN when `where` is empty or an appearance is missing.
    """
    if answer is None or answer.appearance is None or truth.appearance is None or not where.any():
        return NAN, NAN
    rows, columns = np.nonzero(where)

    def colours(picture: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        return picture[rows - box[1], columns - box[0]] / 255

    difference = colours(answer.appearance, answer.box) - colours(truth.appearance, truth.box)
    return float(np.abs(difference).mean()), float((difference**2).mean())


def in_light(truth: TrueObject, painted: AmodalObject | None, rgb: Image, visible: Mask) -> InLight:
    """Compare the hidden part of an object, painted with its true whole mask.

    Args:
        truth: with its appearance.
        painted: with its appearance, or None.
        rgb: ``(H, W, 3)`` uint8, the picture.
        visible: ``(H, W)`` bool, where it shows the object.

    Returns:
        All NaN when an appearance is missing, nothing is hidden, or nothing is seen.
    """
    if truth.appearance is None or painted is None or painted.appearance is None:
        return InLight()
    seen = crop(visible, truth.box)
    hidden = crop(truth.amodal, truth.box) & ~seen
    if not hidden.any() or not seen.any():
        return InLight()
    picture = crop(rgb, truth.box)
    wanted = _unit(relit(truth.appearance, picture, seen & crop(truth.amodal, truth.box)))
    appearance = np.zeros_like(picture)
    paste(appearance, relative(painted.box, truth.box), painted.appearance)
    paint, lone = _unit(appearance), _unit(truth.appearance)
    inner = cv2.erode(hidden.astype(np.uint8), RING) > 0
    return InLight(
        l1=_mean(np.abs(paint - wanted).mean(2)[hidden]),
        step=_step(paint, hidden, _unit(picture), seen),
        usual_step=_step(lone, hidden, lone, hidden),
        detail=_mean(_laplacian(paint)[inner]),
        true_detail=_mean(_laplacian(wanted)[inner]),
    )


def _unit(picture: Image) -> NDArray[np.float32]:
    return np.divide(picture, 255, dtype=np.float32)


def _laplacian(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    bends = cv2.Laplacian(picture, cv2.CV_32F)
    return np.abs(bends).mean(2).astype(np.float32)


def _step(
    first: NDArray[np.float32], here: Mask, second: NDArray[np.float32], there: Mask
) -> float:
    """Mean difference of neighbours: of `first` where it is `here`, `second` where `there`."""
    found = []
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        for a, b in ((before, after), (after, before)):
            both = here[a] & there[b]
            found.append(np.abs(first[a][both] - second[b][both]).mean(1))
    return _mean(np.concatenate(found))


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean()) if values.size else NAN
