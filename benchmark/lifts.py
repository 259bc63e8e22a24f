"""What judging lifts costs: CPU time per frame, beside a fixed piece of work in the same run.

    python benchmark/lifts.py

The frame is one of the shipped bag with ten objects, at VGA; their true whole masks stand for the
segmentor's. The fixed work is cutting ten crops out of a picture and resizing them to 256x256:
machines, and the same machine at other times, differ in both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from segan_ros.boxes import crop, tight_box
from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.up import find_up
from segan_ros.geometry.upright import raised, set_upright
from segan_ros.host.resources import resource_path
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.occlusion.lifts import judge_lifts
from segan_ros.occlusion.unlabelled import occluded_by_unlabelled
from segan_ros.storage.bags import open_bag
from segan_ros.truth import LabelledScene

OBJECTS, ROUNDS, RUNS = 10, 9, 20


def milliseconds(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """CPU time of each, the median of `ROUNDS` rounds in which all take turns."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            begun = time.process_time()
            for _ in range(RUNS):
                work()
            found[name].append((time.process_time() - begun) / RUNS * 1e3)
    return {name: float(np.median(times)) for name, times in found.items()}


def pile() -> LabelledScene:
    """The frame of the shipped bag with that many objects."""
    with open_bag(resource_path("demo/tabletop.mcap")) as bag:
        for each in bag.frames():
            if each.truth is not None and len(each.truth.frame.object_ids) == OBJECTS:
                return each.truth
    raise SystemExit(f"no frame of the bag has {OBJECTS} objects")


def completed(scene: LabelledScene) -> list[AmodalObject]:
    """Its objects, with their true whole masks."""
    found = []
    for item in scene.objects:
        if item.id in scene.frame.object_ids:
            box = tight_box(item.amodal)
            visible = crop(scene.frame.labels, box) == item.id
            whole = crop(item.amodal, box) | visible
            found.append(AmodalObject(item.id, box, visible, whole, whole.astype(np.float32)))
    return sorted(found, key=lambda o: o.id)


def crops(frame: Frame) -> None:
    """The fixed work."""
    for i in range(OBJECTS):
        part = frame.rgb[20 * i : 20 * i + 200, 30 * i : 30 * i + 200]
        cv2.resize(part, (256, 256), interpolation=cv2.INTER_LINEAR)


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    scene = pile()
    frame, objects = replace(scene.frame, up=None), completed(scene)
    assert frame.depth is not None
    depth = frame.depth
    edges = find_edges(frame.labels, objects, EdgeRule(), depth)
    up = find_up(frame)
    assert up is not None
    space = set_upright(frame, objects, up)
    above = raised(frame, up, space.ground)
    lifts = judge_lifts(frame.labels, objects, edges, space)
    ids = [o.id for o in objects]
    works: dict[str, Callable[[], object]] = {
        "ten crops, resized": lambda: crops(frame),
        "occlusion edges": lambda: find_edges(frame.labels, objects, EdgeRule(), depth),
        "up from the background": lambda: find_up(frame),
        "places of the objects": lambda: set_upright(frame, objects, up),
        "risks of all pairs": lambda: judge_lifts(frame.labels, objects, edges, space),
        "order": lambda: build_graph(ids, lifts.edges, lifts.supports, lifts.safety),
        "what is raised": lambda: raised(frame, up, space.ground),
        "hidden by what has no mask": lambda: occluded_by_unlabelled(
            frame.labels, objects, depth, above, EdgeRule.depth_step
        ),
    }
    found = milliseconds(works)
    base = found["ten crops, resized"]
    rows = [[name, f"{ms:.2f}", f"{ms / base:.1f}"] for name, ms in found.items()]
    print(markdown_table(("", "ms", "x the crops"), rows))
    lifting = ("up from the background", "places of the objects", "risks of all pairs", "order")
    total = sum(found[name] for name in lifting)
    print(f"\nlifts together: {total:.2f} ms, {total / base:.1f} x the crops")


if __name__ == "__main__":
    main()
