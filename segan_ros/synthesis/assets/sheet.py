"""A picture of many things side by side, each as it looks in scenes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from segan_ros.frame import Image
from segan_ros.synthesis import gl
from segan_ros.synthesis.bodies import HIDDEN, SEEN, add_shape
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.shapes import Shape

CELL = 160
"""Pixels of a cell, without its text."""

TEXT = 16
"""Pixels below a cell for its text."""


def draw_sheet(
    shapes: Sequence[Shape], texts: Sequence[str], columns: int, rng: Generator
) -> Image:
    """A contact sheet: one cell for each of `shapes`, with its text below.

    Args:
        shapes: what to show.
        texts: for each.
        columns: cells in a row.
        rng: paints what has no surface of its own.
    """
    rows = -(-len(shapes) // columns)
    sheet = np.full((rows * (CELL + TEXT), columns * CELL, 3), 255, np.uint8)
    pictures = [p for k in range(0, len(shapes), 40) for p in _pictures(shapes[k : k + 40], rng)]
    for k, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        y, x = k // columns * (CELL + TEXT), k % columns * CELL
        sheet[y : y + CELL, x : x + CELL] = picture
        where = (x + 4, y + CELL + TEXT - 4)
        cv2.putText(sheet, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def _pictures(shapes: Sequence[Shape], rng: Generator) -> list[Image]:
    """Each from slightly above, at the size that fills its cell."""
    spec = mujoco.MjSpec()
    spec.visual.global_.offheight = spec.visual.global_.offwidth = 2 * CELL
    spec.visual.quality.shadowsize = 2048
    spec.stat.extent, spec.stat.center = 1.0, [0, 0, 0]
    spec.visual.map.znear, spec.visual.map.shadowclip = 0.02, 0.4
    spec.visual.headlight.ambient = [0.45, 0.45, 0.45]
    spec.visual.headlight.diffuse = [0.15, 0.15, 0.15]
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=[0.4, 0.5, -1], diffuse=[0.6, 0.6, 0.6]
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE, size=[99, 99, 1], rgba=[0.9, 0.9, 0.88, 1]
    )
    for k, shape in enumerate(shapes):
        low, _ = shape.bounds
        body = spec.worldbody.add_body(name=f"shape{k}", pos=[0, 0, -low[2]])
        add_shape(spec, body, shape, rng)
    model = spec.compile()
    body_of = model.geom_bodyid.copy()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    context = gl.load(model)
    scene = mujoco.MjvScene(model, model.ngeom + 8)
    camera = mujoco.MjvCamera()
    camera.elevation, camera.azimuth = -28, 55
    window = mujoco.MjrRect(0, 0, 2 * CELL, 2 * CELL)
    large = np.empty((2 * CELL, 2 * CELL, 3), np.uint8)
    pictures = []
    for k, shape in enumerate(shapes):
        low, high = shape.bounds
        middle = (low + high) / 2
        camera.lookat = [middle[0], middle[1], middle[2] - low[2]]
        model.geom_group[:] = np.where((body_of == 0) | (body_of == k + 1), SEEN, HIDDEN)
        camera.distance = 1.35 * float(np.linalg.norm(high - low))
        model.geom_group[(model.geom_contype > 0) & (body_of > 0)] = HIDDEN
        every = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, every, scene)
        mujoco.mjr_render(window, scene, context)
        mujoco.mjr_readPixels(large, None, window, context)
        small = cv2.resize(large[::-1], (CELL, CELL), interpolation=cv2.INTER_AREA)
        pictures.append(small.astype(np.uint8))
    context.free()
    return pictures
