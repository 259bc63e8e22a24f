"""The plain data that every other part of the package speaks: what comes in, what goes out.

Image coordinates are pixels, x to the right and y down; boxes are those of `segan_ros.boxes`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segan_ros.boxes import Box, distinct, paste
from segan_ros.depth import depth_problem, to_metres
from segan_ros.reprs import ShortRepr

LOG = logging.getLogger(__name__)

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
Planes = NDArray[np.float32]


class Evidence(IntFlag):
    """What an occlusion edge rests on (values of ``segan_ros/msg/OcclusionEdge.evidence``)."""

    AMODAL = 1
    DEPTH = 2
    ORDER = 4
    SUPPORT = 8


SECOND = 1_000_000_000
"""In the nanoseconds of stamps."""

COEFFICIENTS = (4, 5, 8, 12, 14)
"""How many distortion coefficients OpenCV takes."""

RAYS = "fx and fy must be positive, entries below the diagonal 0, the last one 1"
"""What a camera matrix has to be."""

UNIT_TOLERANCE = 1e-3
"""By how much the length of a unit vector may differ from 1."""


@dataclass(frozen=True, eq=False, repr=False)
class Frame(ShortRepr):
    """One picture with the visible instance masks of its objects: the input of the method.

    The arrays must have exactly these dtypes; `Frame.from_arrays` converts others.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        labels: ``(H, W)`` int32; every value > 0 is the visible mask of the object of that id, the
            rest is background. Ids need not be contiguous.
        depth: ``(H, W)`` float32 in metres along the optical axis, NaN where unknown; or None.
        camera_matrix: ``(3, 3)`` float64 intrinsics K in pixels; or None.
        distortion: ``(n,)`` float64 coefficients k1 k2 p1 p2 k3 ... of the lens as OpenCV has them,
            n one of 4, 5, 8, 12, 14; or None without distortion.
        stamp: acquisition time in nanoseconds.
        up: ``(3,)`` float64 unit vector against gravity in the camera's optical frame (x right,
            y down, z ahead), ``[0, -1, 0]`` for a level camera; or None where it is not known.
        names: by id, what an object is; ids may be missing. None where nothing is known.
        track_ids: by id, the segmenter's name for the same object over frames; likewise.
        occluder_only: ids of things that occlude others but are not to be lifted, such as a hand:
            they get no whole mask and no place in the removal order. Ids may be missing in
            `labels`.

    Raises:
        ValueError: an array has another shape or dtype than stated, the sizes differ,
            `camera_matrix` makes no rays, `distortion` is not finite, `up` is no unit vector, or
            `names` holds something else than ids and texts.
    """

    rgb: Image
    labels: NDArray[np.int32]
    depth: NDArray[np.float32] | None = None
    camera_matrix: NDArray[np.float64] | None = None
    stamp: int = 0
    distortion: NDArray[np.float64] | None = None
    up: NDArray[np.float64] | None = None
    names: Mapping[int, str] | None = None
    track_ids: Mapping[int, str] | None = None
    occluder_only: Collection[int] = frozenset()

    @classmethod
    def from_arrays(
        cls,
        rgb: Image,
        labels: ArrayLike,
        depth: ArrayLike | None = None,
        camera_matrix: ArrayLike | None = None,
        *,
        distortion: ArrayLike | None = None,
        up: ArrayLike | None = None,
        names: Mapping[int, str] | None = None,
        occluder_only: Collection[int] = frozenset(),
        stamp: int = 0,
    ) -> Frame:
        """A frame from arrays of any dtype, or lists: labels of any integer type, K as a list.

        The arguments are those of `Frame`. `rgb` must be uint8, depth must be metres in floats;
        values that are not above 0, infinite, or stand for "nothing measured" become unknown (see
        `segan_ros.depth.to_metres`). Implausible depth is logged as a warning.

        Raises:
            ValueError: as of `Frame`; depth is integers; or an id does not fit into 31 bits.
        """
        ids = np.asarray(labels)
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"labels must be (H, W) integers, got {_describe(ids)}")
        if ids.size and ids.max() > np.iinfo(np.int32).max:
            raise ValueError(f"labels hold the id {ids.max()}; ids must be below 2^31")
        matrix, coefficients, against_gravity = (
            None if a is None else np.asarray(a, np.float64)
            for a in (camera_matrix, distortion, up)
        )
        frame = cls(
            np.asarray(rgb),
            # Background may be any value below 1, also one that int32 would turn into an id.
            ids if ids.dtype == np.int32 else ids.clip(min=0).astype(np.int32),
            None if depth is None else _metres(np.asarray(depth)),
            matrix,
            stamp,
            coefficients,
            against_gravity,
            names,
            occluder_only=occluder_only,
        )
        if frame.depth is not None and (problem := depth_problem(frame.depth, frame.labels)):
            LOG.warning("%s", problem)
        return frame

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb must be (H, W, 3) uint8, got {_describe(self.rgb)}")
        if min(self.rgb.shape[:2]) < 1:
            raise ValueError(f"rgb has no pixels: {_describe(self.rgb)}")
        if self.labels.ndim != 2 or self.labels.dtype != np.int32:
            raise ValueError(
                f"labels must be (H, W) int32, got {_describe(self.labels)}; Frame.from_arrays "
                "takes every integer dtype"
            )
        _same_size("labels", self.labels, self.rgb)
        if self.depth is not None:
            if self.depth.ndim != 2 or not np.issubdtype(self.depth.dtype, np.floating):
                raise ValueError(f"depth must be (H, W) float, got {_describe(self.depth)}")
            _same_size("depth", self.depth, self.rgb)
        _check_lens(self.camera_matrix, self.distortion)
        if self.up is not None:
            if _kind(self.up) != ((3,), "float64"):
                raise ValueError(f"up must be (3,) float64, got {_describe(self.up)}")
            length = float(np.linalg.norm(self.up))
            if not abs(length - 1) <= UNIT_TOLERANCE:
                raise ValueError(
                    f"up must be a unit vector, its length is {length:g}; divide it by that"
                )
        for i, name in (self.names or {}).items():
            if not isinstance(i, int) or not isinstance(name, str):
                raise ValueError(f"names must map ids to texts, got {i!r}: {name!r}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]

    @property
    def object_ids(self) -> list[int]:
        """Ids present in `labels`, ascending."""
        return [i for i in distinct(self.labels) if i > 0]


@dataclass(frozen=True, eq=False, repr=False)
class AmodalObject(ShortRepr):
    """One object, completed. All its arrays cover the same `box` of the source image.

    Args:
        id: value of the object in ``Frame.labels``.
        box: part of the image that the arrays cover; the amodal mask lies inside.
        visible: ``(h, w)`` bool, the given mask (SV), without stray pixels.
        amodal: ``(h, w)`` bool, the whole object (SF); contains `visible`.
        probability: ``(h, w)`` float32 in 0..1, how likely each pixel belongs to the object.
        appearance: ``(h, w, 3)`` uint8 RGB of the whole object, meaningful inside `amodal`; or
            None.
        score: expected IoU of `amodal` with the true whole mask, 0..1.
        layer: 0 when nothing occludes it, else 1 + the largest layer of its occluders.
        truncated: the amodal mask touches the image border.
        depth_median: median depth of the visible pixels in metres, NaN when unknown.
        in_front: by id, how likely an object seen around this one hides a part of it, 0..1; None
            if no edge rule uses it, or the model has no order head.
        name: what it is, as the segmenter says; empty where it does not.
        track_id: the segmenter's name for the same object over frames; empty without tracking.
        filled: ``(h, w)`` bool, what can be seen of the object but is not in the given mask: pixels
            that the segmenter left out or gave to another one by mistake
            (`segan_ros.masks.fitting`); None for none.
        lift_probability: how likely lifting this object now disturbs no other, 0..1; NaN when
            unknown.
        occluded_by_unlabelled: depth shows that something without a mask hides a part of it or lies
            on it. Not known, and so False, without depth.
        occluder_only: it only hides others, see `Frame.occluder_only`.
    """

    id: int
    box: Box
    visible: Mask
    amodal: Mask
    probability: NDArray[np.float32]
    appearance: Image | None = None
    score: float = 1.0
    layer: int = 0
    truncated: bool = False
    depth_median: float = float("nan")
    in_front: Mapping[int, float] | None = None
    name: str = ""
    track_id: str = ""
    filled: Mask | None = None
    lift_probability: float = float("nan")
    occluded_by_unlabelled: bool = False
    occluder_only: bool = False

    @property
    def label(self) -> str:
        """For messages: its id, with its name and its track where they are known."""
        known = [self.name, self.track_id and f"track {self.track_id}"]
        said = ", ".join(filter(None, known))
        return f"{self.id} ({said})" if said else str(self.id)

    @property
    def invisible(self) -> Mask:
        """``(h, w)`` bool, the predicted hidden part (SI): amodal without what can be seen."""
        hidden = self.amodal & ~self.visible
        return hidden if self.filled is None else hidden & ~self.filled

    @property
    def visible_area(self) -> int:
        """Pixels of the visible mask."""
        return int(np.count_nonzero(self.visible))

    @property
    def amodal_area(self) -> int:
        """Pixels of the whole mask."""
        return int(np.count_nonzero(self.amodal))

    @property
    def occlusion_ratio(self) -> float:
        """Hidden share of the whole mask, 0..1."""
        return int(np.count_nonzero(self.invisible)) / self.amodal_area

    def full_mask(self, size: tuple[int, int]) -> Mask:
        """The amodal mask as ``(H, W)`` bool in an image of `size` (height, width)."""
        mask = np.zeros(size, bool)
        paste(mask, self.box, self.amodal)
        return mask


@dataclass(frozen=True)
class OcclusionEdge:
    """`occluder_id` hides a part of `occludee_id`.

    Args:
        score: confidence, 0..1.
        overlap_area: pixels of the occluder's visible mask inside the occludee's whole mask.
        overlap_ratio: `overlap_area` over the occludee's whole area, 0..1.
        depth_gap: occludee's minus occluder's depth at their common border in metres, NaN when
            unknown.
        evidence: what the edge rests on.
        lift_risk: how likely lifting the occludee disturbs the occluder, 0..1; NaN when unknown.
        blocks_lift: the occluder has to be lifted first.
        set_aside: it blocks a lift, but closes a cycle of edges that do and is the weakest there:
            the removal order ignores it.
    """

    occluder_id: int
    occludee_id: int
    score: float = 1.0
    overlap_area: int = 0
    overlap_ratio: float = 0.0
    depth_gap: float = float("nan")
    evidence: Evidence = Evidence.AMODAL
    lift_risk: float = float("nan")
    blocks_lift: bool = True
    set_aside: bool = False


def free_objects(
    object_ids: Iterable[int],
    edges: Iterable[OcclusionEdge],
    supports: Iterable[OcclusionEdge] = (),
) -> frozenset[int]:
    """Those of `object_ids` that no edge says are occluded, and none says carry something."""
    return frozenset(object_ids) - {e.occludee_id for e in (*edges, *supports)}


@dataclass(frozen=True, repr=False)
class OcclusionGraph(ShortRepr):
    """What occludes what, and what can be lifted first.

    Args:
        object_ids: every object once, ascending.
        layers: layer of each of `object_ids`; 0 has nothing in front.
        edges: all edges, including those set aside for layers or for the order.
        is_acyclic: False when objects occlude each other; layers then ignore the weakest edge of
            each cycle.
        removal_order: every id once, without those that are occluder-only: nothing before what
            blocks its lift, what something unlabelled hides after the others, the safest first.
        supports: edges of support alone: lifting the occludee would disturb the occluder, and
            neither hides the other. They count for the order, not for layers.
        free: objects that nothing occludes and whose lift nothing blocks. Others of layer 0 carry
            something, are occluder-only or occluded by something unlabelled, or their occluders
            were set aside.
        up: unit vector against gravity in the camera's optical frame that the lifts were judged
            with; None if they were judged from the image alone.
        up_confidence: 1 where up was given; else the share of the background that lies on the plane
            that it was estimated from, also where that was too small to be used.
        safety: ``(n, n)`` for the objects of `removal_order` by ascending id, see
            `occlusion.lifts.Lifts.safety`; None where it is not known.
    """

    object_ids: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()
    edges: tuple[OcclusionEdge, ...] = ()
    is_acyclic: bool = True
    removal_order: tuple[int, ...] = ()
    supports: tuple[OcclusionEdge, ...] = ()
    free: frozenset[int] = frozenset()
    up: tuple[float, float, float] | None = None
    up_confidence: float = 0.0
    safety: NDArray[np.float64] | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class CompletedScene(ShortRepr):
    """The answer for one frame.

    Args:
        size: height and width of the image.
        objects: ascending by id.
        graph: what occludes what, and in which order to lift.
        timings: seconds by stage (``crop``, ``segment``, ``graph``, ``paint``).
    """

    size: tuple[int, int]
    objects: tuple[AmodalObject, ...]
    graph: OcclusionGraph
    timings: Mapping[str, float] = field(default_factory=dict)

    def object(self, object_id: int) -> AmodalObject:
        """The object of that id. Raises KeyError when there is none."""
        for candidate in self.objects:
            if candidate.id == object_id:
                return candidate
        raise KeyError(
            f"no object {object_id} in this scene; it has {[o.id for o in self.objects]}"
        )

    def unpainted(self) -> CompletedScene:
        """This scene without appearances."""
        return replace(self, objects=tuple(replace(o, appearance=None) for o in self.objects))


def makes_rays(matrix: NDArray[np.float64]) -> bool:
    """Whether a ``(3, 3)`` camera matrix turns pixels into rays, see `RAYS`."""
    focal = matrix[0, 0] > 0 and matrix[1, 1] > 0
    below = matrix[1, 0] == matrix[2, 0] == matrix[2, 1] == 0 and matrix[2, 2] == 1
    return bool(np.isfinite(matrix).all() and focal and below)


def _check_lens(matrix: NDArray | None, distortion: NDArray | None) -> None:
    if matrix is not None and _kind(matrix) != ((3, 3), "float64"):
        raise ValueError(f"camera_matrix must be (3, 3) float64, got {_describe(matrix)}")
    if matrix is not None and not makes_rays(matrix):
        raise ValueError(
            f"camera_matrix is {matrix.tolist()}; {RAYS}: calibrate the camera, or give None"
        )
    if distortion is None:
        return
    if distortion.shape not in [(n,) for n in COEFFICIENTS]:
        raise ValueError(
            f"distortion must have {', '.join(map(str, COEFFICIENTS))} coefficients, got "
            f"{distortion.shape}"
        )
    if not np.isfinite(distortion).all():
        raise ValueError(
            f"distortion is {distortion.tolist()}; its coefficients must be finite: calibrate the "
            "camera, or give None"
        )


def _kind(array: NDArray) -> tuple[tuple[int, ...], str]:
    return array.shape, array.dtype.name


def _metres(depth: NDArray) -> NDArray[np.float32]:
    if np.issubdtype(depth.dtype, np.integer):
        raise ValueError(
            f"depth must be (H, W) metres in floats, got {_describe(depth)}; multiply integer "
            "depth by its metres per step, 0.001 for millimetres"
        )
    return to_metres(depth)


def _describe(array: NDArray) -> str:
    return f"{array.shape} {array.dtype}"


def _same_size(name: str, array: NDArray, rgb: NDArray) -> None:
    if array.shape[:2] != rgb.shape[:2]:
        raise ValueError(
            f"{name} is {array.shape[1]}x{array.shape[0]} but the image is "
            f"{rgb.shape[1]}x{rgb.shape[0]}; give both at the same resolution"
        )
