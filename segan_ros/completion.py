"""The method on one page: a frame in, completed objects and their occlusion graph out.

SeGAN (Ehsani, Mottaghi, Farhadi: SeGAN: Segmenting and Generating the Invisible, CVPR 2018), Figure
2: visible mask -> segmentor -> whole mask -> Eq. 1 canvas -> painter -> appearance; then who hides
whom.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, boxes_of, crop, size_of, tight_box, translate
from segan_ros.crops import canvas, grouped, input_planes, labelled_area, resized, uncovered
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Mask
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.runtime.model import MAX_BATCH, Model
from segan_ros.runtime.spec import SegmentorSpec
from segan_ros.thresholds import likeliest_threshold
from segan_ros.timing import timed

T = TypeVar("T")


class TooManyObjectsError(ValueError):
    """A frame has more objects than `Settings.max_objects`."""


@dataclass(frozen=True)
class Settings:
    """What an integrator may tune without touching the networks.

    Args:
        threshold: probability above which a hidden pixel belongs to the object; None for the
            model's own.
        occluders: ``labelled``: hidden pixels only where another labelled object is seen; ``any``:
            anywhere, for scenes with occluders that have no mask; None for the model's own.
        gap_width: pixels; unlabelled gaps between neighbouring masks up to this width count as
            labelled.
        min_hidden_ratio: hidden parts below this share of the visible area are taken for noise of
            the border.
        max_objects: more in one frame are refused: a label image with so many ids is none.
        edges: see `EdgeRule`.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    threshold: float | None = None
    occluders: str | None = None
    gap_width: int = 5
    min_hidden_ratio: float = 0.01
    max_objects: int = 255
    edges: EdgeRule = field(default_factory=EdgeRule)

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        if self.occluders not in (None, "labelled", "any"):
            raise ValueError(f"occluders is {self.occluders!r}; known are labelled, any")
        if self.gap_width < 0 or self.min_hidden_ratio < 0:
            raise ValueError("gap_width and min_hidden_ratio must not be negative")


class SceneCompleter:
    """Completes every object of a frame.

    Args:
        model: the networks.
        settings: see `Settings`.
    """

    def __init__(self, model: Model, settings: Settings | None = None) -> None:
        self.model = model
        self.settings = settings or Settings()

    def complete(
        self,
        frame: Frame,
        paint: bool | Collection[int] = True,
        rois: Mapping[int, Box] | None = None,
    ) -> CompletedScene:
        """Whole masks, appearances and the occlusion graph of `frame`.

        Args:
            frame: picture, visible masks, optional depth.
            paint: whether to generate appearances; or the ids of the objects that need one.
            rois: where to look for the whole object, by id, inside the image and around the
                visible box; None, or an id that it lacks: the visible box, widened as the model
                says.

        Returns:
            Objects in ascending order of their ids. A visible pixel always stays in its object's
            whole mask.

        Raises:
            TooManyObjectsError: the frame has more objects than the settings allow.
        """
        return self.painted(frame, self._segmented(frame, rois or {}), paint)

    def painted(
        self, frame: Frame, scene: CompletedScene, paint: bool | Collection[int] = True
    ) -> CompletedScene:
        """`scene` of `frame` with the appearances that `paint` asks for."""
        if paint is False:
            return scene
        timings = dict(scene.timings)
        ids = None if isinstance(paint, bool) else paint
        return replace(
            scene, objects=tuple(self.paint(frame, scene.objects, ids, timings)), timings=timings
        )

    def _segmented(self, frame: Frame, given: Mapping[int, Box]) -> CompletedScene:
        """Whole masks and graph, no appearance: all that the order of lifting needs."""
        timings: dict[str, float] = {}
        with timed(timings, "crop"):
            boxes = boxes_of(frame.labels)
            if len(boxes) > self.settings.max_objects:
                raise TooManyObjectsError(
                    f"the labels hold {len(boxes)} objects, max_objects is "
                    f"{self.settings.max_objects}; is this a depth image or colour-coded? "
                    "If not, raise max_objects (a parameter of the node, a setting in Python)"
                )
            rois = {i: self._spec.roi.around(box, frame.size) for i, box in boxes.items()}
            rois |= {i: box for i, box in given.items() if i in boxes}
            hideable = self._hideable(frame.labels, list(boxes.values()))
            asked = {
                i: roi
                for i, roi in rois.items()
                if np.any(crop(hideable, roi) & (crop(frame.labels, roi) != i))
            }
        answers = self.answers(frame, asked, timings)
        with timed(timings, "crop"):
            objects = [self._whole(frame, i, rois[i], answers.get(i), hideable) for i in boxes]
        with timed(timings, "graph"):
            edges = find_edges(frame.labels, objects, self.settings.edges, frame.depth)
            graph = build_graph(boxes, edges)
            layers = dict(zip(graph.object_ids, graph.layers, strict=True))
            objects = [replace(o, layer=layers[o.id]) for o in objects]
        return CompletedScene(frame.size, tuple(objects), graph, timings)

    def _hideable(self, labels: NDArray[np.int32], boxes: Sequence[Box]) -> Mask:
        """Where something may hide an object: on labelled objects and narrow gaps, or anywhere."""
        occluders = self.settings.occluders or self._spec.occluders
        if occluders == "any":
            return np.ones(labels.shape, bool)
        result = np.zeros(labels.shape, bool)
        if boxes:
            corners, room = np.array(boxes), self.settings.gap_width + 2
            low, high = corners[:, :2].min(axis=0) - room, corners[:, 2:].max(axis=0) + room
            part = max(low[0], 0), max(low[1], 0), high[0], high[1]
            crop(result, part)[:] = labelled_area(crop(labels, part), self.settings.gap_width)
        return result

    def answers(
        self, frame: Frame, rois: Mapping[int, Box], timings: dict[str, float] | None = None
    ) -> dict[int, NDArray[np.float32]]:
        """What the segmentor says of each object inside its roi, ``(C, h, w)``, see
        `Model.segment`; seconds of the stages ``crop`` and ``segment`` are added to `timings`."""
        timings = {} if timings is None else timings
        spec = self._spec
        full = (0, 0, frame.size[1], frame.size[0])
        extent = np.array([frame.size[1], frame.size[0]] * 2, np.float32)
        found: dict[int, NDArray[np.float32]] = {}
        for batch in _batches(list(rois)):
            with timed(timings, "crop"):
                planes = np.empty((len(batch), spec.channels, *spec.size), np.float32)
                for i, out in zip(batch, planes, strict=True):
                    view = rois[i] if spec.view == "roi" else full
                    rgb, labels = crop(frame.rgb, view), crop(frame.labels, view)
                    input_planes(rgb, labels, i, spec.size, spec.planes, out=out)
                boxes = np.array([rois[i] for i in batch], np.float32) / extent
            with timed(timings, "segment"):
                answers = self.model.segment(planes, boxes)
            found.update(zip(batch, answers, strict=True))
        return found

    def _whole(
        self,
        frame: Frame,
        object_id: int,
        roi: Box,
        found: NDArray[np.float32] | None,
        hideable: Mask,
    ) -> AmodalObject:
        """One object from what the segmentor `found`, ``(C, h, w)`` at any size; None where it was
        not asked."""
        visible = crop(frame.labels, roi) == object_id
        seen = np.count_nonzero(visible)
        amodal, area, inside, outside = visible, seen, float(seen), 0.0
        in_front: dict[int, float] | None = None
        if found is None:
            probability = visible.astype(np.float32)
        else:
            if len(found) > 1 and self.settings.edges.rule == "learned":
                in_front = _in_front(crop(frame.labels, roi), object_id, found[1])
            probability = resized(found[0].clip(0, 1), size_of(roi))
            probability *= crop(hideable, roi)
            np.copyto(probability, 1, where=visible)
            outside = cv2.sumElems(probability)[0] - seen
            threshold = self.settings.threshold or self._spec.threshold
            threshold = threshold or likeliest_threshold(probability)
            whole = probability > threshold
            hidden = np.count_nonzero(whole) - seen
            if hidden >= self.settings.min_hidden_ratio * seen:
                kept = cv2.threshold(probability, threshold, 0, cv2.THRESH_TOZERO)[1]
                amodal, area, inside = whole, seen + hidden, cv2.sumElems(kept)[0]
                outside -= inside - seen
        tight = tight_box(amodal)
        box = translate(tight, roi[0], roi[1])
        height, width = frame.size
        return AmodalObject(
            object_id,
            box,
            crop(visible, tight),
            crop(amodal, tight),
            crop(probability, tight),
            score=min(inside / (area + outside), 1.0),
            truncated=box[0] == 0 or box[1] == 0 or box[2] == width or box[3] == height,
            depth_median=_median(frame.depth, roi, visible),
            in_front=in_front,
        )

    def paint(
        self,
        frame: Frame,
        objects: Sequence[AmodalObject],
        ids: Collection[int] | None = None,
        timings: dict[str, float] | None = None,
    ) -> list[AmodalObject]:
        """`objects` with their appearance: visible pixels as seen, hidden ones as painted.

        Args:
            frame: the picture they are in.
            objects: with whole masks, wherever these came from.
            ids: those to paint, the others come back as they are; None for all. An object of which
                nothing is hidden costs no run of the painter.
            timings: seconds of the stages ``crop`` and ``paint`` are added to it.
        """
        timings = {} if timings is None else timings
        with timed(timings, "crop"):
            wanted = [o for o in objects if ids is None or o.id in ids]
            pictures = {o.id: crop(frame.rgb, o.box).copy() for o in wanted}
            hidden = [o for o in wanted if o.amodal_area > o.visible_area]
        for batch in _batches(hidden):
            with timed(timings, "crop"):
                views = [self._view(frame, o) for o in batch]
                canvases = np.empty((len(batch), 3, *self.model.spec.painter.size), np.float32)
                covered = [
                    self._canvas(frame, item, view, out)
                    for item, view, out in zip(batch, views, canvases, strict=True)
                ]
            with timed(timings, "paint"):
                painted = self.model.paint(canvases)
            with timed(timings, "crop"):
                for item, view, generated, cover in zip(
                    batch, views, painted, covered, strict=True
                ):
                    part = translate(item.box, -view[0], -view[1])
                    colours = uncovered(generated, cover, size_of(view), part)
                    cv2.copyTo(colours, item.invisible.view(np.uint8), pictures[item.id])
        return [replace(o, appearance=pictures.get(o.id, o.appearance)) for o in objects]

    def _view(self, frame: Frame, item: AmodalObject) -> Box:
        """The widened box around the visible part, and around the whole should that be larger."""
        seen = translate(tight_box(item.visible), item.box[0], item.box[1])
        roi = self._spec.roi.around(seen, frame.size)
        return (
            min(roi[0], item.box[0]),
            min(roi[1], item.box[1]),
            max(roi[2], item.box[2]),
            max(roi[3], item.box[3]),
        )

    def _canvas(
        self, frame: Frame, item: AmodalObject, view: Box, out: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Eq. 1 into `out`; how much of each of its pixels the whole mask covers."""
        whole = np.zeros(size_of(view), np.float32)
        crop(whole, translate(item.box, -view[0], -view[1]))[:] = item.amodal
        visible = crop(frame.labels, view) == item.id
        size = self.model.spec.painter.size
        canvas(crop(frame.rgb, view), visible, whole, size, out=out)
        return resized(whole, size)

    @property
    def _spec(self) -> SegmentorSpec:
        return self.model.spec.segmentor


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in portions that fit one call of a network."""
    for start in range(0, len(items), MAX_BATCH):
        yield items[start : start + MAX_BATCH]


def _in_front(
    labels: NDArray[np.int32], object_id: int, probability: NDArray[np.float32]
) -> dict[int, float]:
    """Mean `probability` over what is seen of each other object; tiny ones may be left out."""
    ids, index, counts = grouped(labels, probability.shape)
    means = np.bincount(index.ravel(), probability.ravel()) / counts
    return {
        i: m for i, m in zip(ids.tolist(), means.tolist(), strict=True) if i > 0 and i != object_id
    }


def _median(depth: NDArray[np.float32] | None, roi: Box, visible: Mask) -> float:
    """Median of the known `depth` (metres) of the pixels of `visible`, NaN where there is none."""
    if depth is None:
        return float("nan")
    seen = crop(depth, roi)[visible]
    seen = seen[np.isfinite(seen)]
    return float(np.median(seen)) if len(seen) else float("nan")
