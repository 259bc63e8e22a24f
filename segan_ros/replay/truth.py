"""`segan replay --truth`: ground truth that lies beside a bag instead of in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segan_ros.frame import Frame
from segan_ros.messages.pairing import partner
from segan_ros.storage.bag_frame import SLOP, Truth, TruthOfFrame
from segan_ros.storage.bag_topics import Topics
from segan_ros.storage.bags import open_bag
from segan_ros.storage.recordings import files_of
from segan_ros.storage.scenes import ScenePath, iterate_scenes, read_scene

LOG = logging.getLogger(__name__)


@contextmanager
def open_truth(path: Path | None, topics: Topics) -> Iterator[Truth | None]:
    """Where a bag's ground truth is.

    Args:
        path: another bag, of which only the ground-truth topics are read; a folder of scene folders
            whose names are stamps in nanoseconds; None for the replayed bag itself.
        topics: names of the ground-truth topics.

    Raises:
        ValueError: it is none of these, or holds no truth.
    """
    if path is None:
        yield None
    elif path.is_dir() and not (path / "metadata.yaml").exists() and not files_of(path):
        yield SceneTruth(path)
    else:
        only = Topics(true_objects=topics.true_objects, true_graph=topics.true_graph)
        with open_bag(path, only, required=("true_objects",)) as bag:
            for problem in bag.problems:
                LOG.warning("%s: %s", path, problem)
            yield bag.truth


class SceneTruth:
    """Truth from scene folders named by stamp.

    Args:
        folder: of the scene folders.

    Raises:
        ValueError: there is none, or a name is no stamp.
    """

    def __init__(self, folder: Path) -> None:
        self._scenes: dict[int, ScenePath] = {}
        for scene in iterate_scenes(folder):
            if not scene.name.isdecimal():
                raise ValueError(
                    f"{scene}: the name of a scene folder for --truth is the stamp of its image in"
                    " nanoseconds, such as 1750000000000000000"
                )
            self._scenes[int(scene.name)] = scene
        self._stamps = sorted(self._scenes)

    def __call__(self, stamp: int, frame: Frame) -> TruthOfFrame:
        """The scene nearest to `stamp`, if it is near enough."""
        there = partner(self._stamps, stamp, SLOP)
        if there is None:
            return None, None
        folder = self._scenes[there]
        scene = read_scene(folder)
        if scene.frame.size != frame.size:
            raise ValueError(
                f"{folder} is {scene.frame.size[1]}x{scene.frame.size[0]} but the image is"
                f" {frame.size[1]}x{frame.size[0]}; give both at the same resolution"
            )
        return (scene if scene.objects else None), None
