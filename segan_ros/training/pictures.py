"""What a model in training makes of validation objects, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from segan_ros.completion import SceneCompleter
from segan_ros.frame import Image
from segan_ros.runtime.model import Model
from segan_ros.scoring.sheet import Shown, identity, object_sheet
from segan_ros.storage.scenes import ScenePath, read_scene


def validation_sheet(
    model: Model, folders: Sequence[ScenePath], count: int = 12, side: int = 128
) -> Image:
    """One row for each of `count` partly hidden objects, see `object_sheet`.

    Args:
        model: what is shown.
        folders: scene folders; each gives its objects in turn until there are enough.
        count: rows at most.
        side: pixels of a cell.
    """
    return object_sheet(islice(_objects(SceneCompleter(model), folders), count), side)


def _objects(completer: SceneCompleter, folders: Sequence[ScenePath]) -> Iterator[Shown]:
    for folder in folders:
        scene = read_scene(folder)
        found = {o.id: o for o in completer.complete(scene.frame).objects}
        hidden = [
            o
            for o in scene.trusted
            if o.id in found and np.mean(scene.frame.labels[o.amodal] == o.id) < 0.9
        ]
        # Two of a scene: many scenes say more than many objects of one.
        yield from (Shown(scene, o, found[o.id], identity(folder, o)) for o in hidden[:2])
