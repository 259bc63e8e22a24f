"""Completed objects beside their truth, so that a score has a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segan_ros.boxes import Box, Roi, crop, paste
from segan_ros.completion import SceneCompleter
from segan_ros.drawing.paint import DARK, fitted, write
from segan_ros.frame import AmodalObject, Image
from segan_ros.scoring.metrics import ObjectScore
from segan_ros.storage.scenes import ScenePath, evenly, read_scene
from segan_ros.truth import LabelledScene, TrueObject

RIGHT, WRONG, MISSED, SEEN = (60, 190, 90), (230, 60, 50), (60, 120, 240), (225, 225, 225)
"""Colours of hidden pixels that were found, made up and missed, and of visible ones."""

HEADINGS = ("picture", "masks", "painting", "truth")
PAPER, GROUND = 245, 40
"""Grey of the strips that hold text, and of what is behind the objects."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One object of a sheet: its scene, truth and completion, and a line that identifies it."""

    scene: LabelledScene
    truth: TrueObject
    guess: AmodalObject
    caption: str


def object_sheet(shown: Iterable[Shown], side: int = 128, columns: int = 1) -> Image:
    """Four cells and a caption for each object: picture, masks, painting, truth.

    In the masks, green is hidden and found, red made up, blue missed, grey visible.

    Args:
        shown: the objects, from left to right and down.
        side: pixels of a cell.
        columns: objects beside each other.

    Returns:
        ``(H, columns * 4 * side, 3)`` uint8 RGB; one empty row without objects.
    """
    strips = [_strip(each, side) for each in shown]
    blank = np.full((side + 20, 4 * side, 3), PAPER, np.uint8)
    strips += [blank] * (-len(strips) % columns or columns * (not strips))
    rows = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    heading = _line(4 * side, [(i * side, text) for i, text in enumerate(HEADINGS)])
    return np.vstack([np.hstack([heading] * columns), *rows])


def ranked_objects(
    completer: SceneCompleter,
    folders: Sequence[ScenePath],
    scores: Sequence[Sequence[ObjectScore]],
    count: int,
    worst: bool,
    *,
    use_depth: bool = False,
) -> Iterator[Shown]:
    """Partly hidden objects by the SI that they scored.

    Args:
        completer: completes them once more.
        folders: of the scenes.
        scores: of the objects of each.
        count: objects.
        worst: those of the lowest SI, the lowest first; else evenly from the highest to the lowest.
        use_depth: whether depth was used.
    """
    ranked = sorted(
        (item.si, number, item.id)
        for number, scene in enumerate(scores)
        for item in scene
        if item.partly_hidden
    )
    chosen = ranked[:count] if worst else evenly(ranked, count)[::-1]
    for si, number, object_id in chosen:
        scene = read_scene(folders[number])
        truth = next(o for o in scene.objects if o.id == object_id)
        frame = scene.frame if use_depth else replace(scene.frame, depth=None)
        guess = completer.complete(frame, paint=[object_id]).object(object_id)
        yield Shown(scene, truth, guess, f"{identity(folders[number], truth)}: SI {si:.2f}")


def identity(folder: ScenePath, item: TrueObject) -> str:
    """By what an object is found again: ``scene 000012, object 3 (mug)``."""
    return f"scene {folder.name}, object {item.id}" + (f" ({item.name})" if item.name else "")


def _strip(each: Shown, side: int) -> Image:
    cells = [fitted(cell, side, margin=0, ground=GROUND) for cell in _cells(each)]
    return np.vstack([np.hstack(cells), _line(4 * side, [(0, each.caption)])])


def _line(width: int, texts: Sequence[tuple[int, str]]) -> Image:
    """A strip with texts at their columns."""
    strip = np.full((20, width, 3), PAPER, np.uint8)
    for x, text in texts:
        write(strip, (x + 6, 14), text, DARK)
    return strip


def _cells(each: Shown) -> Iterator[Image]:
    around = window(each.scene, each.truth)
    yield crop(each.scene.frame.rgb, around)
    yield crop(mask_picture(each.truth, each.guess), around)
    yield crop(painting(each.scene, each.guess), around)
    yield crop(painting(each.scene, each.truth), around)


def window(scene: LabelledScene, truth: TrueObject) -> Box:
    """What to show of the picture."""
    return Roi(0.15, "longest_side").around(truth.box, scene.frame.size)


def mask_picture(truth: TrueObject, guess: AmodalObject | None) -> Image:
    """``(H, W, 3)``: pixels that were given in the colour `SEEN`, and of the others the object's
    that were found (`RIGHT`) or not (`MISSED`), and those made up (`WRONG`); no `guess` finds
    nothing."""
    given, whole = np.zeros((2, *truth.amodal.shape), bool)
    if guess is not None:
        paste(given, guess.box, guess.visible)
        paste(whole, guess.box, guess.amodal)
    picture = np.full((*truth.amodal.shape, 3), GROUND, np.uint8)
    picture[truth.amodal & ~whole] = MISSED
    picture[whole] = WRONG
    picture[whole & truth.amodal] = RIGHT
    picture[given] = SEEN
    return picture


def painting(scene: LabelledScene, item: AmodalObject | TrueObject) -> Image:
    """``(H, W, 3)``: the object alone, nothing of it where it has no appearance."""
    picture = np.full((*scene.frame.size, 3), GROUND, np.uint8)
    if item.appearance is not None:
        inside = crop(item.amodal, item.box) if isinstance(item, TrueObject) else item.amodal
        paste(picture, item.box, item.appearance, inside)
    return picture
