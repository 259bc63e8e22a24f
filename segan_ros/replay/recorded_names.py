"""The tables of class names that a bag holds beside its label images."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from heapq import merge
from typing import Any

from segan_ros.instances import Layered
from segan_ros.masks.layering import Choice
from segan_ros.masks.reading import Note, mask_reader
from segan_ros.messages.frames import warn_once
from segan_ros.messages.images import Decoder, MessageError
from segan_ros.messages.kinds import typestore
from segan_ros.messages.label_names import to_names
from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.messages.stamps import stamp_of
from segan_ros.storage.bag import Bag, RawMessage

NAMES, STRING = "label_names", "std_msgs/msg/String"

TOPIC = "/camera/label_names"
"""Where they are looked for unless told otherwise."""


class RecordedNames:
    """What is on the topic of label names, if there is one.

    Args:
        bag: open.
        topic: of the tables.

    Raises:
        ValueError: a topic that was asked for is not there, or it carries something else.
    """

    def __init__(self, bag: Bag, topic: str = TOPIC) -> None:
        self._bag, self.topic = bag, topic
        found = [c for c in bag.recording.connections if c.topic == topic]
        if not found and topic != TOPIC:
            raise ValueError(f"{bag.path}: no topic {topic}; correct --label-names-topic")
        if kinds := {c.msgtype for c in found} - {STRING}:
            raise ValueError(f"{bag.path}: {topic} carries {', '.join(kinds)}, not {STRING}")
        recorded = bag.recording.messages(found) if found else ()
        self._messages = [(time, bytes(data)) for _, time, data in recorded]

    def __bool__(self) -> bool:
        return bool(self._messages)

    def inputs(self, names: Mapping[str, str]) -> Iterator[RawMessage]:
        """`Bag.inputs`, with the tables where they were recorded."""
        tables = (RawMessage(NAMES, time, 0, data) for time, data in self._messages)
        return merge(self._bag.inputs(names), tables, key=lambda message: message.time)

    def reader(self, choice: Choice, note: Note) -> Any:
        """A `MaskReader` of label images, each with the table of its time."""

        def read(message: Any, image: Any, decoder: Decoder) -> Layered:
            names = self._at(stamp_of(image.header))
            return mask_reader(LABEL_IMAGE, choice, note, names)(message, image, decoder)

        return read

    @cached_property
    def _tables(self) -> tuple[list[int], list[Mapping[int, str]]]:
        """Times, and the tables that were recorded then."""
        times: list[int] = []
        tables: list[Mapping[int, str]] = []
        for time, data in self._messages:
            try:
                table = to_names(typestore().deserialize_cdr(data, STRING))
            except MessageError as error:
                warn_once(NAMES, str(error))
            else:
                times.append(time)
                tables.append(table)
        return times, tables

    @cached_property
    def _recorded(self) -> dict[int, int]:
        """When the mask of an image was recorded, by the image's stamp."""
        return {m.stamp: m.time for m in self._bag.inputs(("instance_mask",))}

    def _at(self, stamp: int) -> Mapping[int, str]:
        """The last table before the mask of that image; before the first one, the first."""
        times, tables = self._tables
        if not tables:
            return {}
        return tables[max(bisect_right(times, self._recorded.get(stamp, 0)) - 1, 0)]
