"""Scenes become batches, each a function of seed and step alone: runs resume exactly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from segan_ros.boxes import Box, Roi, clip, crop, size_of, tight_box, union
from segan_ros.completion import Settings
from segan_ros.crops.planes import (
    grouped,
    input_planes,
    labelled_area,
    median_depth,
    resized,
    unmarked,
)
from segan_ros.frame import Image, Mask
from segan_ros.runtime.spec import ModelSpec
from segan_ros.scoring.metrics import least_overlap
from segan_ros.storage.photographs import photograph_part
from segan_ros.training.augment import (
    Cutout,
    View,
    augmented,
    on_photograph,
    with_depth_of_a_camera,
    with_errors,
)
from segan_ros.training.config import Augmentation, Config, Stage
from segan_ros.training.library import Library
from segan_ros.training.processes import ALONE, Processes

IN_FRONT = 0.01
"""Metres from which on something counts as nearer."""

Floats = NDArray[np.float32]
Seen = tuple[View, Mask, Mask]
"""What is looked at; there the visible mask, and what may hide the object."""


WIDER = 5 / 3
"""The widest view of a painter with one of its own, in margins of that; the narrowest is 1/3."""


class Batch(NamedTuple):
    """N samples, all in 0..1 but `order`, in -1..1.

    The segmentor's side, empty where the painter learns alone: `planes` ``(N, C, h, w)``, `boxes`
    ``(N, 4)``, and at the size of its logits the truth `whole`, `visible`, `others`, `order`
    ``(N, 1, p, p)`` (see `order_loss`). The painter's side, empty when not asked for, over the same
    widened box or its own: `picture` ``(N, 3, s, s)``, `seen`, `full`, `occluders` ``(N, 1, s, s)``
    (V, O, where hidden pixels may lie), `target` ``(N, 3, s, s)`` (the whole object over blue).
    """

    planes: Tensor
    boxes: Tensor
    whole: Tensor
    visible: Tensor
    others: Tensor
    order: Tensor
    picture: Tensor
    seen: Tensor
    full: Tensor
    occluders: Tensor
    target: Tensor


class Batches(Dataset[Batch]):
    """Batches of one stage by step.

    Args:
        library: what to draw from.
        config: seed, augmentation, share of occluded objects.
        number: of the stage in `config`, which says batch size and whether the painter's side is
            made, and has its own draws.
        spec: what the networks look at.
        mask_size: of the segmentor's truth.
        processes: this one gets its part of each batch.
        half: in float16: a GPU waits half as long for them.
    """

    def __init__(
        self,
        library: Library,
        config: Config,
        number: int,
        spec: ModelSpec,
        mask_size: tuple[int, int],
        *,
        processes: Processes = ALONE,
        half: bool = False,
    ) -> None:
        self.library, self.config, self.number = library, config, number
        self.stage: Stage = config.stages[number]
        self.spec, self.mask_size, self.processes = spec, mask_size, processes
        self.dtype = np.dtype(np.float16 if half else np.float32)
        self._occluded: Sequence[int] = library.occluded
        self._clear: Sequence[int] = library.clear or range(len(library.subjects))
        if self.stage.paints:
            painted = set(library.painted)
            self._occluded = [i for i in library.occluded if i in painted]
            self._clear = [i for i in self._clear if i in painted] or library.painted
        if side := self.stage.side:
            self.mask_size = side, side
            self.spec = replace(spec, segmentor=replace(spec.segmentor, size=self.mask_size))

    def __len__(self) -> int:
        return self.stage.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng((self.config.seed, self.number, step))
        chosen = self.chosen(rng)
        drawn = list(zip(chosen, rng.spawn(len(chosen)), strict=True))
        mine = drawn[self.processes.rank :: self.processes.count]
        samples = [self.sample(i, own) for i, own in mine]
        parts = zip(*samples, strict=True)
        return Batch(*(torch.from_numpy(np.stack(p).astype(self.dtype, copy=False)) for p in parts))

    def chosen(self, rng: np.random.Generator) -> list[int]:
        """Occluded and clear objects as wanted; the painter learns from occluded ones alone."""
        share = 1.0 if self.stage.trains == "painter" else self.config.data.occluded
        if not self._occluded or not self.library.clear:
            share = float(bool(self._occluded))
        hidden = round(share * self.stage.batch)
        clear = self.stage.batch - hidden
        chosen = [int(i) for i in rng.choice(self._occluded, hidden)] if hidden else []
        return chosen + ([int(i) for i in rng.choice(self._clear, clear)] if clear else [])

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Floats, ...]:
        true, view, roi = self.drawn(index, rng)
        size = self.library.size_around(self.library.subjects[index])
        reach = max(size_of(roi)) / max(size)
        seen = self._seen(view, self._painters_view(view, rng) or roi)
        return self._segmentors_side(true, view, roi, seen, reach) + self._painters_side(seen)

    def drawn(self, index: int, rng: np.random.Generator) -> tuple[View, View, Box]:
        """The object with its true visible masks, with those that a segmenter sees, and the part of
        both that is looked at."""
        library, spec = self.library, self.spec.segmentor
        subject = library.subjects[index]
        size = library.size_around(subject)
        everything = (0, 0, size[1], size[0])
        # Room for the widest box, and for a mask whose border was shaken.
        room = Roi(min(self.config.augmentation.margin[1] + 0.2, 2), spec.roi.of)
        window = everything if spec.view == "image" else room.around(subject.seen_box, size)
        if (own := self.painters_roi) is not None:
            wide = replace(own, margin=min(own.margin * WIDER, 2))
            window = union(window, wide.around(subject.box, size))
        view = library.view(subject, window)
        cutout = self._cutout(rng)
        chance = self.config.augmentation.photographs if library.photographs else 0
        # A painter sees nothing of what is not the object.
        if self.stage.trains != "painter" and rng.random() < chance:
            view = on_photograph(view, self._photograph(view.labels.shape, rng))
        if cutout is not None and rng.random() < chance:
            cutout = replace(cutout, rgb=self._photograph(cutout.mask.shape, rng))
        true = augmented(view, cutout, self.config.augmentation, rng)
        view = with_depth_of_a_camera(true, self.config.augmentation, rng)
        view = with_errors(view, self.config.augmentation, rng)
        roi = jittered(
            tight_box(view.labels == view.id),
            view.labels.shape,
            spec.roi,
            self.config.augmentation,
            rng,
        )
        return true, view, roi

    def _segmentors_side(
        self, true: View, view: View, roi: Box, seen: Seen, reach: float
    ) -> tuple[Floats, ...]:
        if self.stage.trains == "painter":
            return (np.zeros(0, np.float32),) * 6
        spec = self.spec.segmentor
        shown, visible, occluders = seen
        planes = view if spec.view == "image" else shown
        height, width = view.labels.shape
        whole = shown.whole | visible
        if self.stage.trains == "refiner":
            whole = crop(true.labels, roi) == view.id
        return (
            input_planes(
                planes.rgb,
                planes.labels.astype(np.int32),
                view.id,
                spec.size,
                spec.planes,
                depth=planes.depth,
                reach=reach,
            ),
            np.divide(roi, [width, height] * 2, dtype=np.float32),
            *(
                resized(mask, self.mask_size)[None]
                for mask in (whole, visible, occluders & ~visible)
            ),
            order(shown, set(np.unique(true.labels).tolist()), self.mask_size)[None],
        )

    def _seen(self, view: View, roi: Box) -> Seen:
        """`view` cut to `roi`; there the visible mask, and what may hide the object: where the
        losses want most that nothing is invented."""
        shown = view.each(lambda a: crop(a, roi))
        visible = shown.labels == view.id
        occluders = np.ones(shown.labels.shape, bool)
        if self.spec.segmentor.occluders != "any":
            occluders = labelled_area(shown.labels, Settings().gap_width)
            if shown.depth is not None and self.spec.segmentor.occluders == "auto":
                distance = median_depth(shown.depth, visible)
                occluders |= (shown.labels <= 0) & (shown.depth < distance - IN_FRONT)
        return shown, visible, occluders

    def _cutout(self, rng: np.random.Generator) -> Cutout | None:
        """Any object with an appearance, to be pasted in front."""
        library = self.library
        if not library.painted:
            return None
        subject = library.subjects[library.painted[rng.integers(len(library.painted))]]
        whole, appearance = library.alone(subject)
        assert appearance is not None
        return Cutout(whole, appearance)

    def _photograph(self, size: tuple[int, ...], rng: np.random.Generator) -> Image:
        """A part of one of them."""
        photographs = self.library.photographs
        return photograph_part(photographs[rng.integers(len(photographs))], size, rng)

    @property
    def painters_roi(self) -> Roi | None:
        """How the painter's own view is widened; None where it is the segmentor's: trained
        together, both look at the same."""
        return self.spec.painter.roi if self.stage.trains == "painter" else None

    def _painters_view(self, view: View, rng: np.random.Generator) -> Box | None:
        """The painter's own part of `view`, if it has one."""
        if (roi := self.painters_roi) is None:
            return None
        whole = tight_box(view.whole | (view.labels == view.id))
        margins = (roi.margin / 3, roi.margin * WIDER)
        chances = replace(self.config.augmentation, margin=margins)
        return jittered(whole, view.labels.shape, roi, chances, rng)

    def _painters_side(self, seen: Seen) -> tuple[Floats, ...]:
        if not self.stage.paints:
            return (np.zeros(0, np.float32),) * 5
        shown, visible, occluders = seen
        size = self.spec.painter.size
        whole = shown.whole | visible
        full = resized(whole, size)[None]
        # What a segmenter adds to the object is wanted as it is seen. Colours from outside must not
        # come in at the border.
        wanted = np.where(shown.whole[..., None], shown.appearance, shown.rgb) * whole[..., None]
        target = _colours(wanted, size)
        target[2] = np.minimum(target[2] + 1 - full[0], 1)
        return (
            _colours(unmarked(shown.rgb), size),
            resized(visible, size)[None],
            full,
            resized(occluders, size)[None],
            target,
        )


def jittered(
    box: Box,
    size: tuple[int, ...],
    roi: Roi,
    chances: Augmentation,
    rng: np.random.Generator,
) -> Box:
    """`box` widened on each side by its own share from ``chances.margin``, clipped to `size`."""
    height, width = size_of(box)
    if roi.of == "longest_side":
        width = height = max(width, height)
    extents = np.array([width, height, width, height])
    grown = (rng.uniform(*chances.margin, 4) * extents).round().astype(int) * (-1, -1, 1, 1)
    x0, y0, x1, y1 = (np.array(box) + grown).tolist()
    return clip((x0, y0, x1, y1), (size[0], size[1]))


def order(view: View, known: Collection[int], size: tuple[int, int]) -> Floats:
    """Who hides the object, as `order_loss` takes it, ``(h, w)``; 0 at labels that are not `known`,
    which a segmenter made up, and at those that do not lie where the truth has them: its errors,
    or something pasted in front, changed that."""
    ids, index, counts = grouped(view.labels, size)
    there, pixels = np.unique(view.labels[view.whole], return_counts=True)
    covering = there[pixels >= least_overlap(float(np.count_nonzero(view.whole)))]
    hides = np.isin(ids, list(view.occluders))
    asked = np.isin(ids, list(known)) & (ids != 0) & (ids != view.id)
    asked &= hides == np.isin(ids, covering)
    share = np.where(hides, 1, -1) * asked / counts
    return share.astype(np.float32)[index]


def _colours(rgb: Image, size: tuple[int, int]) -> Floats:
    return resized(rgb, size).astype(np.float32).transpose(2, 0, 1) * np.float32(1 / 255)
