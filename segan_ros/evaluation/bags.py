"""Frames and ground truth out of a rosbag2 (folder, .mcap or .db3), without ROS."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from segan_ros.evaluation.messages import (
    CAMERA_INFO,
    GRAPH,
    IMAGE,
    OBJECTS,
    stamp_of,
    to_frame,
    to_graph,
    to_truth,
    typestore,
)
from segan_ros.frame import Frame, OcclusionGraph
from segan_ros.scenes import LabelledScene

SLOP = 10_000_000
"""Nanoseconds between the stamps of an image and of a mask, depth or truth that still belongs to it
where none is equal; the node's default too."""


@dataclass(frozen=True)
class Topics:
    """Names of the topics in a bag; the defaults are those of the shipped one."""

    image: str = "/camera/image"
    instance_mask: str = "/camera/instance_mask"
    depth: str = "/camera/depth"
    camera_info: str = "/camera/camera_info"
    true_objects: str = "/ground_truth/objects"
    true_graph: str = "/ground_truth/occlusion_graph"


TYPES = {
    "image": IMAGE,
    "instance_mask": IMAGE,
    "depth": IMAGE,
    "camera_info": CAMERA_INFO,
    "true_objects": OBJECTS,
    "true_graph": GRAPH,
}
"""Message type of each field of `Topics`."""

REQUIRED = ("image", "instance_mask")

INPUTS = ("image", "instance_mask", "depth", "camera_info")
"""What a camera and a segmenter publish; the rest is ground truth."""


class BagError(ValueError):
    """A bag cannot be used; the message names it and says what is wrong."""


@dataclass(frozen=True)
class BagFrame:
    """What belongs to one image of a bag.

    Args:
        index: 0 for the first image of the bag.
        stamp: the image's, nanoseconds.
        frame: decoded input; None when it cannot be used.
        problem: why not, else empty.
        truth: `frame` with the true whole masks, where the bag has them.
        true_graph: where the bag has it.
    """

    index: int
    stamp: int
    frame: Frame | None = None
    problem: str = ""
    truth: LabelledScene | None = None
    true_graph: OcclusionGraph | None = None


@dataclass(frozen=True)
class RawMessage:
    """A serialised input message.

    Args:
        name: a field of `Topics`.
        time: when it was recorded, nanoseconds.
        stamp: of its header, nanoseconds.
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
        reader: opened.
        topics: where to look; those of the defaults that a bag lacks are only missed if required.
    """

    def __init__(self, path: Path, reader: Reader, topics: Topics) -> None:
        self.path = path
        self._reader = reader
        self._connections = self._find(topics)
        self._index = self._look_through()
        if not self._index["image"]:
            raise BagError(f"{path}: no message on {topics.image}")

    @property
    def topics(self) -> dict[str, str]:
        """Field of `Topics` -> topic, for those that the bag has."""
        return {name: found[0].topic for name, found in self._connections.items()}

    @property
    def stamps(self) -> list[int]:
        """Stamps of the images in recorded order, each once."""
        return list(self._index["image"])

    def frames(self) -> Iterator[BagFrame]:
        """One `BagFrame` per image stamp, in recorded order.

        Raises:
            BagError: the bag breaks off or is damaged.
        """
        sorted_stamps = {name: sorted(index) for name, index in self._index.items()}
        for i, stamp in enumerate(self._index["image"]):
            near = {
                # A camera does not change from frame to frame: any of its messages will do.
                name: _nearest(stamps, stamp, None if name == "camera_info" else SLOP)
                for name, stamps in sorted_stamps.items()
            }
            found = {n: self._message(n, s) for n, s in near.items() if s is not None}
            yield _bag_frame(i, stamp, found)

    def inputs(self, names: Collection[str] = INPUTS) -> Iterator[RawMessage]:
        """The messages of `names` in recorded order, as they were sent."""
        for name, time, data in self._raw(*(n for n in names if n in self._connections)):
            yield RawMessage(name, time, stamp_of(data), data)

    def _find(self, topics: Topics) -> dict[str, list[Connection]]:
        """Connections by field of `Topics`: one for each publisher that was recorded."""
        there: dict[str, list[Connection]] = {}
        for connection in self._reader.connections:
            there.setdefault(connection.topic, []).append(connection)
        found = {}
        for field in fields(Topics):
            topic = getattr(topics, field.name)
            if topic not in there:
                if field.name in REQUIRED or topic != field.default:
                    have = ", ".join(f"{t} ({c[0].msgtype})" for t, c in sorted(there.items()))
                    option = field.name.replace("_", "-")
                    raise BagError(
                        f"{self.path}: no topic {topic}; it has {have or 'no topics'}; "
                        f"choose one with --{option}-topic"
                    )
                continue
            kinds = {c.msgtype for c in there[topic]}
            if kinds != {TYPES[field.name]}:
                raise BagError(
                    f"{self.path}: {topic} carries {', '.join(sorted(kinds))}, not"
                    f" {TYPES[field.name]}"
                )
            found[field.name] = there[topic]
        return found

    def _look_through(self) -> dict[str, dict[int, int]]:
        """Field of `Topics` -> stamp -> recording time; of messages with one stamp, the first."""
        index: dict[str, dict[int, int]] = {name: {} for name in self._connections}
        for name, time, data in self._raw(*self._connections):
            try:
                index[name].setdefault(stamp_of(data), time)
            except ValueError as error:
                topic = self._connections[name][0].topic
                raise BagError(f"{self.path}: on {topic} {error}") from error
        return index

    def _message(self, name: str, stamp: int) -> Any:
        time = self._index[name][stamp]
        data = next(d for _, _, d in self._raw(name, start=time) if stamp_of(d) == stamp)
        with _clear_errors(self.path):
            return typestore().deserialize_cdr(data, TYPES[name])

    def _raw(self, *names: str, start: int | None = None) -> Iterator[tuple[str, int, bytes]]:
        name_of = {c.id: n for n in names for c in self._connections[n]}
        connections = [c for n in names for c in self._connections[n]]
        with _clear_errors(self.path):
            for connection, time, data in self._reader.messages(connections, start=start):
                yield name_of[connection.id], time, bytes(data)


@contextmanager
def open_bag(path: str | Path, topics: Topics | None = None) -> Iterator[Bag]:
    """Open a bag and look through its stamps.

    Args:
        path: a bag folder, an ``.mcap`` or a ``.db3`` file.
        topics: where to look.

    Raises:
        BagError: it is not a bag, is damaged, lacks a topic or holds no image.
    """
    path = Path(path)
    if not path.exists():
        raise BagError(f"{path}: no such bag")
    if path.is_dir() and not (path / "metadata.yaml").exists():
        raise BagError(
            f"{path}: not a rosbag2, it has no metadata.yaml; give a bag folder, an .mcap or a .db3"
        )
    with _clear_errors(path):
        reader = Reader(path)
        reader.open()
    try:
        yield Bag(path, reader, topics or Topics())
    finally:
        reader.close()


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """What `rosbags` raises on damaged files is of every kind: struct.error, AssertionError ..."""
    try:
        yield
    except BagError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise BagError(f"{path}: not a readable rosbag2: {reason}") from error


def _nearest(stamps: list[int], stamp: int, slop: int | None) -> int | None:
    """The one of sorted `stamps` nearest to `stamp`, not farther than `slop`."""
    after = bisect_left(stamps, stamp)
    candidates = stamps[max(after - 1, 0) : after + 1]
    best = min(candidates, key=lambda s: abs(s - stamp), default=None)
    return None if best is None or (slop is not None and abs(best - stamp) > slop) else best


def _bag_frame(index: int, stamp: int, found: dict[str, Any]) -> BagFrame:
    if "instance_mask" not in found:
        problem = f"no instance mask within {SLOP // 1_000_000} ms of the image's stamp"
        return BagFrame(index, stamp, problem=problem)
    try:
        frame = to_frame(
            found["image"], found["instance_mask"], found.get("depth"), found.get("camera_info")
        )
        truth, graph = None, None
        if "true_objects" in found:
            truth = LabelledScene(frame, to_truth(found["true_objects"]))
        if "true_graph" in found:
            graph = to_graph(found["true_graph"])
    except ValueError as error:
        return BagFrame(index, stamp, problem=str(error))
    return BagFrame(index, stamp, frame, truth=truth, true_graph=graph)
