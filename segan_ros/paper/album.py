"""What every method makes of a few objects, side by side, for the page of the paper's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segan_ros.boxes import crop
from segan_ros.drawing.paint import fitted
from segan_ros.drawing.shots import Shot
from segan_ros.frame import CompletedScene, Image
from segan_ros.scoring.metrics import PARTLY_HIDDEN
from segan_ros.scoring.sheet import mask_picture, painting, window
from segan_ros.storage.images import encoded
from segan_ros.storage.scenes import ScenePath, evenly
from segan_ros.truth import LabelledScene, TrueObject

PICTURED = 12
"""Objects in an album."""

SIDE, GAP = 128, 6
"""Of a picture and beside it, pixels."""


@dataclass
class Entry:
    """One object: what each method makes of it, by section and method."""

    name: str
    scene: LabelledScene
    truth: TrueObject
    sections: defaultdict[str, dict[str, Image]] = field(default_factory=lambda: defaultdict(dict))

    def add_mask(self, section: str, method: str, answer: CompletedScene) -> None:
        """The object's mask in `answer`."""
        guess = next((o for o in answer.objects if o.id == self.truth.id), None)
        self.sections[section][method] = self._cell(mask_picture(self.truth, guess))

    def add_painting(self, section: str, method: str, answer: CompletedScene) -> None:
        """The object as `answer` paints it."""
        picture = painting(self.scene, answer.object(self.truth.id))
        self.sections[section][method] = self._cell(picture)

    def row(self, section: str) -> dict[str, Image]:
        """The pictures of a section by heading, between what is seen and the truth, which stays
        empty where the object's appearance is not known."""
        first, last = self.scene.frame.rgb, painting(self.scene, self.truth)
        return {
            "picture": self._cell(first),
            **self.sections[section],
            "truth": self._cell(last),
        }

    def _cell(self, picture: Image) -> Image:
        part = crop(picture, window(self.scene, self.truth))
        return fitted(part, SIDE, margin=0, ground=40)


class Album:
    """Objects that stand for all: in some of the scenes, the one with the most hidden pixels.

    Args:
        folders: all scenes.
        count: objects at most.
    """

    def __init__(self, folders: Sequence[ScenePath], count: int = PICTURED) -> None:
        self._wanted = evenly(folders, count)
        self.entries: list[Entry] = []

    def entry(self, folder: ScenePath, scene: LabelledScene) -> Entry | None:
        """A new entry, if this scene is one of those and has a partly hidden object."""
        if folder not in self._wanted:
            return None
        hidden = {o.id: _hidden(scene, o) for o in scene.trusted}
        if not any(hidden.values()):
            return None
        subject = max(scene.trusted, key=lambda o: hidden[o.id])
        self.entries.append(Entry(folder.name, scene, subject))
        return self.entries[-1]

    def sections(self, scenes: str) -> list[dict[str, Any]]:
        """What stands under each heading of the page; `scenes` says what the scenes are."""
        found = []
        for section in dict.fromkeys(s for e in self.entries for s in e.sections):
            rows = [e.row(section) for e in self.entries]
            shots = [
                Shot(e.name, _strip(row.values()))
                for e, row in zip(self.entries, rows, strict=True)
            ]
            found.append({"title": f"{section}, {scenes}", "columns": [*rows[0]], "shots": shots})
        return found


def _hidden(scene: LabelledScene, item: TrueObject) -> int:
    """Hidden pixels; 0 unless it is partly hidden."""
    whole = int(np.count_nonzero(item.amodal))
    found = int(np.count_nonzero(item.amodal & (scene.frame.labels != item.id)))
    return found if PARTLY_HIDDEN[0] * whole <= found <= PARTLY_HIDDEN[1] * whole else 0


def _strip(cells: Iterable[Image]) -> bytes:
    """Side by side, as JPEG."""
    return encoded(np.hstack([np.pad(c, ((0, 0), (GAP // 2,) * 2, (0, 0))) for c in cells]), ".jpg")
