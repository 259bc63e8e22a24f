"""A segmenter's messages -> label images: first read, then layered by the rule for overlaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segan_ros.instances import Layered
from segan_ros.masks.layering import Choice, named, to_labels
from segan_ros.messages.frames import MaskReader, label_image
from segan_ros.messages.images import Decoder
from segan_ros.messages.segmenters import LABEL_IMAGE, SEGMENTERS

Note = Callable[[Layered], None]
"""Takes the masks of each message, to count them and those that were left out."""


def ignore(_: Layered) -> None:
    """A `Note` for those who do not count."""


def mask_reader(
    name: str,
    choice: Choice | None = None,
    note: Note = ignore,
    names: Mapping[int, str] | None = None,
) -> MaskReader:
    """What reads the messages of the segmenter `name`, `LABEL_IMAGE` or a key of `SEGMENTERS`.

    Args:
        name: of the segmenter.
        choice: which of its masks count, and as what; label images have no scores.
        note: learns what was read and what is left out.
        names: class by label, where that is known of label images.
    """
    if name == LABEL_IMAGE:
        occluders = frozenset(choice.occluder_ids if choice else ())

        def read_labels(message: Any, image: Any, decoder: Decoder) -> Layered:
            labels = label_image(message, image, decoder).labels
            if not names:
                return Layered(labels, occluder_only=occluders)
            layered = named(labels, names, choice)
            note(layered)
            return layered

        return read_labels
    segmenter = SEGMENTERS[name]

    def read(message: Any, image: Any, decoder: Decoder) -> Layered:
        layered = to_labels(segmenter.instances(message, image, decoder), choice)
        note(layered)
        return layered

    return read
