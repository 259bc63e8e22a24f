"""Messages of instance segmenters -> `Instances`: what popular ROS 2 packages publish, as they do.

A message is anything with the fields of the ``.msg`` file: rclpy's classes and those of `rosbags`.
Which packages and versions these are, and what was run with them, stands in ``docs/segmenters.md``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop, tight_box
from segan_ros.frame import Mask
from segan_ros.instances import EMPTY, FEW_POINTS, NO_MASK, NO_NUMBERS, OUTSIDE, Instance, Instances
from segan_ros.messages.encodings import EXACT_COLOURS
from segan_ros.messages.images import (
    MAX_SIDE,
    Decoder,
    MessageError,
    check,
    check_same_size,
    decode,
    to_labels,
    to_rgb,
)

LOG = logging.getLogger(__name__)

MOST_DETECTIONS = 1000
"""In one message; more are no segmenter's."""

MOST_POINTS = 2000
"""Of a polygon; of more, some are left out: OpenCV takes minutes to fill tangled ones."""

STRIDE = 32
"""Networks see pictures whose sides are multiples of this, whatever the camera's size."""

BLEED, BLEED_SHARE = 8, 0.1
"""Networks draw masks of objects at the border this many pixels into the bars, and a bit beyond."""


@dataclass(frozen=True)
class Segmenter:
    """A kind of message that holds masks.

    Args:
        type: of the message, such as ``sensor_msgs/msg/Image``; empty where several serve.
        read: ``(message, image, decoder) -> Instances``; the image message gives the size.
    """

    type: str
    read: Callable[[Any, Any, Decoder], Instances]

    def instances(self, message: Any, image: Any, decoder: Decoder = decode) -> Instances:
        """The masks of `message`.

        Args:
            message: of this kind.
            image: the ``sensor_msgs/Image`` that it belongs to.
            decoder: makes raw pixels of an image message.

        Raises:
            MessageError: it cannot be used.
        """
        return self.read(message, image, decoder)


def _from_polygons(message: Any, image: Any, _: Decoder) -> Instances:
    """``yolo_msgs/DetectionArray``: a polygon for each detection, in pixels of the picture."""
    size, left_out, items = (image.height, image.width), Counter[str](), []
    _check_count(message.detections)
    for found in message.detections:
        points = np.array([(p.x, p.y) for p in found.mask.data], np.float64).reshape(-1, 2)
        if not len(points):
            left_out[NO_MASK] += 1
            continue
        if len(points) < 3 or not np.isfinite(points).all():
            left_out[FEW_POINTS if len(points) < 3 else NO_NUMBERS] += 1
            continue
        points *= _scale(found.mask, image)
        drawn = _polygon(points, size)
        if drawn is None:
            left_out[OUTSIDE] += 1
            continue
        box, mask = drawn
        items.append(Instance(box, mask, float(found.score), found.class_name, str(found.id)))
    return Instances(size, tuple(items), left_out)


def _from_mask_images(message: Any, image: Any, decoder: Decoder) -> Instances:
    """A message with an array of mask images, ``masks``, and beside it either ``detections`` of
    vision_msgs (ultralytics_ros) or ``class_names`` and ``scores`` (detectron2's wrappers)."""
    size, left_out, items = (image.height, image.width), Counter[str](), []
    _check_count(message.masks)
    about = _about(message)
    if about and not len(message.masks):
        return Instances(size, (), {NO_MASK: len(about)})
    if about and len(about) != len(message.masks):
        raise MessageError(
            "bad_masks",
            f"the message has {len(message.masks)} masks but {len(about)} detections; each "
            "detection needs one mask, in the same order",
        )
    for number, sent in enumerate(message.masks):
        check(sent, "mask", f"mask {number}")
        mask = _fitted(to_labels(sent, decoder) > 0, size, number)
        box = tight_box(mask)
        if box == (0, 0, 0, 0):
            left_out[EMPTY] += 1
            continue
        name, score, track = about[number] if about else ("", 1.0, "")
        items.append(Instance(box, crop(mask, box), score, name, track))
    return Instances(size, tuple(items), left_out)


def _from_panoptic(message: Any, image: Any, decoder: Decoder) -> Instances:
    """Gazebo's ``labels_map`` of a panoptic camera: red and green count the instances of a class
    (low byte first), blue is the class; class 0 is background."""
    rgb = _colours(message, image, decoder).astype(np.int32)
    return _split(np.where(rgb[..., 2] > 0, _number(rgb[..., ::-1]), 0), lambda i: str(i >> 16))


def _from_colours(message: Any, image: Any, decoder: Decoder) -> Instances:
    """An image in which every object has a colour of its own, and black is background."""
    rgb = _colours(message, image, decoder).astype(np.int32)
    return _split(_number(rgb), lambda _: "")


LABEL_IMAGE = "label_image"
"""The segmenter whose messages are label images already."""

SEGMENTERS = {
    "yolo_msgs": Segmenter("yolo_msgs/msg/DetectionArray", _from_polygons),
    "masks": Segmenter("", _from_mask_images),
    "panoptic": Segmenter("sensor_msgs/msg/Image", _from_panoptic),
    "colours": Segmenter("sensor_msgs/msg/Image", _from_colours),
}
"""All others, by the value of the node's parameter ``segmenter``."""


def _check_count(detections: Sequence[Any]) -> None:
    if len(detections) > MOST_DETECTIONS:
        raise MessageError(
            "too_many_objects",
            f"the message holds {len(detections)} detections, at most {MOST_DETECTIONS} are read; "
            "raise the segmenter's score threshold",
        )


def _scale(mask: Any, image: Any) -> float:
    """What brings polygons of a picture of the mask's size to the image's."""
    width, height = mask.width, mask.height
    if not width or not height or (width, height) == (image.width, image.height):
        return 1.0
    if width * image.height != height * image.width:
        raise MessageError(
            "size_mismatch",
            f"the polygons are for {width}x{height} but the image is {image.width}x{image.height}; "
            "run the segmenter on the same image",
        )
    return image.width / width


def _polygon(points: NDArray[np.float64], size: tuple[int, int]) -> tuple[Box, Mask] | None:
    """Box and mask of a polygon in an image of `size` (height, width); None if it lies outside."""
    points = points[:: -(-len(points) // MOST_POINTS)].clip(-MAX_SIDE, 2 * MAX_SIDE)
    low = np.floor(points.min(axis=0)).astype(int)
    high = np.ceil(points.max(axis=0)).astype(int) + 1
    x0, y0 = max(low[0], 0), max(low[1], 0)
    x1, y1 = min(high[0], size[1]), min(high[1], size[0])
    if x1 <= x0 or y1 <= y0:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.round(points - (x0, y0)).astype(np.int32)], 1)
    box = tight_box(mask > 0)
    if box == (0, 0, 0, 0):
        return None
    a, b, c, d = box
    return (int(x0) + a, int(y0) + b, int(x0) + c, int(y0) + d), mask[b:d, a:c] > 0


def _about(message: Any) -> list[tuple[str, float, str]]:
    """Name, score and track of each mask; empty where the message has none of these."""
    detections = getattr(message, "detections", None)
    if detections is not None:
        return [_hypothesis(d) for d in detections.detections]
    names = list(getattr(message, "class_names", ()))
    scores = [float(s) for s in getattr(message, "scores", ())]
    count = len(names) or len(scores)
    names, scores = names or [""] * count, scores or [1.0] * count
    if len(names) != len(scores):
        raise MessageError(
            "bad_masks", f"the message has {len(names)} class_names but {len(scores)} scores"
        )
    return [(n, s, "") for n, s in zip(names, scores, strict=True)]


def _hypothesis(detection: Any) -> tuple[str, float, str]:
    """Of a ``vision_msgs/Detection2D``: its best hypothesis."""
    track = str(getattr(detection, "id", ""))
    if not len(detection.results):
        return "", 1.0, track
    best = max((r.hypothesis for r in detection.results), key=lambda h: h.score)
    return str(best.class_id), float(best.score), track


def _fitted(mask: Mask, size: tuple[int, int], number: int) -> Mask:
    """`mask` at `size`: as it is, or brought back from the size that a network saw.

    Networks see the picture shrunk into a canvas whose sides are multiples of `STRIDE`, with equal
    bars at two sides ("letterboxed"): a square, or the smallest that holds it.
    """
    if mask.shape == size:
        return mask
    height, width = mask.shape
    gain = min(height / size[0], width / size[1])
    rows, columns = max(round(size[0] * gain), 1), max(round(size[1] * gain), 1)
    is_narrow = max(height - rows, width - columns) < STRIDE
    if height % STRIDE or width % STRIDE or not (is_narrow or height == width):
        raise MessageError(
            "size_mismatch",
            f"mask {number} is {width}x{height} but the image is {size[1]}x{size[0]}; publish "
            f"masks at the image's size, or letterboxed at the network's: its sides are multiples "
            f"of {STRIDE}, and it is square or its bars are narrower than that",
        )
    top, left = (height - rows) // 2, (width - columns) // 2
    inner = slice(top, top + rows), slice(left, left + columns)
    if _in_bars(mask, inner) > BLEED_SHARE:
        raise MessageError(
            "size_mismatch",
            f"mask {number} is {width}x{height} but the image is {size[1]}x{size[0]}, and it has "
            "pixels in the bars of a letterboxed mask: it was stretched, or padded at one side; "
            "publish masks at the image's size",
        )
    _say_letterboxed((width, height), (size[1], size[0]))
    part = mask[inner].astype(np.float32)
    return cv2.resize(part, size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5


def _in_bars(mask: Mask, inner: tuple[slice, slice]) -> float:
    """Share of `mask` that lies farther than `BLEED` outside its part `inner`."""
    rows, columns = (slice(max(s.start - BLEED, 0), s.stop + BLEED) for s in inner)
    inside, everywhere = (int(np.count_nonzero(m)) for m in (mask[rows, columns], mask))
    return 1 - inside / max(everywhere, 1)


@cache
def _say_letterboxed(mask: tuple[int, int], image: tuple[int, int]) -> None:
    LOG.warning(
        "masks are %dx%d but the image is %dx%d: they are treated as letterboxed masks of the "
        "network's size and scaled back; publish them at the image's size for sharper borders "
        "(retina_masks of ultralytics)",
        *mask,
        *image,
    )


def _colours(message: Any, image: Any, decoder: Decoder) -> NDArray[np.uint8]:
    check(message, "image", "instance_mask")
    if message.encoding not in EXACT_COLOURS:
        why = f"which mixes colours; publish it as {', '.join(EXACT_COLOURS)}"
        if message.encoding in ("mono8", "8UC1"):
            why = "which is a label image; set segmenter to label_image"
        found = f"instance_mask has encoding {message.encoding!r}"
        raise MessageError("bad_encoding", f"{found}, {why}")
    check_same_size(image, message, "instance_mask")
    return to_rgb(message, decoder)


def _number(bytes_high_first: NDArray[np.int32]) -> NDArray[np.int32]:
    high, middle, low = (bytes_high_first[..., i] for i in range(3))
    return (high << 16) + (middle << 8) + low


def _split(numbers: NDArray[np.int32], name_of: Callable[[int], str]) -> Instances:
    """An instance for every number above 0 of an image, in ascending order. The numbers are ids
    and no tracks: nothing says that an object has the same one in the next frame."""
    boxes = boxes_of(numbers)
    if len(boxes) > MOST_DETECTIONS:
        raise MessageError(
            "too_many_objects",
            f"instance_mask holds {len(boxes)} colours, at most {MOST_DETECTIONS} are read; was it "
            "sent as jpeg, or is it a photograph?",
        )
    items = (
        Instance(box, crop(numbers, box) == number, name=name_of(number), id=number)
        for number, box in boxes.items()
    )
    return Instances((numbers.shape[0], numbers.shape[1]), tuple(items))
