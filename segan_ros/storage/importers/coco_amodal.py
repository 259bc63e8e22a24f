"""COCO-amodal annotations as scene folders: COCOA, BSDS-A, COCOA-cls, KINS, D2SA.

In the first two (Zhu et al., "Semantic amodal segmentation", CVPR 2017) an annotation is a picture
with ``regions``, front to back, and stated pairs of who is in front of whom. In the others an
annotation is an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segan_ros.frame import Mask
from segan_ros.storage.importers.collect import Item, Problems, free_name, gathered, read_picture
from segan_ros.truth import LabelledScene

WHOLE = ("amodal_segm", "a_segm", "segmentation")
"""Keys of the whole mask, the first one there counts."""

VISIBLE = ("inmodal_seg", "i_segm", "visible_mask")
"""Keys of the visible one."""

Json = Mapping[str, Any]


def coco_amodal_scenes(
    path: Path, images: Path, problems: Problems, stuff: bool = False
) -> Iterator[tuple[str, LabelledScene]]:
    """Name and scene of every annotated picture.

    Args:
        path: the annotations, JSON.
        images: folder that ``file_name`` counts from.
        problems: is told of every object and picture that cannot be used.
        stuff: keep regions marked ``isStuff`` (wall, sky ...).

    Raises:
        ImportError: pycocotools is not installed.
        OSError: the file cannot be read.
        ValueError: it is no such JSON; or an entry is bad and `problems` is strict.
    """
    import pycocotools.mask  # noqa: F401  (missing: say so before the file is read)

    content = _read(path)
    pictures = _by_id(content["images"])
    names = {i: c.get("name", "") for i, c in _by_id(content.get("categories")).items()}
    used: set[str] = set()
    for image_id, place_in_file, objects, order in _pictures(content["annotations"]):
        picture = pictures.get(image_id) if isinstance(image_id, int | str) else None
        where = f"{path}, {place_in_file}"
        if picture is None:
            problems.skip(where, f"image_id {image_id} is not among the images")
            continue
        try:
            height, width = picture.get("height"), picture.get("width")
            size = (height, width) if height and width else None
            rgb = read_picture(images / str(picture.get("file_name")), size)
        except ValueError as error:
            problems.skip(where, error)
            continue
        if objects and not stuff and all(_is_stuff(entry) for entry in objects):
            continue
        items: list[Item] = []
        numbers: dict[int, int] = {}
        for place, entry in enumerate(objects, start=1):
            try:
                if not isinstance(entry, dict):
                    raise ValueError(f"{entry!r} is no object")
                if _is_stuff(entry) and not stuff:
                    continue
                items.append(_item(entry, rgb.shape[:2], names))
                numbers[place] = len(items)
            except (KeyError, TypeError, ValueError) as error:
                problems.skip(f"{where}, object {place}", error)
        try:
            pairs = _stated_order(order, numbers)
            extra = {"source": path.name, "image": picture["file_name"]}
            scene = gathered(rgb, items, {**extra, "stated_order": pairs} if pairs else extra)
        except ValueError as error:
            problems.skip(where, error)
            continue
        # One picture may be annotated by several people: each is a scene of its own.
        yield free_name(str(picture["file_name"]), used), scene


def _read(path: Path) -> Json:
    try:
        content = json.loads(path.read_text())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not readable as JSON: {error}") from None
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f"{path}: no list {key!r}; give COCO-style annotations")
    return content


def _by_id(entries: Any) -> dict[int | str, Json]:
    """The entries of a list that have an id."""
    entries = entries if isinstance(entries, list) else []
    return {
        e["id"]: e for e in entries if isinstance(e, dict) and isinstance(e.get("id"), int | str)
    }


def _pictures(annotations: list[Json]) -> Iterator[tuple[Any, str, list[Any], str]]:
    """``(image_id, where, objects, stated order)`` of each picture."""
    single: dict[str, tuple[Any, list[Any]]] = {}
    for index, entry in enumerate(annotations):
        if isinstance(entry, dict) and "regions" in entry:
            where = f"annotation {entry.get('id', index)}"
            regions = entry["regions"] if isinstance(entry["regions"], list) else []
            yield entry.get("image_id"), where, regions, str(entry.get("depth_constraint") or "")
        else:
            image_id = entry.get("image_id") if isinstance(entry, dict) else None
            _, objects = single.setdefault(repr(image_id), (image_id, []))
            objects.append(entry)
    for image_id, objects in single.values():
        yield image_id, f"image {image_id}", objects, ""


def _is_stuff(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(entry.get("isStuff"))


def _item(entry: Json, size: tuple[int, ...], names: Mapping[Any, str]) -> Item:
    whole_key = next((k for k in WHOLE if entry.get(k)), None)
    if whole_key is None:
        raise ValueError(f"no mask of the whole object ({', '.join(WHOLE)})")
    whole = decoded(entry[whole_key], size)
    keys = VISIBLE if whole_key == "segmentation" else (*VISIBLE, "segmentation")
    visible_key = next((k for k in keys if entry.get(k) is not None), None)
    if visible_key is not None:
        # An empty list: nothing of it is seen.
        visible = decoded(entry[visible_key], size) if entry[visible_key] else np.zeros_like(whole)
    elif entry.get("invisible_mask"):
        visible = whole & ~decoded(entry["invisible_mask"], size)
    else:
        visible = whole
    if not whole.any():
        raise ValueError(f"{whole_key} covers no pixel of the picture")
    name = entry.get("name") or names.get(entry.get("category_id"), "")
    return Item(str(name), visible, whole, float(entry.get("order") or 0))


def decoded(segmentation: Any, size: tuple[int, ...]) -> Mask:
    """A COCO segmentation as ``(H, W)`` bool.

    Args:
        segmentation: ``[x, y, ...]``, a list of such, or RLE ``{"size", "counts"}``, packed or not.
        size: height and width of the picture.

    Raises:
        ValueError: it is none of these, or of another picture's size.
    """
    from pycocotools import mask as coco

    height, width = size
    if isinstance(segmentation, Mapping):
        counts = segmentation.get("counts")
        if list(segmentation.get("size", ())) != [height, width]:
            raise ValueError(f"RLE of size {segmentation.get('size')}, picture {[height, width]}")
        if not isinstance(counts, list | str):
            raise ValueError("RLE without counts")
        # The library leaves what a short RLE does not cover as it finds it in memory.
        runs = counts if isinstance(counts, list) else _runs(counts)
        if sum(runs) != height * width or min(runs) < 0:
            raise ValueError(f"RLE of {sum(runs)} pixels for a picture of {height * width}")
        packed = {"size": [height, width], "counts": counts}
        if isinstance(counts, list):
            packed = coco.frPyObjects(packed, height, width)
        return np.asarray(coco.decode(packed)).astype(bool)
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError(f"{segmentation!r} is neither polygons nor RLE")
    reach = 10 * max(size)
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(f"polygon of {len(polygon)} numbers; x, y of three corners at least")
        if not all(isinstance(value, int | float) for value in polygon):
            raise ValueError("polygon with something else than numbers")
        # The library draws what lies outside too, and takes memory for it.
        if not all(-reach <= value <= reach for value in polygon):
            raise ValueError(f"polygon beyond {-reach}..{reach} in a picture of {width}x{height}")
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(polygons, height, width)))) > 0


def _runs(packed: str) -> list[int]:
    """Run lengths of a packed RLE: 5 bits a character, later runs as steps from two before."""
    runs: list[int] = []
    value = bits = 0
    for character in packed:
        code = ord(character) - 48
        value |= (code & 31) << bits
        bits += 5
        if not code & 32:
            if code & 16:
                value -= 1 << bits
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = bits = 0
    return runs


def _stated_order(text: str, numbers: Mapping[int, int]) -> list[list[int]]:
    """``[[in front, behind], ...]`` by object id from ``"1-2,3-4"`` by place among the regions."""
    pairs = []
    for pair in filter(None, text.split(",")):
        front, dash, behind = pair.partition("-")
        if not (dash and front.strip().isdigit() and behind.strip().isdigit()):
            raise ValueError(f"depth_constraint {pair!r}; pairs are written 1-2,3-4")
        if int(front) in numbers and int(behind) in numbers:
            pairs.append([numbers[int(front)], numbers[int(behind)]])
    return pairs
