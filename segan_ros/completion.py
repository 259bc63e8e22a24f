"""The method on one page: a frame in, completed objects and their occlusion graph out.

SeGAN (Ehsani, Mottaghi, Farhadi: SeGAN: Segmenting and Generating the Invisible, CVPR 2018), Figure
2: visible mask -> segmentor -> whole mask -> Eq. 1 canvas -> painter -> appearance; then who hides
whom.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.crops import boxes_of, canvas, cut, input_planes, resized
from segan_ros.frame import AmodalObject, Box, CompletedScene, Frame, Mask
from segan_ros.inference import MAX_BATCH, Model
from segan_ros.occlusion import EdgeRule, build_graph, find_edges
from segan_ros.scenes import tight_box

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

    def complete(self, frame: Frame, paint: bool | Collection[int] = True) -> CompletedScene:
        """Whole masks, appearances and the occlusion graph of `frame`.

        Args:
            frame: picture, visible masks, optional depth.
            paint: whether to generate appearances; or the ids of the objects that need one.

        Returns:
            Objects in ascending order of their ids. A visible pixel always stays in its object's
            whole mask.

        Raises:
            TooManyObjectsError: the frame has more objects than the settings allow.
        """
        timings: dict[str, float] = {}
        with _timed(timings, "segment"):
            boxes = boxes_of(frame.labels)
            if len(boxes) > self.settings.max_objects:
                raise TooManyObjectsError(
                    f"the labels hold {len(boxes)} objects, max_objects is "
                    f"{self.settings.max_objects}; is this a depth image or colour-coded? "
                    "If not, raise max_objects"
                )
            rois = {
                i: self.model.spec.segmentor.roi.around(box, frame.size) for i, box in boxes.items()
            }
            hideable = self._hideable(frame.labels)
            probabilities = self._segment(frame, rois, hideable)
            objects = [
                self._whole(frame, i, rois[i], probabilities.get(i), hideable) for i in boxes
            ]
        with _timed(timings, "graph"):
            graph = build_graph(
                boxes, find_edges(frame.labels, objects, self.settings.edges, frame.depth)
            )
            layers = dict(zip(graph.object_ids, graph.layers, strict=True))
            objects = [replace(o, layer=layers[o.id]) for o in objects]
        with _timed(timings, "paint"):
            if paint is not False:
                objects = self.paint(frame, objects, None if paint is True else paint)
        return CompletedScene(frame.size, tuple(objects), graph, timings)

    def _hideable(self, labels: NDArray[np.int32]) -> Mask:
        """Where something may hide an object: on labelled objects and narrow gaps, or anywhere."""
        occluders = self.settings.occluders or self.model.spec.segmentor.occluders
        if occluders == "any":
            return np.ones(labels.shape, bool)
        labelled = (labels > 0).astype(np.uint8)
        if not self.settings.gap_width:
            return labelled > 0
        side = (self.settings.gap_width + 1) // 2 * 2 + 1  # odd: closing must not shift the mask
        return cv2.morphologyEx(labelled, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)) > 0

    def _segment(
        self, frame: Frame, rois: dict[int, Box], hideable: Mask
    ) -> dict[int, NDArray[np.float32]]:
        """Probability of the whole object in its roi, for each object that something may hide."""
        spec = self.model.spec.segmentor
        ids = [
            i
            for i, roi in rois.items()
            if np.any(cut(hideable, roi) & (cut(frame.labels, roi) != i))
        ]
        full = (0, 0, frame.size[1], frame.size[0])
        views = {i: rois[i] if spec.view == "roi" else full for i in ids}
        extent = np.array([frame.size[1], frame.size[0]] * 2, np.float32)
        found: dict[int, NDArray[np.float32]] = {}
        for batch in _batches(ids):
            planes = [
                input_planes(
                    cut(frame.rgb, views[i]), cut(frame.labels, views[i]), i, spec.size, spec.planes
                )
                for i in batch
            ]
            boxes = np.array([rois[i] for i in batch], np.float32) / extent
            for i, p in zip(batch, self.model.segment(np.stack(planes), boxes), strict=True):
                found[i] = resized(p, _size(rois[i])).clip(0, 1)
        return found

    def _whole(
        self,
        frame: Frame,
        object_id: int,
        roi: Box,
        probability: NDArray[np.float32] | None,
        hideable: Mask,
    ) -> AmodalObject:
        visible = cut(frame.labels, roi) == object_id
        threshold = self.settings.threshold or self.model.spec.segmentor.threshold
        if probability is None:
            probability = np.zeros(visible.shape, np.float32)
        probability = np.where(cut(hideable, roi), probability, 0)
        hidden = (probability > threshold) & ~visible
        if np.count_nonzero(hidden) < self.settings.min_hidden_ratio * np.count_nonzero(visible):
            hidden[:] = False
        probability[visible] = 1
        amodal = visible | hidden
        x0, y0, x1, y1 = tight = tight_box(amodal)
        box = (roi[0] + x0, roi[1] + y0, roi[0] + x1, roi[1] + y1)
        height, width = frame.size
        depth_median = np.nan
        if frame.depth is not None:
            seen = cut(frame.depth, roi)[visible]
            seen = seen[np.isfinite(seen)]
            depth_median = np.median(seen) if len(seen) else np.nan
        return AmodalObject(
            object_id,
            box,
            cut(visible, tight),
            cut(amodal, tight),
            cut(probability, tight),
            score=float(
                probability[amodal].sum() / (np.count_nonzero(amodal) + probability[~amodal].sum())
            ),
            truncated=box[0] == 0 or box[1] == 0 or box[2] == width or box[3] == height,
            depth_median=float(depth_median),
        )

    def paint(
        self, frame: Frame, objects: Sequence[AmodalObject], ids: Collection[int] | None = None
    ) -> list[AmodalObject]:
        """`objects` with their appearance: visible pixels as seen, hidden ones as painted.

        Args:
            frame: the picture they are in.
            objects: with whole masks, wherever these came from.
            ids: those to paint, the others come back as they are; None for all. An object of which
                nothing is hidden costs no run of the painter.
        """
        wanted = [o for o in objects if ids is None or o.id in ids]
        pictures = {o.id: cut(frame.rgb, o.box).copy() for o in wanted}
        hidden = [o for o in wanted if o.amodal_area > o.visible_area]
        for batch in _batches(hidden):
            views = [self._view(frame, o) for o in batch]
            painted = self.model.paint(
                np.stack([self._canvas(frame, *pair) for pair in zip(batch, views, strict=True)])
            )
            for item, view, generated in zip(batch, views, painted, strict=True):
                colours = resized(generated.transpose(1, 2, 0), _size(view))
                colours = cut(colours, _relative(item.box, view))[item.invisible]
                pictures[item.id][item.invisible] = (colours * 255).round().clip(0, 255)
        return [replace(o, appearance=pictures.get(o.id, o.appearance)) for o in objects]

    def _view(self, frame: Frame, item: AmodalObject) -> Box:
        """The widened box around the visible part, and around the whole should that be larger."""
        x0, y0, _, _ = item.box
        seen = tight_box(item.visible)
        seen = (seen[0] + x0, seen[1] + y0, seen[2] + x0, seen[3] + y0)
        roi = self.model.spec.segmentor.roi.around(seen, frame.size)
        return (
            min(roi[0], item.box[0]),
            min(roi[1], item.box[1]),
            max(roi[2], item.box[2]),
            max(roi[3], item.box[3]),
        )

    def _canvas(self, frame: Frame, item: AmodalObject, view: Box) -> NDArray[np.float32]:
        whole = np.zeros(_size(view), np.float32)
        cut(whole, _relative(item.box, view))[:] = item.amodal
        visible = cut(frame.labels, view) == item.id
        return canvas(cut(frame.rgb, view), visible, whole, self.model.spec.painter.size)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """`items` in portions that fit one call of a network."""
    for start in range(0, len(items), MAX_BATCH):
        yield items[start : start + MAX_BATCH]


def _size(box: Box) -> tuple[int, int]:
    return box[3] - box[1], box[2] - box[0]


def _relative(box: Box, roi: Box) -> Box:
    return box[0] - roi[0], box[1] - roi[1], box[2] - roi[0], box[3] - roi[1]


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
