"""A rosbag2 of demo or stream: pictures, masks, depth and truth, readable with or without ROS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from segan_ros.boxes import crop, touches_border
from segan_ros.frame import SECOND, AmodalObject, CompletedScene, Frame, OcclusionGraph
from segan_ros.host.progress import Progress
from segan_ros.messages.answers import graph_message, objects_message
from segan_ros.messages.camera import camera_message
from segan_ros.messages.images import image_message
from segan_ros.messages.kinds import recorded_message, typestore
from segan_ros.storage.bag_topics import TYPES, Topics
from segan_ros.synthesis.clearing import Course, clear_pile, demo, stream, true_graph
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.segmenting import ObjectClass, Segmenter
from segan_ros.synthesis.views import Rejected
from segan_ros.truth import LabelledScene, TrueObject

FRAME_ID = "camera_color_optical_frame"
START = 1_750_000_000 * SECOND
"""Stamp of the first frame, nanoseconds: fixed, so that the same seed gives the same bytes."""

PILES = 100
"""Tried before a seed is given up."""

IMU, TF, WORLD = "/camera/imu", "/tf", "world"
"""Where a stream says which way is up: as an accelerometer at rest feels it, in the camera's frame;
and as the camera's pose in a frame whose z is up."""

EXTRA_TYPES = {"imu": "sensor_msgs/msg/Imu", "tf": "tf2_msgs/msg/TFMessage"}
"""Message types of what a stream has besides the demo's topics."""

GRAVITY = 9.81

EVEN = np.uint8(0xFE)
"""Colours in a bag are even: nobody sees it, and the bag is a third smaller."""


@dataclass(frozen=True)
class BagJob:
    """What to write.

    Args:
        seed: of everything.
        size: height and width in pixels.
        frames: how many.
        rate: frames per second.
        stream: a robot's stream, see `clearing.stream`, with `IMU` and `TF`; else the demo.
        segmenter: makes the masks; ground truth keeps its ids.

    Raises:
        ValueError: an argument is out of range.
    """

    seed: int
    size: tuple[int, int]
    frames: int = 15
    rate: float = 2.0
    stream: bool = False
    segmenter: Segmenter = field(default_factory=Segmenter)

    def __post_init__(self) -> None:
        if not 0.01 <= self.rate <= 1000:
            raise ValueError(f"--rate is {self.rate:g}; it must lie in 0.01..1000 Hz")
        if self.seed < 0:
            raise ValueError(f"--seed is {self.seed}; it must not be negative")

    @property
    def course(self) -> Course:
        """What happens in which frame."""
        return stream(self.frames) if self.stream else demo(self.frames)


def write_bag(path: Path, job: BagJob) -> None:
    """Render a bag; the same job gives the same bytes.

    Args:
        path: a new bag folder; a single file if it ends in ``.mcap``.
        job: what to write.

    Raises:
        ValueError: `path` exists, there are too few frames, or no pile serves.
    """
    if path.exists():
        raise ValueError(f"{path}: exists already; remove it or choose another --bag")
    piles = islice(clear_pile(job.seed, job.size, job.course), PILES)
    path.parent.mkdir(parents=True, exist_ok=True)
    for scenes in piles:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            made = Path(folder) / path.stem
            try:
                _write(made, scenes, job)
            except Rejected:
                continue
            shutil.move(made / f"{made.name}.mcap" if path.suffix == ".mcap" else made, path)
            return
    raise ValueError(
        f"--seed is {job.seed}, --size {job.size[1]}x{job.size[0]}: none of {PILES} piles is "
        "usable; choose others"
    )


def _write(folder: Path, scenes: Iterator[LabelledScene], job: BagJob) -> None:
    writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    store = typestore()
    types = {**TYPES, **(EXTRA_TYPES if job.stream else {}), "instance_mask": job.segmenter.type}
    names = {**{name: getattr(Topics(), name) for name in TYPES}, "imu": IMU, "tf": TF}
    with writer:
        connections = {
            name: writer.add_connection(names[name], kind, typestore=store)
            for name, kind in types.items()
        }
        classes: dict[str, ObjectClass] = {}
        for k, scene in enumerate(Progress(scenes, "rendering", total=job.frames, unit="frame")):
            stamp = START + round(k * SECOND / job.rate)
            header = _header(stamp)
            classes = classes or {
                n: ObjectClass(i, n)
                for i, n in enumerate(sorted({o.name for o in scene.objects}), 2)
            }
            masks = job.segmenter.message(
                scene.frame.labels, {o.id: classes[o.name] for o in scene.objects}, k, header
            )
            messages = dict(_messages(scene, header, masks))
            if job.stream:
                messages |= _up(scene, header)
            for name, message in messages.items():
                writer.write(connections[name], stamp, store.serialize_cdr(message, types[name]))


def _header(stamp: int) -> Any:
    seconds, rest = divmod(stamp, SECOND)
    time = recorded_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
    return recorded_message("std_msgs/msg/Header", stamp=time, frame_id=FRAME_ID)


def _messages(scene: LabelledScene, header: Any, masks: Any) -> Iterator[tuple[str, Any]]:
    """Field of `Topics` and message, for one frame."""
    frame = scene.frame
    yield "camera_info", camera_message(frame, header, recorded_message)
    if frame.depth is not None:
        millimetres = (frame.depth * 1000).round().clip(0, 65535).astype(np.uint16)
        yield "depth", _image(millimetres, "16UC1", header)
    yield "instance_mask", masks
    yield "image", _image(frame.rgb & EVEN, "rgb8", header)
    truth, names = _as_completed(scene, true_graph(scene)), {o.id: o.name for o in scene.objects}
    yield "true_objects", objects_message(truth, header, make=recorded_message, names=names)
    yield "true_graph", graph_message(truth.graph, header, recorded_message)


def _up(scene: LabelledScene, header: Any) -> dict[str, Any]:
    """Which way is up, and the camera's pose."""
    up = np.asarray(scene.frame.up)
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.array(scene.extra["camera_rotation"]).ravel())
    w, x, y, z = quaternion.tolist()
    covariance = np.zeros(9)
    unknown = np.array([-1.0, *[0.0] * 8])  # as sensor_msgs has it: no such estimate
    imu = _make(
        "sensor_msgs/Imu",
        header=header,
        orientation=_make("geometry_msgs/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        orientation_covariance=unknown,
        angular_velocity=_vector(np.zeros(3)),
        angular_velocity_covariance=unknown,
        linear_acceleration=_vector(GRAVITY * up),
        linear_acceleration_covariance=covariance,
    )
    transform = _make(
        "geometry_msgs/Transform",
        translation=_vector(np.array(scene.extra["camera_position"])),
        rotation=_make("geometry_msgs/Quaternion", x=x, y=y, z=z, w=w),
    )
    stamped = _make(
        "geometry_msgs/TransformStamped",
        header=replace(header, frame_id=WORLD),
        child_frame_id=FRAME_ID,
        transform=transform,
    )
    return {"imu": imu, "tf": _make("tf2_msgs/TFMessage", transforms=[stamped])}


def _vector(values: NDArray[np.float64]) -> Any:
    return _make("geometry_msgs/Vector3", **dict(zip("xyz", values.tolist(), strict=True)))


def _make(kind: str, **fields: Any) -> Any:
    return recorded_message(kind.replace("/", "/msg/"), **fields)


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
