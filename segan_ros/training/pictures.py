"""What a model in training makes of validation objects, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segan_ros.completion import SceneCompleter
from segan_ros.crops import Roi, cut
from segan_ros.frame import AmodalObject, Image
from segan_ros.inference import Model
from segan_ros.pictures import fitted
from segan_ros.scenes import LabelledScene, ScenePath, TrueObject, read_scene

RIGHT, WRONG, MISSED, SEEN = (60, 190, 90), (230, 60, 50), (60, 120, 240), (225, 225, 225)
"""Colours of hidden pixels that were found, made up and missed, and of visible ones."""

Pair = tuple[LabelledScene, TrueObject, AmodalObject]


def validation_sheet(
    model: Model, folders: Sequence[ScenePath], count: int = 12, side: int = 128
) -> Image:
    """One row for each of `count` partly hidden objects: picture, mask, painting, truth.

    In the mask, green is hidden and found, red made up, blue missed, grey visible.

    Args:
        model: what is shown.
        folders: scene folders; each gives its objects in turn until there are enough.
        count: rows at most.
        side: pixels of a cell.

    Returns:
        ``(rows * side, 4 * side, 3)`` uint8 RGB.
    """
    completer = SceneCompleter(model)
    rows = []
    for scene, truth, guess in _pairs(completer, folders):
        rows.append(
            np.hstack([fitted(p, side, margin=0, ground=0) for p in _cells(scene, truth, guess)])
        )
        if len(rows) == count:
            break
    return np.vstack(rows) if rows else np.zeros((side, 4 * side, 3), np.uint8)


def _pairs(completer: SceneCompleter, folders: Sequence[ScenePath]) -> Iterator[Pair]:
    for folder in folders:
        scene = read_scene(folder)
        found = {o.id: o for o in completer.complete(scene.frame).objects}
        hidden = [
            o
            for o in scene.objects
            if o.id in found and np.mean(scene.frame.labels[o.amodal] == o.id) < 0.9
        ]
        # Two of a scene: many scenes say more than many objects of one.
        yield from ((scene, o, found[o.id]) for o in hidden[:2])


def _cells(scene: LabelledScene, truth: TrueObject, guess: AmodalObject) -> Iterator[Image]:
    size = scene.frame.size
    around = Roi(0.15, "longest_side").around(truth.box, size)
    yield cut(scene.frame.rgb, around)
    visible, whole = scene.frame.labels == truth.id, guess.full_mask(size)
    mask = np.zeros((*size, 3), np.uint8)
    mask[visible] = SEEN
    mask[whole & truth.amodal & ~visible] = RIGHT
    mask[whole & ~truth.amodal & ~visible] = WRONG
    mask[truth.amodal & ~whole] = MISSED
    yield cut(mask, around)
    for shape, box, colours in (
        (whole, guess.box, guess.appearance),
        (truth.amodal, truth.box, truth.appearance),
    ):
        picture = np.full((*size, 3), 40, np.uint8)
        if colours is not None:
            cut(picture, box)[cut(shape, box)] = colours[cut(shape, box)]
        yield cut(picture, around)
