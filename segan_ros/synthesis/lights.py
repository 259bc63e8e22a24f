"""Light, and what a camera makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.frame import Image
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.pigments import to_image


@dataclass(frozen=True, eq=False)
class Light:
    """A distant light.

    Args:
        direction: ``(3,)`` unit vector in which it shines.
        diffuse: RGB strength.
        ambient: RGB strength that reaches everywhere.
        blur: half width of its disc in radians: how soft shadows are.
    """

    direction: Array
    diffuse: Array
    ambient: Array
    blur: float

    def towards(self, radius: float, angle: float) -> Array:
        """The direction from a point of its disc, in polar coordinates; `radius` in 0..1."""
        side, other = self._sides
        tilt = self.blur * radius * (np.cos(angle) * side + np.sin(angle) * other)
        direction: Array = self.direction + tilt
        return direction / np.linalg.norm(direction)

    @cached_property
    def _sides(self) -> tuple[Array, Array]:
        side = np.cross(self.direction, [0.0, 1, 0])
        side /= np.linalg.norm(side)
        return side, np.cross(self.direction, side)


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
        """The same, with the exposure that a camera would choose for `picture`.

        Like a camera's, it goes most of the way only: dark tables stay darker than white ones.
        """
        if not self.automatic:
            return self
        grey = picture[::3, ::3].mean(-1)
        middle, bright = float(grey.mean()), float(np.quantile(grey, 0.97))
        gain = np.clip((0.56 / max(middle, 0.03)) ** 0.65, 0.6, 3.2)
        gain = min(gain, 1.25 / max(bright, 0.05))
        return replace(self, gain=self.gain * np.float32(gain), automatic=False)

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
        # A shoulder: highlights run out softly.
        bright = light > 0.7
        light[bright] = 0.7 + 0.3 * (1 - np.exp((0.7 - light[bright]) / 0.3))
        light = light ** np.float32(self.gamma)
        if self.blur > 0.2:
            light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), self.blur)
        return to_image(light)


def draw_lights(rng: Generator) -> tuple[Light, ...]:
    """A lamp or window that casts shadows, two fainter ones, and the light of the room."""
    lights = []
    warmth = rng.normal(0.01, 0.04)
    key, room = rng.uniform(0.45, 0.8), rng.uniform(0.22, 0.42)
    key_tint = np.array([1 + warmth, 1, 1 - warmth])
    room_tint = np.array([1 - 0.5 * warmth, 1, 1 + 0.5 * warmth])
    turn = rng.uniform(0, 2 * np.pi)
    for k in range(3):
        elevation = np.radians(rng.uniform(38, 80))
        azimuth = turn + 2 * np.pi * k / 3 + rng.normal(0, 0.4)
        down = [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
        diffuse = key * key_tint if k == 0 else rng.uniform(0.08, 0.25) * room_tint
        # MuJoCo drops the ambient part of a light that casts shadows.
        ambient = np.zeros(3) if k == 0 else 0.5 * room * room_tint
        blur = rng.uniform(0.03, 0.13)
        lights.append(Light(-np.array(down), diffuse, ambient, blur))
    return tuple(lights)


def draw_look(rng: Generator) -> Look:
    """A random camera's exposure error, white balance, tone curve and flaws."""
    tint = rng.normal(0, 0.02)
    balance = np.array([1 + tint, 1 + rng.normal(0, 0.008), 1 - tint])
    gain = (rng.normal(1, 0.1) * balance).astype(np.float32)
    noise = rng.gamma(2, 1.2) if rng.random() < 0.7 else 0.0
    blur = rng.uniform(0.3, 0.8) if rng.random() < 0.4 else 0.0
    return Look(gain, float(rng.uniform(0.8, 1.1)), float(rng.uniform(0, 0.3)), noise, blur)
