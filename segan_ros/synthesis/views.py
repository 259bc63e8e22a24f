"""From a settled `World` to labelled scenes: the camera, the light, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.boxes import Box, paste, tight_box
from segan_ros.frame import Frame
from segan_ros.synthesis.cameras import Camera
from segan_ros.synthesis.lights import Light, Look
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.world import SCREEN
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

FRAME_SAMPLES, LARGE_FRAME_SAMPLES, ALONE_SAMPLES = 10, 16, 4
"""As in `Renderer.picture`; in a large frame (400 rows or more) soft shadows would show steps."""


class Rejected(Exception):
    """A scene that does not serve, with the reason as its text."""


@dataclass(frozen=True, eq=False)
class View:
    """One way to take a picture; `samples` as in `Renderer.picture`, `alone`: each object is also
    pictured by itself, for its appearance."""

    camera: Camera
    lights: tuple[Light, ...]
    look: Look
    samples: int = FRAME_SAMPLES
    alone: bool = True


@dataclass(frozen=True, eq=False)
class Truth:
    """What a camera sees of which object, before any light.

    Args:
        labels: ``(H, W)`` int32 visible ids; `SCREEN` where something hides what is behind it
            without being an object, 0 for table and room.
        depth: ``(H, W)`` float32 metres.
        whole: by label ``(H, W)`` bool, the whole object in the image.
        shown: labels of all that is there, in the picture or not, with `SCREEN`.
    """

    labels: NDArray[np.int32]
    depth: NDArray[np.float32]
    whole: dict[int, NDArray[np.bool_]]
    shown: tuple[int, ...]

    def occlusion(self, label: int) -> float:
        """The hidden share of an object's whole mask."""
        whole = self.whole[label]
        return 1 - float(np.mean(self.labels[whole] == label))


def observe(renderer: Renderer, camera: Camera, present: Sequence[int]) -> Truth:
    """Visible and whole masks of the objects `present` (labels), checked against each other.

    Raises:
        Rejected: they contradict each other.
    """
    shown = (*present, SCREEN)
    labels, depth = renderer.labels(camera, shown)
    whole = {}
    for label in present:
        box = renderer.reach(camera, label)
        if box is None:
            continue
        mask, own_depth = _alone(renderer, camera, label, box)
        if ((labels == label) & ~mask).any() or (labels[mask] == 0).any():
            # A cut-out may round an edge another way than the whole image does.
            mask, own_depth = _alone(renderer, camera, label, (0, 0, *camera.size[::-1]))
        if mask.any():
            check(label, mask, own_depth, labels, depth)
            whole[label] = mask
    return Truth(labels, depth, whole, shown)


def photograph(
    renderer: Renderer, view: View, truth: Truth, rng: Generator, extra: dict[str, Any]
) -> LabelledScene:
    """The scene with its pictures: all that is there and, if the view says so, each object alone in
    the same light."""
    camera, size = view.camera, view.camera.size
    clean = renderer.picture(camera, view.lights, view.samples, truth.shown)
    look = view.look.exposed_for(clean)
    objects: list[TrueObject] = []
    for label, whole in truth.whole.items():
        box = tight_box(whole)
        appearance = None
        if view.alone:
            picture = renderer.picture(camera, view.lights, ALONE_SAMPLES, [label], box)
            appearance = look.develop(picture, box[:2], size)
        position, quaternion = renderer.world.pose(label)
        about = {
            "occlusion": round(truth.occlusion(label), 4),
            "screened": int(np.count_nonzero(truth.labels[whole] < 1)),
            "pose": {"position": position.tolist(), "quaternion": quaternion.tolist()},
        }
        name = renderer.world.shapes[label - 1].family
        objects.append(TrueObject(label, whole, name, appearance, about))
    rgb = look.develop(clean, (0, 0), size)
    if look.noise > 0:
        grain = rng.normal(0, 1, rgb.shape).astype(np.float32)
        level = look.noise * (0.5 + rgb.astype(np.float32) / 255)
        rgb = (rgb + grain * level).clip(0, 255).round().astype(np.uint8)
    extra = {
        **extra,
        "camera": {
            "mount": camera.mount,
            "elevation": round(camera.elevation, 2),
            "field_of_view": round(camera.field_of_view, 2),
        },
        "camera_position": camera.position.tolist(),
        "camera_rotation": camera.turn.tolist(),
    }
    labels = np.maximum(truth.labels, 0)
    frame = Frame(rgb, labels, truth.depth, camera.matrix)
    return LabelledScene(frame, tuple(objects), true_occlusions(labels, objects), extra)


def check(
    label: int,
    whole: NDArray[np.bool_],
    own_depth: NDArray[np.float32],
    labels: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """One object's truth must fit the scene's: seen inside whole, the rest behind another thing.

    Args:
        label: of the object.
        whole: ``(H, W)`` bool, all of it.
        own_depth: ``(H, W)`` metres, of it alone.
        labels: ``(H, W)`` visible ids, `SCREEN` for what hides without being an object.
        depth: ``(H, W)`` metres, of the scene.

    Raises:
        Rejected: it does not.
    """
    seen = labels == label
    if (seen & ~whole).any():
        raise Rejected("visible pixels outside the whole mask")
    hidden = whole & ~seen
    if (labels[hidden] == 0).any():
        raise Rejected("hidden by something that is neither object nor screen")
    if (depth[hidden] > own_depth[hidden] + 1e-4).any():
        raise Rejected("an occluder is farther than what it hides")


def _alone(
    renderer: Renderer, camera: Camera, label: int, box: Box
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """The whole mask and depth of an object ``(H, W)``, rendered inside `box`."""
    ids, near = renderer.labels(camera, [label], box)
    whole, depth = np.zeros(camera.size, bool), np.full(camera.size, np.inf, np.float32)
    paste(whole, box, ids == label)
    paste(depth, box, near)
    return whole, depth
