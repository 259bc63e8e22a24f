"""From a settled `World` to labelled scenes: the camera, the light, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.frame import Frame, Image
from segan_ros.scenes import LabelledScene, TrueObject, tight_box, true_occlusions
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.pigments import to_image
from segan_ros.synthesis.render import Camera, Light, Renderer, look_at

FRAME_SAMPLES, ALONE_SAMPLES = 8, 4


class Rejected(Exception):
    """A scene that does not serve, with the reason as its text."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a camera makes of light.

    Args:
        gain: RGB factor, relative to a middle exposure before `exposed_for`.
        gamma: of the tone curve.
        vignette: loss of light in the corners, 0..1.
        noise: standard deviation at mid grey, 0..255.
        blur: pixels.
        automatic: the exposure is yet to be chosen.
    """

    gain: NDArray[np.float32]
    gamma: float
    vignette: float
    noise: float
    blur: float
    automatic: bool = True

    def exposed_for(self, picture: NDArray[np.float32]) -> Look:
        """The same, with the exposure that a camera would choose for `picture`."""
        if not self.automatic:
            return self
        middle = float(np.quantile(picture[::3, ::3].mean(-1), 0.6))
        gain = self.gain * np.float32(np.clip(0.5 / max(middle, 0.05), 0.7, 2.0))
        return replace(self, gain=gain, automatic=False)

    def develop(
        self, picture: NDArray[np.float32], corner: tuple[int, int], size: tuple[int, int]
    ) -> Image:
        """What the camera delivers, less its noise.

        Args:
            picture: ``(h, w, 3)`` light in 0..1, cut out at `corner`.
            corner: x and y in the whole image.
            size: height and width of the whole image.
        """
        height, width = size
        y, x = np.ogrid[: picture.shape[0], : picture.shape[1]]
        across, down = (x + corner[0]) / width - 0.5, (y + corner[1]) / height - 0.5
        fall = 1 - self.vignette * 2 * (across**2 + down**2)
        light: NDArray[Any] = picture * self.gain * fall[..., None]
        bright = light > 0.7
        light[bright] = 0.7 + 0.3 * (1 - np.exp((0.7 - light[bright]) / 0.3))
        light = light ** np.float32(self.gamma)
        if self.blur > 0.2:
            light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), self.blur)
        return to_image(light)


@dataclass(frozen=True, eq=False)
class View:
    """One way to take a picture; `samples` as in `Renderer.picture`."""

    camera: Camera
    lights: tuple[Light, ...]
    look: Look
    samples: int = FRAME_SAMPLES


def draw_view(points: Array, size: tuple[int, int], rng: Generator) -> View:
    """A random camera that looks at objects at `points` ``(N, 3)``, with random light."""
    elevation, azimuth = np.radians(rng.uniform(25, 75)), rng.uniform(0, 2 * np.pi)
    centre = np.median(points, 0) + rng.normal(0, 0.02, 3) * [1, 1, 0.3]
    spread = float(np.quantile(np.linalg.norm(points - np.median(points, 0), axis=1), 0.7)) + 0.06
    half_view = np.radians(rng.uniform(30, 58)) / 2
    elevation = max(elevation, half_view + np.radians(8))  # no horizon in the picture
    distance = max(spread * rng.uniform(0.9, 1.7) / np.tan(half_view), 0.3)
    ray = np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    position = centre + distance * ray
    turn = look_at(position, centre, rng.normal(0, np.radians(4)))
    camera = Camera(position, turn, size[0] / 2 / np.tan(half_view), size)
    return View(camera, _draw_lights(rng), _draw_look(rng))


def take(
    renderer: Renderer, view: View, rng: Generator, present: Sequence[int], extra: dict[str, Any]
) -> LabelledScene:
    """Render `present` objects (labels) with their ground truth, and check that it holds together.

    Raises:
        Rejected: there is too little to see, or the truth contradicts itself.
    """
    camera, size = view.camera, view.camera.size
    labels, depth = renderer.labels(camera, present)
    clean = renderer.picture(camera, view.lights, view.samples, present)
    look = view.look.exposed_for(clean)
    objects: list[TrueObject] = []
    for label in present:
        alone, own_depth = renderer.labels(camera, [label])
        whole = alone == label
        if not whole.any():
            continue
        box = tight_box(whole)
        picture = renderer.picture(camera, view.lights, ALONE_SAMPLES, [label], box)
        appearance = look.develop(picture, box[:2], size)
        name = renderer.world.shapes[label - 1].family
        check(label, whole, own_depth, labels, depth)
        objects.append(TrueObject(label, whole, name, appearance))
    rgb = look.develop(clean, (0, 0), size)
    if look.noise > 0:
        grain = rng.normal(0, 1, rgb.shape).astype(np.float32)
        level = look.noise * (0.5 + rgb.astype(np.float32) / 255)
        rgb = (rgb + grain * level).clip(0, 255).round().astype(np.uint8)
    extra = {
        **extra,
        "camera_position": camera.position.tolist(),
        "camera_rotation": camera.turn.tolist(),
    }
    frame = Frame(rgb, labels, depth, camera.matrix)
    return LabelledScene(frame, tuple(objects), true_occlusions(labels, objects), extra)


def check(
    label: int,
    whole: NDArray[np.bool_],
    own_depth: NDArray[np.float32],
    labels: NDArray[np.int32],
    depth: NDArray[np.float32],
) -> None:
    """One object's truth must fit the scene's: seen inside whole, the rest behind another object.

    Raises:
        Rejected: it does not.
    """
    seen = labels == label
    if (seen & ~whole).any():
        raise Rejected("visible pixels outside the whole mask")
    hidden = whole & ~seen
    if (labels[hidden] == 0).any():
        raise Rejected("hidden by something that is no object")
    if (depth[hidden] > own_depth[hidden] + 1e-4).any():
        raise Rejected("an occluder is farther than what it hides")


def _draw_lights(rng: Generator) -> tuple[Light, ...]:
    lights = []
    warmth = rng.normal(0, 0.06)
    tint = np.array([1 + warmth, 1, 1 - warmth])
    key, fill = rng.uniform(0.45, 0.75), rng.uniform(0.15, 0.45)
    for k in range(3):
        elevation, azimuth = np.radians(rng.uniform(35, 85)), rng.uniform(0, 2 * np.pi)
        down = [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
        strength = key if k == 0 else fill * rng.uniform(0.3, 1)
        # MuJoCo drops the ambient part of a light that casts shadows.
        ambient = np.zeros(3) if k == 0 else rng.uniform(0.12, 0.26) * tint
        lights.append(Light(-np.array(down), strength * tint, ambient, rng.uniform(0.02, 0.16)))
    return tuple(lights)


def _draw_look(rng: Generator) -> Look:
    gain = (rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    noise = rng.uniform(0, 5) if rng.random() < 0.6 else 0.0
    blur = rng.uniform(0.3, 0.8) if rng.random() < 0.4 else 0.0
    return Look(gain, float(rng.uniform(0.75, 1.2)), float(rng.uniform(0, 0.3)), noise, blur)
