"""A bag: its images in recorded order, with what belongs to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from segan_ros.frame import SECOND, Frame
from segan_ros.messages.compressed import decode_compressed
from segan_ros.messages.frames import Reading, warn_once
from segan_ros.messages.images import MessageError
from segan_ros.messages.kinds import (
    COMPRESSED,
    IMAGE,
    is_assumed,
    recorded_message,
    store_for,
    typestore,
)
from segan_ros.messages.pairing import nearest, partner
from segan_ros.messages.stamps import serialised_stamp
from segan_ros.storage.bag_frame import SLOP, BagFrame, Truth, TruthOfFrame, assemble, to_truth_of
from segan_ros.storage.bag_topics import INPUTS, REQUIRED, Topics, find_topics
from segan_ros.storage.recordings import (
    Recording,
    counted_messages,
)

OPTIONAL = ("depth", "camera_info")
"""Inputs that a frame may do without."""

PAUSE = 3600 * SECOND
"""Longer pauses are no pauses: somebody set the clock of the recorder."""


class BagError(ValueError):
    """A bag cannot be used; the message names it and says what is wrong."""


class UnreadableError(BagError):
    """`rosbags` cannot read a bag, for `reason`."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: not a readable rosbag2: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class RawMessage:
    """A serialised input message.

    Args:
        name: a field of `Topics`.
        time: when it was recorded, nanoseconds.
        stamp: of the image that it belongs to, or else of its header, nanoseconds.
        data: CDR.
    """

    name: str
    time: int
    stamp: int
    data: bytes


class Bag:
    """An open bag; use `open_bag`.

    Args:
        path: of the bag, for messages to people.
        recording: opened.
        topics: where to look; those of the defaults that a bag lacks are only missed if required.
        required: fields of `Topics`.
        reading: what the messages do not say of themselves.

    `problems` say what cannot be read or used; so many `missing` messages were recorded and cannot
    be read.
    """

    def __init__(
        self,
        path: Path,
        recording: Recording,
        topics: Topics,
        required: Sequence[str] = REQUIRED,
        reading: Reading | None = None,
    ) -> None:
        self.path, self.reading = path, reading or Reading()
        self.recording = recording
        self.problems: list[str] = []
        self.missing = 0
        try:
            self._connections = find_topics(
                recording.connections, topics, required, self.reading.mask_type
            )
        except ValueError as error:
            raise BagError(f"{path}: {error}") from None
        self._index = self._look_through()
        self._sorted = {name: sorted(index) for name, index in self._index.items()}
        for name in required[:1]:
            if not self._index[name]:
                reasons = "".join(f"; {p}" for p in self.problems)
                problem = f"no message on {self.topics[name]}{reasons}"
                if self.missing:
                    raise UnreadableError(path, problem)
                raise BagError(f"{path}: {problem}")

    @property
    def topics(self) -> dict[str, str]:
        """Field of `Topics` -> topic, for those that the bag has."""
        return {name: found[0].topic for name, found in self._connections.items()}

    def type_of(self, name: str) -> str:
        """Message type of a field of `Topics`; compressed images count as plain ones."""
        found: str = self._connections[name][0].msgtype
        return IMAGE if found == COMPRESSED else found

    @property
    def stamps(self) -> list[int]:
        """Stamps of the images in recorded order, each once."""
        return list(self._index["image"])

    def frames(self, truth: Truth | None = None) -> Iterator[BagFrame]:
        """One `BagFrame` per image stamp, in recorded order.

        Args:
            truth: where to take ground truth from; None for the topics of this bag.

        Raises:
            BagError: the bag breaks off or is damaged.
        """
        for i, stamp in enumerate(self._index["image"]):
            try:
                found = self._near(stamp, INPUTS)
                yield assemble(i, stamp, found, truth or self.truth, self.reading)
            except BagError:
                raise
            except ValueError as error:
                yield BagFrame(i, stamp, problem=str(error))

    def truth(self, stamp: int, frame: Frame) -> TruthOfFrame:
        """What the ground-truth topics say of `frame`."""
        found = self._near(stamp, ("true_objects", "true_graph"))
        return to_truth_of(frame, found.get("true_objects"), found.get("true_graph"))

    def inputs(self, names: Collection[str] = INPUTS) -> Iterator[RawMessage]:
        """The messages of `names` in recorded order; compressed images as plain ones."""
        before = None
        for name, recorded, data in self._raw(*(n for n in names if n in self._connections)):
            is_jump = before is not None and recorded - before > PAUSE
            time = before if before is not None and is_jump else recorded
            before, sent = time, data
            if self._is_compressed(name):
                try:
                    plain = self._decoded(name, data).to_message(recorded_message)
                except MessageError:
                    continue  # `frames` names it; the node would not get to see it either
                sent = bytes(typestore().serialize_cdr(plain, IMAGE))
            stamp = serialised_stamp(data)
            image = partner(self._sorted["image"], stamp, SLOP)
            yield RawMessage(name, time, stamp if image is None else image, sent)

    def _near(self, stamp: int, names: Sequence[str]) -> dict[str, Any]:
        """The message of each of `names` that belongs to `stamp`, where there is one."""
        found = {}
        for name in names:
            there = self._partner(name, stamp)
            if there is None:
                continue
            try:
                found[name] = self._message(name, there)
            except MessageError as error:
                if name not in OPTIONAL:
                    raise
                warn_once(name, f"{error}; such frames are completed without {name}")
        return found

    def _partner(self, name: str, stamp: int) -> int | None:
        """Stamp of the message of `name` that belongs to the image of `stamp`."""
        stamps = self._sorted.get(name, [])
        if name == "camera_info":
            # A camera does not change from frame to frame: any of its messages will do.
            return nearest(stamps, stamp)
        # Depth of an image that has no mask is free: that image makes no frame.
        owners = self._with_mask if name == "depth" else self._index.get("image", {})
        return partner(stamps, stamp, SLOP, lambda s: s not in owners)

    @cached_property
    def _with_mask(self) -> frozenset[int]:
        """Stamps of the images that have a mask."""
        return frozenset(s for s in self.stamps if self._partner("instance_mask", s) is not None)

    def _look_through(self) -> dict[str, dict[int, int]]:
        """Field of `Topics` -> stamp -> recording time; of messages with one stamp, the first."""
        index: dict[str, dict[int, int]] = {name: {} for name in self._connections}
        read: Counter[str] = Counter()
        before, repeated = -1, 0
        invalid: dict[str, list[str]] = {}
        for name, time, data in self._raw(*self._connections):
            read[name] += 1
            try:
                stamp = serialised_stamp(data)
            except ValueError as error:
                invalid.setdefault(name, []).append(str(error))
                continue
            index[name].setdefault(stamp, time)
            if name == "image":
                repeated += stamp == before
                before = stamp
        for name, reasons in invalid.items():
            self.problems.append(
                f"{self.topics[name]}: {len(reasons)} messages without a valid stamp were "
                f"skipped, the first: {reasons[0]}"
            )
        if repeated:
            # Not of a bag that was recorded in a loop: there the one just before is another.
            self.problems.append(
                f"{repeated} images were left out: they have the stamp of the image before; their "
                "publisher must set header.stamp"
            )
        self._compare(read)
        return index

    def _compare(self, read: Mapping[str, int]) -> None:
        """With the number of messages that the bag states."""
        self.problems += getattr(self.recording, "problems", [])
        stated = counted_messages(self.path)
        for name, connections in self._connections.items():
            topic = connections[0].topic
            count = max(sum(c.msgcount for c in connections), stated.get(topic, 0))
            if (missing := count - read[name]) > 0:
                self.missing += missing
                self._note(f"{topic}: {missing} of {count} recorded messages cannot be read")

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _message(self, name: str, stamp: int) -> Any:
        time = self._index[name][stamp]
        there = self._raw(name, start=time, stop=time + 1)
        data = next(d for _, _, d in there if serialised_stamp(d) == stamp)
        return self._decoded(name, data)

    def _is_compressed(self, name: str) -> bool:
        return self._connections[name][0].msgtype == COMPRESSED

    def _decoded(self, name: str, data: bytes) -> Any:
        connection = self._connections[name][0]
        store = store_for(connection)
        try:
            message = store.deserialize_cdr(data, connection.msgtype)
        except Exception as error:  # of every kind, as its bytes mean nothing
            kind = f"a {connection.msgtype}"
            if is_assumed(connection):
                kind += " of the version known here (if it is of another, record it as mcap)"
            raise MessageError(
                "truncated", f"{name}: its {len(data)} recorded bytes are not {kind}: {error!r}"
            ) from None
        return decode_compressed(message, name) if self._is_compressed(name) else message

    def _raw(
        self, *names: str, start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        name_of = {c.id: n for n in names for c in self._connections[n]}
        connections = [c for n in names for c in self._connections[n]]
        with clear_errors(self.path):
            for connection, time, data in self.recording.messages(connections, start, stop):
                yield name_of[connection.id], time, bytes(data)


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """What `rosbags` raises on damaged files is of every kind: struct.error, AssertionError ..."""
    try:
        yield
    except BagError:
        raise
    except Exception as error:
        raise UnreadableError(path, str(error) or type(error).__name__) from error
