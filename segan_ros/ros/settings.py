"""What the values of the parameters mean to the method, and to those who read messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segan_ros.completion import Settings
from segan_ros.masks.reading import Note, ignore, mask_reader
from segan_ros.messages.bridge import to_array
from segan_ros.messages.frames import Reading
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.ros.segmenters import choice_of
from segan_ros.tracks.follower import FollowSettings


def to_settings(values: dict[str, Any]) -> Settings:
    """What `SceneCompleter` needs of the parameters."""
    return Settings(
        threshold=values["threshold"] or None,
        occluders=None if values["occluders"] == "model" else values["occluders"],
        gap_width=values["gap_width"],
        ignore_ids=tuple(i for i in values["ignore_ids"] if i > 0),
        min_hidden_ratio=values["min_hidden_ratio"],
        max_objects=values["max_objects"],
        edges=EdgeRule(
            rule=values["edge_rule"],
            min_in_front=values["min_in_front"],
            min_overlap_ratio=values["min_overlap_ratio"],
            min_overlap_area=values["min_overlap_area"],
            depth_step=values["depth_step"],
        ),
    )


def to_follow_settings(values: dict[str, Any]) -> FollowSettings:
    """What is made of answers over frames."""
    return FollowSettings(values["track"], values["track_memory"], values["steady"])


def to_reading(values: Any, note: Note = ignore, names: Mapping[int, str] | None = None) -> Reading:
    """How messages are read, by the values of all parameters.

    Args:
        values: by parameter.
        note: learns what is left out.
        names: class by label of label images, where that is known.
    """
    return Reading(
        values["rectified"],
        values["depth_scale"],
        values["use_depth"] == "always",
        to_array,
        mask_reader(values["segmenter"], choice_of(values), note, names),
    )
