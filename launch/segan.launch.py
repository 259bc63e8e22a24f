"""Starts the node: ros2 launch segan_ros segan.launch.py image_topic:=... mask_topic:=..."""

import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

SHARE = Path(__file__).resolve().parents[1]
OLD = os.environ.get("ROS_DISTRO") == "jazzy"
PROFILE_VARIABLE = f"{'FASTRTPS' if OLD else 'FASTDDS'}_DEFAULT_PROFILES_FILE"

ARGUMENTS = {
    "namespace": ("", "Namespace of node and topics, one for each camera."),
    "name": ("segan", "Name of the node, under which its outputs and services stand."),
    "params_file": (str(SHARE / "config" / "segan.yaml"), "YAML file with the parameters."),
    "use_sim_time": ("", "true: time from /clock (simulation, bag). Empty: as in params_file."),
    "autostart": ("", "true or false: configure and activate at start. Empty: as in params_file."),
    "respawn": ("false", "true: start the node again whenever it ends."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "model": ("", "Shipped model or path of a model folder. Empty: as in params_file."),
    "provider": ("", "auto, tensorrt, cuda, openvino or cpu. Empty: as in params_file."),
    "segmenter": (
        "",
        "What comes in on mask_topic: label_image, yolo_msgs, masks, panoptic or colours. Empty: "
        "as in params_file.",
    ),
    "segmenter_type": ("", "Message type, for segmenter masks. Empty: as in params_file."),
    "image_topic": ("image", "Colour image."),
    "mask_topic": (
        "instance_mask",
        "Masks of the segmenter; a label image unless segmenter says.",
    ),
    "depth_topic": ("depth", "Depth image aligned with the colour image, optional."),
    "camera_info_topic": ("camera_info", "Intrinsics of the colour camera, optional."),
    "fastdds_profile": (
        "true",
        "true: config/fastdds.xml, unless the environment names a profile. false: none. Or a path.",
    ),
}


PASSED_ON = ("model", "provider", "segmenter", "segmenter_type")
"""Parameters of the node under the same name."""


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` runs."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Node]:
    given = {name: context.launch_configurations[name] for name in ARGUMENTS}
    overrides: dict[str, bool | str] = {
        name: _flag(name, given) for name in ("use_sim_time", "autostart") if given[name]
    }
    overrides |= {name: given[name] for name in PASSED_ON if given[name]}
    parameters = Path(given["params_file"]).expanduser()
    if not parameters.is_file():
        raise ValueError(f"params_file is {given['params_file']!r}; there is no such file")
    return [
        Node(
            package="segan_ros",
            executable="segan_node",
            namespace=given["namespace"],
            name=given["name"],
            parameters=[str(parameters)] + [overrides] * bool(overrides),
            remappings=[
                ("image", given["image_topic"]),
                ("instance_mask", given["mask_topic"]),
                ("depth", given["depth_topic"]),
                ("camera_info", given["camera_info_topic"]),
            ],
            arguments=["--ros-args", "--log-level", given["log_level"]],
            additional_env=_profile(given["fastdds_profile"]),
            respawn=_flag("respawn", given),
            respawn_delay=2.0,
            output="screen",
        )
    ]


def _flag(name: str, given: dict[str, str]) -> bool:
    if given[name].lower() not in ("true", "false"):
        raise ValueError(f"{name} is {given[name]!r}; it must be true or false")
    return given[name].lower() == "true"


def _profile(choice: str) -> dict[str, str]:
    """Environment that makes Fast DDS read a profile."""
    if choice.lower() == "false":
        return {}
    if choice.lower() == "true":
        if PROFILE_VARIABLE in os.environ:
            return {}
        choice = str(SHARE / "config" / "fastdds.xml")
    profile = Path(choice).expanduser()
    if not profile.is_file():
        raise ValueError(f"fastdds_profile is {choice!r}; it must be true, false or an XML file")
    return {PROFILE_VARIABLE: str(profile)}
