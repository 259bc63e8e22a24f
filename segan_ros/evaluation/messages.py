"""Messages -> plain data, without ROS: frames, answers of the node, ground truth.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
"""

from __future__ import annotations

import logging
from functools import cache
from struct import unpack_from
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from segan_ros.compressed_images import decode_compressed
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
from segan_ros.image_messages import (
    MessageError,
    check,
    check_same_size,
    to_camera,
    to_depth,
    to_labels,
    to_rgb,
)
from segan_ros.resources import resource_path
from segan_ros.scenes import TrueObject, tight_box

LOG = logging.getLogger(__name__)

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
        name: key of `image_messages.ENCODINGS`: what it must be able to carry.

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


@cache
def without_depth(reason: str) -> None:
    """Say, once for each `reason`, that frames are completed without their depth."""
    LOG.warning("%s; such frames are completed without depth", reason)


def to_frame(image: Any, mask: Any, depth: Any = None, camera_info: Any = None) -> Frame:
    """A frame from ``sensor_msgs/Image`` messages and a ``CameraInfo``; the last two may be None.

    As at the node, a camera that is not calibrated or has another resolution is an unknown one, and
    depth that cannot be used is left out, with a warning.

    Raises:
        ValueError: an encoding is not supported, a message is cut short, or sizes differ.
    """
    check(image, "image")
    check(mask, "instance_mask")
    metres = None
    if depth is not None:
        try:
            check(depth, "depth")
            check_same_size(image, depth, "depth")
            metres = to_depth(depth)
        except MessageError as error:
            without_depth(str(error))
    stamp = image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
    matrix, distortion = to_camera(camera_info, image)
    return Frame(to_rgb(image), to_labels(mask), metres, matrix, stamp, distortion)


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


def to_true_labels(message: Any) -> NDArray[np.int32] | None:
    """``(H, W)`` int32 true visible ids of an ``AmodalObjectArray``; None if it holds none."""
    box = (0, 0, message.image_width, message.image_height)
    labels = np.zeros((message.image_height, message.image_width), np.int32)
    for item in message.objects:
        if item.id > np.iinfo(np.int32).max:
            raise ValueError(f"the ground truth has the id {item.id}; ids must be below 2^31")
        labels[_mask(item.visible_mask, box)] = item.id
    return labels if labels.any() else None


def to_truth(message: Any) -> tuple[TrueObject, ...]:
    """Ground truth from an ``AmodalObjectArray``; an object may have no visible pixel."""
    height, width = message.image_height, message.image_width
    objects = []
    for item in message.objects:
        amodal = _mask(item.amodal_mask, (0, 0, width, height))
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
    amodal = _mask(message.amodal_mask, box)
    return AmodalObject(
        int(message.id),
        box,
        _mask(message.visible_mask, box),
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
    check(crop.image, "image", "appearance")
    return _placed(crop, box, to_rgb(crop.image))


def _mask(crop: Any, box: Box) -> Mask:
    if not crop.image.width:
        return np.zeros((box[3] - box[1], box[2] - box[0]), bool)
    check(crop.image, "instance_mask", "a mask")
    return _placed(crop, box, to_labels(crop.image)) > 0


def _placed(crop: Any, box: Box, pixels: NDArray[Any]) -> NDArray[Any]:
    """The part of an InstanceMask's `pixels` in `box`; zeros where `box` reaches past them."""
    result = np.zeros((box[3] - box[1], box[2] - box[0], *pixels.shape[2:]), pixels.dtype)
    x0, y0 = max(crop.x, box[0]), max(crop.y, box[1])
    x1 = max(min(crop.x + crop.image.width, box[2]), x0)
    y1 = max(min(crop.y + crop.image.height, box[3]), y0)
    part = pixels[y0 - crop.y : y1 - crop.y, x0 - crop.x : x1 - crop.x]
    result[y0 - box[1] : y1 - box[1], x0 - box[0] : x1 - box[0]] = part
    return result
