"""Serialised messages, as bags and raw subscriptions hold them: types, stamps."""

from __future__ import annotations

from functools import cache
from struct import unpack_from
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from segan_ros.messages.compressed import decode_compressed
from segan_ros.resources import resource_path

OBJECTS, GRAPH = "segan_ros/msg/AmodalObjectArray", "segan_ros/msg/OcclusionGraph"


IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"


COMPRESSED = "sensor_msgs/msg/CompressedImage"


@cache
def typestore() -> Typestore:
    """Serialises and deserialises the standard messages and those of this package."""
    store = get_typestore(Stores.LATEST)
    types = {}
    for path in sorted(resource_path("msg").glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(), f"segan_ros/msg/{path.stem}"))
    store.register(types)
    return store


def stamp_of(serialised: bytes | memoryview) -> int:
    """Header stamp in nanoseconds of a CDR message that begins with a header.

    Raises:
        ValueError: it is too short to hold one, or the stamp is none.
    """
    if len(serialised) < 12:
        raise ValueError(f"a message of {len(serialised)} bytes holds no header")
    seconds, nanoseconds = unpack_from("<iI" if serialised[1] & 1 else ">iI", serialised, 4)
    if seconds < 0 or nanoseconds >= 1_000_000_000:
        raise ValueError(f"a message has stamp {seconds} s {nanoseconds} ns, which is no time")
    return seconds * 1_000_000_000 + nanoseconds


def decompressed(message: Any, name: str) -> Any:
    """The ``sensor_msgs/Image`` that a ``sensor_msgs/CompressedImage`` holds.

    Args:
        message: to be decoded.
        name: key of `images.ENCODINGS`: what it must be able to carry.

    Raises:
        ValueError: it is damaged, or of a kind that loses what `name` must carry.
    """
    found = decode_compressed(message, name)
    return typestore().types[IMAGE](
        header=message.header,
        height=found.height,
        width=found.width,
        encoding=found.encoding,
        is_bigendian=found.is_bigendian,
        step=found.step,
        data=found.data,
    )
