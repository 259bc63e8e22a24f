"""Whole masks that do not flicker: moved along with the picture and averaged over frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import (
    Box,
    clip,
    crop,
    paste,
    relative,
    size_of,
    tight_box,
    touches_border,
    translate,
    union,
)
from segan_ros.frame import AmodalObject, CompletedScene, Mask
from segan_ros.tracks.motion import fit

NEWEST = 0.4
"""Weight of the newest frame: below a half, so that it takes two frames to change a pixel."""


class SteadyMasks:
    """Takes completed scenes in the order of their frames; hidden pixels alone change."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Box, NDArray[np.float32]]] = {}

    def __call__(self, scene: CompletedScene, names: Mapping[int, str]) -> CompletedScene:
        """`scene` with whole masks that agree with those before.

        Args:
            scene: of the next frame, not painted yet.
            names: by id, what an object is called in every frame.
        """
        steps = self._steps([o for o in scene.objects if names[o.id] in self._known], scene, names)
        seen = np.zeros(scene.size, bool)
        for item in scene.objects:
            paste(seen, item.box, True, item.amodal & ~item.invisible)
        known, objects = {}, []
        for item in scene.objects:
            mean, steady = (item.box, item.amodal.astype(np.float32)), item
            if item.id in steps:
                box, before = self._known[names[item.id]]
                mean = _mean(translate(box, *steps[item.id]), before, item, scene.size)
                steady = _with_mask(item, *mean, seen)
            known[names[item.id]] = mean
            objects.append(steady)
        self._known = known
        return replace(scene, objects=tuple(objects))

    def _steps(
        self, objects: Sequence[AmodalObject], scene: CompletedScene, names: Mapping[int, str]
    ) -> dict[int, tuple[int, int]]:
        """By id how far an object has moved, pixels right and down, if it moved as they all do."""
        if not objects:
            return {}
        now = np.array([_middle(o.box) for o in objects])
        before = np.array([_middle(self._known[names[o.id]][0]) for o in objects])
        weights = np.array([0.1 if o.truncated else 1.0 for o in objects])
        motion = fit(before, now - before, weights, scene.size)
        steps = np.rint(motion.at(before)).astype(int).tolist()
        return {o.id: (x, y) for o, (x, y) in zip(objects, steps, strict=True)}


def _mean(
    box: Box, before: NDArray[np.float32], item: AmodalObject, size: tuple[int, int]
) -> tuple[Box, NDArray[np.float32]]:
    """Where in the picture, and how often lately, each pixel was inside the object."""
    inside = clip(box, size)
    around = union(inside, item.box) if min(size_of(inside)) > 0 else item.box
    mean, now = np.zeros((2, *size_of(around)), np.float32)
    paste(mean, relative(box, around), before)
    paste(now, relative(item.box, around), item.amodal.astype(np.float32))
    return around, mean + NEWEST * (now - mean)


def _with_mask(item: AmodalObject, box: Box, mean: NDArray[np.float32], seen: Mask) -> AmodalObject:
    """`item` with the hidden pixels that mostly were inside, none of them on bare background."""
    visible, own, amodal, filled = np.zeros((4, *mean.shape), bool)
    place = relative(item.box, box)
    paste(visible, place, item.visible)
    paste(own, place, item.amodal & ~item.invisible)
    paste(amodal, place, item.amodal)
    if item.filled is not None:
        paste(filled, place, item.filled)
    whole = own | ((mean > 0.5) & (amodal | crop(seen, box)))
    tight = tight_box(whole)
    at = translate(tight, *box[:2])
    return replace(
        item,
        box=at,
        visible=crop(visible, tight),
        amodal=crop(whole, tight),
        probability=np.where(crop(own, tight), np.float32(1), crop(mean, tight)),
        filled=None if item.filled is None else crop(filled, tight),
        truncated=touches_border(at, (seen.shape[0], seen.shape[1])),
    )


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
