"""One image of a bag, what belongs to it, and what is truly there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from segan_ros.frame import Frame, OcclusionGraph
from segan_ros.messages.answers import to_graph, to_true_labels, to_truth
from segan_ros.messages.frames import Reading, to_frame
from segan_ros.truth import LabelledScene

SLOP = 10_000_000
"""Nanoseconds between the stamps of an image and of a mask, depth or truth that still belongs to it
where none is equal; the node's default too."""

TruthOfFrame = tuple[LabelledScene | None, OcclusionGraph | None]
"""True whole masks with true visible labels, and a true graph where it is given by itself."""

Truth = Callable[[int, Frame], TruthOfFrame]
"""What is truly there at a stamp in nanoseconds, in a frame."""


@dataclass(frozen=True)
class BagFrame:
    """What belongs to one image of a bag.

    Args:
        index: 0 for the first image of the bag.
        stamp: the image's, nanoseconds.
        frame: decoded input; None when it cannot be used.
        problem: why not, else empty.
        truth: the true whole masks and visible labels, where they are known.
        true_graph: where it is known.
    """

    index: int
    stamp: int
    frame: Frame | None = None
    problem: str = ""
    truth: LabelledScene | None = None
    true_graph: OcclusionGraph | None = None


def assemble(
    index: int, stamp: int, found: Mapping[str, Any], truth: Truth, reading: Reading
) -> BagFrame:
    """The frame of the messages `found`, by field of `bags.Topics`, and its truth.

    Raises:
        ValueError: a message cannot be used.
    """
    if "instance_mask" not in found:
        problem = f"no instance mask within {SLOP // 1_000_000} ms of the image's stamp"
        return BagFrame(index, stamp, problem=problem)
    image, mask = found["image"], found["instance_mask"]
    frame = to_frame(image, mask, found.get("depth"), found.get("camera_info"), reading)
    return BagFrame(index, stamp, frame, "", *truth(stamp, frame))


def to_truth_of(frame: Frame, objects: Any | None, graph: Any | None) -> TruthOfFrame:
    """The truth of `frame` from an ``AmodalObjectArray`` and an ``OcclusionGraph``, or None.

    True visible masks may differ from those that a segmenter made of the frame; where the message
    has none, the frame's are taken for true.

    Raises:
        ValueError: a message cannot be used or is of another size than the frame.
    """
    scene = None
    if objects is not None:
        size = objects.image_height, objects.image_width
        if size != frame.size:
            raise ValueError(
                f"the ground truth is {size[1]}x{size[0]} but the image is"
                f" {frame.size[1]}x{frame.size[0]}; give both at the same resolution"
            )
        labels = to_true_labels(objects)
        known = frame if labels is None else replace(frame, labels=labels)
        scene = LabelledScene(known, to_truth(objects))
    return scene, None if graph is None else to_graph(graph)
