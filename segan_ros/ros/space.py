"""Where the objects are in space, as messages: boxes and points."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Mapping

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from segan_ros.frame import CompletedScene, Frame
from segan_ros.geometry.oriented_boxes import OrientedBox, visible_points
from segan_ros.messages.bridge import quaternion
from segan_ros.msg import OrientedBox as OrientedBoxMsg
from segan_ros.msg import OrientedBoxArray

FIELDS = {
    "x": (np.float32, PointField.FLOAT32),
    "y": (np.float32, PointField.FLOAT32),
    "z": (np.float32, PointField.FLOAT32),
    # RViz reads 0x00RRGGBB from the bits of a float.
    "rgb": (np.uint32, PointField.FLOAT32),
    "id": (np.uint32, PointField.UINT32),
}
RECORD = np.dtype([(name, kind) for name, (kind, _) in FIELDS.items()])
BYTES = 4
"""Of each field; there is nothing between them."""


def to_boxes(boxes: Mapping[int, OrientedBox], header: Header) -> OrientedBoxArray:
    """Boxes by id."""
    message = OrientedBoxArray(header=header)
    for object_id, box in boxes.items():
        message.boxes.append(
            OrientedBoxMsg(
                id=object_id,
                pose=to_pose(box),
                size=to_vector(box.size),
                measured=to_vector(box.measured),
                truncated=box.truncated,
            )
        )
    return message


def to_vector(values: NDArray[np.float64]) -> Vector3:
    """x, y, z."""
    x, y, z = map(float, values)
    return Vector3(x=x, y=y, z=z)


def to_pose(box: OrientedBox) -> Pose:
    """Centre and axes of the box."""
    x, y, z = (float(v) for v in box.centre)
    qx, qy, qz, qw = quaternion(box.rotation)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def to_points(
    frame: Frame, scene: CompletedScene, header: Header, only: Collection[int] | None = None
) -> PointCloud2:
    """What is seen of the objects, or of those in `only`: x, y, z, rgb and the object's id."""
    items = [o for o in scene.objects if only is None or o.id in only]
    points = visible_points(frame, items)
    records = np.empty(len(points.ids), RECORD)
    for axis, name in enumerate("xyz"):
        records[name] = points.places[:, axis]
    red, green, blue = points.colours.astype(np.uint32).T
    records["rgb"] = red << 16 | green << 8 | blue
    records["id"] = points.ids
    data = array("B")  # as in `kinds.ros_message`
    data.frombytes(records.tobytes())
    return PointCloud2(
        header=header,
        height=1,
        width=len(records),
        fields=[
            PointField(name=name, offset=n * BYTES, datatype=kind, count=1)
            for n, (name, (_, kind)) in enumerate(FIELDS.items())
        ],
        is_bigendian=sys.byteorder == "big",
        point_step=RECORD.itemsize,
        row_step=data.buffer_info()[1],
        data=data,
        is_dense=True,
    )
