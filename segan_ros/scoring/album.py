"""The paper's tables as a page: the numbers, and what every method makes of a few objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from segan_ros.boxes import crop
from segan_ros.drawing.html_page import Shot, document, gallery
from segan_ros.drawing.pictures import fitted
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

LEGEND = (
    "Masks: grey the mask that was given; of the rest of the object green what was found and blue "
    "what was missed; red what was made up. Each object is the one with the most hidden pixels of "
    "its scene; the scenes are spread evenly."
)


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
        hidden = {o.id: _hidden(scene, o) for o in scene.objects}
        if not any(hidden.values()):
            return None
        subject = max(scene.objects, key=lambda o: hidden[o.id])
        self.entries.append(Entry(folder.name, scene, subject))
        return self.entries[-1]

    def html(self, scenes: str) -> str:
        """A gallery for each section; `scenes` says what the scenes are."""
        parts = []
        for section in dict.fromkeys(s for e in self.entries for s in e.sections):
            rows = [e.row(section) for e in self.entries]
            shots = [
                Shot(e.name, _strip(row.values()))
                for e, row in zip(self.entries, rows, strict=True)
            ]
            parts.append(
                f"<h2>{escape(section)}, {escape(scenes)}</h2>{gallery([*rows[0]], shots)}"
            )
        return "".join(parts)


def tables_page(title: str, about: str, tables: Iterable[str], albums: Mapping[str, Album]) -> str:
    """The page: `tables` as HTML, then the albums by what their scenes are."""
    pictures = "".join(album.html(scenes) for scenes, album in albums.items())
    legend = f"<p>{escape(LEGEND)}</p>" if pictures else ""
    return document(title, about, "".join((*tables, pictures, legend)))


def _hidden(scene: LabelledScene, item: TrueObject) -> int:
    """Hidden pixels; 0 unless it is partly hidden."""
    whole = int(np.count_nonzero(item.amodal))
    found = int(np.count_nonzero(item.amodal & (scene.frame.labels != item.id)))
    return found if PARTLY_HIDDEN[0] * whole <= found <= PARTLY_HIDDEN[1] * whole else 0


def _strip(cells: Iterable[Image]) -> bytes:
    """Side by side, as JPEG."""
    return encoded(np.hstack([np.pad(c, ((0, 0), (GAP // 2,) * 2, (0, 0))) for c in cells]), ".jpg")
