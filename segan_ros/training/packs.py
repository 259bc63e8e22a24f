"""Scenes for a GPU in one small file: pictures as JPEG, masks and coarse depth as PNG.

Visible masks are there as they are and, beside them, as segmenters draw them and the method fits
them: what costs a CPU most of the time is done once, before a GPU is at hand.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import boxes_of
from segan_ros.frame import Frame, Mask
from segan_ros.host.progress import Progress
from segan_ros.masks.fitting import fit
from segan_ros.masks.styles import STYLES, drawn
from segan_ros.storage.scenes import ScenePath, read_scene
from segan_ros.training.surroundings import has_neighbours, hiders
from segan_ros.truth import LabelledScene

FORMAT, SUFFIX = 1, ".npz"

JPEG_QUALITY = 92

MOST_OBJECTS = 31
"""Of a scene that are learned from."""

OTHER = MOST_OBJECTS + 1
"""Number of all beyond them, and of parts that a style splits off: something that may hide an
object."""

DEPTH_STEPS = 254
"""Of inverse depth, between the nearest and the farthest pixel of a scene; 0 is unknown."""

FOUND = 0.5
"""IoU with its true mask from which on an object counts as found in a style."""

Bytes = NDArray[np.uint8]


class Subject(NamedTuple):
    """An object to learn from: its scene, its number there, and what is seen of it.

    `boxes` has one box per variant of the masks, ``(0, 0, 0, 0)`` where the object is lost in it.
    """

    scene: int
    number: int
    hidden: float
    near: bool
    boxes: Sequence[tuple[int, int, int, int]]


@dataclass(frozen=True, eq=False)
class Pack:
    """Scenes of one size, decoded.

    Args:
        rgb: ``(S, H, W, 3)`` uint8.
        labels: ``(S, V, H, W)`` uint8: objects are numbered from 1 in each scene; variant 0 are the
            true visible masks.
        depth: ``(S, H, W)`` float16 metres, NaN unknown.
        hides: ``(S, n, n)`` bool: the object of a row truly hides that of a column.
        scene, number: ``(N,)`` of each subject.
        hidden: ``(N,)`` float32, hidden share of its whole mask.
        near: ``(N,)`` bool: another object is seen close to it.
        boxes: ``(N, V, 4)`` int16, its visible box in each variant; empty where it is lost.
        whole: ``(N, ceil(H * W / 8))`` uint8, its whole mask, as `numpy.packbits` makes it.
    """

    rgb: Bytes
    labels: Bytes
    depth: NDArray[np.float16]
    hides: NDArray[np.bool_]
    scene: NDArray[np.int64]
    number: NDArray[np.int64]
    hidden: NDArray[np.float32]
    near: NDArray[np.bool_]
    boxes: NDArray[np.int16]
    whole: Bytes


def is_pack(train: Sequence[str]) -> bool:
    """Whether what is to be learned from is a pack of scenes instead of folders.

    Raises:
        ValueError: it is a pack and something else.
    """
    packs = [path for path in train if path.endswith(SUFFIX)]
    if packs and len(train) > 1:
        raise ValueError(
            f"data.train is {', '.join(train)}; a pack of scenes must stand alone: pack all scenes "
            "together"
        )
    return bool(packs)


def write_pack(
    path: Path,
    folders: Iterable[ScenePath],
    *,
    variants: int = 4,
    seed: int = 1,
    min_visible: int = 40,
    max_hidden: float = 0.95,
) -> int:
    """Put scenes into one file.

    Args:
        path: of the file.
        folders: of the scenes, all of one size.
        variants: of the masks beside the true ones, each in a style that is drawn by lot.
        seed: of these lots.
        min_visible, max_hidden: see `segan_ros.training.config.Data`.

    Returns:
        How many objects it holds.

    Raises:
        ValueError: a scene has another size, or there is no object with a true whole mask.
        OSError: the file cannot be written.
    """
    streams: dict[str, list[bytes]] = {"rgb": [], "labels": [], "depth": [], "whole": []}
    ranges, edges, subjects = [], [], []
    size: tuple[int, int] | None = None
    for place, folder in enumerate(Progress(list(folders), "packing", unit="scene")):
        scene = read_scene(folder)
        size = size or scene.frame.size
        if scene.frame.size != size:
            raise ValueError(
                f"{folder} is of {scene.frame.size[::-1]} pixels, the first scene of {size[::-1]}; "
                "pack scenes of one size"
            )
        rng = np.random.default_rng((seed, place))
        labels = _variants(scene.frame, variants, rng)
        inverse_depths, coarse = _coarse(scene.frame.depth, size)
        streams["rgb"].append(_encoded(".jpg", scene.frame.rgb[..., ::-1]))
        streams["labels"].append(_encoded(".png", labels.reshape(-1, size[1])))
        streams["depth"].append(_encoded(".png", coarse))
        ranges.append(inverse_depths)
        for subject, whole, hiding in _subjects(scene, place, labels):
            visible_area = np.count_nonzero(labels[0] == subject.number)
            if subject.hidden > max_hidden or visible_area < min_visible:
                continue
            edges += [(place, q, subject.number) for q in hiding]
            streams["whole"].append(zlib.compress(np.packbits(whole).tobytes()))
            subjects.append(subject)
    if not subjects or size is None:
        raise ValueError("no object with a true whole mask; make scenes with `segan generate`")
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "size": size,
        "variants": variants + 1,
        "ranges": np.array(ranges, np.float32),
        "edges": np.array(edges, np.int32).reshape(-1, 3),
        "scene": np.array([s.scene for s in subjects], np.int64),
        "number": np.array([s.number for s in subjects], np.int64),
        "hidden": np.array([s.hidden for s in subjects], np.float32),
        "near": np.array([s.near for s in subjects], bool),
        "boxes": np.array([s.boxes for s in subjects], np.int16),
    }
    for name, parts in streams.items():
        arrays[name] = np.frombuffer(b"".join(parts), np.uint8)
        arrays[f"{name}_ends"] = np.cumsum([len(p) for p in parts])
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return len(subjects)


def read_pack(path: str | Path) -> Pack:
    """Decode a file of `write_pack`.

    Raises:
        ValueError: it is none, or of another version.
        OSError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        if int(held["format"]) != FORMAT:
            raise ValueError(f"format {held['format']}, this version reads {FORMAT}")
        height, width = (int(side) for side in held["size"])
        scenes, variants = len(held["ranges"]), int(held["variants"])
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path}: not a pack of scenes ({error}); make one with `segan pack`"
        ) from None
    hides = np.zeros((scenes, MOST_OBJECTS + 1, MOST_OBJECTS + 1), bool)
    hides[tuple(held["edges"].T)] = True
    low, high = held["ranges"].T[:, :, None, None]
    coarse = np.stack(_decoded(held, "depth"))
    inverse = low + (coarse.clip(1) - np.float32(1)) * (high - low) / (DEPTH_STEPS - 1)
    return Pack(
        rgb=np.stack(_decoded(held, "rgb"))[..., ::-1],
        labels=np.stack(_decoded(held, "labels")).reshape(-1, variants, height, width),
        depth=np.where(coarse > 0, 1 / inverse, np.nan).astype(np.float16),
        hides=hides,
        scene=held["scene"],
        number=held["number"],
        hidden=held["hidden"],
        near=held["near"],
        boxes=held["boxes"],
        whole=np.stack(
            [np.frombuffer(zlib.decompress(p.tobytes()), np.uint8) for p in _parts(held, "whole")]
        ),
    )


def _variants(frame: Frame, count: int, rng: np.random.Generator) -> Bytes:
    """``(1 + count, H, W)``: the true masks, and them drawn in as many styles."""
    ids = frame.object_ids[:MOST_OBJECTS]
    images = [frame.labels]
    for _ in range(count):
        style = list(STYLES)[int(rng.integers(len(STYLES)))]
        images.append(fit(drawn(frame.labels, style, rng), frame.rgb, frame.depth).labels)
    result = np.zeros((len(images), *frame.size), np.uint8)
    for variant, image in zip(result, images, strict=True):
        for number, i in enumerate(ids, 1):
            variant[image == i] = number
        variant[(image > 0) & (variant == 0)] = OTHER
    return result


def _subjects(
    scene: LabelledScene, place: int, labels: Bytes
) -> Iterable[tuple[Subject, Mask, list[int]]]:
    """Each object with truth, its whole mask, and the numbers of what hides it."""
    numbers = {int(i): n for n, i in enumerate(scene.frame.object_ids, 1)}
    boxes = [boxes_of(variant.astype(np.int32)) for variant in labels]
    true = labels[0]
    for item in scene.trusted:
        number = numbers.get(item.id, 0)
        visible = true == number
        total = np.count_nonzero(item.amodal)
        if not 0 < number <= MOST_OBJECTS or not visible.any() or not total:
            continue
        seen = []
        for variant, found in zip(labels, boxes, strict=True):
            mask = variant == number
            together = np.count_nonzero(mask & visible)
            either = np.count_nonzero(mask | visible)
            seen.append(found[number] if together > FOUND * either else (0, 0, 0, 0))
        yield (
            Subject(
                place,
                number,
                1 - np.count_nonzero(visible & item.amodal) / total,
                has_neighbours(true, number, boxes[0][number]),
                seen,
            ),
            item.amodal,
            [q for q in hiders(true, number, item.amodal) if q != OTHER],
        )


def _coarse(
    depth: NDArray[np.float32] | None, size: tuple[int, int]
) -> tuple[tuple[float, float], Bytes]:
    """The least and the most inverse depth, 1/m, and ``(H, W)`` steps between them."""
    if depth is None or not (known := np.isfinite(depth) & (depth > 0)).any():
        return (1.0, 2.0), np.zeros(size, np.uint8)
    inverse = 1 / np.where(known, depth, 1)
    low, high = float(inverse[known].min()), float(inverse[known].max())
    high = max(high, low + 1e-6)
    steps = (inverse - low) * ((DEPTH_STEPS - 1) / (high - low))
    return (low, high), np.where(known, steps.round() + 1, 0).astype(np.uint8)


def _encoded(kind: str, image: NDArray[Any]) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == ".jpg" else []
    return bytes(cv2.imencode(kind, image, quality)[1])


def _decoded(held: dict[str, Any], name: str) -> list[Bytes]:
    return [np.asarray(cv2.imdecode(part, cv2.IMREAD_UNCHANGED)) for part in _parts(held, name)]


def _parts(held: dict[str, Any], name: str) -> list[Bytes]:
    return np.split(held[name], held[f"{name}_ends"][:-1])
