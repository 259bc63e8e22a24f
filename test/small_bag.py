"""Bags of a few synthetic frames, for tests: two cards, the front one moving over the other."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack

import cv2
import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from segan_ros.boxes import tight_box
from segan_ros.frame import Frame
from segan_ros.messages.images import decode
from segan_ros.messages.kinds import typestore
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

SIZE = 60, 80
START = 1_700_000_000_000_000_000
PERIOD = 250_000_000

STORE = typestore()
TYPES = STORE.types
HEADER, TIME = TYPES["std_msgs/msg/Header"], TYPES["builtin_interfaces/msg/Time"]


def two_cards(shift: int = 0) -> LabelledScene:
    """A card (id 1) over another (id 2), of which it hides a strip of 8 columns; gray, flat."""
    front, behind = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    front[10:50, 10 + shift : 40 + shift] = True
    behind[15:45, 32 + shift : 62 + shift] = True
    labels = np.where(front, 1, np.where(behind, 2, 0)).astype(np.int32)
    depth = np.where(front, 0.5, np.where(behind, 0.6, 0.7)).astype(np.float32)
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    rgb[front] = (200, 60, 30)
    objects = tuple(
        TrueObject(i, m, f"card {i}", np.full((*extent, 3), 128, np.uint8))
        for i, m, extent in ((1, front, (40, 30)), (2, behind, (30, 30)))
    )
    matrix = np.array([[80.0, 0, 40], [0, 80, 30], [0, 0, 1]])
    frame = Frame(rgb, labels, depth, matrix)
    return LabelledScene(frame, objects, true_occlusions(labels, objects))


@dataclass(frozen=True)
class Contents:
    """What to write.

    Args:
        frames: how many.
        without: topics to leave out, by their last part.
        skip_masks: frames whose mask is missing.
        skip_depth: frames whose depth is missing.
        mask_delay: nanoseconds that stamps of masks lie behind those of images.
        plugin: storage.
        compression: of the storage, of files or of messages.
        compressed: whether images are jpeg and png below their topics, as image_transport has them.
        depth: encoding of depth, 32FC1 metres or 16UC1 millimetres.
        prefix: of the camera's topics.
        names: tables of class names, one before each of the first frames.
        renumber: whether ids of masks, not of the truth, change places in every other frame.
    """

    frames: int = 3
    without: Collection[str] = ()
    skip_masks: Collection[int] = ()
    skip_depth: Collection[int] = ()
    mask_delay: int = 0
    plugin: StoragePlugin = StoragePlugin.MCAP
    compression: CompressionMode = CompressionMode.NONE
    compressed: bool = False
    depth: str = "32FC1"
    prefix: str = "/camera"
    names: Sequence[str] = ()
    renumber: bool = False


def write_bag(folder: Path, contents: Contents | None = None) -> Path:
    """Write a bag folder with the topics of the shipped bag; return it."""
    contents = contents or Contents()
    writer = Writer(folder, version=9, storage_plugin=contents.plugin)
    if contents.compression != CompressionMode.NONE:
        writer.set_compression(contents.compression, CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, object] = {}

        def put(topic: str, message: object, time: int) -> None:
            if topic.rpartition("/")[2] in contents.without:
                return
            if contents.compressed and message.__msgtype__ == "sensor_msgs/msg/Image":
                topic, message = compressed(topic, message)
            topic = topic.replace("/camera", contents.prefix, 1)
            kind = message.__msgtype__  # type: ignore[attr-defined]
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], time, STORE.serialize_cdr(message, kind))

        for i in range(contents.frames):
            stamp = START + i * PERIOD
            scene = two_cards(i)
            frame = scene.frame
            header = header_of(stamp)
            for table in contents.names[i : i + 1]:
                put("/camera/label_names", TYPES["std_msgs/msg/String"](table), stamp)
            put("/camera/camera_info", camera_info(frame, header), stamp)
            put("/camera/image", image(frame.rgb, "rgb8", header), stamp)
            metres = frame.depth
            if contents.depth == "16UC1":
                metres = (frame.depth * 1000).round().astype(np.uint16)
            if i not in contents.skip_depth:
                put("/camera/depth", image(metres, contents.depth, header), stamp)
            if i not in contents.skip_masks:
                labels = frame.labels
                if contents.renumber and i % 2:
                    labels = np.where(labels > 0, 3 - labels, 0)
                masks = image(
                    labels.astype(np.uint16), "16UC1", header_of(stamp + contents.mask_delay)
                )
                put("/camera/instance_mask", masks, stamp + 5_000_000)
            put("/ground_truth/objects", true_objects(scene, header), stamp)
            put("/ground_truth/occlusion_graph", true_graph(scene, header), stamp)
    return folder


def write_frames(
    folder: Path, frames: list[tuple[np.ndarray, np.ndarray]], period: int = PERIOD, loop: int = 99
) -> Path:
    """A bag of pictures and masks alone, `period` nanoseconds apart; stamps start again after every
    `loop` of them."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        kind = "sensor_msgs/msg/Image"
        topics = ("/camera/image", "/camera/instance_mask")
        out = [writer.add_connection(topic, kind, typestore=STORE) for topic in topics]
        for i, (rgb, labels) in enumerate(frames):
            header = header_of(START + i % loop * period)
            masks = image(labels.astype(np.uint16), "16UC1", header)
            for connection, sent in zip(out, (image(rgb, "rgb8", header), masks), strict=True):
                writer.write(connection, START + i, STORE.serialize_cdr(sent, kind))
    return folder


def header_of(stamp: int) -> object:
    """A Header of the optical frame."""
    return HEADER(TIME(stamp // 1_000_000_000, stamp % 1_000_000_000), "camera_optical")


def image(pixels: np.ndarray, encoding: str, header: object, padding: int = 0) -> object:
    """A sensor_msgs/Image, with `padding` bytes behind each row."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return TYPES["sensor_msgs/msg/Image"](
        header,
        pixels.shape[0],
        pixels.shape[1],
        encoding,
        int(pixels.dtype.byteorder == ">" or sys.byteorder == "big"),
        rows.shape[1],
        rows.reshape(-1),
    )


def compressed(topic: str, message: object) -> tuple[str, object]:
    """An Image as image_transport's plugins compress it, and the topic that they give it."""
    pixels, encoding = decode(message), message.encoding  # type: ignore[attr-defined]
    if topic.endswith("depth"):
        a, b = 100.0, 0.5  # inverse depth: 0.5 m is 200.5
        if encoding == "32FC1":
            pixels = (a / pixels + b).round().astype(np.uint16)
        front, kind, ending = pack("<iff", 0, a, b), "compressedDepth png", "/compressedDepth"
    else:
        front, kind, ending = b"", "png compressed", "/compressed"
        if encoding == "rgb8":
            pixels, kind = pixels[..., ::-1], "jpeg compressed bgr8"
    file = cv2.imencode(".jpg" if "jpeg" in kind else ".png", pixels)[1].tobytes()
    compressed_type = TYPES["sensor_msgs/msg/CompressedImage"]
    data = np.frombuffer(front + file, np.uint8)
    return topic + ending, compressed_type(message.header, f"{encoding}; {kind}", data)  # type: ignore[attr-defined]


def camera_info(frame: Frame, header: object) -> object:
    """The frame's camera, without distortion."""
    assert frame.camera_matrix is not None
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    k = frame.camera_matrix
    projection = np.hstack([k, np.zeros((3, 1))])
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header,
        *frame.size,
        "plumb_bob",
        np.zeros(5),
        k.reshape(-1),
        np.eye(3).reshape(-1),
        projection.reshape(-1),
        0,
        0,
        roi,
    )


def crop(pixels: np.ndarray, x: int, y: int, encoding: str, header: object) -> object:
    """An InstanceMask."""
    return TYPES["segan_ros/msg/InstanceMask"](x, y, image(pixels, encoding, header))


def true_objects(scene: LabelledScene, header: object) -> object:
    """Ground truth as an AmodalObjectArray."""
    objects = []
    for item in scene.objects:
        x0, y0, x1, y1 = tight_box(item.amodal)
        whole = item.amodal[y0:y1, x0:x1]
        seen = (scene.frame.labels == item.id)[y0:y1, x0:x1]
        rgba = np.dstack([item.appearance, whole.astype(np.uint8) * 255])
        objects.append(
            TYPES["segan_ros/msg/AmodalObject"](
                item.id,
                "",
                item.name,
                1.0,
                crop(seen.astype(np.uint8) * 255, x0, y0, "mono8", header),
                crop(whole.astype(np.uint8) * 255, x0, y0, "mono8", header),
                crop(rgba, x0, y0, "rgba8", header),
                int(seen.sum()),
                int(whole.sum()),
                float(1 - seen.sum() / whole.sum()),
                0,
                False,
                0.5,
                float("nan"),
                False,
                False,
            )
        )
    kind = TYPES["segan_ros/msg/AmodalObjectArray"]
    return kind(header, *scene.frame.size, objects)


def true_graph(scene: LabelledScene, header: object) -> object:
    """Ground truth as an OcclusionGraph."""
    nan = float("nan")
    edges = [
        TYPES["segan_ros/msg/OcclusionEdge"](a, b, 1.0, n, 0.2, nan, 1, nan, True, False)
        for a, b, n in scene.occlusions
    ]
    ids = np.array([o.id for o in scene.objects], np.uint32)
    kind = TYPES["segan_ros/msg/OcclusionGraph"]
    layers, free = np.array([0, 1], np.uint16), ids[:1]
    up = TYPES["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
    return kind(header, ids, layers, edges, True, ids, [], free, up, 0.0)
