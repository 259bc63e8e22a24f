"""One pile of objects, from a seed to its labelled scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from segan_ros.frame import Image
from segan_ros.synthesis import assets
from segan_ros.synthesis.cameras import Camera, draw_camera
from segan_ros.synthesis.families import TEST, TRAIN, VAL
from segan_ros.synthesis.grippers import approach, draw_gripper, pose
from segan_ros.synthesis.lifting import find_harm
from segan_ros.synthesis.lights import draw_lights, draw_look
from segan_ros.synthesis.physics import hand_is_free, is_sound, on_table, settle
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.settings import draw_setting
from segan_ros.synthesis.shapes import Family
from segan_ros.synthesis.views import (
    FRAME_SAMPLES,
    LARGE_FRAME_SAMPLES,
    Rejected,
    Truth,
    View,
    observe,
    photograph,
)
from segan_ros.synthesis.world import Layout, World, build
from segan_ros.truth import LabelledScene

VERSION = 5
"""Raised whenever the same seed would give other scenes."""

VIEWS = 3
"""Scenes (cameras and lights) per settled pile, see `Job.views`."""

SPLITS: dict[str, tuple[Family, ...]] = {"train": TRAIN, "val": VAL, "test": TEST}
"""Split: its families, which no other split has."""

OBJECTS = ("families", "all")
"""Parametric families alone, or half of them real meshes."""

REAL_SHARE = 0.5
"""Share of the objects of a scene that are real meshes, where asked for."""

GRIPPER_PILES, GRIPPER_VIEWS = 0.3, 0.4
"""Share of the piles that have a gripper at hand, and of their views that show it."""

CAMERAS = 8
"""Cameras tried for a view before its pile is given up."""


@dataclass(frozen=True)
class Job:
    """What to generate.

    Args:
        split: a key of `SPLITS`.
        seed: of everything.
        size: height and width in pixels.
        scenes: how many.
        objects: one of `OBJECTS`, or the folder of a set that `segan assets --meshes` made: then
            all objects are from there, in each split.
        lifts: say which objects a lift of each would disturb. Each pile is then seen once.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    split: str
    seed: int
    size: tuple[int, int]
    scenes: int
    objects: str = "families"
    lifts: bool = False

    @property
    def own(self) -> bool:
        """Whether the objects are a user's."""
        return self.objects not in OBJECTS

    @property
    def views(self) -> int:
        """Scenes per pile: lifts are counted by piles, and cost more than pictures."""
        return 1 if self.lifts else VIEWS

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"--split is {self.split!r}; choose from {', '.join(SPLITS)}")
        if self.own and not Path(self.objects).is_dir():
            raise ValueError(
                f"--objects is {self.objects!r}; choose from {', '.join(OBJECTS)}, or give the "
                "folder that `segan assets --meshes` made"
            )
        if self.scenes < 1:
            raise ValueError(f"--scenes is {self.scenes}; at least 1 scene is needed")
        if self.seed < 0:
            raise ValueError(f"--seed is {self.seed}; it must not be negative")


def heap(job: Job, pile: int, attempt: int, count: int | None = None) -> list[LabelledScene]:
    """Settle one pile and take its scenes. Every attempt at it has its own random stream.

    Args:
        job: what to make.
        pile: its number.
        attempt: number of the attempt at it.
        count: of its objects; 3 to 20 when None.

    Raises:
        Rejected: it did not come to rest, or no picture of it serves.
        FileNotFoundError: real meshes are asked for and not prepared.
    """
    key = [list(SPLITS).index(job.split), job.seed, pile, attempt]
    rng = np.random.default_rng([*key, 0])
    count = count or 3 + round(17 * rng.beta(1.8, 1.65))
    world, layout = lay_out(job, count, rng)
    present = come_to_rest(world, layout)
    about = {"split": job.split, "seed": job.seed, "pile": pile, "attempt": attempt}
    about["setting"] = layout.setting.name
    with Renderer(world) as renderer:
        scenes = [
            _picture(
                renderer, layout, present, np.random.default_rng([*key, 1 + view]),
                {**about, "view": view},
            )
            for view in range(job.views)
        ]  # fmt: skip
    if not job.lifts:
        return scenes
    harm = find_harm(world, layout, present)
    return [_with_lifts(scene, harm) for scene in scenes]


def lay_out(job: Job, count: int, rng: Generator) -> tuple[World, Layout]:
    """`count` objects of `job` above a table, ready to fall."""
    shapes = [pool[int(rng.integers(len(pool)))](rng) for pool in _pools(job, count, rng)]
    radius = float(rng.uniform(0.032, 0.056) * np.sqrt(count))
    layout = Layout(
        radius=radius,
        standing=float(rng.uniform(0, 0.75)),
        table=(float(rng.uniform(0.45, 1.0)), float(rng.uniform(0.45, 1.0))),
        setting=draw_setting(rng, radius),
        gripper=draw_gripper(rng) if rng.random() < GRIPPER_PILES else None,
        photographs=_surfaces() if job.objects == "all" else None,
    )
    return build(shapes, layout, rng, job.size), layout


def come_to_rest(world: World, layout: Layout) -> list[int]:
    """Let everything fall until nothing creeps; labels of the objects that lie on the table.

    Args:
        world: the table with its objects above it.
        layout: how it is arranged.

    Raises:
        Rejected: not all is at rest, or too little is left, or it could not lie so.
    """
    if not settle(world):
        raise Rejected("did not come to rest")
    on_it = np.flatnonzero(on_table(world, layout))
    if len(on_it) < 3:
        raise Rejected("most objects left the table")
    if not is_sound(world, on_it):
        raise Rejected("an object floats or is inside another")
    return [int(i) + 1 for i in on_it]


def _with_lifts(scene: LabelledScene, harm: Mapping[int, Sequence[int]]) -> LabelledScene:
    """`scene` with up, and with what each lift disturbs of the objects in the picture."""
    shown = {o.id for o in scene.objects}
    frame = replace(scene.frame, up=np.array(scene.extra["camera_rotation"][2]))
    hit = {i: tuple(j for j in others if j in shown) for i, others in harm.items() if i in shown}
    return replace(scene, frame=frame, harm=hit)


def _pools(job: Job, count: int, rng: Generator) -> list[Sequence[Family]]:
    """For each of `count` objects the families that it is drawn from; no split has another's."""
    own = SPLITS[job.split]
    if job.own:
        return [_of_set(job.objects)] * count
    if job.objects == "families":
        return [own] * count
    real = _real(job.split)
    return [real if rng.random() < REAL_SHARE else own for _ in range(count)]


@cache
def _of_set(folder: str) -> tuple[Family, ...]:
    from segan_ros.synthesis.assets.own import load_set

    return load_set(folder)


@cache
def _real(split: str) -> tuple[Family, ...]:
    return assets.load_objects(split)


@cache
def _surfaces() -> dict[str, Image]:
    return assets.load_surfaces()


def _picture(
    renderer: Renderer,
    layout: Layout,
    present: Sequence[int],
    rng: Generator,
    about: dict[str, Any],
) -> LabelledScene:
    """A view of the pile that serves, of at most `CAMERAS` tried.

    Raises:
        Rejected: none serves.
    """
    world = renderer.world
    points = world.data.xpos[[world.bodies[label - 1] for label in present]]
    reaching = world.gripper >= 0 and rng.random() < GRIPPER_VIEWS
    reason = ""
    for _ in range(CAMERAS):
        camera = draw_camera(points, renderer.size, rng, layout.setting.steep)
        renderer.hand_shown = reaching and _reach_in(world, camera, points, rng)
        truth = observe(renderer, camera, present)
        reason = _fault(truth)
        if not reason:
            hand = "none"
            if renderer.hand_shown and layout.gripper is not None:
                hand = layout.gripper.family
            samples = FRAME_SAMPLES if camera.size[0] < 400 else LARGE_FRAME_SAMPLES
            view = View(camera, draw_lights(rng), draw_look(rng), samples)
            return photograph(renderer, view, truth, rng, {**about, "gripper": hand})
    raise Rejected(reason)


def _reach_in(world: World, camera: Camera, points: np.ndarray, rng: Generator) -> bool:
    """Hold the gripper over one of the objects; False where it finds no room."""
    for _ in range(6):
        target = points[rng.integers(len(points))] + [0, 0, rng.uniform(0.0, 0.08)]
        away, tip = approach(camera.position, target, rng)
        world.hold(tip, pose(away, rng.uniform(0, 2 * np.pi)))
        if hand_is_free(world):
            return True
    return False


def _fault(truth: Truth) -> str:
    """Why a view does not serve; empty when it does."""
    hidden = np.array([truth.occlusion(label) for label in truth.whole])
    if len(hidden) < 3:
        return "fewer than three objects in the picture"
    if not ((hidden > 0.05) & (hidden < 0.95)).any():
        return "nothing is partly hidden"
    if np.mean(hidden > 0.95) > 0.12:
        return "too many objects are wholly hidden"
    if truth.depth.min() < 0.1:
        return "the camera is inside something"
    whole = np.stack(list(truth.whole.values()))
    if np.mean((truth.labels < 0) & whole.any(0)) > 0.3 * np.mean(whole.any(0)):
        return "a screen hides the objects"
    return ""
