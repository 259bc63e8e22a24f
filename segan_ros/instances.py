"""What an instance segmenter found in one picture: masks that may overlap, with names and scores.

Plain data, between a segmenter's message or file and the label image of a `Frame`, where every
pixel belongs to one object (`segan_ros.masks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, paste
from segan_ros.frame import Mask

NO_MASK, FEW_POINTS, NO_NUMBERS, OUTSIDE, EMPTY = (
    "no mask",
    "fewer than 3 points",
    "NaN or infinite points",
    "outside the image",
    "empty",
)
"""Why a detection is left out."""

REMEDIES = {
    NO_MASK: "use a segmentation model (such as yolo11n-seg), not one that gives boxes alone",
    FEW_POINTS: "let the segmenter send whole outlines, in pixels of the image",
    NO_NUMBERS: "let the segmenter send finite coordinates, in pixels of the image",
    OUTSIDE: "run the segmenter on the same image, and publish outlines in its pixel coordinates",
    EMPTY: "let the segmenter send a mask for every detection, above 0 inside",
}
"""What to do about it."""

REPEATED = (
    "several masks have the same track id, so the masks are renumbered from 1: fix the tracker, "
    "or let the segmenter send no ids"
)
"""What is said where `Layered.repeated` is not empty."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One visible mask.

    Args:
        box: part of the image that `mask` covers.
        mask: ``(h, w)`` bool.
        score: how sure the segmenter is, 0..1; 1 where it does not say.
        name: of its class; empty where it does not say.
        track_id: the segmenter's own name for the same object over frames; empty without tracking.
        id: its number in this picture, which need not last; 0 where it has none.
    """

    box: Box
    mask: Mask
    score: float = 1.0
    name: str = ""
    track_id: str = ""
    id: int = 0

    def full_mask(self, size: tuple[int, int]) -> Mask:
        """``(H, W)`` bool in an image of `size` (height, width)."""
        full = np.zeros(size, bool)
        paste(full, self.box, self.mask)
        return full


@dataclass(frozen=True, eq=False)
class Instances:
    """All masks of one picture, in the segmenter's order.

    Args:
        size: height and width of the picture.
        items: the masks.
        left_out: how many detections were left out, by reason.
    """

    size: tuple[int, int]
    items: tuple[Instance, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Instances({len(self.items)} masks, {self.size[1]}x{self.size[0]})"


@dataclass(frozen=True, eq=False)
class Layered:
    """A label image and what is known of its objects.

    Args:
        labels: ``(H, W)`` int32, 0 where there is no object.
        instances: by id, the mask that it came from.
        left_out: how many masks were left out, by reason; those of `Instances` included.
        occluder_only: ids of what only hides others, see `Frame.occluder_only`; they need not be in
            `labels`.
        repeated: track ids that several masks have; the ids are then numbers of this picture alone.
    """

    labels: NDArray[np.int32]
    instances: Mapping[int, Instance] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    occluder_only: frozenset[int] = frozenset()
    repeated: frozenset[str] = frozenset()

    @property
    def names(self) -> dict[int, str]:
        """Class name by id, where there is one."""
        return {i: found.name for i, found in self.instances.items() if found.name}

    @property
    def track_ids(self) -> dict[int, str]:
        """The segmenter's track by id, where it tracks."""
        return {i: found.track_id for i, found in self.instances.items() if found.track_id}
