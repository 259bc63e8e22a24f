"""Simple polygons as triangles and as convex pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def triangulate(points: Array) -> list[tuple[int, int, int]]:
    """Ear clipping of a simple counter-clockwise polygon."""
    left = list(range(len(points)))
    triangles = []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            others = points[[o for o in left if o not in (i, j, m)]]
            if _turn(points[i], points[j], points[m]) > 1e-12 and not _inside(
                others, points[i], points[j], points[m]
            ):
                triangles.append((i, j, m))
                del left[k]
                break
        else:
            raise ValueError("the outline crosses itself or runs clockwise")
    return [*triangles, (left[0], left[1], left[2])]


def convex_parts(points: Array) -> list[list[int]]:
    """The polygon as few convex pieces: its triangles, merged while the result stays convex."""
    parts = [list(t) for t in triangulate(points)]
    merged = True
    while merged:
        merged = False
        for a in range(len(parts)):
            for b in range(a + 1, len(parts)):
                union = _merge(parts[a], parts[b])
                if union and _is_convex(points[union]):
                    parts[a] = union
                    del parts[b]
                    merged = True
                    break
            if merged:
                break
    return parts


def _merge(a: list[int], b: list[int]) -> list[int] | None:
    for k in range(len(a)):
        i, j = a[k], a[(k + 1) % len(a)]
        for m in range(len(b)):
            if b[m] == j and b[(m + 1) % len(b)] == i:
                rest = [b[(m + 2 + s) % len(b)] for s in range(len(b) - 2)]
                return a[: k + 1] + rest + a[k + 1 :]
    return None


def _is_convex(ring: Array) -> bool:
    return all(_turn(ring[k - 2], ring[k - 1], ring[k]) >= -1e-12 for k in range(len(ring)))


def _turn(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _inside(p: Array, a: Array, b: Array, c: Array) -> bool:
    if len(p) == 0:
        return False
    d = [
        (y[0] - x[0]) * (p[:, 1] - x[1]) - (y[1] - x[1]) * (p[:, 0] - x[0])
        for x, y in ((a, b), (b, c), (c, a))
    ]
    return bool(np.any((d[0] >= 0) & (d[1] >= 0) & (d[2] >= 0)))
