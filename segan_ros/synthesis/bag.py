"""A rosbag2 of the demo: pictures, masks, depth and ground truth, readable with or without ROS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from segan_ros.boxes import crop, touches_border
from segan_ros.frame import AmodalObject, CompletedScene, Frame, OcclusionGraph
from segan_ros.messages.answers import graph_message, objects_message
from segan_ros.messages.camera import camera_message
from segan_ros.messages.images import image_message
from segan_ros.messages.kinds import recorded_message, typestore
from segan_ros.messages.stamps import SECOND
from segan_ros.storage.bag_topics import TYPES, Topics
from segan_ros.synthesis.unpiling import true_graph, unpile
from segan_ros.truth import LabelledScene, TrueObject

FRAME_ID = "camera_color_optical_frame"
START = 1_750_000_000 * SECOND
"""Stamp of the first frame, nanoseconds: fixed, so that the same seed gives the same bytes."""

EVEN = np.uint8(0xFE)
"""Colours in a bag are even: nobody sees it, and the bag is a third smaller."""


def write_bag(path: Path, seed: int, size: tuple[int, int], frames: int, rate: float) -> None:
    """Render `unpiling.unpile` into a bag.

    Args:
        path: a new bag folder; a single file if it ends in ``.mcap``.
        seed: of the scene.
        size: height and width in pixels.
        frames: how many.
        rate: frames per second.

    Raises:
        ValueError: `path` exists, or an argument is out of range.
    """
    if path.exists():
        raise ValueError(f"{path}: exists already; remove it or choose another --bag")
    if not 0.01 <= rate <= 1000:
        raise ValueError(f"--rate is {rate:g}; it must lie in 0.01..1000 Hz")
    if seed < 0:
        raise ValueError(f"--seed is {seed}; it must not be negative")
    scenes = unpile(seed, size, frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        made = Path(folder) / path.stem
        _write(made, scenes, rate)
        shutil.move(made / f"{made.name}.mcap" if path.suffix == ".mcap" else made, path)


def _write(folder: Path, scenes: list[LabelledScene], rate: float) -> None:
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    store, topics = typestore(), Topics()
    with writer:
        connections = {
            name: writer.add_connection(getattr(topics, name), kind, typestore=store)
            for name, kind in TYPES.items()
        }
        for k, scene in enumerate(scenes):
            stamp = START + round(k * SECOND / rate)
            for name, message in _messages(scene, stamp):
                data = store.serialize_cdr(message, TYPES[name])
                writer.write(connections[name], stamp, data)


def _messages(scene: LabelledScene, stamp: int) -> Iterator[tuple[str, Any]]:
    """Field of `Topics` and message, for one frame."""
    frame = scene.frame
    seconds, rest = divmod(stamp, SECOND)
    time = recorded_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
    header = recorded_message("std_msgs/msg/Header", stamp=time, frame_id=FRAME_ID)
    yield "camera_info", camera_message(frame, header, recorded_message)
    if frame.depth is not None:
        millimetres = (frame.depth * 1000).round().clip(0, 65535).astype(np.uint16)
        yield "depth", _image(millimetres, "16UC1", header)
    yield "instance_mask", _image(frame.labels.astype(np.uint8), "mono8", header)
    yield "image", _image(frame.rgb & EVEN, "rgb8", header)
    truth, names = _as_completed(scene, true_graph(scene)), {o.id: o.name for o in scene.objects}
    yield "true_objects", objects_message(truth, header, make=recorded_message, names=names)
    yield "true_graph", graph_message(truth.graph, header, recorded_message)


def _image(pixels: NDArray[Any], encoding: str, header: Any) -> Any:
    return image_message(pixels, encoding, header, recorded_message)


def _as_completed(scene: LabelledScene, graph: OcclusionGraph) -> CompletedScene:
    """The truth in the form of a perfect answer."""
    layers = dict(zip(graph.object_ids, graph.layers, strict=True))
    objects = tuple(_perfect(o, scene.frame, layers[o.id]) for o in scene.objects)
    return CompletedScene(scene.frame.size, objects, graph)


def _perfect(item: TrueObject, frame: Frame, layer: int) -> AmodalObject:
    box = item.box
    visible, amodal = crop(frame.labels, box) == item.id, crop(item.amodal, box)
    depths = np.zeros(0) if frame.depth is None else crop(frame.depth, box)[visible]
    return AmodalObject(
        item.id,
        box,
        visible,
        amodal,
        amodal.astype(np.float32),
        None if item.appearance is None else item.appearance & EVEN,
        layer=layer,
        truncated=touches_border(box, frame.size),
        depth_median=float(np.median(depths)) if len(depths) else float("nan"),
    )
