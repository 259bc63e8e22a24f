"""A table in MuJoCo with objects above it, ready to fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.frame import Image
from segan_ros.synthesis.bodies import FELT, SEEN, TABLE, add_shape, mjtGeom
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.places import draw_places
from segan_ros.synthesis.room import add_room, add_table
from segan_ros.synthesis.settings import Setting
from segan_ros.synthesis.shapes import Shape
from segan_ros.synthesis.textures import paint_ground

LIGHTS = 3
"""Lights of a world; the first casts shadows."""

FUNNEL = "funnel"
"""Prefix of the names of the unseen walls that keep things together while they fall."""

SCREEN = -1
"""Label of what may hide objects and is none: walls of bins, bystanders, a gripper."""


Poses = tuple[Array, Array]
"""Positions ``(n, 3)`` in metres and quaternions ``(n, 4)``, w first."""


@dataclass(frozen=True, eq=False)
class Layout:
    """How a scene is arranged.

    Args:
        radius: within which things are dropped on an open table, metres.
        standing: share of the objects that may stand that are placed upright.
        table: half sizes of the table top in x and y, metres.
        ground: key of `textures.GROUNDS` for the table top; any when None.
        setting: what is on the table besides the objects.
        gripper: a hand for `World.hold`.
        photographs: pictures of real surfaces for the table top.
    """

    radius: float
    standing: float
    table: tuple[float, float]
    ground: str | None = None
    setting: Setting = field(default_factory=lambda: Setting("table"))
    gripper: Shape | None = None
    photographs: Mapping[str, Image] | None = None


@dataclass(frozen=True, eq=False)
class World:
    """A compiled scene.

    Args:
        model: MuJoCo's; `data` its state.
        shapes: the objects; object i is body ``bodies[i]`` and has the label i + 1.
        bodies: body ids.
        screens: body ids of what may hide objects without being one.
        gripper: body id of the hand, -1 without.
        gone: indices of objects that were taken away.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    shapes: tuple[Shape, ...]
    bodies: tuple[int, ...]
    screens: tuple[int, ...] = ()
    gripper: int = -1
    gone: set[int] = field(default_factory=set)

    def geom_labels(self) -> NDArray[np.int32]:
        """For every geom the label of its object, `SCREEN`, or 0 for table and room."""
        label = np.zeros(self.model.nbody, np.int32)
        label[list(self.bodies)] = np.arange(1, len(self.bodies) + 1)
        label[list(self.screens)] = SCREEN
        if self.gripper >= 0:
            label[self.gripper] = SCREEN
        return label[self.model.geom_bodyid]

    def pose(self, label: int) -> tuple[Array, Array]:
        """Position in metres and quaternion (w first) of an object in the world."""
        body = self.bodies[label - 1]
        return self.data.xpos[body].copy(), self.data.xquat[body].copy()

    def poses(self) -> Poses:
        """Of all objects, as `pose` has them."""
        bodies = list(self.bodies)
        return self.data.xpos[bodies].copy(), self.data.xquat[bodies].copy()

    def vertices(self, label: int) -> Array:
        """``(V, 3)`` points of the surface of an object in the world."""
        body = self.bodies[label - 1]
        points = np.concatenate([p.mesh.vertices for p in self.shapes[label - 1].parts])
        return points @ self.data.xmat[body].reshape(3, 3).T + self.data.xpos[body]

    def hold(self, position: Array, turn: Array) -> None:
        """Put the hand's tip at `position` ``(3,)``, turned by `turn` ``(3, 3)``."""
        mocap = self.model.body_mocapid[self.gripper]
        self.data.mocap_pos[mocap] = position
        mujoco.mju_mat2Quat(self.data.mocap_quat[mocap], turn.ravel())
        mujoco.mj_kinematics(self.model, self.data)


def build(shapes: Sequence[Shape], layout: Layout, rng: Generator, size: tuple[int, int]) -> World:
    """Compile a table with `shapes` above it, ready to fall.

    Args:
        shapes: the objects.
        layout: how they are arranged.
        rng: draws surfaces and places.
        size: height and width of the largest picture that will be taken.
    """
    spec = _empty(layout, size)
    surface = paint_ground(rng, kind=layout.ground, photographs=layout.photographs)
    add_table(spec, layout.table, surface, float(rng.uniform(0.5, 1.5)))
    add_room(spec, layout.table, rng)
    _add_funnel(spec, layout)
    screens = []
    for k, fixture in enumerate(layout.setting.fixtures):
        half = fixture.yaw / 2
        body = spec.worldbody.add_body(
            name=f"fixture{k}", pos=fixture.position, quat=[np.cos(half), 0, 0, np.sin(half)]
        )
        add_shape(spec, body, fixture.shape, rng, SEEN if fixture.screen else TABLE)
        if fixture.screen:
            screens.append(body.name)
    if layout.gripper is not None:
        _add_gripper(spec, layout.gripper, rng)
    area = layout.setting.inside or (layout.radius, layout.radius)
    places = draw_places(shapes, area, layout.standing, layout.setting.level, rng)
    for index, (shape, place) in enumerate(zip(shapes, places, strict=True)):
        body = spec.worldbody.add_body(name=f"object{index}", pos=place[0], quat=place[1])
        body.add_freejoint().damping = [1e-4, 0, 0]
        add_shape(spec, body, shape, rng)
    model = spec.compile()
    return World(
        model,
        mujoco.MjData(model),
        tuple(shapes),
        tuple(model.body(f"object{i}").id for i in range(len(shapes))),
        tuple(model.body(name).id for name in screens),
        -1 if layout.gripper is None else model.body("gripper").id,
    )


def _empty(layout: Layout, size: tuple[int, int]) -> mujoco.MjSpec:
    """Options of physics and pictures, lights and a camera."""
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.004
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    spec.stat.extent, spec.stat.center = 1.0, [0, 0, 0]
    spec.visual.map.znear, spec.visual.map.zfar = 0.05, 25.0
    spec.visual.map.shadowclip = max(layout.radius, *(layout.setting.inside or (0, 0))) + 0.2
    spec.visual.global_.offheight, spec.visual.global_.offwidth = size
    # As fine as the picture: more would cost most of the time of drawing an object alone.
    spec.visual.quality.shadowsize = 512 if size[0] < 400 else 1024
    spec.visual.quality.offsamples = 0
    spec.visual.headlight.active = 0
    for k in range(LIGHTS):
        spec.worldbody.add_light(
            name=f"light{k}", castshadow=k == 0, type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
        )
    spec.worldbody.add_camera(name="camera")
    return spec


def _add_funnel(spec: mujoco.MjSpec, layout: Layout) -> None:
    """Walls without friction: around a circle on the table, or up from the rim of a container."""
    inside, rim = layout.setting.inside, layout.setting.rim
    sides = 10 if inside is None else 4
    for k in range(sides):
        angle = 2 * np.pi * k / sides
        away = layout.radius if inside is None else inside[k % 2]
        where = np.array([np.cos(angle), np.sin(angle)]) * (away + 0.05)
        spec.worldbody.add_geom(
            type=mjtGeom.mjGEOM_BOX, size=[0.05, 0.15 if inside is None else 0.6, 3],
            pos=[*where, 3 + rim], friction=[0, 0, 0], group=FELT, name=f"{FUNNEL}{k}",
            quat=[np.cos(angle / 2), 0, 0, np.sin(angle / 2)],
        )  # fmt: skip


def _add_gripper(spec: mujoco.MjSpec, shape: Shape, rng: Generator) -> None:
    """A hand far below the floor, moved by `World.hold` alone; it pushes nothing."""
    body = spec.worldbody.add_body(name="gripper", pos=[0, 0, -20], mocap=True)
    add_shape(spec, body, shape, rng)
    for geom in body.geoms:
        geom.contype = geom.conaffinity = 0
