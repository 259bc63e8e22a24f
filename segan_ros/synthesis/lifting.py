"""Which objects would a lift disturb: each is drawn up in turn, from the same state of the pile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.physics import displacement, on_table, take_away
from segan_ros.synthesis.world import Layout, Poses, World

HEIGHT, SPEED, WAIT = 0.35, 0.2, 1.5
"""How far an object is drawn up in metres, how fast in metres per second, and how many seconds the
others then have to come to rest."""

MOVED, TURNED = 0.02, 20.0
"""Metres or degrees beyond which another object counts as disturbed."""

FIRM = 50.0
"""Kilograms (and kg m^2) that are added to the inertia of what is lifted: the arm yields to
nothing."""

STILL, LOOK, LOOKS = 0.002, 25, 8
"""A lift ends early when the object is clear above all others and these were slower than `STILL`
(metres, and a tenth of radians, per second) in `LOOKS` looks on end, one each `LOOK` steps."""


def find_harm(world: World, layout: Layout, present: Sequence[int]) -> dict[int, list[int]]:
    """For each of the objects `present` (labels), which of the others its lift disturbs.

    The lifted object keeps its pose while it goes straight up, and stays above. Another one is
    disturbed if in the end it has moved by more than `MOVED`, turned by more than `TURNED`, or left
    the table. The world is afterwards as it was.
    """
    whole = mujoco.mjtState.mjSTATE_INTEGRATION
    model, data = world.model, world.data
    start = np.empty(mujoco.mj_stateSize(model, whole))
    mujoco.mj_getState(model, data, start, whole)
    harm = {}
    for label in present:
        before = world.poses()
        _lift(world, label)
        harm[label] = _elsewhere(world, layout, before, label, present)
        mujoco.mj_setState(model, data, start, whole)
        mujoco.mj_forward(model, data)  # where objects are is no part of the state
    return harm


def lift_off(
    world: World,
    layout: Layout,
    label: int,
    present: Sequence[int],
    watch: Callable[[], None] = lambda: None,
) -> list[int]:
    """Lift one of the objects `present`, and take it away; which of the others that disturbed.

    `watch` is called on the way, every `LOOK` steps.
    """
    before = world.poses()
    _lift(world, label, watch)
    lifted = _elsewhere(world, layout, before, label, present)
    take_away(world, label - 1)  # what came along falls now
    fallen = _elsewhere(world, layout, before, label, present)
    return sorted({*lifted, *fallen})


def _elsewhere(
    world: World, layout: Layout, before: Poses, label: int, present: Sequence[int]
) -> list[int]:
    """Which of the objects `present` are not where they were, the one that is lifted apart."""
    moved, turned = displacement(before, world.poses())
    hit = (moved > MOVED) | (turned > TURNED) | ~on_table(world, layout)
    return [i for i in present if i != label and hit[i - 1]]


def _lift(world: World, label: int, watch: Callable[[], None] = lambda: None) -> None:
    """Draw an object up with its pose held, and let the others come to rest."""
    model, data = world.model, world.data
    joint = model.body_jntadr[world.bodies[label - 1]]
    at, to = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
    pose, inertia = data.qpos[at : at + 7].copy(), model.dof_armature[to : to + 6].copy()
    others = [i for i in range(len(world.bodies)) if i != label - 1 and i not in world.gone]
    rising, step = round(HEIGHT / SPEED / model.opt.timestep), SPEED * model.opt.timestep
    still = 0
    model.dof_armature[to : to + 6] = FIRM
    for k in range(rising + round(WAIT / model.opt.timestep)):
        data.qpos[at : at + 7] = pose
        data.qpos[at + 2] += step * min(k, rising)
        data.qvel[to : to + 6] = 0
        data.qvel[to + 2] = SPEED if k < rising else 0
        mujoco.mj_step(model, data)
        if k % LOOK == 0:
            watch()
            speed = np.abs(data.qvel.reshape(-1, 6)[others]) * [1, 1, 1, 0.1, 0.1, 0.1]
            still = still + 1 if speed.max(initial=0) < STILL else 0
            if still >= LOOKS and _is_clear(world, label):
                break
    model.dof_armature[to : to + 6] = inertia


def _is_clear(world: World, label: int) -> bool:
    """The object is higher than all others and whatever stands on the table."""
    model, data = world.model, world.data
    up = data.geom_xmat.reshape(-1, 3, 3)[:, 2]
    middle = data.geom_xpos[:, 2] + (up * model.geom_aabb[:, :3]).sum(axis=1)
    reach = (np.abs(up) * model.geom_aabb[:, 3:]).sum(axis=1)
    felt = model.geom_contype > 0
    own = model.geom_bodyid == world.bodies[label - 1]
    rest: NDArray[np.bool_] = felt & ~own & (model.geom_bodyid > 0)
    own &= felt
    return bool((middle - reach)[own].min() > (middle + reach)[rest].max(initial=-np.inf))
