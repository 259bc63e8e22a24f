"""What a segmenter gets wrong, beside what `segan_ros.masks.noise` makes of the true masks.

    python benchmark/mask_noise.py --scenes data/test --masks masks    # label images, see below
    python benchmark/mask_noise.py --scenes data/test --grabcut        # GrabCut in the true boxes
    python benchmark/mask_noise.py --scenes data/test --masks masks --fit

``--masks`` names a folder of label images ``<scene>.png`` of the segmenter in question. ``--fit``
looks for the strengths that make the model's column like the measured one. The numbers of
``docs/mask_noise.md`` were printed by this script.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import tight_box
from segan_ros.drawing.tables import markdown_table
from segan_ros.frame import Mask
from segan_ros.masks.noise import CALIBRATED, MaskNoise
from segan_ros.scoring.matching import Matching, count_masks, match_masks
from segan_ros.scoring.predicted import Segmenter, masks_of, noisy_masks
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.truth import LabelledScene

KERNEL = np.ones((3, 3), np.uint8)

FAR = 0.25
"""Displacements are cut to this many object sizes: beyond it a border is no longer the same one."""

PIECE = 0.02
"""Smallest missing piece that counts, as a share of its object's visible area."""


@dataclass(frozen=True)
class Errors:
    """Shares are of the true objects; lengths in object sizes, as in `MaskNoise`."""

    objects: int
    found: float
    missing: float
    missing_small: float
    merged: float
    split: float
    iou_quartiles: tuple[float, float, float]
    displacement: float
    bias: float
    quantiles: tuple[float, float, float, float]
    grain: float
    gaps: float
    slivers: float
    pieces: float
    piece: float


FOLLOWS = {
    "ragged": "displacement",
    "grain": "grain",
    "gaps": "gaps",
    "slivers": "slivers",
    "pieces": "pieces",
    "piece": "piece",
    "merged": "merged",
    "split": "split",
    "missing": "missing",
}
"""Strength -> the statistic that it is fitted to."""


def measured(scenes: Iterable[tuple[str, LabelledScene]], segmenter: Segmenter) -> Errors:
    """The errors of `segmenter` against the true visible masks."""
    matchings: list[Matching] = []
    moved: list[NDArray[np.float64]] = []
    alike: list[float] = []
    contact = left = slivers = pieces = small = small_missed = 0
    lengths: list[float] = []
    for name, scene in scenes:
        true, seen = scene.frame.labels, segmenter(name, scene)
        matching = match_masks(true, seen)
        matchings.append(matching)
        areas = {i: int(np.count_nonzero(true == i)) for i in scene.frame.object_ids}
        usual = float(np.median(np.sqrt(list(areas.values()))))
        tiny = {i for i, area in areas.items() if np.sqrt(area) < 0.5 * usual}
        small, small_missed = small + len(tiny), small_missed + len(tiny & {*matching.missed})
        meeting = _contact(true)
        contact, left = (
            contact + np.count_nonzero(meeting),
            left + np.count_nonzero(meeting & (seen <= 0)),
        )
        for i, s in matching.found.items():
            one, other = true == i, seen == s
            along = [d / usual for d in _displacements(one, other)]
            moved += along
            alike += [length / usual for length in map(_grain, along) if length > 0]
            # Both hollow and bite: what is left of the missing part without its thin rim.
            for area, long in _parts(cv2.morphologyEx(_u8(one & ~other), cv2.MORPH_OPEN, KERNEL)):
                if area >= PIECE * areas[i]:
                    pieces += 1
                    lengths.append(long / usual)
            slivers += max(len(_parts(_u8(other))) - len(_parts(_u8(one & other))), 0)
    counts = count_masks(matchings)
    away = np.clip(np.concatenate(moved), -FAR, FAR) if moved else np.zeros(1)
    ious = [v for m in matchings for v in m.ious.values()] or [np.nan]
    total = max(counts.objects, 1)
    found = max(counts.found, 1)
    return Errors(
        counts.objects,
        counts.found / total,
        counts.missed / total,
        small_missed / max(small, 1),
        counts.merged / total,
        counts.split / total,
        tuple(np.quantile(ious, (0.25, 0.5, 0.75))),
        float(np.abs(away).mean()),
        float(away.mean()),
        tuple(np.quantile(away, (0.05, 0.25, 0.75, 0.95))),
        float(np.mean(alike)) if alike else 0.0,
        left / max(contact, 1),
        slivers / found,
        pieces / found,
        float(np.mean(lengths)) if lengths else 0.0,
    )


def _u8(mask: Mask) -> NDArray[np.uint8]:
    return mask.astype(np.uint8)


def _contact(labels: NDArray[np.int32]) -> Mask:
    """Pixels of objects beside another object."""
    found = np.zeros(labels.shape, bool)
    for one, other, here, there in (
        (labels[:, :-1], labels[:, 1:], found[:, :-1], found[:, 1:]),
        (labels[:-1], labels[1:], found[:-1], found[1:]),
    ):
        meet = (one > 0) & (other > 0) & (one != other)
        here[meet] = there[meet] = True
    return found


def _parts(mask: NDArray[np.uint8]) -> list[tuple[int, float]]:
    """Area and longest extent of each connected part."""
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    return [(int(a), float(np.hypot(w, h))) for _, _, w, h, a in stats]


def _displacements(true: Mask, seen: Mask) -> Iterator[NDArray[np.float64]]:
    """Along each outline of `seen`: pixels that it runs outside `true`; inside is below 0."""
    outside = cv2.distanceTransform(_u8(~true), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(_u8(true), cv2.DIST_L2, 5)
    signed = outside - np.maximum(inside - 1, 0)
    height, width = true.shape
    for outline in cv2.findContours(_u8(seen), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        x, y = outline[:, 0].T
        inner = (x > 0) & (y > 0) & (x < width - 1) & (y < height - 1)
        if np.count_nonzero(inner) > 10:
            yield signed[y[inner], x[inner]].astype(float)


def _grain(along: NDArray[np.float64]) -> float:
    """Steps along an outline after which displacements correlate by less than 1/e; 0: never."""
    values = along - along.mean()
    power = np.abs(np.fft.rfft(values)) ** 2
    correlation = np.fft.irfft(power)
    if len(values) < 30 or correlation[0] <= 0:
        return 0.0
    below = np.flatnonzero(correlation / correlation[0] < 1 / np.e)
    return float(below[0]) if len(below) else 0.0


def grabcut(name: str, scene: LabelledScene) -> NDArray[np.int32]:
    """OpenCV's GrabCut in each object's true visible box, 5 % wider; small boxes lie in front."""
    height, width = scene.frame.size
    labels = np.zeros(scene.frame.size, np.int32)
    boxes = {i: tight_box(scene.frame.labels == i) for i in scene.frame.object_ids}
    by_area = sorted(boxes, key=lambda i: -np.prod(np.subtract(boxes[i][2:], boxes[i][:2])))
    for i in by_area:
        x0, y0, x1, y1 = boxes[i]
        wide, high = x1 - x0, y1 - y0
        left, top = max(x0 - wide // 2, 0), max(y0 - high // 2, 0)
        right, bottom = min(x1 + wide // 2, width), min(y1 + high // 2, height)
        dx, dy = max(round(0.05 * wide), 1), max(round(0.05 * high), 1)
        box = (x0 - dx - left, y0 - dy - top, wide + 2 * dx, high + 2 * dy)
        crop = np.ascontiguousarray(scene.frame.rgb[top:bottom, left:right])
        mask = np.zeros(crop.shape[:2], np.uint8)
        cv2.setRNGSeed(0)
        try:
            cv2.grabCut(
                crop, mask, box, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT
            )
        except cv2.error:  # too few pixels for its colour models
            continue
        labels[top:bottom, left:right][(mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)] = i
    return labels


def fitted(
    scenes: list[tuple[str, LabelledScene]], wanted: Errors, start: MaskNoise, rounds: int = 12
) -> MaskNoise:
    """Strengths that make the model's errors like `wanted`: each follows its own statistic."""
    noise = start
    for number in range(rounds):
        errors = measured(scenes, noisy_masks(number, noise))
        changed = {}
        for strength, statistic in FOLLOWS.items():
            goal, is_now = getattr(wanted, statistic), getattr(errors, statistic)
            ratio = np.clip((goal + 1e-3) / (is_now + 1e-3), 0.5, 2) ** 0.7
            most = 0.8 if strength == "piece" else 1  # longer bites only lose objects
            changed[strength] = float(np.clip(getattr(noise, strength) * ratio, 1e-4, most))
        noise = replace(noise, **changed)
    return noise


def table(columns: dict[str, Errors]) -> str:
    def text(value: object) -> str:
        if isinstance(value, tuple):
            return " / ".join(text(v) for v in value)
        return f"{value:.3f}" if isinstance(value, float) else str(value)

    names = {
        "objects": "true objects",
        "found": "found: IoU above 0.5",
        "missing": "missing",
        "missing_small": "missing, of those under half the object size",
        "merged": "merged into another",
        "split": "masks split off, per object",
        "iou_quartiles": "IoU of those found, quartiles",
        "displacement": "border displacement, mean size",
        "bias": "border displacement, mean (+ outwards)",
        "quantiles": "border displacement, 5 / 25 / 75 / 95 %",
        "grain": "length along the border that it stays alike",
        "gaps": "border between touching objects left unlabelled",
        "slivers": "slivers per object",
        "pieces": "missing pieces per object",
        "piece": "length of a missing piece",
    }
    rows = [
        [names[f.name], *(text(getattr(e, f.name)) for e in columns.values())]
        for f in fields(Errors)
    ]
    return markdown_table(("", *columns), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--scenes", type=Path, required=True, help="scene folders with true masks")
    parser.add_argument("--masks", type=Path, help="folder of <scene>.png, what a segmenter saw")
    parser.add_argument("--grabcut", action="store_true", help="measure GrabCut")
    parser.add_argument("--limit", type=int, help="the first LIMIT scenes only")
    parser.add_argument(
        "--fit", action="store_true", help="fit the strengths to --masks, or to GrabCut"
    )
    args = parser.parse_args()
    folders = list(islice(iterate_scenes(args.scenes), args.limit))
    scenes = [(f.name, read_scene(f)) for f in folders]
    columns = {}
    if args.masks:
        columns["segmenter"] = measured(scenes, masks_of(args.masks))
    if args.grabcut:
        columns["GrabCut"] = measured(scenes, grabcut)
    noise = CALIBRATED
    if args.fit:
        if not columns:
            parser.error("--fit needs --masks or --grabcut")
        noise = fitted(scenes, next(iter(columns.values())), noise)
        print(noise)
    columns["model"] = measured(scenes, noisy_masks(1000, noise))
    print(table(columns))


if __name__ == "__main__":
    main()
