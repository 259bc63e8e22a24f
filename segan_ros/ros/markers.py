"""Oriented boxes of completed objects as RViz markers, for frames with depth and camera_info."""

from __future__ import annotations

from collections.abc import Mapping

from geometry_msgs.msg import Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from segan_ros.drawing.paint import colour_of
from segan_ros.frame import AmodalObject, CompletedScene
from segan_ros.geometry.oriented_boxes import OrientedBox
from segan_ros.ros.space import to_pose

THINNEST = 0.002
"""Metres: RViz draws nothing for a box without thickness."""


def to_markers(
    boxes: Mapping[int, OrientedBox], scene: CompletedScene, header: Header
) -> MarkerArray:
    """A box and a label for each object that has a box; the first marker clears the old ones."""
    message = MarkerArray()
    message.markers.append(Marker(header=header, action=Marker.DELETEALL))
    for item in scene.objects:
        if (box := boxes.get(item.id)) is not None:
            message.markers += [_box(item, box, header), _label(item, box, header)]
    return message


def _box(item: AmodalObject, box: OrientedBox, header: Header) -> Marker:
    red, green, blue = (c / 255 for c in colour_of(item.id))
    return Marker(
        header=header,
        ns="box",
        id=item.id,
        type=Marker.CUBE,
        pose=to_pose(box),
        scale=Vector3(**{k: max(float(v), THINNEST) for k, v in zip("xyz", box.size, strict=True)}),
        color=ColorRGBA(r=red, g=green, b=blue, a=0.5),
    )


def _label(item: AmodalObject, box: OrientedBox, header: Header) -> Marker:
    return Marker(
        header=header,
        ns="label",
        id=item.id,
        type=Marker.TEXT_VIEW_FACING,
        pose=Pose(position=to_pose(box).position, orientation=Quaternion(w=1.0)),
        scale=Vector3(z=0.025),
        color=ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
        text=" ".join(filter(None, (str(item.id), item.name, f"L{item.layer}"))),
    )
