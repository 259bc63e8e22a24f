"""Pictures of a `World`: colours with soft light and clean edges, ids, and depth in metres."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate, relative, size_of, whole_image
from segan_ros.synthesis import gl
from segan_ros.synthesis.bodies import FELT, HIDDEN, SEEN, TABLE
from segan_ros.synthesis.cameras import Camera
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.lights import Light
from segan_ros.synthesis.world import World

Depth = NDArray[np.float32]

REACH = 20
"""Pixels around a cut-out that shading looks at."""


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
        self._label_of = world.geom_labels()
        self._hand = model.geom_bodyid == world.gripper
        self.hand_shown = False
        self._group = model.geom_group.copy()
        for flag in (mujoco.mjtRndFlag.mjRND_SKYBOX, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.model.geom_group[:] = self._group
        self._context.free()

    def labels(
        self, camera: Camera, objects: Collection[int] | None = None, box: Box | None = None
    ) -> tuple[NDArray[np.int32], Depth]:
        """Ids and depth ``(h, w)`` inside `box`, the whole image when None.

        Args:
            camera: where from.
            objects: labels of what is on the table; everything when None. A set without `SCREEN`
                leaves out bin walls and all else that is no object.
            box: x0, y0, x1, y1 in pixels.
        """
        self._show(objects)
        scene = self._scene
        box = box or whole_image(camera.size)
        self._aim(camera, box, (0, 0))
        coded = [mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR]
        for flag in coded:
            scene.flags[flag] = 1
        colours, raw = self._draw(size_of(box))
        for flag in coded:
            scene.flags[flag] = 0
        number = colours.astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        label = np.zeros(scene.ngeom + 1, np.int32)
        for geom in scene.geoms[: scene.ngeom]:
            label[geom.segid + 1] = self._label_of[geom.objid]
        return label[number], self._metres(raw)

    def reach(self, camera: Camera, label: int) -> Box | None:
        """A box in the image around all that can be seen of an object; None when there is none."""
        points = self.world.vertices(label)
        if ((points - camera.position) @ camera.turn[:, 2]).min() < 0.02:
            return whole_image(camera.size)  # part of it is behind the camera
        pixels = camera.project(points)
        low, high = np.floor(pixels.min(0)).astype(int) - 1, np.ceil(pixels.max(0)).astype(int) + 2
        seen = clip((int(low[0]), int(low[1]), int(high[0]), int(high[1])), camera.size)
        return seen if min(size_of(seen)) > 0 else None

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
        box = box or whole_image(camera.size)
        wide = clip(dilate(box, REACH), camera.size)
        size = size_of(wide)
        total = np.zeros((*size, 3), np.uint16)
        depth = np.zeros(size, np.float32)
        for k in range(samples):
            shift = _spread(k, samples)
            self._aim(camera, wide, (shift[0] - 0.5, shift[1] - 0.5))
            self._shine(lights, shift)
            colours, raw = self._draw(size, with_depth=k == 0)
            total += colours
            if k == 0:
                depth = self._metres(raw)
        colour: NDArray[np.float32] = total.astype(np.float32) / np.float32(255 * samples)
        colour *= _crevices(depth, camera.focal)[..., None]
        return crop(colour, relative(box, wide))

    def _show(self, objects: Collection[int] | None) -> None:
        model = self.world.model
        model.geom_group[:] = self._group
        if objects is not None:
            hidden = (self._label_of != 0) & ~np.isin(self._label_of, list(objects))
            model.geom_group[hidden & (self._group != FELT)] = HIDDEN
        if not self.hand_shown:
            model.geom_group[self._hand] = HIDDEN
        mujoco.mjv_updateScene(
            model, self.world.data, self._option, None, mujoco.MjvCamera(),
            mujoco.mjtCatBit.mjCAT_ALL, self._scene,
        )  # fmt: skip
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if self._label_of[geom.objid] == 0:
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
        for slot, light in zip(self._scene.lights[: self._scene.nlight], lights, strict=True):
            direction = light.towards(np.sqrt(shift[0]), 2 * np.pi * shift[1])
            slot.dir, slot.pos = direction, -2.0 * direction
            slot.diffuse, slot.ambient = light.diffuse, light.ambient
            slot.specular = light.diffuse * 0.5

    def _draw(
        self, size: tuple[int, int], with_depth: bool = True
    ) -> tuple[NDArray[np.uint8], Depth]:
        rect = mujoco.MjrRect(0, 0, size[1], size[0])
        colours, raw = np.empty((*size, 3), np.uint8), np.empty(size, np.float32)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(colours, raw if with_depth else None, rect, self._context)
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
        near = np.zeros_like(depth)
        for angle in np.arange(4) * np.pi / 4 + 30 * metres:
            dx, dy = round(radius * np.cos(angle)), round(radius * np.sin(angle))
            pair = []
            for y, x in ((REACH + dy, REACH + dx), (REACH - dy, REACH - dx)):
                gap = depth - padded[y : y + height, x : x + width]
                # Far in front: another thing altogether, which hides little of the light.
                pair.append(np.where(gap > 4 * metres, 0.25 * metres, gap.clip(-metres, metres)))
            # Nothing is known beyond the border of the picture: NaN, which counts as open.
            near += np.nan_to_num((pair[0] + pair[1]).clip(0, 2 * metres)) / (24 * metres)
        # Few directions are looked at; as wide a blur hides their steps.
        dark += cv2.GaussianBlur(near, (0, 0), max(1.0, 0.3 * radius))
    return np.exp(-1.5 * dark).astype(np.float32)
