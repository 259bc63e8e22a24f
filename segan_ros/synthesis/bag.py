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

from segan_ros.boxes import Box, crop, tight_box, touches_border
from segan_ros.frame import Frame, OcclusionGraph
from segan_ros.messages.recorded import typestore
from segan_ros.storage.bags import TYPES, Topics
from segan_ros.synthesis.unpiling import true_graph, unpile
from segan_ros.truth import LabelledScene, TrueObject

FRAME_ID = "camera_color_optical_frame"
START = 1_750_000_000 * 10**9
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
    path.parent.mkdir(parents=True, exist_ok=True)
    scenes = unpile(seed, size, frames)
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
            stamp = START + round(k * 1e9 / rate)
            for name, message in _messages(scene, stamp):
                data = store.serialize_cdr(message, TYPES[name])
                writer.write(connections[name], stamp, data)


def _messages(scene: LabelledScene, stamp: int) -> Iterator[tuple[str, Any]]:
    """Field of `Topics` and message, for one frame."""
    frame = scene.frame
    header = _make(
        "std_msgs/msg/Header",
        stamp=_make("builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9),
        frame_id=FRAME_ID,
    )
    yield "camera_info", _camera_info(frame, header)
    if frame.depth is not None:
        millimetres = (frame.depth * 1000).round().clip(0, 65535).astype("<u2")
        yield "depth", _image(millimetres, "16UC1", header)
    yield "instance_mask", _image(frame.labels.astype(np.uint8), "mono8", header)
    yield "image", _image(frame.rgb & EVEN, "rgb8", header)
    graph = true_graph(scene)
    layers = dict(zip(graph.object_ids, graph.layers, strict=True))
    yield (
        "true_objects",
        _make(
            TYPES["true_objects"],
            header=header,
            image_height=frame.size[0],
            image_width=frame.size[1],
            objects=[_object(o, frame, layers[o.id], header) for o in scene.objects],
        ),
    )
    yield "true_graph", _graph(graph, header)


def _object(item: TrueObject, frame: Frame, layer: int, header: Any) -> Any:
    visible = frame.labels == item.id
    seen, whole = np.count_nonzero(visible), np.count_nonzero(item.amodal)
    amodal = crop(item.amodal, item.box).astype(np.uint8) * 255
    colours = np.zeros((*amodal.shape, 4), np.uint8)
    if item.appearance is not None:
        colours[..., :3] = (item.appearance & EVEN) * (amodal[..., None] > 0)
        colours[..., 3] = amodal
    depths = np.zeros(0) if frame.depth is None else frame.depth[visible]
    seen_box = tight_box(visible)
    return _make(
        "segan_ros/msg/AmodalObject",
        id=item.id,
        track_id=str(item.id),
        class_id=item.name,
        score=1.0,
        visible_mask=_crop(crop(visible, seen_box).astype(np.uint8) * 255, seen_box, header),
        amodal_mask=_crop(amodal, item.box, header),
        appearance=_crop(colours, item.box, header),
        visible_area=seen,
        amodal_area=whole,
        occlusion_ratio=1 - seen / whole,
        layer=layer,
        truncated=touches_border(item.box, frame.size),
        depth_median=float(np.median(depths)) if len(depths) else float("nan"),
    )


def _graph(graph: OcclusionGraph, header: Any) -> Any:
    edges = [
        _make(
            "segan_ros/msg/OcclusionEdge",
            occluder_id=e.occluder_id,
            occludee_id=e.occludee_id,
            score=e.score,
            overlap_area=e.overlap_area,
            overlap_ratio=e.overlap_ratio,
            depth_gap=e.depth_gap,
            evidence=int(e.evidence),
        )
        for e in graph.edges
    ]
    return _make(
        TYPES["true_graph"],
        header=header,
        object_ids=np.array(graph.object_ids, np.uint32),
        layers=np.array(graph.layers, np.uint16),
        edges=edges,
        is_acyclic=graph.is_acyclic,
        removal_order=np.array(graph.removal_order, np.uint32),
    )


def _camera_info(frame: Frame, header: Any) -> Any:
    matrix = np.eye(3) if frame.camera_matrix is None else frame.camera_matrix
    roi = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
    return _make(
        TYPES["camera_info"],
        header=header,
        height=frame.size[0],
        width=frame.size[1],
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=matrix.ravel(),
        r=np.eye(3).ravel(),
        p=np.c_[matrix, np.zeros(3)].ravel(),
        binning_x=0,
        binning_y=0,
        roi=_make("sensor_msgs/msg/RegionOfInterest", **roi),
    )


def _crop(pixels: NDArray[np.uint8], box: Box, header: Any) -> Any:
    encoding = "mono8" if pixels.ndim == 2 else "rgba8"
    image = _image(pixels, encoding, header)
    return _make("segan_ros/msg/InstanceMask", x=box[0], y=box[1], image=image)


def _image(pixels: NDArray[Any], encoding: str, header: Any) -> Any:
    flat = np.ascontiguousarray(pixels)
    return _make(
        "sensor_msgs/msg/Image",
        header=header,
        height=flat.shape[0],
        width=flat.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=flat[:1].nbytes,
        data=flat.view(np.uint8).ravel(),
    )


def _make(kind: str, **fields: Any) -> Any:
    return typestore().types[kind](**fields)
