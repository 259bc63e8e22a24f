"""Things fall, come to rest, and are lifted off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.world import FUNNEL, Layout, Poses, World

STILL = 0.012
"""Metres (and a tenth of radians) per second below which an object counts as at rest."""

QUIET_WINDOW, QUIET_WINDOWS = 1.0, 8
"""Seconds in which nothing may creep, and how many such windows are waited for."""

CREPT, TURNED = 0.001, 1.0
"""Metres and degrees in `QUIET_WINDOW` from which on an object counts as creeping."""

DEEP = 0.004
"""Metres that two things may sink into each other: more is seen."""


def settle(world: World) -> bool:
    """Let things fall within the unseen funnel, remove it, wait. True when all is truly at rest."""
    model = world.model
    _run(world, 2.4)
    walls = [g for g in range(model.ngeom) if model.geom(g).name.startswith(FUNNEL)]
    model.geom_contype[walls] = model.geom_conaffinity[walls] = 0
    return _run(world, 5.0) and rest(world)


def rest(world: World) -> bool:
    """Wait on until what is hardly moving does not creep any more. True when nothing does.

    Friction as a cone, not a pyramid, from here on: things on a pyramid creep for good.
    """
    model, data = world.model, world.data
    model.opt.cone, model.opt.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10
    for _ in range(QUIET_WINDOWS):
        before = world.poses()
        mujoco.mj_step(model, data, round(QUIET_WINDOW / model.opt.timestep))
        moved, turned = displacement(before, world.poses())
        if moved.max() < CREPT and turned.max() < TURNED:
            return True
    return False


def displacement(before: Poses, after: Poses) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each object has moved, metres, and turned, degrees."""
    cosine = np.abs((before[1] * after[1]).sum(axis=1)).clip(0, 1)
    return np.linalg.norm(after[0] - before[0], axis=1), np.degrees(2 * np.arccos(cosine))


def is_sound(world: World, objects: NDArray[np.int64]) -> bool:
    """Each of `objects` (indices) touches something, and nothing is far inside another thing."""
    data = world.data
    contacts = data.contact[: data.ncon]
    touched = set(world.model.geom_bodyid[contacts.geom].ravel().tolist())
    deep = data.ncon and contacts.dist.min() < -DEEP
    return not deep and all(world.bodies[i] in touched for i in objects)


def on_table(world: World, layout: Layout) -> NDArray[np.bool_]:
    """For every object: it lies on the table, clear of the edge."""
    position = world.data.xpos[list(world.bodies)]
    reach = np.array(layout.table) - 0.12
    return (np.abs(position[:, :2]) < reach).all(1) & (position[:, 2] > -0.01)


def take_away(world: World, index: int) -> bool:
    """Lift object `index` out and let the others settle. True when they came to rest."""
    world.gone.add(index)
    geoms = world.model.geom_bodyid == world.bodies[index]
    world.model.geom_contype[geoms] = world.model.geom_conaffinity[geoms] = 0
    return _run(world, 5.0)


def carries(world: World, index: int) -> int:
    """How many other objects object `index` touches from below."""
    data, mine = world.data, world.bodies[index]
    above = set()
    for contact in data.contact[: data.ncon]:
        first, second = world.model.geom_bodyid[contact.geom]
        for other, way in ((second, 1), (first, -1)):
            pair = {int(first), int(second)}
            if pair == {mine, int(other)} and other != mine and way * contact.frame[2] > 0.3:
                above.add(int(other))
    return len(above & set(world.bodies))


def hand_is_free(world: World) -> bool:
    """The gripper where `World.hold` has put it touches nothing."""
    model, data = world.model, world.data
    geoms = model.geom_bodyid == world.gripper
    model.geom_contype[geoms] = model.body_contype[world.gripper] = 1
    mujoco.mj_collision(model, data)
    touched = (model.geom_bodyid[data.contact.geom] == world.gripper).any()
    model.geom_contype[geoms] = model.body_contype[world.gripper] = 0
    return not touched


def _run(world: World, seconds: float) -> bool:
    """Step until all is still for a while; False when `seconds` did not suffice."""
    model, data = world.model, world.data
    staying = [i for i in range(len(world.bodies)) if i not in world.gone]
    still = 0
    for step in range(int(seconds / model.opt.timestep / 10)):
        mujoco.mj_step(model, data, 10)
        speed = np.abs(data.qvel.reshape(-1, 6)[staying]) * [1, 1, 1, 0.1, 0.1, 0.1]
        still = still + 1 if speed.max(initial=0) < STILL else 0
        if step > 15 and still > 5:
            return True
    return False
