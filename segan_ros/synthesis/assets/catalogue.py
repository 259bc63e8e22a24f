"""The list of all objects: where each comes from, under which licence, in which split."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).with_name("objects.tsv")

PERMISSIVE = ("Apache-2.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-US", "MIT")
"""Licences under which an object may be on the list."""

SPLITS = ("train", "val", "test")

FAMILIES = "segan_ros"
"""The package of what is not a mesh but drawn anew from the seed each time."""


@dataclass(frozen=True)
class Entry:
    """A line of the list.

    Args:
        name: of the object; nothing else is called so.
        kind: what sort of thing it is; a kind belongs to one split.
        split: train, val or test.
        package: what it comes with.
        item: its path inside; ``#left`` behind it takes the left half of a pair.
        size: width, depth and height in metres.
        turn: rotation of the mesh before it is sized, row by row; empty for none.
        licence: SPDX name.
        author: who made it.
        mesh: fingerprint of the mesh, see `prepare.fingerprint`; empty for families.
    """

    name: str
    kind: str
    split: str
    package: str
    item: str
    size: tuple[float, ...]
    turn: tuple[float, ...]
    licence: str
    author: str
    mesh: str


def read_manifest(path: Path | None = None) -> tuple[Entry, ...]:
    """The list at `path`, `MANIFEST` when None.

    Raises:
        ValueError: a line is not what it should be, or two splits share something.
    """
    path = path or MANIFEST
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t")
        entries = tuple(_entry(path, row) for row in rows)
    check(entries)
    return entries


def meshes(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Those that are meshes of a package."""
    return tuple(e for e in entries if e.package != FAMILIES)


def check(entries: Iterable[Entry]) -> None:
    """Names and meshes are listed once, a kind in one split, and every licence permits.

    Raises:
        ValueError: not so; names the entry.
    """
    names: set[str] = set()
    mesh_of: dict[str, str] = {}
    split_of: dict[str, str] = {}
    for entry in entries:
        if entry.licence not in PERMISSIVE:
            raise ValueError(
                f"{entry.name}: licence {entry.licence!r}; only {', '.join(PERMISSIVE)} may be used"
            )
        if entry.split not in SPLITS:
            raise ValueError(
                f"{entry.name}: split {entry.split!r}; choose from {', '.join(SPLITS)}"
            )
        if entry.name in names:
            raise ValueError(f"{entry.name}: listed twice")
        names.add(entry.name)
        if entry.mesh and entry.mesh in mesh_of:
            raise ValueError(f"{entry.name}: the same mesh as {mesh_of[entry.mesh]}")
        mesh_of[entry.mesh] = entry.name
        split = split_of.setdefault(entry.kind, entry.split)
        if entry.split != split:
            raise ValueError(f"{entry.name}: {entry.kind} is in {split} and in {entry.split}")


def _entry(path: Path, row: dict[str, str]) -> Entry:
    try:
        numbers = {key: tuple(float(x) for x in row[key].split()) for key in ("size", "turn")}
        texts = {key: row[key] for key in Entry.__dataclass_fields__ if key not in numbers}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        name = row.get("name")
        raise ValueError(f"{path}: not a list of objects, near {name}: {error}") from None
    entry = Entry(**texts, **numbers)  # type: ignore[arg-type]
    shaped = entry.package == FAMILIES or (len(entry.size) == 3 and min(entry.size) > 0)
    if not shaped or len(entry.turn) not in (0, 9):
        raise ValueError(f"{entry.name}: size needs 3 positive numbers, turn 9 or none")
    return entry
