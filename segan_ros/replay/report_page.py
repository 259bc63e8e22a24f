"""`segan replay --report`: one HTML file that holds all it shows; ``web/`` has its parts."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from segan_ros.drawing.render import render

WEB = Path(__file__).with_name("web")
"""The template of the page, its style and its scripts."""

DIGITS = 4
"""Decimals of the numbers in the page; ``replay.json`` has them all."""


class Gallery:
    """Chooses the frames that get pictures: the worst ones and an even sample of the others.

    Frames are offered in order, as they are replayed, so a long bag needs memory for the chosen
    ones alone.

    Args:
        frames: how many will be offered.
        most: how many pictures to keep.

    Raises:
        ValueError: `most` is not above 0.
    """

    def __init__(self, frames: int, most: int) -> None:
        if most < 1:
            raise ValueError(f"--pictures is {most}; it must be at least 1")
        even = most - most // 2
        step = max(frames - 1, 1) / max(even - 1, 1)
        self._even = (
            set(range(frames)) if frames <= most else {round(i * step) for i in range(even)}
        )
        self._room = most - len(self._even)
        self._worst: list[tuple[float, int]] = []
        self.pictures: dict[int, dict[str, Any]] = {}

    def offer(self, index: int, score: float, make: Callable[[], dict[str, Any]]) -> None:
        """Keep the frame `index` if it is wanted; only then call `make` for its picture.

        Args:
            index: of the frame.
            score: the lower the worse; NaN is not bad.
            make: see `segan_ros.replay.layers`.
        """
        if index in self._even:
            self.pictures[index] = make()
            return
        entry = -math.inf if math.isnan(score) else -score, index
        if len(self._worst) < self._room:
            heapq.heappush(self._worst, entry)
        elif self._worst and entry > self._worst[0]:
            del self.pictures[heapq.heapreplace(self._worst, entry)[1]]
        else:
            return
        self.pictures[index] = make()


def write_page(path: Path, content: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        path: of the file.
        content: ``heading``; ``run``, ``timings``: as in ``replay.json`` and ``timings.json``;
            ``against``: the same of an earlier run, or None; ``pictures``: by index of the frame,
            `layers.picture` with ``scenes``, `layers.layers` of this and the earlier run.

    Raises:
        OSError: it cannot be written.
    """
    # "</script>" in a name must not end the script.
    data = json.dumps(_short(content), separators=(",", ":")).replace("<", "\\u003c")
    path.write_text(render("report.html", WEB, data=Markup(data)))


def _short(value: Any) -> Any:
    """`value` with short numbers; NaN, which JSON does not know, becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _short(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_short(v) for v in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
