"""Opens bags: a folder, an .mcap or a .db3, whole or damaged, without ROS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from segan_ros.messages.frames import Reading
from segan_ros.storage.bag import Bag, BagError, UnreadableError, clear_errors
from segan_ros.storage.bag_topics import REQUIRED, Topics
from segan_ros.storage.recordings import Salvaged, files_of, is_plain, is_ros1


@contextmanager
def open_bag(
    path: str | Path,
    topics: Topics | None = None,
    required: Sequence[str] = REQUIRED,
    reading: Reading | None = None,
) -> Iterator[Bag]:
    """Open a bag and look through its stamps. Of a damaged one, what can be read is.

    Args:
        path: a bag folder, an ``.mcap`` or a ``.db3`` file.
        topics: where to look.
        required: fields of `Topics` without which it is of no use; the first needs a message.
        reading: what the messages do not say of themselves.

    Raises:
        BagError: it is not a bag, nothing of it can be read, it lacks a topic or holds no image.
    """
    path = Path(path)
    if not path.exists():
        raise BagError(f"{path}: no such bag")
    if is_ros1(path):
        raise BagError(
            f"{path}: a bag of ROS 1; convert it: rosbags-convert --src {path} --dst "
            f"{path.with_suffix('')}"
        )
    wanted = topics or Topics(), required, reading
    bag, reason = _open_whole(path, *wanted)
    bag = bag or _open_salvaged(path, reason, *wanted)
    try:
        yield bag
    finally:
        bag.recording.close()


def _open_whole(path: Path, *wanted: Any) -> tuple[Bag | None, str]:
    """The bag, or None and why it is not whole, as far as `rosbags` sees it."""
    if not is_plain(path):
        return None, ""
    with ExitStack() as stack:
        try:
            with clear_errors(path):
                reader = stack.enter_context(Reader(path))
            files = getattr(reader.storage, "storages", [])
            in_files = {c.topic for file in files for c in file.connections if c.msgcount}
            if unstated := in_files - {c.topic for c in reader.connections}:
                return None, f"metadata.yaml does not list {', '.join(sorted(unstated))}"
            bag = Bag(path, reader, *wanted)
        except UnreadableError as error:
            return None, error.reason
        if bag.missing:
            return None, "; ".join(bag.problems)
        stack.pop_all()  # open from now on
        return bag, ""


def _open_salvaged(path: Path, reason: str, *wanted: Any) -> Bag:
    files = files_of(path)
    try:
        recording = Salvaged(files)
    except ValueError as error:
        why = error if files or not reason else reason
        raise UnreadableError(path, str(why)) from None
    if recording.problems and not recording.connections:
        recording.close()
        raise UnreadableError(path, "; ".join(recording.problems))
    try:
        return Bag(path, recording, *wanted)
    except BagError as error:
        recording.close()
        damage = "".join(f"; {p}" for p in recording.problems if p not in str(error))
        raise BagError(f"{error}{damage}") from None
