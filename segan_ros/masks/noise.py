"""What instance segmenters get wrong, as a seeded model: true masks become "predicted" ones.

Training shows the networks such masks, `segan evaluate --noisy-masks` scores them on such masks.
``docs/mask_noise.md`` shows every kind of error, and what the strengths are calibrated on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.codecs.png import MAX_ID

Labels = TypeVar("Labels", NDArray[np.int32], NDArray[np.uint16])
Index = NDArray[np.uint16]
"""``(H, W)``: 0 background, n the n-th object."""

SMOOTHING = 0.85
"""Standard deviation that white noise keeps when it is enlarged with cubic splines."""

KERNEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class MaskNoise:
    """Which errors, and how strong; 0 switches a kind off. Lengths are in *object sizes*: the
    median over the picture's objects of the square root of their visible area.

    Args:
        ragged: standard deviation by which borders are displaced, to either side, in object sizes.
        grain: length along a border over which its errors stay alike, in object sizes.
        gaps: mean width of the background left between two masks that touch, in object sizes.
        slivers: expected number, per object, of thin strips beyond its border that it takes.
        pieces: expected number, per object, of pieces missing from its mask.
        piece: mean length of such a piece, in object sizes.
        merged: chance that two masks that touch become one.
        split: chance that a mask falls into two.
        missing: chance that an object of the usual size is not found. A smaller one is lost more
            often, a larger one less: ``missing ** (its size / usual size)``.

    Raises:
        ValueError: a number is negative, or a chance above 1.
    """

    ragged: float = 0.031
    grain: float = 0.45
    gaps: float = 0.012
    slivers: float = 0.22
    pieces: float = 0.21
    piece: float = 0.8
    merged: float = 0.05
    split: float = 0.03
    missing: float = 0.23

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{item.name} is {value}; it must not be negative, 0 is off")
            if item.name in ("merged", "split", "missing") and value > 1:
                raise ValueError(f"{item.name} is {value}; it must lie in 0..1")

    def only(self, *kinds: str) -> MaskNoise:
        """This noise with every kind of error but `kinds` switched off."""
        lengths = ("grain", "piece")
        off = {f.name: 0.0 for f in fields(self) if f.name not in (*kinds, *lengths)}
        return replace(self, **off)

    def scaled(self, strength: float) -> MaskNoise:
        """This noise `strength` times as strong: its lengths and its (capped) chances."""
        chances = ("merged", "split", "missing")
        return replace(
            self,
            **{
                f.name: min(strength * getattr(self, f.name), 1 if f.name in chances else np.inf)
                for f in fields(self)
                if f.name not in ("grain", "piece")
            },
        )


CALIBRATED = MaskNoise()
"""As strong as GrabCut's errors, see ``docs/mask_noise.md``; `split` alone is chosen by hand."""


def corrupted(labels: Labels, rng: np.random.Generator, noise: MaskNoise = CALIBRATED) -> Labels:
    """`labels` as a segmenter might have seen them; the same draw for the same `rng`.

    An id keeps its meaning: a mask of the result stands for the true object of its id. Of a split
    mask the larger part keeps the id, the other gets the lowest free one. A merged mask has the id
    of its largest object; the other ids, like those of missing objects, are not in the result.

    Args:
        labels: ``(H, W)`` int32 or uint16, visible ids up to 65535; values <= 0 are background.
        rng: draws everything.
        noise: which errors, and how strong.

    Returns:
        ``(H, W)`` of the dtype of `labels`.

    Raises:
        ValueError: an id is above 65535.
    """
    highest = int(labels.max(initial=0))
    if highest > MAX_ID:
        raise ValueError(f"labels hold the id {highest}; corrupted masks have ids up to {MAX_ID}")
    given = labels.clip(min=0) if np.issubdtype(labels.dtype, np.signedinteger) else labels
    counts = np.bincount(given.ravel())
    ids: NDArray[np.intp] = np.flatnonzero(counts[1:]) + 1
    if len(ids) == 0:
        return given.copy()
    place = np.zeros(len(counts), np.uint16)
    place[ids] = np.arange(1, len(ids) + 1)
    sizes = np.sqrt(counts[ids])
    usual = float(np.median(sizes))
    seen: Index = place.take(given)

    names = [0, *ids.tolist()]
    seen = _without_missed(seen, sizes, usual, noise.missing, rng)
    seen = _merged(seen, noise.merged, rng)
    seen, parents = _split(seen, len(ids), noise.split, rng)
    taken = set(names)
    free = (i for i in range(1, MAX_ID + 1) if i not in taken)
    names += [next(free) for _ in parents]
    seen = _with_slivers(seen, usual, noise.slivers, rng)
    seen = _without_pieces(seen, usual, noise, rng)
    seen = _ragged(seen, noise.ragged * usual, noise.grain * usual, rng)
    seen = _with_gaps(seen, noise.gaps * usual, noise.grain * usual, rng)
    return np.array(names, labels.dtype).take(seen)


def _without_missed(
    seen: Index, sizes: NDArray[np.float64], usual: float, chance: float, rng: np.random.Generator
) -> Index:
    if chance == 0:
        return seen
    lost = rng.random(len(sizes)) < chance ** (sizes / usual)
    keep = np.arange(len(sizes) + 1, dtype=np.uint16)
    keep[1:][lost] = 0
    return keep.take(seen)


def _merged(seen: Index, chance: float, rng: np.random.Generator) -> Index:
    if chance == 0:
        return seen
    pairs = touching_pairs(seen)
    joined = [p for p, draw in zip(pairs, rng.random(len(pairs)), strict=True) if draw < chance]
    if not joined:
        return seen
    areas = np.bincount(seen.ravel())
    into = np.arange(len(areas), dtype=np.uint16)
    for a, b in joined:
        larger, smaller = sorted((into[a], into[b]), key=lambda i: -areas[i])
        if larger != smaller:
            into[into == smaller] = larger
    return into[seen]


def touching_pairs(labels: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Pairs ``(a, b)``, a < b, of labels above 0 that share a side of a pixel; ascending."""
    sides = ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:]))
    found: set[tuple[int, int]] = set()
    for one, other in sides:
        meet = (one != other) & (one > 0) & (other > 0)
        if meet.any():
            both = np.sort(np.stack([one[meet], other[meet]], axis=1), axis=1)
            found.update((int(a), int(b)) for a, b in set(map(tuple, both.tolist())))
    return sorted(found)


def _split(
    seen: Index, count: int, chance: float, rng: np.random.Generator
) -> tuple[Index, list[int]]:
    """Cut masks in two by a line near their middle; also the masks that new ones came from."""
    parents: list[int] = []
    cut = np.flatnonzero(rng.random(count) < chance) + 1 if chance else np.zeros(0, int)
    for number in cut:
        rows, columns = np.nonzero(seen == number)
        if len(rows) < 2:
            continue
        angle = rng.uniform(0, np.pi)
        along = columns * np.cos(angle) + rows * np.sin(angle)
        low, high = np.quantile(along, (0.25, 0.75))
        side = along < rng.uniform(low, high)
        if not 0 < np.count_nonzero(side) < len(side):
            continue
        if 2 * np.count_nonzero(side) > len(side):
            side = ~side
        parents.append(int(number))
        seen = seen.copy()
        seen[rows[side], columns[side]] = count + len(parents)
    return seen, parents


def _with_slivers(seen: Index, usual: float, rate: float, rng: np.random.Generator) -> Index:
    """Thin strips along the outside of a mask, a little off it, become part of it."""
    for row, column in _places(seen, rate, rng, border=True):
        number = int(seen[row, column])
        top, left = max(row - 3, 0), max(column - 3, 0)
        rows, columns = np.nonzero(seen[top : row + 4, left : column + 4] == number)
        outward = np.array([column - left - columns.mean(), row - top - rows.mean()])
        outward /= np.linalg.norm(outward) or 1
        thick = max(0.02 * usual, 0.5)
        middle = np.array([column, row]) + outward * (2 * thick + 1.5)
        angle = np.degrees(np.arctan2(outward[1], outward[0])) + 90
        long = rng.uniform(0.1, 0.3) * usual
        _ellipse(seen, middle, (long, thick), angle, number)
    return seen


def _without_pieces(seen: Index, usual: float, noise: MaskNoise, rng: np.random.Generator) -> Index:
    for row, column in _places(seen, noise.pieces, rng):
        long = rng.exponential(noise.piece * usual) / 2
        axes = (long, long * rng.uniform(0.3, 1))
        _ellipse(seen, (column, row), axes, rng.uniform(0, 180), 0)
    return seen


def _places(
    seen: Index, rate: float, rng: np.random.Generator, border: bool = False
) -> list[tuple[int, int]]:
    """Random ``(row, column)`` of objects, `rate` of them an object; of their borders if asked."""
    if rate == 0:
        return []
    places = []
    numbers = np.arange(1, int(seen.max()) + 1)
    for number, count in zip(numbers, rng.poisson(rate, len(numbers)), strict=True):
        mask = seen == number if count else np.zeros(0, bool)
        if border and count:
            mask &= cv2.erode(mask.astype(np.uint8), KERNEL) == 0
        inside = np.flatnonzero(mask)
        if len(inside):
            chosen = inside[rng.integers(len(inside), size=count)]
            places += [divmod(int(i), seen.shape[1]) for i in chosen]
    return places


def _ellipse(
    seen: Index,
    middle: NDArray[np.float64] | tuple[int, int],
    axes: tuple[float, float],
    angle: float,
    number: int,
) -> None:
    centre = (round(float(middle[0])), round(float(middle[1])))
    halves = (round(axes[0]), round(axes[1]))
    cv2.ellipse(seen, centre, halves, float(angle), 0, 360, number, -1)


def _field(shape: tuple[int, ...], grain: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """``(H, W)`` smooth noise, mean 0, standard deviation 1, alike over `grain` pixels."""
    height, width = shape[:2]
    coarse = [max(round(s / max(grain, 1)), 1) + 3 for s in (height, width)]
    noise = rng.standard_normal(coarse, dtype=np.float32) / np.float32(SMOOTHING)
    step = max(grain, 1)
    size = (round(coarse[1] * step), round(coarse[0] * step))
    large = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    # A margin of a cell: at its edge the enlarged noise repeats itself.
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], np.float32)


def _ragged(seen: Index, spread: float, grain: float, rng: np.random.Generator) -> Index:
    """Every pixel takes the label of a place nearby; the same way for masks that touch."""
    if spread == 0:
        return seen
    height, width = seen.shape
    # Squared, the noise has the long tails of real errors: mostly small, in a few places large.
    x, y = (
        f * np.abs(f) * np.float32(spread / np.sqrt(3))
        for f in (_field(seen.shape, grain, rng), _field(seen.shape, grain, rng))
    )
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(
        cv2.remap(seen, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.uint16
    )


def _with_gaps(seen: Index, width: float, grain: float, rng: np.random.Generator) -> Index:
    """Masks draw back from each other, from nowhere to twice `width` in all."""
    if width == 0:
        return seen
    # Background wraps round to the highest number: the erosion finds the lowest object.
    apart = cv2.dilate(seen, KERNEL) <= cv2.erode(seen - np.uint16(1), KERNEL) + np.uint16(1)
    if apart.all():
        return seen
    depth = cv2.distanceTransform(apart.astype(np.uint8), cv2.DIST_L2, 3)
    reach = _field(seen.shape, grain, rng)
    reach *= np.float32(width / 2)
    reach += np.float32(width / 2 - 0.5)
    return seen * (depth >= reach)
