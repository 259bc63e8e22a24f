"""The topics of a bag: what they are called, what they carry, which of them are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from segan_ros.messages.kinds import CAMERA_INFO, COMPRESSED, GRAPH, IMAGE, OBJECTS


@dataclass(frozen=True)
class Topics:
    """Names of the topics in a bag; the defaults are those of the shipped one.

    Where a bag lacks an image topic but has it below with one of `COMPRESSED_ENDINGS`, as
    image_transport names them, that one is taken.
    """

    image: str = "/camera/image"
    instance_mask: str = "/camera/instance_mask"
    depth: str = "/camera/depth"
    camera_info: str = "/camera/camera_info"
    true_objects: str = "/ground_truth/objects"
    true_graph: str = "/ground_truth/occlusion_graph"


TYPES = {
    "image": IMAGE,
    "instance_mask": IMAGE,
    "depth": IMAGE,
    "camera_info": CAMERA_INFO,
    "true_objects": OBJECTS,
    "true_graph": GRAPH,
}
"""Message type of each field of `Topics`; instead of an image, a compressed one will do."""

REQUIRED = ("image", "instance_mask")

COMPRESSED_ENDINGS = ("/compressed", "/compressedDepth")

INPUTS = ("image", "instance_mask", "depth", "camera_info")
"""What a camera and a segmenter publish; the rest is ground truth."""


def find_topics(
    connections: Sequence[Any],
    topics: Topics,
    required: Sequence[str],
    mask_type: str = IMAGE,
) -> dict[str, list[Any]]:
    """Connections by field of `Topics`: one for each publisher that was recorded.

    Args:
        connections: of the bag.
        topics: where to look.
        required: fields of `Topics` that must be there.
        mask_type: message type of masks; empty for any.

    Raises:
        ValueError: a topic is not there, or carries something else.
    """
    there: dict[str, list[Any]] = {}
    for connection in connections:
        there.setdefault(connection.topic, []).append(connection)
    found: dict[str, list[Any]] = {}
    for field in fields(Topics):
        named = getattr(topics, field.name)
        kind = TYPES[field.name]
        endings = COMPRESSED_ENDINGS if kind == IMAGE else ()
        topic = next((t for t in (named, *(named + e for e in endings)) if t in there), named)
        if topic not in there:
            if field.name in required or topic != field.default:
                have = ", ".join(f"{t} ({c[0].msgtype})" for t, c in sorted(there.items()))
                option = field.name.replace("_", "-")
                raise ValueError(
                    f"no topic {topic}; it has {have or 'no topics'}; "
                    f"choose one with --{option}-topic"
                )
            continue
        kinds = {c.msgtype for c in there[topic]}
        if field.name == "instance_mask":
            kind = mask_type or min(kinds)
        if kinds != {kind} and not (kind == IMAGE and kinds == {COMPRESSED}):
            hint = "; see --segmenter" if field.name == "instance_mask" else ""
            raise ValueError(f"{topic} carries {', '.join(sorted(kinds))}, not {kind}{hint}")
        other = next((name for name, c in found.items() if c[0].topic == topic), None)
        if other is not None:
            raise ValueError(f"{other} and {field.name} are both {topic}")
        found[field.name] = there[topic]
    return found
