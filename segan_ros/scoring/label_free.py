"""Scores that need no ground truth: an answer beside that of the frame before. Pure functions.

*Stability*: objects keep their ids, so the whole mask and the edges of an object should change no
more than what is seen of it. *Revealed*: when an object is removed in front of a static camera,
what it hid comes into view; that is compared with what had been predicted. ``docs/replay.md``
defines the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import paste
from segan_ros.frame import AmodalObject, CompletedScene, Frame, Mask
from segan_ros.scoring.metrics import MIN_EDGE_PIXELS, MIN_EDGE_SHARE, NAN, iou
from segan_ros.scoring.summary import mean

STILL = 0.95
"""Share of an object's visible pixels that must stay its own for it not to have moved ..."""

STILL_SHARE = 0.5
"""... and share of the objects in both frames that must not have moved for a still camera."""

LEAST_CHANGE = 8
"""Median change of colour, 0..255, where an object vanished: below it, only its mask was lost."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame and what was said about it."""

    frame: Frame
    scene: CompletedScene


@dataclass(frozen=True)
class Revealed:
    """What came to light of one object where another had been.

    Args:
        removed_id: the object that is gone.
        object_id: the one behind.
        actual: pixels that now show it.
        predicted: pixels said to be hidden parts of it, among those where this can now be seen.
        both: pixels that are both.
        edge: whether it had been said that the one hides the other.
        l1: mean absolute colour difference, 0..1, of predicted and revealed pixels; NaN unknown.
    """

    removed_id: int
    object_id: int
    actual: int
    predicted: int
    both: int
    edge: bool
    l1: float = NAN

    @property
    def recall(self) -> float:
        """Share of what was revealed that had been predicted; NaN when nothing was revealed."""
        return self.both / self.actual if self.actual else NAN

    @property
    def precision(self) -> float:
        """Share of what had been predicted that was revealed; NaN when nothing was predicted."""
        return self.both / self.predicted if self.predicted else NAN

    @property
    def iou(self) -> float:
        """Intersection over union of predicted and revealed."""
        return self.both / (self.actual + self.predicted - self.both)


@dataclass(frozen=True)
class Step:
    """From one frame to the next.

    Args:
        objects: objects in both.
        whole_iou: mean IoU of their whole masks, now and before; NaN without objects.
        visible_iou: the same of their visible masks: how much the input itself changed.
        edges: edges between these objects in one frame or both.
        changed: those that are in one frame alone.
        still: whether the camera stood still.
        removed: ids that are gone.
        revealed: what their leaving showed; empty when the camera moved.
    """

    objects: int
    whole_iou: float
    visible_iou: float
    edges: int
    changed: int
    still: bool
    removed: tuple[int, ...] = ()
    revealed: tuple[Revealed, ...] = ()

    @property
    def steadiness(self) -> float:
        """`whole_iou` - `visible_iou`: below 0, completed masks jump more than those given."""
        return self.whole_iou - self.visible_iou


@dataclass(frozen=True)
class StepSummary:
    """Means over steps and, the last six, over `Revealed`; NaN when there is nothing to average."""

    steps: int
    whole_iou: float
    visible_iou: float
    edge_changes: float
    still_steps: int
    removals: int
    revealed: int
    revealed_iou: float
    revealed_recall: float
    revealed_precision: float
    revealed_edges: float
    revealed_l1: float


def step(before: Moment, now: Moment) -> Step:
    """Compare two consecutive frames; objects are known by their ids."""
    old, new = ({o.id: o for o in m.scene.objects} for m in (before, now))
    kept = sorted(old.keys() & new.keys())
    seen = (before.frame.labels, now.frame.labels)
    same_size = seen[0].shape == seen[1].shape
    size = before.frame.size
    whole = [iou(old[i].full_mask(size), new[i].full_mask(size)) for i in kept if same_size]
    visible = [iou(seen[0] == i, seen[1] == i) for i in kept if same_size]
    then, since = (_edges(m.scene, kept) for m in (before, now))
    removed = tuple(sorted(set(before.frame.object_ids) - set(now.frame.object_ids)))
    gone = np.isin(seen[0], removed)
    at_rest = [i for i in kept if same_size and _rests(seen[0] == i, seen[1] == i, gone)]
    still = len(at_rest) > 0 and len(at_rest) >= STILL_SHARE * len(kept)
    return Step(
        len(kept),
        mean(whole),
        mean(visible),
        len(then | since),
        len(then ^ since),
        still,
        removed,
        tuple(_revealed(before, now, removed, at_rest)) if still else (),
    )


def summarise_steps(steps: Sequence[Step]) -> StepSummary:
    """See `StepSummary`."""
    shown = [r for s in steps for r in s.revealed]
    edges = sum(s.edges for s in steps)
    return StepSummary(
        steps=len(steps),
        whole_iou=mean(s.whole_iou for s in steps),
        visible_iou=mean(s.visible_iou for s in steps),
        edge_changes=sum(s.changed for s in steps) / edges if edges else NAN,
        still_steps=sum(s.still for s in steps),
        removals=sum(len(s.removed) for s in steps),
        revealed=len(shown),
        revealed_iou=mean(r.iou for r in shown),
        revealed_recall=mean(r.recall for r in shown),
        revealed_precision=mean(r.precision for r in shown),
        revealed_edges=mean(float(r.edge) for r in shown if r.actual),
        revealed_l1=mean(r.l1 for r in shown),
    )


def _edges(scene: CompletedScene, ids: Sequence[int]) -> set[tuple[int, int]]:
    known = set(ids)
    pairs = {(e.occluder_id, e.occludee_id) for e in scene.graph.edges}
    return {(a, b) for a, b in pairs if a in known and b in known}


def _rests(before: Mask, now: Mask, gone: Mask) -> bool:
    """Whether an object lies where it lay: it may only have grown to where another is gone."""
    old, new = np.count_nonzero(before), np.count_nonzero(now)
    if not old or not new:
        return False
    stayed = np.count_nonzero(before & now)
    return bool(
        stayed >= STILL * old and np.count_nonzero(now & ~before & ~gone) <= (1 - STILL) * new
    )


def _revealed(
    before: Moment, now: Moment, removed: Sequence[int], at_rest: Sequence[int]
) -> list[Revealed]:
    labels = now.frame.labels
    said = {(e.occluder_id, e.occludee_id) for e in before.scene.graph.edges}
    found = []
    for removed_id in removed:
        place = before.frame.labels == removed_id
        change = np.abs(now.frame.rgb[place].astype(int) - before.frame.rgb[place])
        if np.median(change) < LEAST_CHANGE:
            continue
        for object_id in at_rest:
            item = before.scene.object(object_id)
            # Where a third object is seen now, this one may still be hidden: not known.
            known = place & ((labels <= 0) | (labels == object_id))
            actual = place & (labels == object_id)
            predicted = known & _hidden(item, before.frame.size)
            least = max(MIN_EDGE_PIXELS, MIN_EDGE_SHARE * item.amodal_area)
            if np.count_nonzero(actual | predicted) >= least:
                both = actual & predicted
                found.append(
                    Revealed(
                        removed_id,
                        object_id,
                        int(np.count_nonzero(actual)),
                        int(np.count_nonzero(predicted)),
                        int(np.count_nonzero(both)),
                        (removed_id, object_id) in said,
                        _colour_error(item, now.frame.rgb, both),
                    )
                )
    return found


def _hidden(item: AmodalObject, size: tuple[int, int]) -> Mask:
    """``(H, W)`` bool: the predicted hidden part in the full image."""
    mask = np.zeros(size, bool)
    paste(mask, item.box, item.invisible)
    return mask


def _colour_error(item: AmodalObject, rgb: NDArray[np.uint8], where: Mask) -> float:
    if item.appearance is None or not where.any():
        return NAN
    rows, columns = np.nonzero(where)
    painted = item.appearance[rows - item.box[1], columns - item.box[0]].astype(float)
    return float(np.abs(painted - rgb[rows, columns]).mean()) / 255
