"""Whole masks that do not flicker: those of objects that rest are averaged over frames.

Where the camera or the object moves, averaging would need to know by how much, to the pixel:
measured, it does more harm than good there (docs/tracking.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import (
    Box,
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

NEWEST = 0.2
"""Least weight of the newest frame; the first ones weigh alike."""

RESTS = 3
"""Pixels by which each side of what is seen of an object may move while it rests."""

SELDOM = 0.1
"""How seldom a pixel must be inside to be forgotten."""


@dataclass(frozen=True, eq=False)
class Resting:
    """What is known of an object since it came to rest.

    Args:
        seen: box of what was seen of it then.
        frames: since then.
        box: place of `inside` in the picture.
        inside: ``(h, w)`` float32, how often lately each pixel was inside the object.
    """

    seen: Box
    frames: int
    box: Box
    inside: NDArray[np.float32]


class SteadyMasks:
    """Takes completed scenes in the order of their frames; hidden pixels alone change."""

    def __init__(self) -> None:
        self._known: dict[str, Resting] = {}

    def __call__(self, scene: CompletedScene, names: Mapping[int, str]) -> CompletedScene:
        """`scene` with whole masks that agree with those before.

        Args:
            scene: of the next frame, not painted yet.
            names: by id, what an object is called in every frame.
        """
        seen = np.zeros(scene.size, bool)
        for item in scene.objects:
            paste(seen, item.box, True, item.amodal & ~item.invisible)
        known, objects = {}, []
        for item in scene.objects:
            now, steady = _first(item), item
            before = self._known.get(names[item.id])
            if before is not None and not item.occluder_only and _rests(before, now):
                now = _joined(before, now)
                steady = _with_mask(item, now, seen)
            known[names[item.id]] = now
            objects.append(steady)
        self._known = known
        return replace(scene, objects=tuple(objects))


def _first(item: AmodalObject) -> Resting:
    seen = translate(tight_box(item.visible), *item.box[:2])
    return Resting(seen, 1, item.box, item.amodal.astype(np.float32))


def _rests(before: Resting, now: Resting) -> bool:
    return all(abs(a - b) <= RESTS for a, b in zip(before.seen, now.seen, strict=True))


def _joined(before: Resting, now: Resting) -> Resting:
    frames = before.frames + 1
    box = union(before.box, now.box)
    mean, newest = np.zeros((2, *size_of(box)), np.float32)
    paste(mean, relative(before.box, box), before.inside)
    paste(newest, relative(now.box, box), now.inside)
    mean += max(NEWEST, 1 / frames) * (newest - mean)
    mean[mean < SELDOM] = 0
    # No smaller than what is there now.
    kept = union(translate(tight_box(mean > 0), *box[:2]), now.box)
    return Resting(before.seen, frames, kept, crop(mean, relative(kept, box)))


def _with_mask(item: AmodalObject, known: Resting, seen: Mask) -> AmodalObject:
    """`item` with the hidden pixels that mostly were inside, none of them on bare background."""
    box, mean = known.box, known.inside
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
