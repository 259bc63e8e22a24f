"""Every parameter of the node `depth_segmenter`: its own, and those that it shares with `segan`."""

from __future__ import annotations

from dataclasses import replace

from segan_ros.depth_segmenter.segmenter import Settings
from segan_ros.ros.parameter import INACTIVE, START, Parameter
from segan_ros.ros.parameters import BY_NAME

_SETTINGS = Settings()

OWN = (
    Parameter(
        "min_height",
        _SETTINGS.min_height,
        "Minimum height of object points above the plane; raised where depth noise exceeds it.",
        limits=(0.0, 1.0),
        unit="m",
    ),
    Parameter(
        "max_length",
        _SETTINGS.max_length,
        "Maximum length of an object; longer things, such as the walls of a bin, are left out.",
        limits=(0.01, 100.0),
        unit="m",
    ),
    Parameter(
        "max_distance",
        _SETTINGS.max_distance,
        "Maximum distance from the camera; 0 = unlimited.",
        limits=(0.0, 100.0),
        unit="m",
    ),
    Parameter(
        "min_area",
        _SETTINGS.min_area,
        "Smaller masks are left out.",
        limits=(1, 10_000_000),
        unit="pixels",
    ),
    Parameter(
        "crease",
        _SETTINGS.crease,
        "Angle by which a surface must turn towards the camera to separate two regions.",
        limits=(1.0, 89.0),
        unit="degrees",
    ),
    Parameter(
        "colour_edge",
        _SETTINGS.colour_edge,
        "Colour difference that separates two regions (8-bit Lab, lightness counts a quarter); 0 = "
        "colour is ignored.",
        limits=(0.0, 500.0),
    ),
    Parameter(
        "cut",
        _SETTINGS.cut,
        "Minimum confidence for merging two neighbouring regions: lower if objects come "
        "in several masks, raise if several objects come in one.",
        limits=(0.001, 0.999),
    ),
)

SHARED = (
    "depth_scale",
    "rectified",
    "sync_slop",
    "sync_timeout",
    "sync_queue",
    "image_transport",
    "depth_transport",
    "input_reliability",
    "input_depth",
    "diagnostics_period",
)
"""They mean the same as on `segan`, and a file for every node sets both."""


def _shared(name: str) -> Parameter:
    parameter = BY_NAME[name]
    # This node has no states that could be left for a while.
    return replace(parameter, changes=START) if parameter.changes == INACTIVE else parameter


DEPTH_PARAMETERS = (*OWN, *map(_shared, SHARED))
