"""`segan replay --rrd`: the run as a recording for the Rerun viewer; needs rerun-sdk."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segan_ros.drawing.overlay import overlay
from segan_ros.drawing.paint import colour_of
from segan_ros.frame import CompletedScene, Frame
from segan_ros.replay.replayed import OURS, ReplayedFrame, scores_of

BACKGROUND = 0


class RerunLog:
    """Writes frames as they come.

    Entities: ``image``; ``image/visible`` and ``image/whole``, segmentations, their classes the
    objects of the frame in the order of their ids, which label them (an id may exceed 16 bits);
    ``overlay``; ``graph``, occluder -> occludee; ``scores/...`` and ``latency_ms``, for plots.

    Args:
        path: of the recording, ending in ``.rrd``.

    Raises:
        ValueError: rerun-sdk is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            rerun: Any = import_module("rerun")
        except ImportError as error:
            raise ValueError(
                f"--rrd needs the Rerun SDK ({error}): pip install rerun-sdk"
            ) from None
        self._rerun = rerun
        self._stream = rerun.RecordingStream("segan_replay")
        self._stream.save(str(path))

    def close(self) -> None:
        """Write what is still to be written."""
        self._stream.flush()

    def add(self, frame: Frame, scene: CompletedScene, replayed: ReplayedFrame) -> None:
        """Log one answered frame at its stamp."""
        rr, stream = self._rerun, self._stream
        stream.set_time("frame", sequence=replayed.index)
        stream.set_time("stamp", timestamp=np.datetime64(replayed.stamp, "ns"))
        classes = {o.id: n for n, o in enumerate(scene.objects, BACKGROUND + 1)}
        names = [(BACKGROUND, "background", (0, 0, 0, 0))]
        names += [(n, f"{i}", (*colour_of(i), 255)) for i, n in classes.items()]
        stream.log("image", rr.AnnotationContext(names))
        stream.log("image", rr.Image(frame.rgb).compress(jpeg_quality=90))
        stream.log("image/visible", rr.SegmentationImage(_visible(frame, classes)))
        stream.log("image/whole", rr.SegmentationImage(_whole(scene, classes)))
        stream.log("overlay", rr.Image(overlay(frame, scene)).compress(jpeg_quality=90))
        ids = [str(o.id) for o in scene.objects]
        nodes = rr.GraphNodes(
            ids, labels=[f"{o.id} L{o.layer}" for o in scene.objects], colors=_colours(scene)
        )
        edges = [(str(e.occluder_id), str(e.occludee_id)) for e in scene.graph.edges]
        stream.log("graph", nodes, rr.GraphEdges(edges, graph_type="directed"))
        stream.log("latency_ms", rr.Scalars(replayed.latency * 1000))
        for name, value in scores_of(replayed.scores.get(OURS)).items():
            if np.isfinite(value):
                stream.log(f"scores/{name}", rr.Scalars(value))


def _visible(frame: Frame, classes: Mapping[int, int]) -> NDArray[np.uint16]:
    """``(H, W)`` classes of the visible masks."""
    picture = np.zeros(frame.size, np.uint16)
    for object_id, number in classes.items():
        picture[frame.labels == object_id] = number
    return picture


def _whole(scene: CompletedScene, classes: Mapping[int, int]) -> NDArray[np.uint16]:
    """``(H, W)`` classes of the whole masks; where they overlap, the front-most."""
    picture = np.zeros(scene.size, np.uint16)
    for item in sorted(scene.objects, key=lambda o: -o.layer):
        picture[item.full_mask(scene.size)] = classes[item.id]
    return picture


def _colours(scene: CompletedScene) -> list[tuple[int, int, int]]:
    return [colour_of(o.id) for o in scene.objects]
