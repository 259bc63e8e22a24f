"""The prepared assets in the cache: one file a thing, and a note when the set is complete."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from segan_ros.frame import Image
from segan_ros.host.home import expanded
from segan_ros.synthesis.assets.catalogue import Entry, meshes, read_manifest
from segan_ros.synthesis.assets.things import DAMAGE, draw, load_thing
from segan_ros.synthesis.shapes import Family, Shape

VERSION = 1
"""Raised whenever the same mesh would give another thing."""


def cache_folder(cache: Path | None = None) -> Path:
    """Where the assets lie: `cache`, else ``$XDG_CACHE_HOME/segan_ros/assets``.

    Raises:
        NoHomeError: neither says, and there is no home folder.
    """
    if cache is not None:
        return cache
    above = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return above.absolute() / "segan_ros" / "assets"


def load_objects(split: str, cache: Path | None = None) -> tuple[Family, ...]:
    """The prepared things of a split, each as a family that draws variations of it.

    Args:
        split: train, val or test.
        cache: see `cache_folder`.

    Raises:
        FileNotFoundError: they are not prepared, or not all of them.
        ValueError: they were prepared from another list of objects, or by another version.
    """
    folder = cache_folder(cache)
    left_out = _note(folder)["left_out"]
    entries = [e for e in meshes(read_manifest()) if e.split == split and e.name not in left_out]
    if not entries:
        raise ValueError(
            f"{folder}: no object of the split {split} is left; run `segan assets` without "
            "--skip-broken"
        )
    paths = [thing_path(folder, entry) for entry in entries]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: missing; run `segan assets`")
    return tuple(partial(_draw, e.name, p) for e, p in zip(entries, paths, strict=True))


def _draw(name: str, path: Path, rng: Generator) -> Shape:
    return draw(name, load_thing(path), rng)


def load_surfaces(cache: Path | None = None) -> dict[str, Image]:
    """Pictures of table tops and floors by name, ``(H, W, 3)`` uint8 RGB; they repeat.

    Raises:
        FileNotFoundError: they are not prepared.
        ValueError: they were prepared by another version, or are damaged.
    """
    folder = cache_folder(cache)
    _note(folder)
    path = surfaces_path(folder)
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in sorted(held.files)}
    except DAMAGE as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and run `segan assets`") from None


def digest(cache: Path | None = None) -> str:
    """Twelve letters that change with any object or surface of the prepared set.

    Raises:
        FileNotFoundError: it is not prepared.
        ValueError: it was prepared from another list of objects, or by another version.
    """
    return str(_note(cache_folder(cache))["digest"])


def thing_path(folder: Path, entry: Entry) -> Path:
    """Where a prepared thing is kept; another size or mesh is another file."""
    made_of = (VERSION, entry.mesh, entry.size, entry.turn, entry.item)
    digits = hashlib.sha256(repr(made_of).encode()).hexdigest()[:8]
    return folder / "things" / f"{entry.name}-{digits}.npz"


def surfaces_path(folder: Path) -> Path:
    return folder / "things" / f"surfaces-{VERSION}.npz"


def write_note(
    folder: Path, entries: Sequence[Entry], left_out: Sequence[str]
) -> Mapping[str, Any]:
    """Say that the set is complete, but for the names in `left_out`."""
    paths = [thing_path(folder, e) for e in entries if e.name not in left_out]
    content = hashlib.sha256()
    for path in [*paths, surfaces_path(folder)]:
        content.update(path.name.encode())
        content.update(hashlib.sha256(path.read_bytes()).digest())
    note = {
        "list": _fingerprint(entries),
        "left_out": sorted(left_out),
        "digest": content.hexdigest()[:12],
    }
    part = folder / f"set.json.{os.getpid()}.part"
    part.write_text(json.dumps(note, indent=1))
    part.replace(folder / "set.json")
    return note


def _note(folder: Path) -> dict[str, Any]:
    path = folder / "set.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no prepared assets; run `segan assets`")
    try:
        note: dict[str, Any] = json.loads(path.read_text())
        of_what = note["list"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and run `segan assets`") from None
    if of_what != _fingerprint(meshes(read_manifest())):
        raise ValueError(f"{folder}: prepared from another list of objects; run `segan assets`")
    return note


def _fingerprint(entries: Sequence[Entry]) -> str:
    return hashlib.sha256(repr((VERSION, entries)).encode()).hexdigest()[:12]
