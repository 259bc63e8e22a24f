"""Topics and services of the node, declared once: name, type and what they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image, Imu, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from segan_ros.msg import AmodalObjectArray, OcclusionGraph, OrientedBoxArray
from segan_ros.srv import CompleteObjects, GetRemovalOrder


@dataclass(frozen=True)
class Endpoint:
    """One topic or service.

    Args:
        name: as the node asks for it, before namespaces and remappings.
        kind: class of the message or service.
        text: what it carries or does, without a full stop.
    """

    name: str
    kind: type[Any]
    text: str

    @property
    def type_name(self) -> str:
        """As `ros2 topic info` gives it: ``sensor_msgs/msg/Image``."""
        package, of_what, *_ = self.kind.__module__.split(".")
        return f"{package}/{of_what}/{self.kind.__name__}"


INPUTS = (
    Endpoint("image", Image, "colour image"),
    Endpoint("instance_mask", Image, "label image: one object id per pixel, 0 = background"),
    Endpoint("depth", Image, "depth image registered to the colour image, optional"),
    Endpoint("camera_info", CameraInfo, "intrinsics of the colour camera, optional"),
    Endpoint("label_names", String, "JSON: class of each label of a label image, optional"),
)

IMU = Endpoint("imu", Imu, "gravity; only with parameter use_imu")

OUTPUTS = (
    Endpoint("~/objects", AmodalObjectArray, "masks, appearance, layer and score of every object"),
    Endpoint("~/occlusion_graph", OcclusionGraph, "occlusion edges, layers, removal order"),
    Endpoint("~/amodal_labels", Image, "label image of the amodal masks"),
    Endpoint("~/visualization", Image, "the image with outlines, hidden parts and edges drawn in"),
    Endpoint("~/boxes", OrientedBoxArray, "oriented box of every object; needs depth, camera_info"),
    Endpoint("~/points", PointCloud2, "visible points with object ids; needs depth, camera_info"),
    Endpoint("~/markers", MarkerArray, "the boxes for RViz; needs depth, camera_info"),
)
"""Computed only while they have subscribers."""

DIAGNOSTICS = Endpoint(
    "/diagnostics",
    DiagnosticArray,
    "rates, latencies, dropped frames, warnings with remedies",
)

COMPLETE = Endpoint(
    "~/complete", CompleteObjects, "complete the latest frame, or the images in the request"
)
REMOVAL_ORDER = Endpoint(
    "~/removal_order", GetRemovalOrder, "what has to be lifted before one object"
)
ENABLE = Endpoint("~/enable", SetBool, "pause (false) and resume (true)")
RELOAD = Endpoint("~/reload", Trigger, "reload the model's files")
SERVICES = (COMPLETE, REMOVAL_ORDER, ENABLE, RELOAD)
