"""The scenes that training draws from: their objects in memory, their pictures in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from segan_ros.boxes import Box, crop, paste, tight_box
from segan_ros.crops.relighting import relit
from segan_ros.frame import Image, Mask
from segan_ros.host.progress import Progress
from segan_ros.storage.photographs import read_photographs
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.training.array_file import ArrayFile, Kept
from segan_ros.training.augment import View
from segan_ros.training.surroundings import OCCLUDED, has_neighbours, hiders
from segan_ros.truth import LabelledScene, TrueObject


@dataclass(frozen=True)
class Picture:
    """What is kept of a scene: ``(H, W, 3)`` uint8, ``(H, W)`` uint16, and depth as float16 metres,
    NaN unknown, or None."""

    rgb: Kept
    labels: Kept
    depth: Kept | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """An object to learn from; `whole` ``(h, w)`` bool and `appearance` ``(h, w, 3)`` uint8 cover
    its `box`.

    Without an `appearance`, as where people drew masks on photographs, no painter learns from it.
    `hidden` is the hidden share of the whole mask, `occluders` the ids of what truly hides it;
    `near` says that another object is seen around it.
    """

    picture: int
    id: int
    box: Box
    seen_box: Box
    whole: Kept
    appearance: Kept | None
    hidden: float
    occluders: frozenset[int]
    near: bool


class Library:
    """The scenes of some folders. Memory grows by 11 kB a scene of ten objects, the file by 0.7 MB
    (320x240).

    Args:
        folders: hold scene folders.
        min_visible, max_hidden: see `Data`.
        limit: read so many scenes of each, 0 for all.
        photographs: folder of them; empty for none.
        light: see `Data`.
        with_depth: keep depth, too.
        scratch: folder of the file; None, the system's for temporary files.

    Raises:
        ValueError: there is no scene, no object with truth, or no photograph.
        OSError: the file has no room.
    """

    def __init__(
        self,
        folders: Sequence[str],
        min_visible: int = 40,
        max_hidden: float = 0.95,
        limit: int = 0,
        *,
        photographs: str = "",
        light: str = "lone",
        with_depth: bool = True,
        scratch: Path | None = None,
    ) -> None:
        self.photographs = _photographs(photographs) if photographs else []
        self.pictures: list[Picture] = []
        self.subjects: list[Subject] = []
        self._file = ArrayFile(scratch)
        paths = [p for f in folders for p in islice(iterate_scenes(f), limit or None)]
        for path in Progress(paths, desc=f"reading {', '.join(folders)}", unit="scene"):
            scene = read_scene(path)
            for item in scene.trusted:
                visible = scene.frame.labels == item.id
                total = np.count_nonzero(item.amodal)
                if not total or np.count_nonzero(visible) < max(min_visible, 1):
                    continue
                hidden = 1 - np.count_nonzero(visible & item.amodal) / total
                if hidden <= max_hidden:
                    self.subjects.append(self._subject(scene, item, visible, hidden, light))
            depth = scene.frame.depth if with_depth else None
            self.pictures.append(
                Picture(
                    self._file.keep(scene.frame.rgb),
                    self._file.keep(scene.frame.labels.astype(np.uint16)),
                    None if depth is None else self._file.keep(depth.astype(np.float16)),
                )
            )
        if not self.subjects:
            raise ValueError(
                f"{', '.join(folders)}: no object with a true whole mask; make scenes with "
                "`segan generate`"
            )
        self.painted = [i for i, s in enumerate(self.subjects) if s.appearance is not None]
        self.occluded = [i for i, s in enumerate(self.subjects) if s.hidden >= OCCLUDED]
        self.clear = [i for i, s in enumerate(self.subjects) if s.hidden < OCCLUDED and s.near]

    def size_around(self, subject: Subject) -> tuple[int, int]:
        """Height and width of the picture that `subject` is in."""
        height, width = self.pictures[subject.picture].labels.shape
        return height, width

    def alone(self, subject: Subject) -> tuple[Mask, Image | None]:
        """Whole mask and appearance of `subject`, in its box."""
        seen = subject.appearance
        return self._file.read(subject.whole), None if seen is None else self._file.read(seen)

    def view(self, subject: Subject, window: Box) -> View:
        """`subject` and what lies around it, cut to `window`."""
        picture, (x0, y0, x1, y1) = self.pictures[subject.picture], window
        rgb, labels, depth = (
            None if kept is None else self._file.read(kept, y0, y1)[:, x0:x1]
            for kept in (picture.rgb, picture.labels, picture.depth)
        )
        assert rgb is not None and labels is not None
        mask, colours = self.alone(subject)
        whole = np.zeros(self.size_around(subject), bool)
        appearance = np.zeros((*whole.shape, 3), np.uint8)
        paste(whole, subject.box, mask)
        if colours is not None:
            paste(appearance, subject.box, colours)
        return View(
            rgb,
            labels,
            crop(whole, window),
            crop(appearance, window),
            subject.id,
            subject.occluders,
            None if depth is None else depth.astype(np.float32),
        )

    def _subject(
        self, scene: LabelledScene, item: TrueObject, visible: Mask, hidden: float, light: str
    ) -> Subject:
        whole, appearance = crop(item.amodal, item.box), item.appearance
        if appearance is not None and light == "picture":
            shown = crop(scene.frame.rgb, item.box), crop(visible & item.amodal, item.box)
            appearance = relit(appearance, *shown)
        seen_box = tight_box(visible)
        return Subject(
            len(self.pictures),
            item.id,
            item.box,
            seen_box,
            self._file.keep(whole),
            None if appearance is None else self._file.keep(appearance),
            hidden,
            hiders(crop(scene.frame.labels, item.box), item.id, whole),
            has_neighbours(scene.frame.labels, item.id, seen_box),
        )


def _photographs(folder: str) -> list[Image]:
    try:
        return read_photographs(folder)
    except ValueError as error:
        raise ValueError(f"data.photographs: {error}, or none with ''") from None
