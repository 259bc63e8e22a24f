"""The method on one page: a frame in, completed objects and their occlusion graph out.

SeGAN (Ehsani, Mottaghi, Farhadi: SeGAN: Segmenting and Generating the Invisible, CVPR 2018), Figure
2: visible mask -> segmentor -> whole mask -> Eq. 1 canvas -> painter -> appearance. The whole masks
also give the occlusion graph.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import (
    Box,
    crop,
    dilate,
    intersection,
    relative,
    size_of,
    tight_box,
    touches_border,
    translate,
    union,
    whole_image,
)
from segan_ros.crops.painting import alone, fill_in, shown
from segan_ros.crops.planes import grouped, input_planes, resized
from segan_ros.crops.subjects import Subject, subjects_of
from segan_ros.crops.thresholds import whole_mask
from segan_ros.frame import AmodalObject, CompletedScene, Frame
from segan_ros.host.timing import timed
from segan_ros.masks.fitting import FitSettings, as_given, fit
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.ordering import ordered
from segan_ros.runtime.model import MAX_BATCH, Model
from segan_ros.runtime.spec import OCCLUDERS, SegmentorSpec

T = TypeVar("T")

FAINT = 0.01
"""Probability up to which an object is not looked for."""


class TooManyObjectsError(ValueError):
    """A frame has more objects than `Settings.max_objects`."""


@dataclass(frozen=True)
class Settings:
    """What an integrator may tune without touching the networks.

    Args:
        threshold: probability above which a hidden pixel belongs to the object; None for the
            model's own.
        occluders: ``labelled``: hidden pixels only where another labelled object is seen; ``any``:
            anywhere, for scenes with occluders that have no mask; ``auto``: anywhere if the depth
            of the object is known and the model sees it; None for the model's own.
        gap_width: pixels; gaps up to this width that the segmenter leaves between masks that touch
            are closed before everything else (`segan_ros.masks.fitting`), and something without a
            mask may hide an object in any gap up to this width.
        ignore_ids: label values that are not objects, such as void: their pixels are unlabelled.
        min_hidden_ratio: hidden parts below this share of the visible area count as noise of the
            border.
        max_objects: frames with more are refused: their labels are probably no label image.
        relight: bring the paint to the light of what is seen of the object (`light`), and blend it
            into that at the border (`joined`): it continues without a step. The paper does not.
        edges: see `EdgeRule`.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    threshold: float | None = None
    occluders: str | None = None
    gap_width: int = 5
    ignore_ids: tuple[int, ...] = ()
    min_hidden_ratio: float = 0.01
    max_objects: int = 255
    relight: bool = True
    edges: EdgeRule = field(default_factory=EdgeRule)

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        if self.occluders not in (None, *OCCLUDERS):
            raise ValueError(
                f"occluders is {self.occluders!r}; choose one of {', '.join(OCCLUDERS)}"
            )
        for name, least in (("gap_width", 0), ("min_hidden_ratio", 0), ("max_objects", 1)):
            if not (value := getattr(self, name)) >= least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")

    @property
    def fit(self) -> FitSettings:
        """How masks are fitted."""
        return FitSettings(self.gap_width, self.ignore_ids)


class SceneCompleter:
    """Completes every object of a frame: SeGAN, Figure 2.

    Args:
        model: the networks, see `segan_ros.load_model`.
        settings: see `Settings`.
    """

    def __init__(self, model: Model, settings: Settings | None = None) -> None:
        self.model = model
        self.settings = settings or Settings()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r}, {self.settings!r})"

    def complete(
        self,
        frame: Frame,
        paint: bool | Collection[int] = True,
        rois: Mapping[int, Box] | None = None,
    ) -> CompletedScene:
        """Whole masks, occlusion graph and appearances of `frame`: `segment`, then `paint`.

        Args:
            frame: picture, visible masks, optional depth.
            paint: whether to generate appearances; or the ids of the objects that need one.
            rois: see `segment`.

        Returns:
            Objects in ascending order of their ids. A visible pixel always stays in its object's
            whole mask.

        Raises:
            TooManyObjectsError: the frame has more objects than the settings allow.
        """
        scene = self.segment(frame, rois)
        return self.paint(frame, scene, paint)

    def segment(self, frame: Frame, rois: Mapping[int, Box] | None = None) -> CompletedScene:
        """Visible masks -> fitted masks -> crops -> segmentor -> whole masks -> edges -> graph.

        No appearance yet: planners need not wait for the painter.

        Args:
            frame: picture, visible masks, optional depth.
            rois: where to look for the whole object, by id, inside the image and around the
                visible box; None, or an id that it lacks: the visible box, widened as the model
                says.

        Raises:
            TooManyObjectsError: the frame has more objects than the settings allow.
        """
        timings: dict[str, float] = {}
        given, settings = frame.labels, self.settings
        with timed(timings, "fit"):
            fitted = fit(given, frame.rgb, frame.depth, settings.fit)
            self._check_number(fitted.boxes)
            frame = replace(frame, labels=fitted.labels)
        with timed(timings, "crop"):
            subjects = subjects_of(
                frame,
                fitted.boxes,
                rois or {},
                self._spec,
                occluders=settings.occluders or self._spec.occluders,
                gap_width=settings.gap_width,
            )
        answers = self.answers(frame, {s.id: s.view for s in subjects if s.asked}, timings)
        with timed(timings, "crop"):
            objects = [self._whole(frame, s, answers.get(s.id)) for s in subjects]
        with timed(timings, "graph"):
            edges = find_edges(frame.labels, objects, settings.edges, frame.depth)
            scene = ordered(frame, objects, edges, settings.edges)
        if fitted.labels is not given:
            with timed(timings, "fit"):
                objects = [as_given(o, given) for o in scene.objects]
                scene = replace(scene, objects=tuple(objects))
        return replace(scene, timings=timings)

    def paint(
        self, frame: Frame, scene: CompletedScene, paint: bool | Collection[int] = True
    ) -> CompletedScene:
        """Whole masks -> Eq. 1 canvases -> painter -> appearances.

        Visible pixels keep their colours, hidden ones are painted. The painter does not run for
        objects without a hidden part.

        Args:
            frame: the picture.
            scene: its objects with whole masks, wherever these came from.
            paint: whether to paint at all; or the ids of the objects to paint, the others are
                returned unchanged.

        Returns:
            `scene` with appearances.
        """
        if paint is False:
            return scene
        timings = dict(scene.timings)
        with timed(timings, "crop"):
            wanted = [o for o in scene.objects if paint is True or o.id in paint]
            appearances = {o.id: crop(frame.rgb, o.box).copy() for o in wanted}
            hidden = [o for o in wanted if o.invisible.any()]
        for batch in _batches(hidden):
            with timed(timings, "crop"):
                canvases = np.empty((len(batch), 3, *self.model.spec.painter.size), np.float32)
                views = [self._view(o, frame.size) for o in batch]
                covered = [
                    shown(frame.rgb, item, view, out)
                    for item, view, out in zip(batch, views, canvases, strict=True)
                ]
            with timed(timings, "paint"):
                answers = self.model.paint(canvases)
            with timed(timings, "crop"):
                for item, view, answer, cover in zip(batch, views, answers, covered, strict=True):
                    painted, into = alone(answer, cover), appearances[item.id]
                    fill_in(item, view, painted, into, relight=self.settings.relight)
        objects = (
            replace(o, appearance=appearances.get(o.id, o.appearance)) for o in scene.objects
        )
        return replace(scene, objects=tuple(objects), timings=timings)

    def answers(
        self, frame: Frame, views: Mapping[int, Box], timings: dict[str, float] | None = None
    ) -> dict[int, NDArray[np.float32]]:
        """What the segmentor answers for each object, by id, inside its view.

        Args:
            frame: picture and visible masks.
            views: by id, the part of the image to look at.
            timings: seconds of the stages ``crop`` and ``segment`` are added to it.

        Returns:
            ``(C, h, w)`` float32 each, see `Model.segment`; h and w are the network's.
        """
        timings = {} if timings is None else timings
        spec = self._spec
        extent = np.array([frame.size[1], frame.size[0]] * 2, np.float32)
        found: dict[int, NDArray[np.float32]] = {}
        for batch in _batches(list(views)):
            with timed(timings, "crop"):
                planes = np.empty((len(batch), spec.channels, *spec.size), np.float32)
                for i, out in zip(batch, planes, strict=True):
                    view = views[i] if spec.view == "roi" else whole_image(frame.size)
                    rgb, labels = crop(frame.rgb, view), crop(frame.labels, view)
                    depth = None if frame.depth is None else crop(frame.depth, view)
                    reach = max(size_of(view)) / max(frame.size)
                    input_planes(
                        rgb, labels, i, spec.size, spec.planes, depth=depth, reach=reach, out=out
                    )
                boxes = np.array([views[i] for i in batch], np.float32) / extent
            with timed(timings, "segment"):
                answers = self.model.segment(planes, boxes)
            found.update(zip(batch, answers, strict=True))
        return found

    def _check_number(self, objects: Collection[int]) -> None:
        if len(objects) > self.settings.max_objects:
            raise TooManyObjectsError(
                f"the labels hold {len(objects)} objects, max_objects is "
                f"{self.settings.max_objects}; is this a depth image or colour-coded? "
                "If not, raise max_objects (a parameter of the node, a setting in Python)"
            )

    def _whole(
        self, frame: Frame, subject: Subject, answer: NDArray[np.float32] | None
    ) -> AmodalObject:
        """One object from the segmentor's `answer` inside its view, None where it was not asked."""
        object_id, box, view = subject.id, subject.box, subject.view
        if answer is not None:
            box = union(box, _likely_box(answer[0], view))
        visible = crop(frame.labels, box) == object_id
        in_front: dict[int, float] | None = None
        if answer is None:
            amodal, probability, score = visible, visible.astype(np.float32), 1.0
        else:
            if len(answer) > 1 and self.settings.edges.rule == "learned":
                in_front = _in_front(crop(frame.labels, view), object_id, answer[1])
            enlarged = resized(answer[0].clip(0, 1), size_of(view))
            probability = crop(enlarged, relative(box, view)).copy()
            if subject.occluders is not None:
                probability *= crop(subject.occluders, box)
            np.copyto(probability, 1, where=visible)
            threshold = self.settings.threshold or self._spec.threshold
            amodal, score = whole_mask(
                probability, visible, threshold, self.settings.min_hidden_ratio
            )
        tight = tight_box(amodal)
        box = translate(tight, box[0], box[1])
        return AmodalObject(
            object_id,
            box,
            crop(visible, tight),
            crop(amodal, tight),
            crop(probability, tight),
            score=score,
            truncated=touches_border(box, frame.size),
            depth_median=subject.distance,
            in_front=in_front,
            name=(frame.names or {}).get(object_id, ""),
            track_id=(frame.track_ids or {}).get(object_id, ""),
            occluder_only=object_id in frame.occluder_only,
        )

    def _view(self, item: AmodalObject, size: tuple[int, int]) -> Box:
        """What the painter looks at: its own widened box around the whole; else that around the
        visible part, and around the whole should that be larger."""
        if (roi := self.model.spec.painter.roi) is not None:
            return roi.around(item.box, size)
        seen = translate(tight_box(item.visible), item.box[0], item.box[1])
        return union(self._spec.roi.around(seen, size), item.box)

    @property
    def _spec(self) -> SegmentorSpec:
        return self.model.spec.segmentor


def _likely_box(probability: NDArray[np.float32], view: Box) -> Box:
    """The part of `view` where the object may be: its `probability`, ``(h, w)``, is not faint."""
    height, width = probability.shape
    # A cell more on each side, since probabilities are interpolated.
    x0, y0, x1, y1 = dilate(tight_box(probability > FAINT), 1)
    rows, columns = size_of(view)
    scaled = (
        x0 * columns // width,
        y0 * rows // height,
        -(-x1 * columns // width),
        -(-y1 * rows // height),
    )
    return intersection(translate(scaled, view[0], view[1]), view)


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
