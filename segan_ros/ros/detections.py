"""The completed objects as vision_msgs, the messages that many other packages read.

vision_msgs is imported only where it is asked for (parameter `publish_detections`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from std_msgs.msg import Header

from segan_ros.boxes import Box
from segan_ros.frame import AmodalObject, CompletedScene
from segan_ros.geometry.oriented_boxes import OrientedBox
from segan_ros.ros.interface import Endpoint
from segan_ros.ros.segmenters import remedy_for
from segan_ros.ros.space import to_pose, to_vector


class DetectionsError(ValueError):
    """vision_msgs cannot be used; the text says what to install."""


def detection_outputs() -> tuple[Endpoint, ...]:
    """The topics of `detections_2d` and `detections_3d`.

    Raises:
        DetectionsError: vision_msgs is not installed, or too old.
    """
    messages = _messages()
    return (
        Endpoint(
            "~/detections_2d", messages.Detection2DArray, "box of every whole mask, as vision_msgs"
        ),
        Endpoint(
            "~/detections_3d",
            messages.Detection3DArray,
            "the oriented boxes, as vision_msgs; needs depth, camera_info",
        ),
    )


def to_detections_2d(scene: CompletedScene, header: Header) -> Any:
    """A ``Detection2DArray``: for each object the box around its whole mask, in pixels."""
    messages = _messages()
    message = messages.Detection2DArray(header=header)
    for item in scene.objects:
        message.detections.append(
            messages.Detection2D(
                header=header,
                id=_id_of(item),
                results=[_hypothesis(item)],
                bbox=_flat_box(item.box),
            )
        )
    return message


def to_detections_3d(
    boxes: Mapping[int, OrientedBox], scene: CompletedScene, header: Header
) -> Any:
    """A ``Detection3DArray``: the oriented box of each object that has one, in metres."""
    messages = _messages()
    message = messages.Detection3DArray(header=header)
    for item in scene.objects:
        if (box := boxes.get(item.id)) is None:
            continue
        result = _hypothesis(item)
        result.pose.pose = to_pose(box)
        message.detections.append(
            messages.Detection3D(
                header=header,
                id=_id_of(item),
                results=[result],
                bbox=messages.BoundingBox3D(center=to_pose(box), size=to_vector(box.size)),
            )
        )
    return message


def _messages() -> Any:
    try:
        messages = import_module("vision_msgs.msg")
    except ImportError as error:
        raise DetectionsError(
            "publish_detections is true, which needs the messages of vision_msgs "
            f"({error}): {remedy_for('vision_msgs')}"
        ) from None
    if "id" not in messages.Detection2D.get_fields_and_field_types():
        raise DetectionsError(
            "publish_detections is true, but the installed vision_msgs is older than 4.0: "
            f"{remedy_for('vision_msgs')}"
        )
    return messages


def _id_of(item: AmodalObject) -> str:
    """The same over frames where the segmenter tracks, else the id in this frame."""
    return item.track_id or str(item.id)


def _hypothesis(item: AmodalObject) -> Any:
    messages = _messages()
    found = messages.ObjectHypothesis(class_id=item.name, score=float(item.score))
    return messages.ObjectHypothesisWithPose(hypothesis=found)


def _flat_box(box: Box) -> Any:
    """With its centre between pixels' centres: pixel 0 lies at 0."""
    messages = _messages()
    x0, y0, x1, y1 = box
    middle = messages.Point2D(x=(x0 + x1 - 1) / 2, y=(y0 + y1 - 1) / 2)
    return messages.BoundingBox2D(
        center=messages.Pose2D(position=middle), size_x=float(x1 - x0), size_y=float(y1 - y0)
    )
