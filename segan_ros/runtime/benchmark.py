"""How long the networks of two models take: timed in turns, so that both meet the same load."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from segan_ros.runtime.model import Model

STAGES = ("segmentor", "painter")


def compare(ours: Model, theirs: Model, objects: int, repeat: int) -> dict[str, Any]:
    """Median milliseconds of each network on one frame's objects, all of them painted.

    Args:
        ours: is timed.
        theirs: is timed beside it.
        objects: in the frame.
        repeat: turns; one more goes before them and does not count.

    Returns:
        ``{"ours", "theirs": {"model", "precision", "segmentor", "painter", "total"},
        "ratio": ...}``, ratio is theirs over ours.
    """
    calls = {"ours": _calls(ours, objects), "theirs": _calls(theirs, objects)}
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(repeat + 1):
        for who, networks in calls.items():
            for stage, call in networks.items():
                start = time.perf_counter()
                call()
                if turn:
                    seconds.setdefault((who, stage), []).append(time.perf_counter() - start)
    result: dict[str, Any] = {"provider": ours.provider, "objects": objects, "runs": repeat}
    for who, model in (("ours", ours), ("theirs", theirs)):
        times = {s: round(1000 * median(seconds[who, s]), 2) for s in STAGES}
        named = {"model": model.spec.name, "precision": model.precision}
        result[who] = {**named, **times, "total": round(sum(times.values()), 2)}
    result["ratio"] = {
        s: round(result["theirs"][s] / result["ours"][s], 2) for s in (*STAGES, "total")
    }
    return result


def _calls(model: Model, objects: int) -> dict[str, Callable[[], object]]:
    """Random pictures serve: the networks take the same time for all."""
    rng = np.random.default_rng(0)
    segmentor, painter = model.spec.segmentor, model.spec.painter
    planes = rng.random((objects, segmentor.channels, *segmentor.size), np.float32)
    boxes = np.tile(np.array([0.25, 0.25, 0.75, 0.75], np.float32), (objects, 1))
    canvases = rng.random((objects, 3, *painter.size), np.float32)
    return {
        "segmentor": lambda: model.segment(planes, boxes),
        "painter": lambda: model.paint(canvases),
    }
