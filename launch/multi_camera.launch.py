"""Starts a node for each camera: ros2 launch segan_ros multi_camera.launch.py cameras:=cameras.yaml

The YAML file maps the namespace of each camera to arguments of segan.launch.py, config/cameras.yaml
is an example. Arguments on the command line hold for every camera that does not set them itself:
ros2 launch segan_ros multi_camera.launch.py cameras:=cameras.yaml provider:=cpu
"""

import json
import runpy
from pathlib import Path
from typing import Any

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource

from segan_ros.host.home import expanded

ONE = Path(__file__).with_name("segan.launch.py")

ARGUMENTS = {
    "cameras": "YAML file: namespace of each camera -> arguments of segan.launch.py.",
}


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`, and where another launch file includes this one."""
    declared = [DeclareLaunchArgument(name, description=text) for name, text in ARGUMENTS.items()]
    return LaunchDescription([*declared, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[GroupAction]:
    cameras = read_cameras(context.launch_configurations["cameras"])
    source = PythonLaunchDescriptionSource(str(ONE))
    # Each in a scope of its own: what one camera sets must not reach the next.
    return [
        GroupAction(
            [IncludeLaunchDescription(source, launch_arguments=[("namespace", name), *given])]
        )
        for name, given in cameras.items()
    ]


def read_cameras(given: str) -> dict[str, list[tuple[str, str]]]:
    """Arguments of each camera, as text; those without a value keep their default.

    Raises:
        ValueError: the file is not there, or does not say what it should.
    """
    path = expanded(given)
    if not path.is_file():
        raise ValueError(f"cameras is {given!r}; there is no such file")
    try:
        document = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict) or not document:
        raise ValueError(f"{path} must map namespaces of cameras to arguments of segan.launch.py")
    known = runpy.run_path(str(ONE))["ARGUMENTS"].keys() - {"namespace"}
    cameras = {str(name): given or {} for name, given in document.items()}
    for name, arguments in cameras.items():
        if not isinstance(arguments, dict):
            raise ValueError(f"{path}: {name} is {arguments!r}; it must be a mapping of arguments")
        if unknown := sorted(arguments.keys() - known):
            raise ValueError(
                f"{path}: {name} has the argument {unknown[0]!r}; choose from "
                f"{', '.join(sorted(known))}"
            )
    return {
        name: [(key, _text(value)) for key, value in arguments.items() if value is not None]
        for name, arguments in cameras.items()
    }


def _text(value: Any) -> str:
    """As on the command line: true, 0.5, /topic, hand,arm; JSON, which is YAML, for mappings."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)
