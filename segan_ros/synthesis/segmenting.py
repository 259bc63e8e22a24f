"""A segmenter that looks at true masks: draws them in its style, numbers them, publishes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop
from segan_ros.masks.styles import STYLES, Labels, drawn
from segan_ros.messages.images import image_message
from segan_ros.messages.kinds import IMAGE, recorded_message
from segan_ros.messages.segmenters import LABEL_IMAGE

PERFECT = "perfect"
"""The style of true masks."""

SPREAD = 0x9E3779
"""An odd number: its multiples are different colours for 2^24 ids."""

SCORE = 0.9
"""That it gives to each of its masks."""


@dataclass(frozen=True)
class ObjectClass:
    """A class of objects.

    Args:
        number: 2..255.
        name: of the class.
    """

    number: int
    name: str


NOTHING = ObjectClass(1, "unknown")
"""What a mask of no object is taken for."""

Found = Mapping[int, ObjectClass]


@dataclass(frozen=True)
class Output:
    """What a segmenter publishes.

    Args:
        type: of its messages.
        write: ``((H, W) ids, class by id, header, whether ids last) -> message``.
    """

    type: str
    write: Callable[[Labels, Found, Any, bool], Any]


def _label_image(labels: Labels, found: Found, header: Any, _: bool) -> Any:
    if labels.max(initial=0) <= np.iinfo(np.uint8).max:
        return _image(labels.astype(np.uint8), "mono8", header)
    return _image(labels.astype(np.uint16), "16UC1", header)


def _colours(labels: Labels, found: Found, header: Any, _: bool) -> Any:
    number = labels.astype(np.int64) * SPREAD & 0xFFFFFF
    pixels = np.stack([number >> 16, number >> 8 & 255, number & 255], -1).astype(np.uint8)
    return _image(pixels, "rgb8", header)


def _panoptic(labels: Labels, found: Found, header: Any, _: bool) -> Any:
    """Gazebo's: the number of the instance in red and green, low byte first; the class in blue."""
    blue = np.zeros_like(labels)
    for object_id, kind in found.items():
        blue[labels == object_id] = kind.number
    seen = np.where(blue > 0, labels, 0)
    return _image(np.stack([seen & 255, seen >> 8, blue], -1).astype(np.uint8), "rgb8", header)


def _polygons(labels: Labels, found: Found, header: Any, lasts: bool) -> Any:
    """As yolo_ros sends them: the outline of the largest piece of each mask; with its tracker, the
    id as text."""
    detections = []
    for object_id, box in boxes_of(labels).items():
        mask = (crop(labels, box) == object_id).view(np.uint8)
        pieces, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        outline = max(pieces, key=cv2.contourArea).reshape(-1, 2) + box[:2]
        detections.append(
            _yolo(
                "Detection",
                class_id=found[object_id].number,
                class_name=found[object_id].name,
                score=SCORE,
                id=str(object_id) if lasts else "",
                bbox=_box_of_yolo(box),
                bbox3d=_yolo(
                    "BoundingBox3D",
                    center=recorded_message(
                        "geometry_msgs/msg/Pose",
                        position=_numbers("geometry_msgs/msg/Point", x=0, y=0, z=0),
                        orientation=_numbers("geometry_msgs/msg/Quaternion", x=0, y=0, z=0, w=1),
                    ),
                    size=_numbers("geometry_msgs/msg/Vector3", x=0, y=0, z=0),
                    frame_id="",
                ),
                mask=_yolo(
                    "Mask",
                    height=labels.shape[0],
                    width=labels.shape[1],
                    data=[_numbers("yolo_msgs/msg/Point2D", x=x, y=y) for x, y in outline.tolist()],
                ),
                keypoints=_yolo("KeyPoint2DArray", data=[]),
                keypoints3d=_yolo("KeyPoint3DArray", data=[], frame_id=""),
            )
        )
    return _yolo("DetectionArray", header=header, detections=detections)


def _mask_images(labels: Labels, found: Found, header: Any, _: bool) -> Any:
    """As Detectron2_ros2 sends them: an image of the whole picture's size for each mask."""
    boxes = boxes_of(labels)
    return recorded_message(
        "detectron2_msgs/msg/DetectResult",
        header=header,
        boxes=[
            recorded_message(
                "sensor_msgs/msg/RegionOfInterest",
                x_offset=x0,
                y_offset=y0,
                height=y1 - y0,
                width=x1 - x0,
                do_rectify=False,
            )
            for x0, y0, x1, y1 in boxes.values()
        ],
        class_ids=np.array([found[i].number for i in boxes], np.int32),
        class_names=[found[i].name for i in boxes],
        scores=np.full(len(boxes), SCORE, np.float32),
        masks=[
            _image(np.where(labels == i, 255, 0).astype(np.uint8), "mono8", header) for i in boxes
        ],
    )


def _box_of_yolo(box: Box) -> Any:
    x0, y0, x1, y1 = box
    middle = _numbers("yolo_msgs/msg/Point2D", x=(x0 + x1) / 2, y=(y0 + y1) / 2)
    return _yolo(
        "BoundingBox2D",
        center=_yolo("Pose2D", position=middle, theta=0.0),
        size=_numbers("yolo_msgs/msg/Vector2", x=x1 - x0, y=y1 - y0),
    )


def _yolo(name: str, **fields: Any) -> Any:
    return recorded_message(f"yolo_msgs/msg/{name}", **fields)


def _numbers(kind: str, **fields: float) -> Any:
    return recorded_message(kind, **{name: float(value) for name, value in fields.items()})


def _image(pixels: NDArray[Any], encoding: str, header: Any) -> Any:
    return image_message(pixels, encoding, header, recorded_message)


WRITERS = {
    LABEL_IMAGE: Output(IMAGE, _label_image),
    "yolo_msgs": Output("yolo_msgs/msg/DetectionArray", _polygons),
    "masks": Output("detectron2_msgs/msg/DetectResult", _mask_images),
    "panoptic": Output(IMAGE, _panoptic),
    "colours": Output(IMAGE, _colours),
}
"""By the name that the node's parameter `segmenter` has for them."""


@dataclass(frozen=True)
class Segmenter:
    """What a segmenter would make of true masks.

    Args:
        style: how it draws, anew in each frame: `PERFECT` or a key of `masks.styles.STYLES`.
        renumbers: whether its ids mean nothing beyond a frame.
        output: what its messages are, a key of `WRITERS`.
        seed: of its mistakes.

    Raises:
        ValueError: an argument is unknown.
    """

    style: str = PERFECT
    renumbers: bool = False
    output: str = LABEL_IMAGE
    seed: int = 0

    def __post_init__(self) -> None:
        if self.style not in (PERFECT, *STYLES):
            known = ", ".join((PERFECT, *STYLES))
            raise ValueError(f"--mask-style is {self.style!r}; choose from {known}")
        if self.output not in WRITERS:
            raise ValueError(f"--segmenter is {self.output!r}; choose from {', '.join(WRITERS)}")

    @property
    def type(self) -> str:
        """Of its messages."""
        return WRITERS[self.output].type

    def message(self, labels: Labels, classes: Found, number: int, header: Any) -> Any:
        """What it publishes about a frame.

        Args:
            labels: ``(H, W)`` true visible ids.
            classes: by id; a mask of no object gets `NOTHING`.
            number: of the frame.
            header: of the image.
        """
        rng = np.random.default_rng([self.seed, number])
        seen = labels if self.style == PERFECT else drawn(labels, self.style, rng)
        found = {i: classes.get(i, NOTHING) for i in boxes_of(seen)}
        if self.renumbers:
            new = 1 + rng.permutation(len(found))
            table = np.zeros(max(found, default=0) + 1, np.int32)
            table[list(found)] = new
            seen = table[seen.clip(0)]
            found = dict(zip(new.tolist(), found.values(), strict=True))
        return WRITERS[self.output].write(seen, found, header, not self.renumbers)
