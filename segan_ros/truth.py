"""Ground truth of a frame: whole objects and what occludes what. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, tight_box
from segan_ros.frame import Frame, Image, Mask
from segan_ros.reprs import ShortRepr


@dataclass(frozen=True, eq=False, repr=False)
class TrueObject(ShortRepr):
    """Ground truth of one object of a scene.

    Args:
        id: its value in ``Frame.labels``.
        amodal: ``(H, W)`` bool, the whole object in the full image.
        name: what it is, for people.
        appearance: ``(h, w, 3)`` uint8 RGB at the box of `amodal`, the object with nothing in
            front; or None.
        about: anything else ``scene.json`` says of it (pose, occlusion ...), kept as it is.
        scored: whether `amodal` and `appearance` are to be trusted: what is not is neither scored
            nor learned from, and neither are edges whose occludee it is.
    """

    id: int
    amodal: Mask
    name: str = ""
    appearance: Image | None = None
    about: dict[str, Any] = field(default_factory=dict)
    scored: bool = True

    @property
    def box(self) -> Box:
        """Tight box of the whole mask."""
        return tight_box(self.amodal)


@dataclass(frozen=True, eq=False, repr=False)
class LabelledScene(ShortRepr):
    """A frame with its ground truth.

    Args:
        frame: picture and visible masks.
        objects: truth of every object, hidden ones (no visible pixel) included.
        occlusions: ``(occluder, occludee, pixels)``: pixels of the occluder's visible mask that lie
            in the occludee's whole mask.
        harm: id -> ids of the objects that lifting it disturbs; None where lifts were not tried.
        extra: anything else ``scene.json`` holds (camera pose, seed, source ...), kept as it is.
    """

    frame: Frame
    objects: tuple[TrueObject, ...]
    occlusions: tuple[tuple[int, int, int], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    harm: Mapping[int, tuple[int, ...]] | None = None

    @property
    def trusted(self) -> tuple[TrueObject, ...]:
        """The objects that are scored and learned from."""
        return tuple(o for o in self.objects if o.scored)


def true_occlusions(
    labels: NDArray[np.int32], objects: Sequence[TrueObject]
) -> tuple[tuple[int, int, int], ...]:
    """What occludes what by how many pixels, from visible labels and whole masks:
    ``(occluder, occludee, pixels)``."""
    found = []
    for hidden in objects:
        over = labels[hidden.amodal]
        ids, pixels = np.unique(over[(over > 0) & (over != hidden.id)], return_counts=True)
        found += [(int(i), hidden.id, int(n)) for i, n in zip(ids, pixels, strict=True)]
    return tuple(sorted(found))
