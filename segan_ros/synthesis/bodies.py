"""Shapes and surfaces as MuJoCo's geoms, meshes and textures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.random import Generator

from segan_ros.synthesis import textures
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.meshes import Mesh
from segan_ros.synthesis.shapes import Shape, Solid

mjtGeom = mujoco.mjtGeom

SEEN, FELT, TABLE, HIDDEN = 0, 3, 2, 5
"""Geom groups: visible parts, collision pieces, table and room, what a picture leaves out."""

_GEOM = {
    "box": mjtGeom.mjGEOM_BOX,
    "cylinder": mjtGeom.mjGEOM_CYLINDER,
    "capsule": mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mjtGeom.mjGEOM_ELLIPSOID,
    "hull": mjtGeom.mjGEOM_MESH,
}


def add_shape(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, shape: Shape, rng: Generator, group: int = SEEN
) -> None:
    """Give `body` what is seen (in `group`) and felt of `shape`; its name prefixes theirs."""
    material = ""
    for k, part in enumerate(shape.parts):
        name = f"{body.name}_{k}"
        if part.finish != "same":
            kind = part.finish
            surface = textures.paint(kind, rng) if isinstance(kind, str) else kind
            material = add_material(spec, name, surface)
        body.add_geom(
            type=mjtGeom.mjGEOM_MESH, meshname=_mesh(spec, name, part.mesh), material=material,
            contype=0, conaffinity=0, group=group, mass=0,
        )  # fmt: skip
    _add_solids(spec, body, shape.solids, shape.density)


def add_material(
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


def _add_solids(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, pieces: Iterable[Solid], density: float
) -> None:
    for k, piece in enumerate(pieces):
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, piece.turn.ravel())
        common = {
            "type": _GEOM[piece.kind], "pos": piece.position, "quat": quat, "group": FELT,
            "density": density, "friction": [0.7, 0.01, 0.004], "condim": 4,
        }  # fmt: skip
        if piece.kind == "hull":
            name = f"{body.name}_felt{k}"
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
