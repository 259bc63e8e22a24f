"""Completed objects beside their truth, so that a score has a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from segan_ros.boxes import Box, Roi, crop, paste
from segan_ros.completion import SceneCompleter
from segan_ros.drawing.paint import fitted
from segan_ros.frame import AmodalObject, Image
from segan_ros.scoring.metrics import ObjectScore
from segan_ros.storage.scenes import ScenePath, evenly, read_scene
from segan_ros.truth import LabelledScene, TrueObject

RIGHT, WRONG, MISSED, SEEN = (60, 190, 90), (230, 60, 50), (60, 120, 240), (225, 225, 225)
"""Colours of hidden pixels that were found, made up and missed, and of visible ones."""

Pair = tuple[LabelledScene, TrueObject, AmodalObject]


def object_sheet(pairs: Iterable[Pair], side: int = 128, columns: int = 1) -> Image:
    """Four cells for each object: picture, mask, painting, truth.

    In the mask, green is hidden and found, red made up, blue missed, grey visible.

    Args:
        pairs: scene, truth and completion of each object.
        side: pixels of a cell.
        columns: objects beside each other.

    Returns:
        ``(rows * side, columns * 4 * side, 3)`` uint8 RGB; one black row without objects.
    """
    strips = [
        np.hstack([fitted(cell, side, margin=0, ground=0) for cell in _cells(*pair)])
        for pair in pairs
    ]
    blank = np.zeros((side, 4 * side, 3), np.uint8)
    strips += [blank] * (-len(strips) % columns or columns * (not strips))
    rows = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    return np.vstack(rows)


def ranked_pairs(
    completer: SceneCompleter,
    folders: Sequence[ScenePath],
    scores: Sequence[Sequence[ObjectScore]],
    count: int,
    worst: bool,
) -> Iterator[Pair]:
    """Partly hidden objects by the SI that they scored, the worst first.

    Args:
        completer: completes them once more.
        folders: of the scenes.
        scores: of the objects of each.
        count: objects.
        worst: the worst alone; else evenly from the worst to the best.
    """
    ranked = sorted(
        (item.si, number, item.id)
        for number, scene in enumerate(scores)
        for item in scene
        if item.partly_hidden
    )
    chosen = ranked[:count] if worst else evenly(ranked, count)
    for _, number, object_id in chosen:
        scene = read_scene(folders[number])
        truth = next(o for o in scene.objects if o.id == object_id)
        yield scene, truth, completer.complete(scene.frame, paint=[object_id]).object(object_id)


def _cells(scene: LabelledScene, truth: TrueObject, guess: AmodalObject) -> Iterator[Image]:
    around = window(scene, truth)
    yield crop(scene.frame.rgb, around)
    yield crop(mask_picture(truth, guess), around)
    yield crop(painting(scene, guess), around)
    yield crop(painting(scene, truth), around)


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
    picture = np.zeros((*truth.amodal.shape, 3), np.uint8)
    picture[truth.amodal & ~whole] = MISSED
    picture[whole] = WRONG
    picture[whole & truth.amodal] = RIGHT
    picture[given] = SEEN
    return picture


def painting(scene: LabelledScene, item: AmodalObject | TrueObject) -> Image:
    """``(H, W, 3)``: the object alone, nothing of it where it has no appearance."""
    picture = np.full((*scene.frame.size, 3), 40, np.uint8)
    if item.appearance is not None:
        inside = crop(item.amodal, item.box) if isinstance(item, TrueObject) else item.amodal
        paste(picture, item.box, item.appearance, inside)
    return picture
