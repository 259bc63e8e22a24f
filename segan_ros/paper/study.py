"""A blind comparison of completions by people, as in the paper's Table 3: page, votes, tally."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segan_ros.boxes import crop
from segan_ros.drawing.paint import fitted
from segan_ros.drawing.render import data_uri, render
from segan_ros.frame import CompletedScene, Image
from segan_ros.scoring.metrics import PARTLY_HIDDEN
from segan_ros.scoring.sheet import identity, painting, window
from segan_ros.storage.images import encoded
from segan_ros.storage.scenes import ScenePath, read_scene
from segan_ros.truth import LabelledScene, TrueObject

SIDE = 288
"""Of a picture, pixels."""
OUTLINE = (255, 40, 40)
"""Of what is hidden, in the picture."""
TIE = "tie"
LEAST_PIXELS = 150
"""An object with fewer hidden pixels shows nobody a difference."""
WILSON = 1.96
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True)
class Question:
    """One object, completed by two methods, in the order in which they are shown.

    Args:
        id: which object of which scene.
        picture: data URI of the picture, the hidden part outlined.
        shown: data URIs of the completions, left and right.
        methods: their names, left and right.
    """

    id: str
    picture: str
    shown: tuple[str, str]
    methods: tuple[str, str]


@dataclass(frozen=True)
class Preference:
    """How often one method was preferred to another.

    Args:
        first, second: names of the methods.
        wins: votes for the first.
        losses: votes for the second.
        ties: votes for neither.
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int

    @property
    def share(self) -> float:
        """Share of the votes for the first, ties left out; NaN without any."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `share` (Wilson 1927), as if votes were independent."""
        n = self.wins + self.losses
        if not n:
            return math.nan, math.nan
        spread = WILSON**2 / n
        middle = (self.share + spread / 2) / (1 + spread)
        half = math.sqrt(self.share * (1 - self.share) * spread + spread**2 / 4) / (1 + spread)
        return max(middle - half, 0.0), min(middle + half, 1.0)


def subjects(
    folders: Sequence[ScenePath], count: int, rng: np.random.Generator
) -> Iterator[tuple[ScenePath, LabelledScene, TrueObject]]:
    """`count` partly hidden objects of as many scenes, drawn by `rng`."""
    least, most = PARTLY_HIDDEN
    left = count
    for number in rng.permutation(len(folders)):
        if not left:
            return
        scene = read_scene(folders[number])
        fit = []
        for item in scene.trusted:
            hidden = np.count_nonzero(item.amodal & (scene.frame.labels != item.id))
            share = hidden / np.count_nonzero(item.amodal) if hidden else 0.0
            if item.appearance is not None and hidden >= LEAST_PIXELS and least <= share <= most:
                fit.append(item)
        if fit:
            left -= 1
            yield folders[number], scene, fit[int(rng.integers(len(fit)))]


def questions(
    folder: ScenePath,
    scene: LabelledScene,
    truth: TrueObject,
    answers: Mapping[str, CompletedScene],
    rng: np.random.Generator,
) -> Iterator[Question]:
    """Each pair of methods on one object, left and right drawn by `rng`.

    Args:
        folder: of the scene.
        scene: with the object.
        truth: the object.
        answers: by method, its completion of the scene.
        rng: draws the sides.
    """
    around = window(scene, truth)
    picture = _uri(crop(_outlined(scene, truth), around))
    views = {m: _uri(crop(_completed(scene, truth, a), around)) for m, a in answers.items()}
    for pair in combinations(answers, 2):
        left, right = (pair[i] for i in rng.permutation(2))
        name = identity(folder, truth)
        yield Question(name, picture, (views[left], views[right]), (left, right))


def study_page(asked: Sequence[Question]) -> str:
    """The page: one file, which names no method to the eye."""
    data = json.dumps([asdict(q) for q in asked])
    digest = hashlib.sha256(data.encode()).hexdigest()[:12]
    return render("study.html", title="Which completion is better?", data=data, study=digest)


def read_votes(path: Path) -> list[dict[str, Any]]:
    """The votes of one judge.

    Raises:
        ValueError: the file holds no votes of a study.
        OSError: it cannot be read.
    """
    try:
        held = json.loads(path.read_text())
        votes: list[dict[str, Any]] = held["votes"]
        for vote in votes:
            if vote["choice"] not in (*vote["methods"], TIE) or len(vote["methods"]) != 2:
                raise ValueError(f"{vote['id']}: the choice {vote['choice']!r} was not shown")
        if not votes:
            raise ValueError("no vote was cast")
    except OSError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no votes of `segan study` ({error})") from None
    for vote in votes:
        vote["study"] = held.get("study", "")
    return votes


def tally(votes: Iterable[Mapping[str, Any]]) -> list[Preference]:
    """How the methods compare, pair by pair, over all votes."""
    counts: dict[tuple[str, str], list[int]] = {}
    for vote in votes:
        first, second = sorted(vote["methods"])
        count = counts.setdefault((first, second), [0, 0, 0])
        count[(first, second, TIE).index(vote["choice"])] += 1
    return [Preference(*pair, *count) for pair, count in sorted(counts.items())]


def _completed(scene: LabelledScene, truth: TrueObject, answer: CompletedScene) -> Image:
    """The object alone, as `answer` has it."""
    return painting(scene, answer.object(truth.id))


def _outlined(scene: LabelledScene, truth: TrueObject) -> Image:
    """The picture with a line around the hidden part."""
    picture = scene.frame.rgb.copy()
    hidden = (truth.amodal & (scene.frame.labels != truth.id)).astype(np.uint8)
    lines, _ = cv2.findContours(hidden, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, OUTLINE, 1)
    return picture


def _uri(picture: Image) -> str:
    return data_uri(encoded(fitted(picture, SIDE, margin=0, ground=40), ".jpg"), "jpeg")
