"""What COCO annotations of every dialect share: ids, crowd regions, segmentations as masks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segan_ros.frame import Mask

CROWD = "crowd regions (iscrowd), which are not single objects"
"""What is left out where `is_crowd`."""

CORNERS = 3
"""A polygon of fewer covers nothing, and is taken for a box or refused by the format's library."""


def read_annotations(path: Path) -> Mapping[str, Any]:
    """A file of COCO annotations, of which ``images`` and ``annotations`` are lists.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    try:
        content = json.loads(path.read_bytes())  # which may begin with a byte order mark
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not readable as JSON: {error}") from None
    if isinstance(content, list):
        raise ValueError(
            f"{path}: a list, as of COCO results, which does not say which image is which; give "
            "annotations with images"
        )
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f"{path}: no list {key!r}; give COCO-style annotations")
    return content


def by_id(entries: Any) -> dict[str, Mapping[str, Any]]:
    """The entries of a list that have an id, by `key_of` that."""
    entries = entries if isinstance(entries, list) else []
    return {key: e for e in entries if isinstance(e, dict) and (key := key_of(e.get("id")))}


def stated_size(picture: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width that an entry of ``images`` says; None where it does not.

    Raises:
        ValueError: they are no numbers.
    """
    height, width = picture.get("height"), picture.get("width")
    if not height or not width:
        return None
    try:
        return int(height), int(width)
    except (TypeError, ValueError):
        raise ValueError(f"height is {height!r} and width {width!r}; write numbers") from None


def key_of(number: Any) -> str:
    """An id as text, since some tools write 7 and some "7"; empty if it is none."""
    return str(number) if isinstance(number, int | str) else ""


def is_crowd(annotation: Any) -> bool:
    """Whether it marks many objects at once."""
    return isinstance(annotation, Mapping) and annotation.get("iscrowd") in (1, "1")


def decoded(segmentation: Any, size: tuple[int, ...], leave_out: Callable[[str], None]) -> Mask:
    """A COCO segmentation as ``(H, W)`` bool.

    Args:
        segmentation: ``[x, y, ...]``, a list of such, or RLE ``{"size", "counts"}``, packed or not.
        size: height and width of the picture.
        leave_out: is told of polygons with less than `CORNERS`, which are left out.

    Raises:
        ValueError: it is none of these, or of another picture's size.
    """
    if isinstance(segmentation, Mapping):
        return _from_runs(segmentation, size)
    if not isinstance(segmentation, list):
        raise ValueError(f"{segmentation!r} is neither polygons nor RLE")
    nested = all(isinstance(part, list) for part in segmentation)
    polygons = segmentation if nested else [segmentation]
    for polygon in polygons:
        _check(polygon, size)
    drawn = [polygon for polygon in polygons if len(polygon) >= 2 * CORNERS]
    for _ in range(len(polygons) - len(drawn)):
        leave_out(f"polygons of fewer than {CORNERS} corners")
    if not drawn:
        return np.zeros(size, bool)
    from pycocotools import mask as coco

    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(drawn, *size)))) > 0


def _check(polygon: list[Any], size: tuple[int, ...]) -> None:
    """Refuse what the library draws wrongly, or takes all memory for."""
    if not all(isinstance(value, int | float) for value in polygon):
        raise ValueError("a polygon holds something other than numbers; write x, y, x, y ...")
    if len(polygon) % 2:
        raise ValueError(f"a polygon of {len(polygon)} numbers; each x needs its y")
    reach = 10 * max(size)
    if not all(-reach <= value <= reach for value in polygon):
        raise ValueError(f"a polygon beyond {-reach}..{reach} in a picture of {size[1]}x{size[0]}")


def _from_runs(segmentation: Mapping[str, Any], size: tuple[int, ...]) -> Mask:
    from pycocotools import mask as coco

    height, width = size
    counts = segmentation.get("counts")
    if segmentation.get("size") not in ([height, width], (height, width)):
        raise ValueError(
            f"RLE of size {segmentation.get('size')} but the picture is {[height, width]} (height, "
            "width)"
        )
    if not isinstance(counts, list | str):
        raise ValueError("RLE without counts")
    # The library leaves what a short RLE does not cover as it finds it in memory.
    runs = counts if isinstance(counts, list) else unpacked(counts)
    if not all(isinstance(run, int | float) for run in runs):
        raise ValueError("RLE whose counts hold something other than numbers")
    if sum(runs) != height * width or min(runs) < 0:
        raise ValueError(f"RLE of {sum(runs)} pixels for a picture of {height * width}")
    packed = {"size": [height, width], "counts": counts}
    if isinstance(counts, list):
        packed = coco.frPyObjects(packed, height, width)
    return np.asarray(coco.decode(packed)).astype(bool)


def unpacked(counts: str) -> list[int]:
    """Run lengths of a packed RLE: 5 bits a character, later runs as steps from two before."""
    runs: list[int] = []
    value = bits = 0
    for character in counts:
        code = ord(character) - 48
        value |= (code & 31) << bits
        bits += 5
        if not code & 32:
            if code & 16:
                value -= 1 << bits
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = bits = 0
    return runs
