"""What fitting masks costs, and following them: CPU time per frame, beside a fixed piece of work.

    python benchmark/masks.py

The frame is that of `benchmark/lifts.py`: ten objects at VGA, with depth. Its true masks are drawn
in the styles of `segan evaluate --mask-style`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from lifts import completed, crops, milliseconds, pile

from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import CompletedScene
from segan_ros.masks.fitting import fit
from segan_ros.masks.styles import drawn
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.tracks.steady import Steady
from segan_ros.tracks.tracker import Tracker

FITTED = ("gap2", "gap4", "erode2", "dilate2", "proto160")


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    scene = pile()
    frame = scene.frame
    masks = {"true masks": frame.labels}
    masks |= {style: drawn(frame.labels, style, np.random.default_rng(0)) for style in FITTED}
    works: dict[str, Callable[[], object]] = {"ten crops, resized": lambda: crops(frame)}
    for name, labels in masks.items():
        works[f"fitting, {name}"] = partial(fit, labels, frame.rgb, frame.depth)

    objects = completed(scene)
    edges = find_edges(frame.labels, objects, EdgeRule(), frame.depth)
    graph = build_graph([o.id for o in objects], edges)
    answer = CompletedScene(frame.size, tuple(objects), graph)
    tracker, steady, tracked, ids = Tracker(), Steady(False), Tracker(), iter(range(1 << 40))

    def next_frame() -> int:
        return next(ids) * 33_000_000

    named = tracked.track(frame, answer)
    works["tracks"] = lambda: tracker.track(replace(frame, stamp=next_frame()), answer)
    works["steady: graph"] = lambda: steady(named, next_frame())
    found = milliseconds(works)
    base = found["ten crops, resized"]
    rows = [[name, f"{ms:.2f}", f"{ms / base:.1f}"] for name, ms in found.items()]
    print(markdown_table(("", "ms", "x the crops"), rows))


if __name__ == "__main__":
    main()
