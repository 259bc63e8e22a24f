"""A segmenter that looks at true masks: draws them in its style, numbers them, publishes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import boxes_of
from segan_ros.masks.styles import STYLES, Labels, drawn
from segan_ros.messages.images import image_message
from segan_ros.messages.kinds import recorded_message
from segan_ros.messages.segmenters import LABEL_IMAGE

PERFECT = "perfect"
"""The style of true masks."""

Writer = Callable[[Labels, Mapping[int, int]], tuple[NDArray[Any], str]]
"""``((H, W) ids, class by id from 1)`` -> pixels and encoding."""

SPREAD = 0x9E3779
"""An odd number: its multiples are different colours for 2^24 ids."""


def _label_image(labels: Labels, classes: Mapping[int, int]) -> tuple[NDArray[Any], str]:
    if labels.max(initial=0) <= np.iinfo(np.uint8).max:
        return labels.astype(np.uint8), "mono8"
    return labels.astype(np.uint16), "16UC1"


def _colours(labels: Labels, classes: Mapping[int, int]) -> tuple[NDArray[Any], str]:
    number = labels.astype(np.int64) * SPREAD & 0xFFFFFF
    return np.stack([number >> 16, number >> 8 & 255, number & 255], -1).astype(np.uint8), "rgb8"


def _panoptic(labels: Labels, classes: Mapping[int, int]) -> tuple[NDArray[Any], str]:
    """Gazebo's: the number of the instance in red and green, low byte first; the class in blue."""
    blue = np.zeros_like(labels)
    for object_id, number in classes.items():
        blue[labels == object_id] = number
    seen = np.where(blue > 0, labels, 0)
    return np.stack([seen & 255, seen >> 8, blue], -1).astype(np.uint8), "rgb8"


WRITERS: dict[str, Writer] = {
    LABEL_IMAGE: _label_image,
    "colours": _colours,
    "panoptic": _panoptic,
}
"""By the name that the node's parameter `segmenter` has for them."""


@dataclass(frozen=True)
class Segmenter:
    """What a segmenter would make of true masks.

    Args:
        style: how it draws, anew in each frame: `PERFECT` or a key of `masks.styles.STYLES`.
        renumbers: whether its ids mean nothing beyond a frame.
        output: what its messages are, a key of `WRITERS`.
        seed: of its mistakes.

    Raises:
        ValueError: an argument is unknown.
    """

    style: str = PERFECT
    renumbers: bool = False
    output: str = LABEL_IMAGE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.style not in (PERFECT, *STYLES):
            known = ", ".join((PERFECT, *STYLES))
            raise ValueError(f"--mask-style is {self.style!r}; choose from {known}")
        if self.output not in WRITERS:
            raise ValueError(f"--segmenter is {self.output!r}; choose from {', '.join(WRITERS)}")

    def message(self, labels: Labels, classes: Mapping[int, int], number: int, header: Any) -> Any:
        """What it publishes about a frame.

        Args:
            labels: ``(H, W)`` true visible ids.
            classes: by id the number of its class, 2..255; a mask of no object gets 1.
            number: of the frame.
            header: of the image.
        """
        rng = np.random.default_rng([self.seed, number])
        seen = labels if self.style == PERFECT else drawn(labels, self.style, rng)
        found = {i: classes.get(i, 1) for i in boxes_of(seen)}
        if self.renumbers:
            new = 1 + rng.permutation(len(found))
            table = np.zeros(max(found, default=0) + 1, np.int32)
            table[list(found)] = new
            seen = table[seen.clip(0)]
            found = dict(zip(new.tolist(), found.values(), strict=True))
        return image_message(*WRITERS[self.output](seen, found), header, recorded_message)
