"""The message types in use, and how a message is made: of ROS's classes or of those of `rosbags`.

Both have the fields of the ``.msg`` files, so that one builder serves both once it is handed a
`Make`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.host.resources import resource_path

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
OBJECTS, GRAPH = "segan_ros/msg/AmodalObjectArray", "segan_ros/msg/OcclusionGraph"

Make = Callable[..., Any]
"""Makes a message of a type such as `IMAGE` from all its fields; sequences of numbers are arrays of
the field's type."""


def ros_message(kind: str, **fields: Any) -> Any:
    """A message of ROS's own class."""
    message = _ros_class(kind)()
    for name, value in fields.items():
        setattr(message, name, _numbers(value) if isinstance(value, np.ndarray) else value)
    return message


def recorded_message(kind: str, **fields: Any) -> Any:
    """A message of the class of `rosbags`, which needs no ROS."""
    return typestore().types[kind](**fields)


@cache
def typestore() -> Typestore:
    """Serialises and deserialises the standard messages, those of this package, and those of
    segmenters in ``interfaces/``."""
    from rosbags.typesys import get_types_from_msg  # the node needs none

    store = _standard()
    types = {}
    folders = {"segan_ros": resource_path("msg")}
    folders |= {f.name: f / "msg" for f in Path(__file__).with_name("interfaces").iterdir()}
    for package, folder in folders.items():
        for path in sorted(folder.glob("*.msg")):
            types.update(get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}"))
    store.register(types)
    return store


def store_for(connection: Any) -> Typestore:
    """What deserialises the messages of a bag's connection: for types that are not standard the
    definitions that the bag holds, since other versions of them may have other fields; else
    `typestore`.

    Raises:
        ValueError: the bag holds no definition of a type that is not known.
    """
    kind = connection.msgtype
    if kind in _standard_kinds() or (is_assumed(connection) and kind in typestore().types):
        return typestore()
    if not is_assumed(connection):
        return _store_of(kind, connection.msgdef.data)
    raise ValueError(
        f"{connection.topic} carries {kind} but the bag holds no definition of it; record it anew "
        "as mcap"
    )


def is_assumed(connection: Any) -> bool:
    """Whether nothing but this package says what the messages of a bag's `connection` consist of:
    they are not standard, and the bag does not define them."""
    found = connection.msgdef
    says = found is not None and found.format.name == "MSG" and bool(found.data.strip())
    return connection.msgtype not in _standard_kinds() and not says


@cache
def _standard_kinds() -> frozenset[str]:
    """They are asked for with every message of a bag."""
    return frozenset(_standard().types)


def _standard() -> Typestore:
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.LATEST)


@cache
def _store_of(kind: str, definition: str) -> Typestore:
    from rosbags.typesys import get_types_from_msg

    store = _standard()
    types = get_types_from_msg(definition, kind)
    store.register({name: fields for name, fields in types.items() if name not in store.types})
    return store


@cache
def _ros_class(kind: str) -> type:
    package, _, name = kind.partition("/msg/")
    return getattr(import_module(f"{package}.msg"), name)


def _numbers(values: NDArray[Any]) -> array[Any]:
    """Assigning an array.array costs microseconds, assigning anything else tens of milliseconds."""
    numbers = array(values.dtype.char)
    if values.size:
        numbers.frombytes(values.data.cast("B"))
    return numbers
