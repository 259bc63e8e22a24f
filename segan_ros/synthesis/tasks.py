"""What a worker does: one pile, from its number to the files of its scenes.

Nothing is written here, so that workers on other machines need no shared disk.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import mujoco

from segan_ros.storage.scene_writer import scene_files
from segan_ros.synthesis import assets
from segan_ros.synthesis.piles import VERSION, Job, heap
from segan_ros.synthesis.views import Rejected

ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Pile:
    """The scenes of one pile.

    Args:
        scenes: the files of each, by name.
        objects: how many objects each has.
        rejected: why earlier attempts at the pile failed.
    """

    scenes: tuple[Mapping[str, bytes], ...]
    objects: tuple[int, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True)
class MakePile:
    """The task: call it with the number of a pile.

    Args:
        job: what to generate.
        identity: of `job` where it was given out; a worker with other code or assets refuses.
    """

    job: Job
    identity: Mapping[str, Any]

    def __call__(self, pile: int) -> Pile:
        """The scenes of a pile: the same bytes from every worker on this kind of processor.

        Raises:
            ValueError: this worker would make other scenes, or no attempt serves.
            OSError: there is nothing to render with.
        """
        _use_one_core()
        if (here := identity_of(self.job)) != self.identity:
            raise ValueError(
                f"a worker on {os.uname().nodename} would make other scenes ({here}, not "
                f"{self.identity}); install the same segan_ros, mujoco and assets "
                "on every machine"
            )
        rejected: list[str] = []
        for attempt in range(ATTEMPTS):
            try:
                scenes = heap(self.job, pile, attempt)
            except Rejected as reason:
                rejected.append(str(reason))
                continue
            return Pile(
                tuple(scene_files(s) for s in scenes),
                tuple(len(s.objects) for s in scenes),
                tuple(rejected),
            )
        ((most, _),) = Counter(rejected).most_common(1)
        raise ValueError(
            f"pile {pile}: {ATTEMPTS} attempts failed, most for: {most}; choose another --seed "
            "or a larger --size"
        )


def identity_of(job: Job) -> dict[str, Any]:
    """What scenes depend on: equal identities and numbers give equal bytes on equal processors.

    Raises:
        OSError: assets are wanted and not prepared.
    """
    return {
        "version": VERSION,
        "split": job.split,
        "seed": job.seed,
        "size": list(job.size),
        "objects": "own" if job.own else job.objects,
        "assets": _digest(job.objects),
        "mujoco": mujoco.__version__,
        **({"lifts": True} if job.lifts else {}),
    }


@cache
def _digest(objects: str) -> str:
    """What tells sets of meshes apart; empty without."""
    if objects == "families":
        return ""
    if objects == "all":
        return assets.digest()
    from segan_ros.synthesis.assets.own import set_digest

    return set_digest(objects)


@cache
def _use_one_core() -> None:
    """Workers share the machine: one core each, for OpenCV and for OSMesa."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
