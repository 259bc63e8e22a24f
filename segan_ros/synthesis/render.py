"""Pictures of a `World`: colours with soft light and clean edges, ids, and depth in metres."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.frame import Box
from segan_ros.synthesis import gl
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.world import FELT, HIDDEN, SEEN, TABLE, World

Depth = NDArray[np.float32]

REACH = 20
"""Pixels around a cut-out that shading looks at."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera; the principal point is the centre of the image.

    Args:
        position: ``(3,)`` metres in the world.
        turn: ``(3, 3)`` camera to world; camera x is right, y down, z forward.
        focal: pixels.
        size: height and width in pixels.
    """

    position: Array
    turn: Array
    focal: float
    size: tuple[int, int]

    @property
    def matrix(self) -> Array:
        """``(3, 3)`` intrinsics K, integer coordinates at pixel centres."""
        h, w = self.size
        return np.array([[self.focal, 0, (w - 1) / 2], [0, self.focal, (h - 1) / 2], [0, 0, 1]])


def look_at(position: Array, target: Array, roll: float = 0.0) -> Array:
    """Rotation of a camera at `position` that looks at `target`, rolled by `roll` radians."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


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


class Renderer:
    """Renders one world; a context manager. `size` is the largest picture, (height, width).

    Raises:
        NoOpenGL: there is nothing to render with.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        model = world.model
        self.size = (model.vis.global_.offheight, model.vis.global_.offwidth)
        self._context = gl.load(model)
        self._scene = mujoco.MjvScene(model, model.ngeom + 8)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[[SEEN, TABLE]] = 1
        self._object_of = world.geom_objects()
        self._group = model.geom_group.copy()
        for flag in (mujoco.mjtRndFlag.mjRND_SKYBOX, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.model.geom_group[:] = self._group
        self._context.free()

    def labels(
        self, camera: Camera, objects: Collection[int] | None = None
    ) -> tuple[NDArray[np.int32], Depth]:
        """Ids and depth ``(H, W)`` with only `objects` (labels) on the table, all when None."""
        self._show(objects)
        scene = self._scene
        self._aim(camera, (0, 0, camera.size[1], camera.size[0]), (0, 0))
        scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = scene.flags[
            mujoco.mjtRndFlag.mjRND_IDCOLOR
        ] = 1
        colours, raw = self._draw(camera.size)
        scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = scene.flags[
            mujoco.mjtRndFlag.mjRND_IDCOLOR
        ] = 0
        number = colours.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        label = np.zeros(scene.ngeom + 1, np.int32)
        for geom in scene.geoms[: scene.ngeom]:
            label[geom.segid + 1] = self._object_of[geom.objid]
        return label[number], self._metres(raw)

    def picture(
        self,
        camera: Camera,
        lights: tuple[Light, ...],
        samples: int,
        objects: Collection[int] | None = None,
        box: Box | None = None,
    ) -> NDArray[np.float32]:
        """``(h, w, 3)`` RGB in 0..1 inside `box`, the whole image when None.

        Edges and shadows are averages over `samples` pictures, pixel grid and lights shifted.
        """
        self._show(objects)
        height, width = camera.size
        x0, y0, x1, y1 = box or (0, 0, width, height)
        wide = (
            max(x0 - REACH, 0),
            max(y0 - REACH, 0),
            min(x1 + REACH, width),
            min(y1 + REACH, height),
        )
        size = (wide[3] - wide[1], wide[2] - wide[0])
        total = np.zeros((*size, 3), np.uint16)
        depth = np.zeros(size, np.float32)
        for k in range(samples):
            shift = _spread(k, samples)
            self._aim(camera, wide, (shift[0] - 0.5, shift[1] - 0.5))
            self._shine(lights, shift)
            colours, raw = self._draw(size)
            total += colours
            if k == 0:
                depth = self._metres(raw)
        colour: NDArray[np.float32] = total.astype(np.float32) / np.float32(255 * samples)
        colour *= _crevices(depth, camera.focal)[..., None]
        return colour[y0 - wide[1] : y1 - wide[1], x0 - wide[0] : x1 - wide[0]]

    def _show(self, objects: Collection[int] | None) -> None:
        model = self.world.model
        model.geom_group[:] = self._group
        if objects is not None:
            hidden = (self._object_of > 0) & ~np.isin(self._object_of, list(objects))
            model.geom_group[hidden & (self._group != FELT)] = HIDDEN
        mujoco.mjv_updateScene(
            model, self.world.data, self._option, None, mujoco.MjvCamera(),
            mujoco.mjtCatBit.mjCAT_ALL, self._scene,
        )  # fmt: skip
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if self._object_of[geom.objid] == 0:
                # Table and floor take shadows but cast none, or they speckle themselves.
                geom.category = int(mujoco.mjtCatBit.mjCAT_DECOR)

    def _aim(self, camera: Camera, box: Box, shift: tuple[float, float]) -> None:
        x0, y0, x1, y1 = box
        h, w = camera.size
        near = self.world.model.vis.map.znear
        scale = near / camera.focal
        for eye in self._scene.camera:
            eye.pos, eye.forward, eye.up = camera.position, camera.turn[:, 2], -camera.turn[:, 1]
            eye.frustum_near, eye.frustum_far = near, self.world.model.vis.map.zfar
            eye.frustum_center = scale * ((x0 + x1) / 2 + shift[0] - w / 2)
            eye.frustum_top = scale * (h / 2 - y0 - shift[1])
            eye.frustum_bottom = scale * (h / 2 - y1 - shift[1])

    def _shine(self, lights: tuple[Light, ...], shift: tuple[float, float]) -> None:
        radius, angle = np.sqrt(shift[0]), 2 * np.pi * shift[1]
        for slot, light in zip(self._scene.lights[: self._scene.nlight], lights, strict=True):
            side = np.cross(light.direction, [0.0, 1, 0])
            side /= np.linalg.norm(side)
            other = np.cross(light.direction, side)
            tilt = light.blur * radius * (np.cos(angle) * side + np.sin(angle) * other)
            direction = light.direction + tilt
            direction /= np.linalg.norm(direction)
            slot.dir, slot.pos = direction, -2.0 * direction
            slot.diffuse, slot.ambient, slot.specular = (
                light.diffuse,
                light.ambient,
                light.diffuse * 0.5,
            )

    def _draw(self, size: tuple[int, int]) -> tuple[NDArray[np.uint8], Depth]:
        rect = mujoco.MjrRect(0, 0, size[1], size[0])
        colours, raw = np.empty((*size, 3), np.uint8), np.empty(size, np.float32)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(colours, raw, rect, self._context)
        return colours[::-1], raw[::-1]

    def _metres(self, raw: Depth) -> Depth:
        near, far = self.world.model.vis.map.znear, self.world.model.vis.map.zfar
        return (far * near / ((far - near) * raw.astype(np.float64) + near)).astype(np.float32)


def _spread(index: int, count: int) -> tuple[float, float]:
    """The R2 sequence: points spread evenly over the unit square."""
    if count == 1:
        return 0.5, 0.5
    return (0.5 + 0.7548776662 * index) % 1, (0.5 + 0.5698402910 * index) % 1


def _crevices(depth: Depth, focal: float) -> Depth:
    """The share of light that reaches gaps, feet and insides of things, from depth alone."""
    dark = np.zeros_like(depth)
    distance = float(np.median(depth))
    height, width = depth.shape
    padded = np.pad(depth, REACH, constant_values=np.nan)
    for metres in (0.008, 0.02, 0.045):
        radius = min(focal * metres / distance, REACH)
        for angle in np.arange(4) * np.pi / 4 + 30 * metres:
            dx, dy = round(radius * np.cos(angle)), round(radius * np.sin(angle))
            pair = []
            for y, x in ((REACH + dy, REACH + dx), (REACH - dy, REACH - dx)):
                gap = depth - padded[y : y + height, x : x + width]
                # Far in front: another thing altogether, which hides little of the light.
                pair.append(np.where(gap > 4 * metres, 0.25 * metres, gap.clip(-metres, metres)))
            # Nothing is known beyond the border of the picture: NaN, which counts as open.
            dark += np.nan_to_num((pair[0] + pair[1]).clip(0, 2 * metres)) / (24 * metres)
    return np.exp(-1.5 * cv2.GaussianBlur(dark, (0, 0), 1.2)).astype(np.float32)
