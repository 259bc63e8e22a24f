"""How fast scenes are made, beside the loop that one would write first.

    python benchmark/generator.py [--scenes 60] [--workers 2] [--json FILE]

Both make scenes of ten objects at 320x240 of the same kind, with the same physics, samples, checks
and files. The straightforward loop takes one camera per pile, renders every object alone over the
whole image, and throws everything away after each scene; the generator takes several cameras per
pile and renders objects alone where they can be.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from segan_ros.boxes import tight_box
from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import Frame
from segan_ros.storage.scene_writer import write_scene
from segan_ros.synthesis.cameras import draw_camera
from segan_ros.synthesis.lights import draw_lights, draw_look
from segan_ros.synthesis.piles import Job, come_to_rest, heap, lay_out
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.views import ALONE_SAMPLES, FRAME_SAMPLES, Rejected, check
from segan_ros.synthesis.world import SCREEN
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

OBJECTS = 10
SIZE = 240, 320


@dataclass(frozen=True)
class Speed:
    """Of one way to make scenes.

    Args:
        scenes: made per second by all workers.
        objects: labelled objects per second.
        cpu: seconds of CPU time per scene, which other programs on the machine do not change.
        memory: largest resident memory of a worker, MiB.
    """

    scenes: float
    objects: float
    cpu: float
    memory: float


def straightforward(job: Job, pile: int, attempt: int) -> list[LabelledScene]:
    """One scene of a pile. Raises Rejected when it does not serve."""
    rng = np.random.default_rng([job.seed, pile, attempt])
    world, layout = lay_out(job, OBJECTS, rng)
    present = come_to_rest(world, layout)
    points = world.data.xpos[[world.bodies[label - 1] for label in present]]
    camera, lights = draw_camera(points, job.size, rng), draw_lights(rng)
    with Renderer(world) as renderer:
        shown = [*present, SCREEN]
        labels, depth = renderer.labels(camera, shown)
        clean = renderer.picture(camera, lights, FRAME_SAMPLES, shown)
        look = draw_look(rng).exposed_for(clean)
        objects = []
        for label in present:
            alone, own_depth = renderer.labels(camera, [label])
            whole = alone == label
            picture = renderer.picture(camera, lights, ALONE_SAMPLES, [label])
            if not whole.any():
                continue
            check(label, whole, own_depth, labels, depth)
            x0, y0, x1, y1 = tight_box(whole)
            appearance = look.develop(picture, (0, 0), job.size)[y0:y1, x0:x1]
            name = world.shapes[label - 1].family
            objects.append(TrueObject(label, whole, name, appearance))
    labels = np.maximum(labels, 0)
    frame = Frame(look.develop(clean, (0, 0), job.size), labels, depth, camera.matrix)
    return [LabelledScene(frame, tuple(objects), true_occlusions(labels, objects))]


def generator(job: Job, pile: int, attempt: int) -> list[LabelledScene]:
    """The scenes of a pile. Raises Rejected when they do not serve."""
    return heap(job, pile, attempt, OBJECTS)


WAYS = {"straightforward": straightforward, "generator": generator}


def make(way: str, job: Job, out: Path, pile: int) -> tuple[int, int]:
    """Write the scenes of one pile; returns how many, and how many objects they have."""
    for attempt in range(100):
        try:
            scenes = WAYS[way](job, pile, attempt)
        except Rejected:
            continue
        for k, scene in enumerate(scenes):
            write_scene(out / f"{way}_{pile}_{k}", scene)
        return len(scenes), sum(len(s.objects) for s in scenes)
    raise RuntimeError(f"pile {pile}: 100 attempts failed")


def measure(way: str, job: Job, workers: int, out: Path) -> Speed:
    """Make at least `job.scenes` scenes with fresh workers; their start is not counted."""
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, use_one_core) as pool:
        list(pool.map(warm_up, [0.5] * workers))
        before = sum(u[0] for u in usage_of(pool, workers).values())
        start, made, objects, pile = time.monotonic(), 0, 0, 0
        while made < job.scenes:
            block = range(pile, pile + 2 * workers)
            for scenes, count in pool.map(partial(make, way, job, out), block):
                made, objects = made + scenes, objects + count
            pile = block.stop
        seconds = time.monotonic() - start
        usage = usage_of(pool, workers).values()
    cpu = (sum(u[0] for u in usage) - before) / made
    return Speed(made / seconds, objects / seconds, cpu, max(u[1] for u in usage))


def use_one_core() -> None:
    """Keep a worker from using its neighbours' cores."""
    os.environ["LP_NUM_THREADS"] = "1"
    cv2.setNumThreads(1)


def warm_up(seconds: float) -> None:
    """Hold a worker for a while, so that every one starts."""
    time.sleep(seconds)


def usage_of(pool: ProcessPoolExecutor, workers: int) -> dict[int, tuple[float, float]]:
    """CPU seconds and largest resident MiB by process id."""
    return dict(pool.map(usage, [0.3] * workers))


def usage(seconds: float) -> tuple[int, tuple[float, float]]:
    """Of this process; it waits so that its neighbours answer, too."""
    time.sleep(seconds)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return os.getpid(), (own.ru_utime + own.ru_stime, own.ru_maxrss / 1024)


def main() -> None:
    """Measure both ways in turn, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--objects", default="families", help="families or all")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    job = Job("train", 1, SIZE, args.scenes, args.objects)
    with tempfile.TemporaryDirectory() as folder:
        found = {way: measure(way, job, args.workers, Path(folder)) for way in WAYS}
    first, ours = found["straightforward"], found["generator"]
    rows = [
        [way, f"{s.scenes:.2f}", f"{s.objects:.1f}", f"{s.cpu:.2f}", f"{s.memory:.0f}"]
        for way, s in found.items()
    ]
    ratios = ours.scenes / first.scenes, ours.objects / first.objects, first.cpu / ours.cpu
    rows.append(["ratio", *(f"{r:.1f}x" for r in ratios), ""])
    head = ["", "scenes/s", "objects/s", "CPU s/scene", "MiB/worker"]
    print(f"{OBJECTS} objects, {SIZE[1]}x{SIZE[0]}, {args.workers} workers, {args.objects}\n")
    print(markdown_table(head, rows))
    if args.json:
        args.json.write_text(json.dumps({way: asdict(s) for way, s in found.items()}, indent=1))


if __name__ == "__main__":
    main()
