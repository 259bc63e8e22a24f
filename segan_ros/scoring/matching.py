"""Which mask of a segmenter stands for which true object, and which objects it lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.scoring.summary import mean

MIN_IOU = 0.5
"""A mask stands for the object whose visible mask it overlaps by more than this. Masks of one label
image do not overlap, so above one half there is never a choice."""

MOSTLY = 0.5
"""Share of a lost object inside another's mask that makes it merged; of a mask inside one object
that makes it split off."""


@dataclass(frozen=True)
class Matching:
    """How the masks of one picture fit its true objects.

    Args:
        found: true id -> id of its mask.
        ious: true id -> IoU of the visible masks, for those found.
        merged: true ids without a mask, most of whose pixels another object's mask has.
        missed: all other true ids without a mask.
        split: ids of masks without an object, most of whose pixels lie in one true object.
        spurious: all other ids of masks without an object.
    """

    found: Mapping[int, int]
    ious: Mapping[int, float]
    merged: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    split: tuple[int, ...] = ()
    spurious: tuple[int, ...] = ()


@dataclass(frozen=True)
class MaskCounts:
    """What became of the objects of many pictures; `iou` is the mean over those found."""

    objects: int
    found: int
    missed: int
    merged: int
    split: int
    spurious: int
    iou: float


def match_masks(true: NDArray[np.int32], seen: NDArray[np.int32]) -> Matching:
    """Match the masks of two label images of one size; ids need have nothing in common.

    Args:
        true: ``(H, W)`` true visible ids; values <= 0 are background.
        seen: ``(H, W)`` what a segmenter saw.
    """
    true_areas, seen_areas = _areas(true), _areas(seen)
    both = (true > 0) & (seen > 0)
    pairs, counts = np.unique(np.stack([true[both], seen[both]]), axis=1, return_counts=True)
    shared = {(int(t), int(s)): int(n) for (t, s), n in zip(pairs.T, counts, strict=True)}
    ious = {(t, s): n / (true_areas[t] + seen_areas[s] - n) for (t, s), n in shared.items()}
    found = {t: s for (t, s), value in ious.items() if value > MIN_IOU}
    used = set(found.values())
    lost = [t for t in true_areas if t not in found]
    extra = [s for s in seen_areas if s not in used]
    merged = {
        t for (t, s), n in shared.items() if t in lost and s in used and n > MOSTLY * true_areas[t]
    }
    split = {s for (t, s), n in shared.items() if s in extra and n > MOSTLY * seen_areas[s]}
    return Matching(
        found,
        {t: ious[t, s] for t, s in found.items()},
        tuple(t for t in lost if t in merged),
        tuple(t for t in lost if t not in merged),
        tuple(s for s in extra if s in split),
        tuple(s for s in extra if s not in split),
    )


def relabelled(
    true: NDArray[np.int32], seen: NDArray[np.int32], matching: Matching
) -> NDArray[np.int32]:
    """`seen` with every mask under the id of its object; masks without one get ids above all."""
    names = {s: t for t, s in matching.found.items()}
    above = int(max(true.max(initial=0), seen.max(initial=0))) + 1
    for number, extra in enumerate(sorted((*matching.split, *matching.spurious))):
        names[extra] = above + number
    labels = np.zeros(seen.shape, np.int32)
    for old, new in names.items():
        labels[seen == old] = new
    return labels


def count_masks(matchings: Iterable[Matching]) -> MaskCounts:
    """The counts of all `matchings` together."""
    matchings = list(matchings)
    found, missed, merged, split, spurious = (
        sum(len(getattr(m, name)) for m in matchings)
        for name in ("found", "missed", "merged", "split", "spurious")
    )
    iou = mean(v for m in matchings for v in m.ious.values())
    return MaskCounts(found + missed + merged, found, missed, merged, split, spurious, iou)


def _areas(labels: NDArray[np.int32]) -> dict[int, int]:
    ids, counts = np.unique(labels, return_counts=True)
    return {int(i): int(n) for i, n in zip(ids, counts, strict=True) if i > 0}
