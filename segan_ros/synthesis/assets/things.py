"""A real thing, ready for scenes: its surfaces and convex pieces, as a file and as a family."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from segan_ros.frame import Image
from segan_ros.synthesis.meshes import Array, Mesh
from segan_ros.synthesis.shapes import Part, Shape, solid
from segan_ros.synthesis.textures import Surface, paint

DAMAGE = (EOFError, KeyError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)
"""What numpy says of a file that is not whole."""

PRINTS = ("any", "any", "plain", "plain", "metal", "ceramic", "wood", "fruit")
"""Finishes that a plain piece is given now and then."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a thing that has one surface.

    Args:
        mesh: base of the thing at z = 0, centred, metres.
        picture: ``(H, W, 3)`` uint8 RGB, top row at v = 1.
        gloss: strength of highlights, 0..1.
        plain: of one colour; its texture coordinates serve any picture.
    """

    mesh: Mesh
    picture: Image
    gloss: float
    plain: bool


@dataclass(frozen=True, eq=False)
class Thing:
    """Args:
    pieces: what is seen.
    hulls: what is felt: ``(V, 3)`` points of convex pieces.
    standing: it stays as it is when it is put down.
    """

    pieces: tuple[Piece, ...]
    hulls: tuple[Array, ...]
    standing: bool


def save_thing(path: Path, thing: Thing) -> None:
    """Write `thing` as an .npz: whole, or not at all."""
    arrays: dict[str, object] = {
        "pieces": len(thing.pieces),
        "hulls": np.concatenate(thing.hulls).astype(np.float32),
        "hull_sizes": [len(hull) for hull in thing.hulls],
        "standing": thing.standing,
    }
    for k, piece in enumerate(thing.pieces):
        arrays |= {
            f"vertices{k}": piece.mesh.vertices.astype(np.float32),
            f"normals{k}": piece.mesh.normals.astype(np.float32),
            f"uv{k}": piece.mesh.uv.astype(np.float32),
            f"faces{k}": piece.mesh.faces,
            f"picture{k}": piece.picture,
            f"gloss{k}": np.float32(piece.gloss),
            f"plain{k}": piece.plain,
        }
    part = path.with_suffix(f".{os.getpid()}.part")  # somebody else may be at it too
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def load_thing(path: Path) -> Thing:
    """Read what `save_thing` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            pieces = tuple(
                Piece(
                    Mesh(*(held[f"{name}{k}"] for name in ("vertices", "normals", "uv", "faces"))),
                    held[f"picture{k}"],
                    float(held[f"gloss{k}"]),
                    bool(held[f"plain{k}"]),
                )
                for k in range(int(held["pieces"]))
            )
            hulls = np.split(held["hulls"].astype(float), np.cumsum(held["hull_sizes"])[:-1])
            return Thing(pieces, tuple(hulls), bool(held["standing"]))
    except DAMAGE as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and run `segan assets`") from None


def draw(name: str, thing: Thing, rng: Generator) -> Shape:
    """A variation of `thing`: another size, now and then another surface."""
    scale = float(rng.uniform(0.85, 1.15))
    parts = tuple(
        Part(replace(piece.mesh, vertices=piece.mesh.vertices * scale), surface)
        for piece, surface in zip(thing.pieces, _surfaces(thing.pieces, rng), strict=True)
    )
    solids = tuple(solid("hull", hull * scale) for hull in thing.hulls)
    return Shape(name, parts, solids, thing.standing)


def as_it_is(name: str, thing: Thing) -> Shape:
    """The thing in its own size and colours."""
    parts = tuple(Part(p.mesh, Surface(p.picture, p.gloss, 0.5)) for p in thing.pieces)
    solids = tuple(solid("hull", hull) for hull in thing.hulls)
    return Shape(name, parts, solids, thing.standing)


def _surfaces(pieces: Sequence[Piece], rng: Generator) -> list[Surface]:
    """As they are for half of the things; else every piece may get another colour or picture."""
    as_it_is = rng.random() < 0.5
    surfaces = []
    for piece in pieces:
        gloss = float(np.clip(piece.gloss * rng.uniform(0.5, 1.5), 0, 1))
        own = Surface(piece.picture, gloss, float(rng.uniform(0.2, 0.9)))
        if as_it_is:
            surfaces.append(own)
        elif piece.plain and rng.random() < 0.7:
            surfaces.append(paint(PRINTS[rng.integers(len(PRINTS))], rng))
        else:
            surfaces.append(replace(own, picture=_tinted(piece.picture, rng)))
    return surfaces


def _tinted(picture: Image, rng: Generator) -> Image:
    """The picture in another light: channels scaled, and one time in three exchanged."""
    channels = rng.permutation(3) if rng.random() < 0.33 else np.arange(3)
    gain = rng.uniform(0.6, 1.15) * rng.uniform(0.85, 1.15, 3)
    return (picture[..., channels] * gain).clip(0, 255).astype(np.uint8)
