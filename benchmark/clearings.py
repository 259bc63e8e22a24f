#!/usr/bin/env python3
"""Whole clearings: piles are seen, an object is lifted off, what is left is seen anew, until all is
gone. How many objects does that disturb?

    python benchmark/clearings.py [--piles 60] [--seed 42] [--model tabletop] [--workers 2]

Each pile is cleared by each method from the same state, under the same camera, with depth and up
and true visible masks. An object that is disturbed twice counts twice; one that left the table is
gone. What the camera does not see of a pile is left where it is.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context

import cv2
import numpy as np

from segan_ros.completion import SceneCompleter
from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import Frame
from segan_ros.host.progress import Progress
from segan_ros.runtime.model import load_model
from segan_ros.scoring.lift_report import interval
from segan_ros.synthesis.cameras import Camera, draw_camera
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.lifting import lift_off
from segan_ros.synthesis.lights import Light, Look, draw_lights, draw_look
from segan_ros.synthesis.physics import on_table
from segan_ros.synthesis.piles import Job, come_to_rest, lay_out
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.views import FRAME_SAMPLES, Rejected
from segan_ros.synthesis.world import SCREEN, Layout, World

SIZE = 480, 640
FEWEST_PIXELS = 30
"""An object of which less is seen is not seen."""

Choice = Callable[[Frame, np.random.Generator], int]


@dataclass(frozen=True)
class Clearing:
    """Of one pile by one method.

    Args:
        picks: lifts.
        clean: lifts that disturbed nothing.
        disturbed: objects, over all lifts.
    """

    picks: int
    clean: int
    disturbed: int


@dataclass(frozen=True, eq=False)
class Scene:
    """A pile under a camera."""

    world: World
    layout: Layout
    camera: Camera
    lights: tuple[Light, ...]
    look: Look


@cache
def completer(model: str) -> SceneCompleter:
    return SceneCompleter(load_model(model, threads=1))


def ours(frame: Frame, _: np.random.Generator, model: str) -> int:
    return completer(model).segment(frame).graph.removal_order[0]


def nearest(frame: Frame, _: np.random.Generator) -> int:
    """By the median depth of what is seen."""
    assert frame.depth is not None
    depth = frame.depth
    return min(frame.object_ids, key=lambda i: float(np.nanmedian(depth[frame.labels == i])))


def largest(frame: Frame, _: np.random.Generator) -> int:
    return max(frame.object_ids, key=lambda i: int(np.count_nonzero(frame.labels == i)))


def topmost(frame: Frame, _: np.random.Generator) -> int:
    """The highest in the picture."""
    return min(frame.object_ids, key=lambda i: int(np.nonzero(frame.labels == i)[0].min()))


def any_one(frame: Frame, rng: np.random.Generator) -> int:
    return int(rng.choice(frame.object_ids))


def methods(model: str) -> dict[str, Choice]:
    return {
        "segan": partial(ours, model=model),
        "nearest first": nearest,
        "topmost first": topmost,
        "largest visible first": largest,
        "random": any_one,
    }


def seen(scene: Scene, renderer: Renderer, present: list[int], rng: np.random.Generator) -> Frame:
    """What the robot's camera gives, with true masks."""
    camera, shown = scene.camera, (*present, SCREEN)
    labels, depth = renderer.labels(camera, shown)
    clean = renderer.picture(camera, scene.lights, FRAME_SAMPLES, shown)
    rgb = scene.look.exposed_for(clean).develop(clean, (0, 0), camera.size)
    grain = rng.normal(0, max(scene.look.noise, 0) / 2, rgb.shape)
    rgb = (rgb + grain).clip(0, 255).astype(np.uint8)
    ids, counts = np.unique(labels, return_counts=True)
    labels = np.where(np.isin(labels, ids[counts < FEWEST_PIXELS]), 0, labels).clip(0)
    return Frame(rgb, labels.astype(np.int32), depth, camera.matrix, up=camera.turn[2].copy())


def clear(scene: Scene, present: list[int], choose: Choice, rng: np.random.Generator) -> Clearing:
    """Until nothing is seen any more."""
    picks = clean = disturbed = 0
    left = list(present)
    with Renderer(scene.world) as renderer:
        while left:
            frame = seen(scene, renderer, left, rng)
            if not frame.object_ids:
                break
            label = choose(frame, rng)
            hit = lift_off(scene.world, scene.layout, label, left)
            picks, clean, disturbed = picks + 1, clean + (not hit), disturbed + len(hit)
            there = on_table(scene.world, scene.layout)
            left = [i for i in left if i != label and there[i - 1]]
    return Clearing(picks, clean, disturbed)


def pile(job: Job, number: int) -> tuple[Scene, list[int]]:
    """The first attempt at a pile that comes to rest."""
    for attempt in range(100):
        rng = np.random.default_rng([job.seed, number, attempt])
        world, layout = lay_out(job, 5 + int(rng.integers(10)), rng)
        try:
            present = come_to_rest(world, layout)
        except Rejected:
            continue
        points = world.data.xpos[[world.bodies[i - 1] for i in present]]
        camera = draw_camera(points, SIZE, rng, layout.setting.steep)
        return Scene(world, layout, camera, draw_lights(rng), draw_look(rng)), present
    raise ValueError(f"pile {number}: no attempt came to rest")


def cleared(job: Job, model: str, number: int) -> dict[str, Clearing]:
    """One pile by all methods, each from the same state."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    scene, present = pile(job, number)
    world = scene.world
    whole = mujoco.mjtState.mjSTATE_INTEGRATION
    start = np.empty(mujoco.mj_stateSize(world.model, whole))
    mujoco.mj_getState(world.model, world.data, start, whole)
    felt = world.model.geom_contype.copy(), world.model.geom_conaffinity.copy()
    found = {}
    for name, choose in methods(model).items():
        found[name] = clear(scene, present, choose, np.random.default_rng([job.seed, number]))
        mujoco.mj_setState(world.model, world.data, start, whole)
        world.model.geom_contype[:], world.model.geom_conaffinity[:] = felt
        world.gone.clear()
        mujoco.mj_forward(world.model, world.data)
    return found


def report(piles: list[dict[str, Clearing]]) -> Iterator[str]:
    base = np.array([p["nearest first"].disturbed for p in piles], float)
    rows = []
    for name in piles[0]:
        runs = [p[name] for p in piles]
        disturbed = np.array([r.disturbed for r in runs], float)
        low, high = interval(disturbed)
        rows.append(
            (
                name,
                f"{np.mean([r.picks for r in runs]):.1f}",
                f"{sum(r.clean for r in runs) / sum(r.picks for r in runs):.3f}",
                f"{disturbed.mean():.2f} ({low:.2f} to {high:.2f})",
                f"{disturbed.sum() / base.sum():.2f}" if base.sum() else "-",
            )
        )
    yield f"{len(piles)} piles."
    header = ("method", "lifts a pile", "clean lifts", "disturbed objects a pile (95 %)")
    yield markdown_table((*header, "x nearest first"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--piles", type=int, default=60)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--model", default="tabletop")
    parser.add_argument("--objects", default="all", help="as of segan generate")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    job = Job("test", args.seed, SIZE, args.piles, args.objects, lifts=True)
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool:
        work = pool.map(partial(cleared, job, args.model), range(args.piles))
        piles = list(Progress(work, total=args.piles, unit="pile"))
    for part in report(piles):
        print(part, end="\n\n")


if __name__ == "__main__":
    main()
