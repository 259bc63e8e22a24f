"""Do probabilities mean what they say: of pixels given 0.7, are seven in ten the object's?

Looked at are the pixels that the method had to decide on: around an object, not seen to be its own,
where its occluders are, and given more than `LEAST`. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import crop
from segan_ros.completion import SceneCompleter
from segan_ros.drawing.render import render
from segan_ros.drawing.tables import number
from segan_ros.frame import CompletedScene
from segan_ros.scoring.metrics import ObjectScore
from segan_ros.truth import LabelledScene

LEAST = 0.01
"""Pixels of lower probability are left out: there are many, and all methods get them right."""

BINS = 15
"""Bins of equal width between 0 and 1."""

Decided = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Probabilities and truths of pixels, both ``(P,)``."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """What pixels were given and what they are, counted in bins; those of scenes can be added.

    Args:
        pixels: ``(BINS,)`` counts.
        given: ``(BINS,)`` sums of their probabilities.
        hits: ``(BINS,)`` counts of those that are the object's.
    """

    pixels: NDArray[np.int64]
    given: NDArray[np.float64]
    hits: NDArray[np.int64]

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.pixels + other.pixels, self.given + other.given, self.hits + other.hits
        )

    @property
    def said(self) -> NDArray[np.float64]:
        """``(BINS,)`` mean probability, NaN in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self.given / self.pixels

    @property
    def true(self) -> NDArray[np.float64]:
        """``(BINS,)`` share of pixels that are the object's, NaN in an empty bin."""
        with np.errstate(invalid="ignore"):
            return self.hits / self.pixels

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015), 0..1; NaN without pixels."""
        total = self.pixels.sum()
        if not total:
            return float("nan")
        gap = np.nan_to_num(np.abs(self.said - self.true))
        return float((gap * self.pixels).sum() / total)


def undecided(completer: SceneCompleter) -> SceneCompleter:
    """`completer` with its threshold lowered to `LEAST`: all that `decided_pixels` looks at."""
    settings = replace(completer.settings, threshold=LEAST, min_hidden_ratio=0)
    return SceneCompleter(completer.model, settings)


def decided_pixels(truth: LabelledScene, answer: CompletedScene) -> Decided:
    """Probability and truth of the pixels that had to be decided on.

    Args:
        truth: the scene.
        answer: by an `undecided` completer.
    """
    whole = {o.id: o.amodal for o in truth.trusted}
    said, true = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
    for item in answer.objects:
        if item.id in whole:
            asked = ~item.visible & (item.probability > LEAST)
            said.append(item.probability[asked].astype(np.float32))
            true.append(crop(whole[item.id], item.box)[asked])
    return np.concatenate(said), np.concatenate(true)


def reliability(pixels: Iterable[Decided] = ()) -> Reliability:
    """Bins over the pixels of scenes."""
    found = Reliability(np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS, np.int64))
    for probability, truth in pixels:
        bins = np.minimum((probability * BINS).astype(int), BINS - 1)
        found += Reliability(
            np.bincount(bins, minlength=BINS),
            np.bincount(bins, probability, BINS).astype(np.float64),
            np.bincount(bins[truth], minlength=BINS),
        )
    return found


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's, ties at their mean rank; NaN for fewer than two pairs or a constant side."""
    if len(first) < 2:
        return float("nan")
    a, b = _ranks(np.asarray(first)), _ranks(np.asarray(second))
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def reliability_section(found: Reliability, objects: Iterable[ObjectScore]) -> list[str]:
    """Heading and text as Markdown: calibration error of pixels, rank correlation of objects.

    Args:
        found: over the pixels of all scenes.
        objects: scores of the same method.
    """
    scored = [o for o in objects if not np.isnan(o.expected)]
    hidden = [o for o in scored if o.partly_hidden]

    def correlation(of: Sequence[ObjectScore]) -> str:
        return number(rank_correlation([o.expected for o in of], [o.sf for o in of]))

    text = f"""\
Expected calibration error of the hidden-pixel probabilities: {number(found.error)}, over
{found.pixels.sum()} pixels with a probability above {LEAST:.0%}. Rank correlation of `score` with
the true SF: {correlation(scored)} over {len(scored)} objects, {correlation(hidden)} over the
{len(hidden)} partly hidden ones."""
    return ["### Calibration", text]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[inverse]


def reliability_svg(found: Reliability, side: int = 320) -> str:
    """The reliability diagram: true share over probability, dots by the number of pixels."""
    margin, span = 44, side - 64
    x0, y0 = margin, side - margin
    most = max(int(found.pixels.max()), 1)
    dots = [
        {
            "x": x0 + span * found.said[i],
            "y": y0 - span * found.true[i],
            "radius": 2 + 6 * np.sqrt(found.pixels[i] / most),
            "title": f"{found.pixels[i]} pixels: predicted {found.said[i]:.2f}, "
            f"true {found.true[i]:.2f}",
        }
        for i in range(BINS)
        if found.pixels[i]
    ]
    return render(
        "reliability.svg", side=side, span=span, x0=x0, y0=y0, dots=dots, error=found.error
    )
