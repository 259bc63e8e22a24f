"""How the picture moves as a whole: what an object that is out of sight has done meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from segan_ros.tracks.looks import Vectors

STIFFNESS = 0.5
"""How many objects it takes to believe that the picture turns or grows, beside moving."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A velocity for every place in the picture, linear in x and y: what a camera that moves before
    a table makes of it.

    Args:
        slopes: ``(3, 2)`` pixels per second: of the middle, and what is added at its right and at
            its lower end.
        size: height and width of the picture.
    """

    slopes: Vectors = field(default_factory=lambda: np.zeros((3, 2)))
    size: tuple[int, int] = (1, 1)

    def at(self, places: Vectors) -> Vectors:
        """``(n, 2)`` pixels per second of ``(n, 2)`` places x and y."""
        return _terms(places, self.size) @ self.slopes


def fit(places: Vectors, velocities: Vectors, weights: Vectors, size: tuple[int, int]) -> Motion:
    """The motion that fits `velocities` ``(n, 2)`` at `places` ``(n, 2)`` best, by least squares;
    turning and growing need evidence. `weights` are ``(n,)``."""
    terms = _terms(places, size)
    weighted = (terms * weights[:, None]).T
    normal = weighted @ terms + np.diag([1e-6, STIFFNESS, STIFFNESS])
    return Motion(np.asarray(np.linalg.solve(normal, weighted @ velocities), float), size)


def _terms(places: Vectors, size: tuple[int, int]) -> Vectors:
    half = np.array([size[1], size[0]]) / 2
    return np.concatenate([np.ones((len(places), 1)), places / half - 1], axis=1)
