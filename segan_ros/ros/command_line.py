"""Command line of `segan_node`: ROS arguments, `--help`, and an error for everything else."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from textwrap import wrap

from rclpy.utilities import remove_ros_args

from segan_ros.ros.interface import DIAGNOSTICS, IMU, INPUTS, OUTPUTS, SERVICES, Endpoint
from segan_ros.ros.parameters import PARAMETERS

DESCRIPTION = (
    "Amodal completion of every image with an instance mask: whole masks, appearance of hidden\n"
    "parts, occlusion graph and removal order. A lifecycle node that starts itself (autostart)."
)

WIDTH = 100


def check_arguments(arguments: Sequence[str]) -> None:
    """Print help, or an error for arguments that are not for ROS, and exit; else return.

    Args:
        arguments: the whole command line, program name first.
    """
    parser = ArgumentParser(
        prog="segan_node",
        usage="segan_node [-h] [--ros-args ARGUMENT...]",
        description=DESCRIPTION,
        epilog=interface_help(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    _, unknown = parser.parse_known_args(remove_ros_args(list(arguments))[1:])
    if unknown:
        parser.error(
            f"unknown argument {unknown[0]!r}; parameters and remappings go after --ros-args: "
            "segan_node --ros-args -p max_age:=0.5 -r image:=/camera/color/image_raw"
        )


def parameter_files(arguments: Sequence[str]) -> list[str]:
    """Paths given with ``--params-file``."""
    return [path for option, path in pairwise(arguments) if option == "--params-file"]


def interface_help() -> str:
    """Topics, services and parameters, and how to set them."""
    parts = [
        ("Subscribed topics (-r image:=/camera/color/image_raw)", _endpoints((*INPUTS, IMU))),
        ("Published topics", _endpoints((*OUTPUTS, DIAGNOSTICS))),
        ("Services", _endpoints(SERVICES)),
        (
            "Parameters and defaults (-p max_age:=0.5, --params-file segan.yaml, or while running:"
            "\nros2 param set /segan max_age 0.5; ros2 param describe /segan max_age)",
            _parameters(),
        ),
    ]
    return "\n\n".join(f"{title}:\n{_table(rows)}" for title, rows in parts)


def _endpoints(endpoints: Iterable[Endpoint]) -> list[tuple[str, str]]:
    width = max(len(e.name) for e in endpoints)
    return [(f"{e.name:{width}}  {e.type_name}", e.text) for e in endpoints]


def _parameters() -> list[tuple[str, str]]:
    return [
        (f"{p.name} = {p.default_text}", p.text + (f" [{p.range_text}]" if p.range_text else ""))
        for p in PARAMETERS
    ]


def _table(rows: list[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in rows) + 4
    lines = []
    for left, right in rows:
        first, *rest = wrap(right, WIDTH - width)
        lines += [f"  {left}".ljust(width) + first, *(" " * width + line for line in rest)]
    return "\n".join(lines)
