"""A table in MuJoCo: objects are dropped on it, come to rest, and stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segan_ros.synthesis import textures
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.meshes import Array, Mesh
from segan_ros.synthesis.shapes import Shape, Solid

mjtGeom = mujoco.mjtGeom

STILL = 0.012
"""Metres (and a tenth of radians) per second below which an object counts as at rest."""

LIGHTS = 3
"""Lights of a world; the first casts shadows."""

_GEOM = {
    "box": mjtGeom.mjGEOM_BOX,
    "cylinder": mjtGeom.mjGEOM_CYLINDER,
    "capsule": mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mjtGeom.mjGEOM_ELLIPSOID,
    "hull": mjtGeom.mjGEOM_MESH,
}

SEEN, FELT, TABLE, HIDDEN = 0, 3, 2, 5
"""Geom groups: visible parts, collision pieces, table and floor, what a picture leaves out."""


@dataclass(frozen=True)
class Layout:
    """How a scene is arranged.

    Args:
        radius: of the invisible wall that things are dropped within, metres.
        standing: share of the objects that may stand that are placed upright.
        table: half sizes of the table top in x and y, metres.
        ground: key of `textures.GROUNDS` for the table top; any when None.
    """

    radius: float
    standing: float
    table: tuple[float, float]
    ground: str | None = None


@dataclass(frozen=True, eq=False)
class World:
    """A compiled scene.

    Args:
        model: MuJoCo's; `data` its state.
        shapes: the objects; object i is body ``bodies[i]`` and has the label i + 1.
        bodies: body ids.
        gone: indices of objects that were taken away.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    shapes: tuple[Shape, ...]
    bodies: tuple[int, ...]
    gone: set[int] = field(default_factory=set)

    def geom_objects(self) -> NDArray[np.int32]:
        """For every geom the label of its object, 0 for none."""
        label = np.zeros(self.model.nbody, np.int32)
        label[list(self.bodies)] = np.arange(1, len(self.bodies) + 1)
        return label[self.model.geom_bodyid]


def build(shapes: Sequence[Shape], layout: Layout, rng: Generator, size: tuple[int, int]) -> World:
    """Compile a table with `shapes` above it, ready to fall.

    Args:
        shapes: the objects.
        layout: how they are arranged.
        rng: draws surfaces and places.
        size: height and width of the largest picture that will be taken.
    """
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.004
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    spec.stat.extent, spec.stat.center = 1.0, [0, 0, 0]
    spec.visual.map.znear, spec.visual.map.zfar = 0.05, 25.0
    spec.visual.map.shadowclip = layout.radius + 0.12
    spec.visual.global_.offheight, spec.visual.global_.offwidth = size
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 0
    spec.visual.headlight.active = 0
    _add_room(spec, layout, rng)
    for index, (shape, place) in enumerate(zip(shapes, _places(shapes, layout, rng), strict=True)):
        body = spec.worldbody.add_body(name=f"object{index}", pos=place[0], quat=place[1])
        body.add_freejoint().damping = [1e-4, 0, 0]
        _add_shape(spec, body, shape, index, rng)
    model = spec.compile()
    bodies = tuple(model.body(f"object{i}").id for i in range(len(shapes)))
    return World(model, mujoco.MjData(model), tuple(shapes), bodies)


def settle(world: World) -> bool:
    """Let things fall between invisible walls, remove the walls, wait. True when all is at rest."""
    model = world.model
    _run(world, 2.4)
    walls = [g for g in range(model.ngeom) if model.geom(g).name.startswith("wall")]
    model.geom_contype[walls] = model.geom_conaffinity[walls] = 0
    return _run(world, 5.0)


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


def _run(world: World, seconds: float) -> bool:
    """Step until all is still for a while; False when `seconds` did not suffice."""
    model, data = world.model, world.data
    staying = [i for i in range(len(world.bodies)) if i not in world.gone]
    still = 0
    for step in range(int(seconds / model.opt.timestep / 10)):
        mujoco.mj_step(model, data, 10)
        speed = np.abs(data.qvel.reshape(-1, 6)[staying]) * [1, 1, 1, 0.1, 0.1, 0.1]
        still = still + 1 if speed.max() < STILL else 0
        if step > 15 and still > 5:
            return True
    return False


def _places(shapes: Sequence[Shape], layout: Layout, rng: Generator) -> list[tuple[Array, Array]]:
    """Where each object starts: some upright on the table, the rest one above another."""
    places: list[tuple[Array, Array]] = []
    taken: list[tuple[Array, float]] = []
    height = 0.12
    for shape in shapes:
        low, high = shape.bounds
        reach = float(np.linalg.norm(np.maximum(-low, high)[:2]))
        spot = None
        if shape.standing and rng.random() < layout.standing:
            spot = _free_spot(taken, reach, layout.radius, rng)
        if spot is not None:
            taken.append((spot, reach))
            half = rng.uniform(0, np.pi)
            places.append(
                (np.r_[spot, 0.002 - low[2]], np.array([np.cos(half), 0, 0, np.sin(half)]))
            )
            continue
        room = float(np.linalg.norm(np.maximum(-low, high)))
        height += room
        angle, r = rng.uniform(0, 2 * np.pi), layout.radius * 0.7 * np.sqrt(rng.random())
        turn = rng.normal(size=4)
        if rng.random() < 0.35:
            turn[1:3] *= 0.15
        places.append(
            (np.array([r * np.cos(angle), r * np.sin(angle), height]), turn / np.linalg.norm(turn))
        )
        height += 0.6 * room
    return places


def _free_spot(
    taken: Sequence[tuple[Array, float]], reach: float, radius: float, rng: Generator
) -> Array | None:
    for _ in range(30):
        angle, r = rng.uniform(0, 2 * np.pi), max(radius - reach, 0.01) * np.sqrt(rng.random())
        spot = np.array([r * np.cos(angle), r * np.sin(angle)])
        if all(np.linalg.norm(spot - other) > 0.85 * (reach + far) for other, far in taken):
            return spot
    return None


def _add_room(spec: mujoco.MjSpec, layout: Layout, rng: Generator) -> None:
    world, (x, y) = spec.worldbody, layout.table
    cell = float(rng.uniform(0.5, 1.5))
    table = _material(spec, "table", textures.paint_ground(rng, kind=layout.ground), 1 / cell)
    floor = _material(spec, "floor", textures.paint_ground(rng, 384), 1 / 1.5)
    # A plane lays its picture out by the metre; the board below it gives the edge.
    for name, material, half, z in (
        ("table", table, (x, y), 0.0),
        ("floor", floor, (14, 14), -0.75),
    ):
        world.add_geom(
            type=mjtGeom.mjGEOM_PLANE, size=[*half, 1], material=material, pos=[0, 0, z],
            contype=0, conaffinity=0, group=TABLE, name=name,
        )  # fmt: skip
    world.add_geom(
        type=mjtGeom.mjGEOM_BOX, size=[x, y, 0.015], pos=[0, 0, -0.018], material=table,
        contype=0, conaffinity=0, group=TABLE, name="board",
    )  # fmt: skip
    world.add_geom(
        type=mjtGeom.mjGEOM_BOX, size=[x, y, 0.2], pos=[0, 0, -0.2], group=FELT, name="plate",
        friction=[0.8, 0.01, 0.004], condim=6,
    )  # fmt: skip
    for k in range(10):
        angle = 2 * np.pi * k / 10
        where = np.array([np.cos(angle), np.sin(angle)]) * (layout.radius + 0.05)
        world.add_geom(
            type=mjtGeom.mjGEOM_BOX, size=[0.05, 0.15, 3], pos=[*where, 3], friction=[0, 0, 0],
            quat=[np.cos(angle / 2), 0, 0, np.sin(angle / 2)], group=FELT, name=f"wall{k}",
        )  # fmt: skip
    for k in range(LIGHTS):
        world.add_light(
            name=f"light{k}", castshadow=k == 0, type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
        )
    world.add_camera(name="camera")


def _add_shape(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, shape: Shape, index: int, rng: Generator
) -> None:
    material = ""
    for k, part in enumerate(shape.parts):
        name = f"object{index}_{k}"
        if part.finish != "same":
            material = _material(spec, name, textures.paint(part.finish, rng))
        body.add_geom(
            type=mjtGeom.mjGEOM_MESH, meshname=_mesh(spec, name, part.mesh), material=material,
            contype=0, conaffinity=0, group=SEEN, mass=0,
        )  # fmt: skip
    for k, piece in enumerate(shape.solids):
        _add_solid(spec, body, piece, f"object{index}_felt{k}", shape.density)


def _add_solid(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, piece: Solid, name: str, density: float
) -> None:
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, piece.turn.ravel())
    common = {
        "type": _GEOM[piece.kind], "pos": piece.position, "quat": quat, "group": FELT,
        "density": density, "friction": [0.7, 0.01, 0.004], "condim": 4,
    }  # fmt: skip
    if piece.kind == "hull":
        spec.add_mesh(name=name, uservert=piece.size.ravel())
        body.add_geom(meshname=name, **common)
    else:
        body.add_geom(size=np.resize(np.r_[piece.size, 0, 0], 3), **common)


def _mesh(spec: mujoco.MjSpec, name: str, mesh: Mesh) -> str:
    uv = mesh.uv * [1, -1] + [0, 1]  # MuJoCo counts v downwards
    spec.add_mesh(
        name=name, uservert=mesh.vertices.ravel(), usernormal=mesh.normals.ravel(),
        usertexcoord=uv.ravel(), userface=mesh.faces.ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )  # fmt: skip
    return name


def _material(
    spec: mujoco.MjSpec, name: str, surface: textures.Surface, repeat: float = 0.0
) -> str:
    """`repeat`: copies of the picture per metre; 0 lays it out by the mesh's own coordinates."""
    height, width = surface.picture.shape[:2]
    texture = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
    )
    texture.data = surface.picture.tobytes()
    material = spec.add_material(
        name=name, specular=surface.specular, shininess=surface.shininess,
        texrepeat=[repeat or 1, repeat or 1], texuniform=repeat > 0,
    )  # fmt: skip
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name
