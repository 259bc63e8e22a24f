"""What a set of scenes is like, from what each ``scene.json`` says: is it worth learning from?"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from segan_ros.host.progress import Progress
from segan_ros.storage.scenes import ScenePath, iterate_scenes, read_description

HIDDEN = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Bounds of the bins of hidden shares; below them is a bin for objects that nothing hides."""

SIDES = (8, 16, 32, 64, 128, 256, 512)
COUNTS = tuple(range(1, 21))
ELEVATIONS = tuple(range(10, 90, 10))
OCCLUDERS = (1, 2, 3, 4, 5)

PARTLY = 0.05, 0.95
"""Hidden shares of the objects that amodal completion learns from."""


@dataclass(frozen=True)
class Histogram:
    """How often which values came.

    Args:
        title: what was counted.
        labels: of the bins.
        counts: of the bins.
    """

    title: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def shares(self) -> list[float]:
        """Of the bins, 0..1."""
        total = max(sum(self.counts), 1)
        return [count / total for count in self.counts]


@dataclass
class Statistics:
    """Counted over scenes.

    Args:
        scenes: how many.
        hidden: hidden share of every object, 0..1.
        sides: longest side of every object's whole box, pixels.
        occluders: how many objects hide some of it, for every object.
        per_scene: objects in every scene.
        elevations: degrees by which cameras look down, where known.
        kinds: objects by name.
        places: scenes by where the pile lies, where known.
        grippers: scenes by the gripper in them, where known.
        pairs: of objects of which one hides some of the other.
        mutual: pairs that hide each other.
        mutual_scenes: scenes that have such a pair.
    """

    scenes: int = 0
    hidden: list[float] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    occluders: list[int] = field(default_factory=list)
    per_scene: list[int] = field(default_factory=list)
    elevations: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    grippers: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    mutual: int = 0
    mutual_scenes: int = 0

    def add(self, description: dict[str, Any]) -> None:
        """Count a scene by its ``scene.json``. Raises KeyError when it tells too little."""
        objects = description["objects"]
        occlusions = {(a, b) for a, b, _ in description["occ"]}
        occluders = Counter(b for _, b in occlusions)
        mutual = sum((b, a) in occlusions for a, b in occlusions) // 2
        self.scenes += 1
        self.per_scene.append(len(objects))
        self.pairs += len(occlusions) - mutual
        self.mutual += mutual
        self.mutual_scenes += mutual > 0
        for item in objects:
            x0, y0, x1, y1 = item["box"]
            self.hidden.append(1 - item["visible"] / max(item["amodal"], 1))
            self.sides.append(max(x1 - x0, y1 - y0))
            self.occluders.append(occluders[item["id"]])
            self.kinds[item["name"]] += 1
        if "camera_rotation" in description:
            down = -float(description["camera_rotation"][2][2])
            self.elevations.append(math.degrees(math.asin(min(max(down, -1.0), 1.0))))
        for counts, key in ((self.places, "setting"), (self.grippers, "gripper")):
            if isinstance(name := description.get(key), str):
                counts[name] += 1

    @property
    def partly_hidden(self) -> int:
        """Objects to learn completion from."""
        return sum(PARTLY[0] <= share <= PARTLY[1] for share in self.hidden)


def measure(folder: Path) -> Statistics:
    """Count over the scenes in `folder`, loose or packed.

    Raises:
        ValueError: there is none, or one has no ground truth.
    """
    return measure_all(Progress(iterate_scenes(folder), "counting", unit="scene", leave=False))


def measure_all(scenes: Iterable[ScenePath]) -> Statistics:
    """Count over `scenes`. Raises ValueError when one has no ground truth."""
    found = Statistics()
    for scene in scenes:
        if not (scene / "scene.json").exists():
            raise ValueError(f"{scene}: no scene.json, which holds what is counted")
        try:
            found.add(read_description(scene))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{scene}/scene.json: lacks what is counted ({type(error).__name__}: "
                f"{error}); write the scene again"
            ) from None
    return found


def histograms(found: Statistics) -> list[Histogram]:
    """All that can be drawn of `found`."""
    whole = sum(share == 0 for share in found.hidden)
    partly = _binned([share for share in found.hidden if share > 0], HIDDEN)
    percent = ["0", *(f"{b:.0%}"[:-1] for b in HIDDEN), "100"]
    hidden_labels = ("0", *(f"{a}–{b}" for a, b in pairwise(percent)))
    drawn = [
        Histogram("hidden share of objects, %", hidden_labels, (whole, *partly)),
        _histogram("objects per scene", found.per_scene, COUNTS),
        _histogram("occluders per object", found.occluders, OCCLUDERS),
        _histogram("longest side of a whole object, pixels", found.sides, SIDES),
        _histogram("camera elevation, degrees", found.elevations, ELEVATIONS),
        _named("pile setting", found.places),
        _named("grippers in the image", found.grippers),
        _named("kinds of objects", found.kinds),
    ]
    return [h for h in drawn if any(h.counts)]


def report(found: Statistics, width: int = 40) -> str:
    """The distribution for a terminal, bars of at most `width` characters."""
    lines = [*(f"{name}: {text}" for name, text in key_figures(found)), ""]
    for histogram in histograms(found):
        lines.append(histogram.title)
        longest = max(map(len, histogram.labels))
        most = max(histogram.shares)
        for label, count, share in zip(
            histogram.labels, histogram.counts, histogram.shares, strict=True
        ):
            bar = "█" * round(width * share / most)
            lines.append(f"  {label:>{longest}}  {share:6.1%} {count:8d}  {bar}".rstrip())
        lines.append("")
    return "\n".join(lines)


def key_figures(found: Statistics) -> list[tuple[str, str]]:
    """Name and value of what sums up a set of scenes."""
    objects = len(found.hidden)
    return [
        ("scenes", f"{found.scenes}"),
        ("objects", f"{objects}"),
        ("objects per scene", f"{objects / max(found.scenes, 1):.1f}"),
        ("kinds", f"{len(found.kinds)}"),
        ("partly hidden (5–95 %)", f"{found.partly_hidden / max(objects, 1):.0%} of objects"),
        ("mutually occluding pairs", f"{found.mutual / max(found.pairs, 1):.1%} of pairs"),
        ("scenes with such a pair", f"{found.mutual_scenes / max(found.scenes, 1):.0%}"),
    ]


def _histogram(title: str, values: Sequence[float], bounds: Sequence[int]) -> Histogram:
    """Bins between `bounds`, below and above them; empty bins at the ends are dropped."""
    whole = all(b - a == 1 for a, b in pairwise(bounds))
    inner = [f"{a}" if whole else f"{a}–{b}" for a, b in pairwise(bounds)]
    below = f"{bounds[0] - 1}" if whole and bounds[0] == 1 else f"<{bounds[0]}"
    labels, counts = [below, *inner, f"{bounds[-1]}+"], _binned(values, bounds)
    used = [i for i, count in enumerate(counts) if count] or [0]
    span = slice(used[0], used[-1] + 1)
    return Histogram(title, tuple(labels[span]), tuple(counts[span]))


def _binned(values: Iterable[float], bounds: Sequence[float]) -> list[int]:
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_right(bounds, value)] += 1
    return counts


def _named(title: str, counts: Counter[str]) -> Histogram:
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Histogram(title, tuple(n or "unnamed" for n, _ in common), tuple(c for _, c in common))
