"""Fetches packages of meshes and prepares their objects; what is there already is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from segan_ros.host.progress import Progress
from segan_ros.synthesis.assets.catalogue import SPLITS, Entry
from segan_ros.synthesis.assets.packages import TEXTURES, fetch, reader
from segan_ros.synthesis.assets.store import surfaces_path, thing_path
from segan_ros.synthesis.assets.things import as_it_is, load_thing, save_thing
from segan_ros.synthesis.assets.wavefront import left_half, read_picture, read_wavefront

T = TypeVar("T")

SURFACES = (
    *("blue-wood", "ceramic", "clay", "cream-plaster", "dark-wood", "gray-felt", "gray-plaster"),
    *("gray-woodgrain", "green-wood", "light-gray-floor-tile", "light-gray-plaster", "light-wood"),
    *("pink-plaster", "red-wood", "steel-brushed", "steel-scratched", "white-bricks"),
    *("white-plaster", "wood-tiles", "wood-varnished-panels", "yellow-plaster"),
)
"""Pictures of robosuite that serve as table tops and floors."""


def prepare_all(entries: Sequence[Entry], folder: Path, workers: int) -> dict[str, str]:
    """Prepare the things that `folder` lacks; returns which are broken, and why.

    Raises:
        OSError: a package cannot be fetched, or `folder` not be written.
    """
    (folder / "things").mkdir(parents=True, exist_ok=True)
    missing = [e for e in entries if not thing_path(folder, e).exists()]
    packages = {name: fetch(name, folder) for name in sorted({e.package for e in missing})}
    if not surfaces_path(folder).exists():
        _prepare_surfaces(fetch("robosuite", folder), surfaces_path(folder))
    tasks = [(packages[e.package], thing_path(folder, e), e) for e in missing]
    if not tasks:
        return {}
    found = in_processes(prepare_one, tasks, workers)
    return {name: reason for name, reason in found if reason}


def prepare_one(package: Path, path: Path, entry: Entry) -> tuple[str, str]:
    """Write the thing of `entry` to `path`; returns its name, and why it could not be done."""
    from segan_ros.synthesis.assets.prepare import fingerprint, prepare

    item, _, half = entry.item.partition("#")
    read, inside = reader(package, item)
    try:
        source = read_wavefront(read, inside)
        if half:
            source = left_half(source)
        if (mesh := fingerprint(source)) != entry.mesh:
            return entry.name, f"its mesh is {mesh}, not {entry.mesh}; another package version?"
        turn = np.reshape(entry.turn, (3, 3)) if entry.turn else None
        save_thing(path, prepare(source, entry.size, turn))
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: of coacd
        return entry.name, str(error)
    return entry.name, ""


def in_processes(
    function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[T]:
    """What `function` gives for each of `tasks`, its arguments; in no order.

    Raises:
        OSError: a process died.
    """
    if min(workers, len(tasks)) <= 1:
        yield from (function(*task) for task in Progress(tasks, unit="object"))
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), get_context("spawn"), _one_core) as pool:
        waiting = [pool.submit(function, *task) for task in tasks]
        try:
            for future in Progress(as_completed(waiting), total=len(waiting), unit="object"):
                yield future.result()
        except BrokenProcessPool:
            raise OSError(
                "a worker died, possibly out of memory; run again: finished objects are kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _one_core() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # of coacd, not loaded yet
    cv2.setNumThreads(1)


def _prepare_surfaces(package: Path, path: Path) -> None:
    pictures: dict[str, Any] = {
        name: read_picture((package / TEXTURES / f"{name}.png").read_bytes(), name, 512)
        for name in SURFACES
    }
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **pictures)
    part.replace(path)


def write_sheet(path: Path, entries: Sequence[Entry], folder: Path) -> None:
    """Draw all `entries` as they look in scenes, split by split."""
    ordered = sorted(entries, key=lambda e: (SPLITS.index(e.split), e.kind, e.name))
    draw_things(path, {f"{e.split}: {e.name}": thing_path(folder, e) for e in ordered})


def draw_things(path: Path, things: Mapping[str, Path], columns: int = 16) -> None:
    """Draw prepared things, by their captions, on one sheet."""
    from segan_ros.synthesis.assets.sheet import draw_sheet

    shapes = [as_it_is(text, load_thing(file)) for text, file in things.items()]
    picture = draw_sheet(shapes, list(things), columns, np.random.default_rng(0))
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f"{path}: cannot be written")
