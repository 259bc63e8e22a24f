"""Messages -> plain data, without ROS: frames, answers of the node, ground truth.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from struct import unpack_from
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.image import image_to_cvimage
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from segan_ros.frame import (
    AmodalObject,
    Box,
    CompletedScene,
    Evidence,
    Frame,
    Image,
    Mask,
    OcclusionEdge,
    OcclusionGraph,
)
from segan_ros.resources import resource_path
from segan_ros.scenes import TrueObject, tight_box

OBJECTS, GRAPH = "segan_ros/msg/AmodalObjectArray", "segan_ros/msg/OcclusionGraph"
IMAGE, CAMERA_INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"

COLOUR = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8")
LABELS = ("mono8", "8UC1", "mono16", "16UC1", "32SC1")
DEPTH = ("16UC1", "32FC1")

_PIXEL_BYTES = {
    "mono8": 1,
    "8UC1": 1,
    "mono16": 2,
    "16UC1": 2,
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "32SC1": 4,
    "32FC1": 4,
}


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


def to_frame(image: Any, mask: Any, depth: Any = None, camera_info: Any = None) -> Frame:
    """A frame from ``sensor_msgs/Image`` messages and a ``CameraInfo``; the last two may be None.

    As at the node, a camera that is not calibrated or has another resolution is an unknown one.

    Raises:
        ValueError: an encoding is not supported, a message is cut short, or sizes differ.
    """
    rgb = np.ascontiguousarray(_pixels(image, COLOUR, "rgb8"))
    labels = _pixels(mask, LABELS).astype(np.int32)
    metres, matrix = None, None
    if depth is not None:
        metres = _pixels(depth, DEPTH).astype(np.float32)
        if depth.encoding == "16UC1":
            metres *= np.float32(0.001)
        metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    if camera_info is not None and (camera_info.height, camera_info.width) == labels.shape:
        k = np.array(camera_info.k, np.float64).reshape(3, 3)
        usable = np.isfinite(k).all() and k[0, 0] > 0 and k[1, 1] > 0 and k[2, 2] != 0
        matrix = k if usable else None
    stamp = image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
    return Frame(rgb, labels, metres, matrix, stamp)


def to_scene(objects: Any, graph: Any) -> CompletedScene:
    """What the node answered, from an ``AmodalObjectArray`` and an ``OcclusionGraph``.

    Messages carry no probabilities: they are 1 inside the whole mask and 0 elsewhere.
    """
    size = objects.image_height, objects.image_width
    return CompletedScene(size, tuple(_object(o, size) for o in objects.objects), to_graph(graph))


def to_graph(message: Any) -> OcclusionGraph:
    """The graph of an ``OcclusionGraph`` message."""
    edges = [
        OcclusionEdge(
            int(e.occluder_id),
            int(e.occludee_id),
            float(e.score),
            int(e.overlap_area),
            float(e.overlap_ratio),
            float(e.depth_gap),
            Evidence(int(e.evidence)),
        )
        for e in message.edges
    ]
    return OcclusionGraph(
        tuple(map(int, message.object_ids)),
        tuple(map(int, message.layers)),
        tuple(edges),
        bool(message.is_acyclic),
        tuple(map(int, message.removal_order)),
    )


def to_truth(message: Any) -> tuple[TrueObject, ...]:
    """Ground truth from an ``AmodalObjectArray``; an object may have no visible pixel."""
    height, width = message.image_height, message.image_width
    objects = []
    for item in message.objects:
        amodal = _placed(item.amodal_mask, (0, 0, width, height)) > 0
        appearance = None
        if item.appearance.image.width:
            appearance = _appearance(item.appearance, tight_box(amodal))
        objects.append(TrueObject(int(item.id), amodal, item.class_id, appearance))
    return tuple(objects)


def _object(message: Any, size: tuple[int, int]) -> AmodalObject:
    boxes = [_box(m, size) for m in (message.visible_mask, message.amodal_mask) if m.image.width]
    if not boxes:
        raise ValueError(f"object {message.id} has empty masks")
    lows, highs = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    box = int(lows[0]), int(lows[1]), int(highs[0]), int(highs[1])
    amodal: Mask = _placed(message.amodal_mask, box) > 0
    return AmodalObject(
        int(message.id),
        box,
        _placed(message.visible_mask, box) > 0,
        amodal,
        amodal.astype(np.float32),
        _appearance(message.appearance, box) if message.appearance.image.width else None,
        float(message.score),
        int(message.layer),
        bool(message.truncated),
        float(message.depth_median),
    )


def _box(crop: Any, size: tuple[int, int]) -> Box:
    """Where an InstanceMask lies, cut to an image of `size` (height, width)."""
    right, bottom = crop.x + crop.image.width, crop.y + crop.image.height
    return max(crop.x, 0), max(crop.y, 0), min(right, size[1]), min(bottom, size[0])


def _appearance(crop: Any, box: Box) -> Image:
    return _placed(crop, box, ("rgb8", "rgba8"), "rgb8")


def _placed(
    crop: Any, box: Box, encodings: Collection[str] = ("mono8",), colour: str | None = None
) -> NDArray[np.uint8]:
    """The part of an InstanceMask that lies in `box`; zeros where `box` reaches past it."""
    shape = box[3] - box[1], box[2] - box[0]
    result = np.zeros(shape if colour is None else (*shape, 3), np.uint8)
    if not crop.image.width:
        return result
    pixels = _pixels(crop.image, encodings, colour)
    x0, y0 = max(crop.x, box[0]), max(crop.y, box[1])
    x1 = max(min(crop.x + crop.image.width, box[2]), x0)
    y1 = max(min(crop.y + crop.image.height, box[3]), y0)
    part = pixels[y0 - crop.y : y1 - crop.y, x0 - crop.x : x1 - crop.x]
    result[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] = part
    return result


def _pixels(message: Any, encodings: Collection[str], colour: str | None = None) -> NDArray[Any]:
    """``(H, W)`` or ``(H, W, C)`` of an Image message, in `colour` or as it is.

    Raises:
        ValueError: its encoding is not one of `encodings`, or it is cut short.
    """
    if message.encoding not in encodings:
        raise ValueError(f"encoding {message.encoding!r} where one of {list(encodings)} belongs")
    row = message.width * _PIXEL_BYTES[message.encoding]
    needed = message.step * message.height
    if message.step < row or len(message.data) < needed:
        raise ValueError(
            f"{len(message.data)} bytes with step {message.step} where {message.width}x"
            f"{message.height} {message.encoding} needs {max(row, message.step) * message.height}"
        )
    # rosbags-image takes rows to be packed.
    data = np.frombuffer(message.data, np.uint8, needed).reshape(message.height, message.step)
    packed = np.ascontiguousarray(data[:, :row]).reshape(-1)
    image: Any = SimpleNamespace(
        encoding=message.encoding,
        height=message.height,
        width=message.width,
        is_bigendian=message.is_bigendian,
        data=packed,
    )
    return image_to_cvimage(image, colour)
