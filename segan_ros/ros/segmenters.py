"""Which message class ``instance_mask`` carries, by the parameter `segmenter`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from segan_ros.masks.layering import Choice
from segan_ros.messages.kinds import IMAGE
from segan_ros.messages.segmenters import LABEL_IMAGE, SEGMENTERS

PACKAGES = {
    "yolo_msgs": "build yolo_ros (github.com/mgonzs13/yolo_ros) in a sourced workspace",
    "ultralytics_ros": "build ultralytics_ros (github.com/Alpaca-zip/ultralytics_ros) in a sourced "
    "workspace",
    "vision_msgs": "sudo apt install ros-$ROS_DISTRO-vision-msgs",
    "tf2_msgs": "sudo apt install ros-$ROS_DISTRO-tf2-msgs",
}
"""Where message packages come from."""


WITHOUT_SCORES = (LABEL_IMAGE, "panoptic", "colours")
"""Segmenters whose messages have no scores."""

BY_ID = {"occluder_classes": "occluder_ids", "ignored_classes": "ignore_ids"}
"""The parameter that gives the same role by id."""


class SegmenterError(ValueError):
    """The segmenter's messages cannot be received; the text says what to install or set."""


def message_class(values: Any) -> type[Any]:
    """Class of the messages on ``instance_mask``, imported only now.

    Args:
        values: of all parameters.

    Raises:
        SegmenterError: its package is not installed, or it has no such message.
    """
    segmenter = values["segmenter"]
    labels = segmenter == LABEL_IMAGE
    kind = IMAGE if labels else SEGMENTERS[segmenter].type or values["segmenter_type"]
    package, _, rest = kind.partition("/")
    name = rest.removeprefix("msg/")
    if not (package.isidentifier() and name.isidentifier()):
        raise SegmenterError(
            f"segmenter_type is {kind!r}; write it as package/msg/Type, such as "
            "ultralytics_ros/msg/YoloResult"
        )
    try:
        found: type[Any] = getattr(import_module(f"{package}.msg"), name)
    except ImportError as error:
        remedy = remedy_for((error.name or package).partition(".")[0])
        raise SegmenterError(
            f"segmenter is {segmenter}, which needs the messages of {package} ({error}): {remedy}"
        ) from None
    except AttributeError:
        raise SegmenterError(
            f"segmenter_type is {kind!r} but {package} has no message {name}; `ros2 interface "
            f"package {package}` lists them"
        ) from None
    fields = found.get_fields_and_field_types()
    if segmenter == "masks" and fields.get("masks") != "sequence<sensor_msgs/Image>":
        raise SegmenterError(
            f"segmenter_type is {kind}, which has no field `sensor_msgs/Image[] masks`; it has "
            f"{', '.join(fields)}"
        )
    return found


def remedy_for(package: str) -> str:
    """How to install a message package."""
    return PACKAGES.get(package) or f"install {package}, or source the workspace that holds it"


def choice_of(values: Any) -> Choice:
    """Which masks count, and as what, by the values of all parameters."""
    return Choice(
        classes_of(values["ignored_classes"]),
        values["min_score"],
        classes_of(values["occluder_classes"]),
        frozenset(i for i in values["occluder_ids"] if i > 0),
    )


def role_problem(values: Any, has_classes: bool) -> str:
    """Why masks do not get the roles that are set, with the remedy; empty if they do.

    Args:
        values: of all parameters.
        has_classes: whether the masks carry any.
    """
    segmenter = values["segmenter"]
    given = [name for name in BY_ID if classes_of(values[name])]
    if given and not has_classes:
        names = "publish label_names, or " if segmenter == LABEL_IMAGE else ""
        return (
            f"{' and '.join(given)} {'are' if len(given) > 1 else 'is'} set, but the masks carry "
            f"no classes: {names}set {' and '.join(BY_ID[name] for name in given)}"
        )
    if values["min_score"] and segmenter in WITHOUT_SCORES:
        return f"min_score is set, but masks of segmenter {segmenter} carry no scores: set it to 0"
    return ""


def classes_of(text: str) -> frozenset[str]:
    """Names separated by commas; ``none`` is no name."""
    names = {name.strip() for name in text.split(",")} - {""}
    return frozenset() if names == {"none"} else frozenset(names)
