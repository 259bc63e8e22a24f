"""Starts the node: ros2 launch segan_ros segan.launch.py image_topic:=... mask_topic:=...

Other launch files can include it. They set parameters of the node by the argument `parameters`, or
by launch_ros's SetParameter before it, which a `params_file` overrides.
"""

import os
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from segan_ros.host.home import expanded

SHARE = Path(__file__).resolve().parents[1]
OLD = os.environ.get("ROS_DISTRO") == "jazzy"
PROFILE_VARIABLE = f"{'FASTRTPS' if OLD else 'FASTDDS'}_DEFAULT_PROFILES_FILE"

ARGUMENTS = {
    "namespace": ("", "Namespace of the node and its topics."),
    "name": ("segan", "Name of the node, and so the prefix of its outputs and services."),
    "params_file": ("", "YAML file with parameters, as config/segan.yaml. Empty: the defaults."),
    "parameters": ("{}", "Parameters as YAML, which override params_file: '{max_age: 0.5}'."),
    "use_sim_time": (
        "",
        "true: time from /clock (simulation, bag). Empty: params_file, else default.",
    ),
    "autostart": ("", "true: configure and activate at start. Empty: params_file, else default."),
    "respawn": ("false", "true: restart the node whenever it exits."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "model": ("", "Shipped model, or path to a model folder. Empty: params_file, else default."),
    "provider": ("", "auto, tensorrt, cuda, openvino or cpu. Empty: params_file, else default."),
    "segmenter": (
        "",
        "What mask_topic carries: label_image, yolo_msgs, masks, panoptic or colours; depth: also "
        "start depth_segmenter, which publishes it. Empty: params_file, else default.",
    ),
    "segmenter_type": ("", "Message type, for segmenter masks. Empty: params_file, else default."),
    "ignored_classes": (
        "",
        "Classes to leave out, separated by commas. Empty: params_file, else default.",
    ),
    "occluder_classes": (
        "",
        "Classes that only occlude others (hand, arm), separated by commas. Empty: params_file, "
        "else default.",
    ),
    "ignore_ids": (
        "",
        "Ids that are no objects, separated by commas. Empty: params_file, else default.",
    ),
    "occluder_ids": (
        "",
        "Ids that only occlude others, separated by commas. Empty: params_file, else default.",
    ),
    "min_score": ("", "Masks with a lower score are left out. Empty: params_file, else default."),
    "latched": (
        "",
        "true: subscribers that join late get the last answer. Empty: params_file, else default.",
    ),
    "image_topic": ("image", "Colour image."),
    "mask_topic": ("instance_mask", "Masks of the segmenter; by default a label image."),
    "depth_topic": ("depth", "Depth image registered to the colour image, optional."),
    "camera_info_topic": ("camera_info", "Intrinsics of the colour camera, optional."),
    "label_names_topic": ("label_names", "JSON: class of each label of a label image, optional."),
    "fastdds_profile": (
        "true",
        "true: config/fastdds.xml, unless the environment names a profile. false: none. Or a path.",
    ),
}


PASSED_ON = (
    "model",
    "provider",
    "segmenter",
    "segmenter_type",
    "ignored_classes",
    "occluder_classes",
)
"""Parameters of the node under the same name, all texts."""

IDS = ("ignore_ids", "occluder_ids")
"""The same, whole numbers."""

FLAGS = ("use_sim_time", "autostart", "latched")
"""The same, true or false."""


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`, and where another launch file includes this one."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Node]:
    given = {name: context.launch_configurations[name] for name in ARGUMENTS}
    if given["segmenter"] != "depth":
        return [_node(given, "segan_node", given["name"])]
    given["segmenter"] = "label_image"
    return [
        _node(given, "segan_node", given["name"]),
        _node(given, "depth_segmenter", "depth_segmenter"),
    ]


def _node(given: dict[str, str], executable: str, name: str) -> Node:
    return Node(
        package="segan_ros",
        executable=executable,
        namespace=given["namespace"],
        name=name,
        parameters=_parameters(given),
        remappings=[
            ("image", given["image_topic"]),
            ("instance_mask", given["mask_topic"]),
            ("depth", given["depth_topic"]),
            ("camera_info", given["camera_info_topic"]),
            ("label_names", given["label_names_topic"]),
        ],
        arguments=["--ros-args", "--log-level", given["log_level"]],
        additional_env=_profile(given["fastdds_profile"]),
        respawn=_flag("respawn", given),
        respawn_delay=2.0,
        output="screen",
    )


def _parameters(given: dict[str, str]) -> list[str | dict[str, Any]]:
    """Files and values, the strongest last."""
    found: list[str | dict[str, Any]] = []
    if given["params_file"]:
        file = expanded(given["params_file"])
        if not file.is_file():
            raise ValueError(f"params_file is {given['params_file']!r}; there is no such file")
        found.append(str(file))
    values: dict[str, Any] = {name: _flag(name, given) for name in FLAGS if given[name]}
    values |= {name: given[name] for name in PASSED_ON if given[name]}
    if given["min_score"]:
        try:
            values["min_score"] = float(given["min_score"])
        except ValueError:
            raise ValueError(
                f"min_score is {given['min_score']!r}; it must be a number in 0 .. 1"
            ) from None
    values |= {name: _ids(name, given) for name in IDS if given[name]}
    try:
        more = yaml.safe_load(given["parameters"])
    except yaml.YAMLError:
        more = None
    if not isinstance(more, dict):
        example = "a mapping in YAML, such as '{max_age: 0.5}'"
        raise ValueError(f"parameters is {given['parameters']!r}; it must be {example}")
    values |= more
    return found + [values] * bool(values)


def _ids(name: str, given: dict[str, str]) -> list[int]:
    try:
        return [int(number) for number in given[name].split(",")]
    except ValueError:
        raise ValueError(
            f"{name} is {given[name]!r}; it must be whole numbers separated by commas"
        ) from None


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
    profile = expanded(choice)
    if not profile.is_file():
        raise ValueError(f"fastdds_profile is {choice!r}; it must be true, false or an XML file")
    return {PROFILE_VARIABLE: str(profile)}
