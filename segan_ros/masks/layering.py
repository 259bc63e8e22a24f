"""Overlapping masks -> one label image, by one rule.

Segmenters give masks that overlap: the same object twice, a part beside its whole, a tray drawn as
one polygon under what lies on it. In a label image every pixel belongs to one object. In this
order:

1. Masks of ignored classes and below the least score are left out.
2. Of two masks that are nearly the same (IoU of at least `DUPLICATE`) the one with the lower score
   is left out.
3. A mask lies inside another one by at least `INSIDE` of its pixels, unless the segmenter names
   classes and the two differ: then it is an object in front.
4. A mask that reaches three sides of the picture, and has two masks inside that do not overlap and
   cover at most half of it each, is the background and left out.
5. A mask inside another one is a part of it and left out.
6. Where masks still overlap, the smaller one is in front.
7. A mask of which less than `LEAST_SHARE` or `LEAST_PIXELS` remains is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isnan

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop, distinct, intersection, relative, whole_image
from segan_ros.instances import Instance, Instances, Layered

DUPLICATE, INSIDE = 0.85, 0.9
LEAST_SHARE, LEAST_PIXELS = 0.1, 16

IGNORED, UNSURE, TWICE, PART, BACKGROUND, COVERED, SMALL = (
    "ignored class",
    "low score",
    "duplicate",
    "part of another",
    "background",
    "covered by others",
    "too small",
)
"""Why a mask is left out."""

NO_OBJECTS = frozenset({"BACKGROUND", "UNLABELLED"})
"""What Isaac Sim calls pixels without an object."""


@dataclass(frozen=True)
class Choice:
    """Which masks count, and as what.

    Args:
        ignored: names of classes that are no objects, such as ``dining table``.
        min_score: masks below this score are left out, 0..1.
        occluders: names of classes that only hide others, such as ``hand``: see
            `Frame.occluder_only`.
        occluder_ids: ids, in the label image, of what only hides others.
    """

    ignored: Collection[str] = ()
    min_score: float = 0.0
    occluders: Collection[str] = ()
    occluder_ids: Collection[int] = ()


def to_labels(found: Instances, choice: Choice | None = None) -> Layered:
    """The label image of `found` by the rule above.

    The ids are those of the instances, else the segmenter's track ids, where all have one and these
    are different positive numbers; else 1, 2, ... in the segmenter's order. A score that is NaN
    counts as 0.
    """
    choice = choice or Choice()
    left_out = Counter(found.left_out)
    kept: list[Instance] = []
    for item in found.items:
        reason = ""
        score = 0.0 if isnan(item.score) else item.score
        if item.name in choice.ignored:
            reason = IGNORED
        elif score < choice.min_score:
            reason = UNSURE
        if reason:
            left_out[reason] += 1
        else:
            kept.append(item if score == item.score else replace(item, score=score))
    areas = [int(np.count_nonzero(item.mask)) for item in kept]
    dropped = _twice(kept, areas)
    dropped |= _background_or_parts(kept, areas, dropped.keys(), found.size)
    left_out.update(dropped.values())
    order = sorted(set(range(len(kept))) - dropped.keys(), key=lambda i: -areas[i])
    numbers = np.zeros(found.size, np.int32)
    for i in order:
        crop(numbers, kept[i].box)[kept[i].mask] = i + 1
    remaining = np.bincount(numbers.ravel(), minlength=len(kept) + 1)[1:]
    ids, repeated = _ids([kept[i] for i in sorted(order)])
    id_of = np.zeros(len(kept) + 1, np.int32)
    instances = {}
    for i, object_id in zip(sorted(order), ids, strict=True):
        if remaining[i] < max(LEAST_PIXELS, LEAST_SHARE * areas[i]):
            left_out[SMALL if areas[i] < LEAST_PIXELS else COVERED] += 1
            continue
        id_of[i + 1] = object_id
        instances[object_id] = kept[i]
    by_name = {i for i, item in instances.items() if item.name in choice.occluders}
    occluders = frozenset(by_name.union(choice.occluder_ids))
    return Layered(id_of[numbers], instances, left_out, occluders, repeated)


def named(
    labels: NDArray[np.int32], names: Mapping[int, str], choice: Choice | None = None
) -> Layered:
    """A label image whose objects have names: classes that are ignored become background.

    Args:
        labels: ``(H, W)``, values <= 0 are background.
        names: class by label; labels may be missing, and others be there.
        choice: which of them count, and as what.
    """
    choice = choice or Choice()
    void = NO_OBJECTS.union(choice.ignored)
    ignored = [i for i in distinct(labels) if i > 0 and names.get(i) in void]
    if ignored:
        labels = np.where(np.isin(labels, ignored), 0, labels).astype(np.int32)
    instances = {
        i: Instance(box, crop(labels, box) == i, name=names.get(i, ""))
        for i, box in boxes_of(labels).items()
    }
    by_name = {i for i, item in instances.items() if item.name in choice.occluders}
    left_out = {IGNORED: len(ignored)} if ignored else {}
    return Layered(labels, instances, left_out, frozenset(by_name.union(choice.occluder_ids)))


def _twice(kept: Sequence[Instance], areas: Sequence[int]) -> dict[int, str]:
    """Places in `kept` of duplicates, with the reason."""
    dropped: dict[int, str] = {}
    area, meet = np.array(areas, float), _meeting([item.box for item in kept])
    alike = np.minimum.outer(area, area) >= DUPLICATE * np.maximum.outer(area, area)
    # The surest first, the larger of equals: what is nearly the same as one of them goes.
    order = sorted(range(len(kept)), key=lambda i: (-kept[i].score, -areas[i], i))
    rank = np.argsort(order)
    for i in order:
        for j in np.flatnonzero(meet[i] & alike[i] & (rank < rank[i])).tolist():
            shared = 0 if j in dropped else _shared(kept[i], kept[j])
            if shared and shared >= DUPLICATE * (areas[i] + areas[j] - shared):
                dropped[i] = TWICE
                break
    return dropped


def _background_or_parts(
    kept: Sequence[Instance], areas: Sequence[int], without: Collection[int], size: tuple[int, int]
) -> dict[int, str]:
    """Places in `kept` of the background and of parts, with the reason."""
    area, meet = np.array(areas, float), _meeting([item.box for item in kept])
    inside: dict[int, list[int]] = {}
    for i in sorted(set(range(len(kept))).difference(without)):
        part = kept[i]
        for j in np.flatnonzero(meet[i] & (area > area[i])).tolist():
            differ = part.name and kept[j].name and part.name != kept[j].name
            if j in without or differ:
                continue
            if _shared(part, kept[j]) >= INSIDE * areas[i]:
                inside.setdefault(j, []).append(i)
    dropped: dict[int, str] = {}
    for j in sorted(inside, key=lambda j: areas[j]):  # a table before the whole room
        parts = [i for i in inside[j] if i not in dropped]
        if (
            _on_three_sides(kept[j].box, size)
            and all(2 * areas[i] <= areas[j] for i in parts)
            and any(not _shared(kept[a], kept[b]) for a, b in combinations(parts, 2))
        ):
            dropped[j] = BACKGROUND
    return {i: PART for j, parts in inside.items() if j not in dropped for i in parts} | dropped


def _on_three_sides(box: Box, size: tuple[int, int]) -> bool:
    """Whether `box` reaches three sides of a picture of `size` (height, width)."""
    return sum(a == b for a, b in zip(box, whole_image(size), strict=True)) >= 3


def _meeting(boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """``(n, n)``: which two boxes have a pixel in common."""
    x0, y0, x1, y1 = np.array(boxes, int).reshape(-1, 4).T
    across = np.maximum.outer(x0, x0) < np.minimum.outer(x1, x1)
    found: NDArray[np.bool_] = across & (np.maximum.outer(y0, y0) < np.minimum.outer(y1, y1))
    return found


def _shared(a: Instance, b: Instance) -> int:
    """Pixels of both masks."""
    common = intersection(a.box, b.box)
    first, second = (crop(item.mask, relative(common, item.box)) for item in (a, b))
    return int(np.count_nonzero(first & second))


def _ids(kept: Sequence[Instance]) -> tuple[list[int], frozenset[str]]:
    """An id for each instance, its own or that of its track where all have one, and those tracks
    that are not the only ones of their number."""
    tracks = [str(item.id) if item.id else item.track_id for item in kept]
    numbers = [int(t) for t in tracks if t.isdecimal() and len(t) < 11 and 0 < int(t) < 2**31]
    if len(set(numbers)) == len(tracks):
        return numbers, frozenset()
    counts = Counter(t for t in tracks if t)
    return list(range(1, len(tracks) + 1)), frozenset(t for t, n in counts.items() if n > 1)
