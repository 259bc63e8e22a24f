"""One pile of objects, from a seed to its labelled scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from segan_ros.scenes import LabelledScene
from segan_ros.synthesis.families import TEST_ONLY, TRAIN, VAL_ONLY
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.shapes import Family
from segan_ros.synthesis.views import Rejected, draw_view, take
from segan_ros.synthesis.world import Layout, build, on_table, settle

VERSION = 3
"""Raised whenever the same seed would give other scenes."""

VIEWS = 2
"""Scenes (cameras and lights) per settled pile."""

SPLITS: dict[str, tuple[Family, ...]] = {"train": (), "val": VAL_ONLY, "test": TEST_ONLY}
"""Split: the families that it alone has."""

OWN_SHARE = 0.4
"""Share of the objects of a scene that come from its split's own families."""


@dataclass(frozen=True)
class Job:
    """What to generate.

    Args:
        split: a key of `SPLITS`.
        seed: of everything.
        size: height and width in pixels.
        scenes: how many.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    split: str
    seed: int
    size: tuple[int, int]
    scenes: int

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"--split is {self.split!r}; known are {', '.join(SPLITS)}")
        if self.scenes < 1:
            raise ValueError(f"--scenes is {self.scenes}; at least 1 scene is needed")
        if self.seed < 0:
            raise ValueError(f"--seed is {self.seed}; it must not be negative")


def heap(job: Job, pile: int, attempt: int) -> list[LabelledScene]:
    """Settle one pile and take its `VIEWS` scenes. Every attempt at it has its own random stream.

    Raises:
        Rejected: it did not come to rest, or a picture of it does not serve.
    """
    key = [list(SPLITS).index(job.split), job.seed, pile, attempt]
    rng = np.random.default_rng([*key, 0])
    count = int(rng.integers(4, 15))
    own = SPLITS[job.split]
    pools = [own if own and rng.random() < OWN_SHARE else TRAIN for _ in range(count)]
    shapes = [pool[rng.integers(len(pool))](rng) for pool in pools]
    layout = Layout(
        radius=float(rng.uniform(0.040, 0.070) * np.sqrt(count)),
        standing=float(rng.uniform(0, 0.75)),
        table=(float(rng.uniform(0.45, 1.0)), float(rng.uniform(0.45, 1.0))),
    )
    world = build(shapes, layout, rng, job.size)
    if not settle(world):
        raise Rejected("did not come to rest")
    present = [int(i) + 1 for i in np.flatnonzero(on_table(world, layout))]
    if len(present) < 3:
        raise Rejected("most objects left the table")
    about = {"split": job.split, "seed": job.seed, "pile": pile, "attempt": attempt}
    with Renderer(world) as renderer:
        return [
            _picture(renderer, present, np.random.default_rng([*key, 1 + v]), {**about, "view": v})
            for v in range(VIEWS)
        ]


def _picture(
    renderer: Renderer, present: Sequence[int], rng: Generator, about: dict[str, Any]
) -> LabelledScene:
    world = renderer.world
    points = world.data.xpos[[world.bodies[label - 1] for label in present]]
    view = draw_view(points, renderer.size, rng)
    scene = take(renderer, view, rng, present, about)
    labels = scene.frame.labels
    seen = [np.count_nonzero(labels == o.id) / np.count_nonzero(o.amodal) for o in scene.objects]
    if len(seen) < 3:
        raise Rejected("fewer than three objects in the picture")
    if not any(0.05 < share < 0.95 for share in seen):
        raise Rejected("nothing is partly hidden")
    if np.mean(np.array(seen) == 0) > 0.34:
        raise Rejected("too many objects are wholly hidden")
    return scene
