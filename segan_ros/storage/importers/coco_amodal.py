"""COCO-amodal annotations as scene folders: COCOA, BSDS-A, COCOA-cls, KINS, D2SA.

In the first two (Zhu et al., "Semantic amodal segmentation", CVPR 2017) an annotation is a picture
with ``regions``, front to back, and stated pairs of who is in front of whom. In the others an
annotation is an object.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segan_ros.frame import Mask
from segan_ros.storage.importers.coco import (
    CROWD,
    by_id,
    decoded,
    is_crowd,
    key_of,
    read_annotations,
    stated_size,
)
from segan_ros.storage.importers.collect import Item, Problems, free_name, gathered, read_picture
from segan_ros.truth import LabelledScene

LOG = logging.getLogger(__name__)

WHOLE = ("amodal_segm", "a_segm", "segmentation")
"""Keys of the whole mask, the first one there counts."""

VISIBLE = ("inmodal_seg", "i_segm", "visible_mask")
"""Keys of the visible one."""

STUFF = "regions of stuff (isStuff)"

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

    content = read_annotations(path)
    pictures, names = by_id(content["images"]), by_id(content.get("categories"))
    if not any(_tells_hidden_parts(e) for e in content["annotations"]):
        LOG.warning(
            "%s: no object has a visible mask beside that of the whole object; in plain COCO files "
            "`segmentation` is the visible mask, but here it is taken for the whole one",
            path,
        )
    used: set[str] = set()
    bare = set(pictures)
    for image_id, entry, objects, order in _pictures(content["annotations"]):
        where = f"{path}, {entry}"
        key = key_of(image_id)
        bare.discard(key)
        try:
            if key not in pictures:
                raise ValueError(f"image_id {image_id} is not among the images")
            wanted = _wanted(objects, problems, stuff)
            if objects and not wanted:
                continue
            name = _file_name(images, pictures[key])
            rgb = read_picture(images / name, stated_size(pictures[key]))
            items = _items(wanted, rgb.shape[:2], names, problems, where)
            scene = gathered(rgb, list(items.values()), {"source": path.name, "image": name})
            numbers = {place: number for number, place in enumerate(items, start=1)}
            if pairs := _stated_order(order, numbers):
                scene.extra["stated_order"] = pairs
        except ValueError as error:
            problems.skip(where, error)
            continue
        # One picture may be annotated by several people: each is a scene of its own.
        yield free_name(name, used), scene
    for _ in bare:
        problems.leave_out("pictures without annotations")


def amodal_key(annotation: Json) -> str:
    """The first key of `annotation` that plain COCO lacks; empty if there is none."""
    keys = ("regions", *WHOLE[:-1], *VISIBLE)
    return next((k for k in keys if annotation.get(k)), "")


def _tells_hidden_parts(annotation: Any) -> bool:
    """Whether visible and whole masks are told apart, of a region at least."""
    if not isinstance(annotation, dict):
        return False
    regions = annotation.get("regions")
    entries = [annotation, *(regions if isinstance(regions, list) else [])]
    keys = {*VISIBLE, "invisible_mask", *WHOLE} - {"segmentation"}
    return any(isinstance(e, dict) and not keys.isdisjoint(e) for e in entries)


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
            _, objects = single.setdefault(key_of(image_id) or repr(image_id), (image_id, []))
            objects.append(entry)
    for image_id, objects in single.values():
        yield image_id, f"image {image_id}", objects, ""


def _file_name(images: Path, picture: Json) -> str:
    """Where below `images` the picture lies.

    Raises:
        ValueError: the entry does not name its file.
    """
    if name := picture.get("file_name"):
        names = [str(name), str(name).replace("\\", "/")]  # of Windows
    elif url := picture.get("coco_url"):  # LVIS
        parts = str(url).split("/")
        names = ["/".join(parts[-2:]), parts[-1]]
    else:
        raise ValueError(f"image {picture.get('id')} has neither file_name nor coco_url")
    return next((n for n in names if (images / n).is_file()), names[-1])


def _wanted(objects: list[Any], problems: Problems, stuff: bool) -> dict[int, Any]:
    """The objects that are to be imported, by their place among all, from 1."""
    wanted = {}
    for place, entry in enumerate(objects, start=1):
        if is_crowd(entry):
            problems.leave_out(CROWD)
        elif isinstance(entry, dict) and entry.get("isStuff") and not stuff:
            problems.leave_out(STUFF)
        else:
            wanted[place] = entry
    return wanted


def _items(
    objects: Mapping[int, Any],
    size: tuple[int, ...],
    names: Mapping[str, Json],
    problems: Problems,
    where: str,
) -> dict[int, Item]:
    """Those of `objects` that can be used, by place."""
    items = {}
    for place, entry in objects.items():
        try:
            if not isinstance(entry, dict):
                raise ValueError(f"{entry!r} is not a JSON object")
            category = names.get(key_of(entry.get("category_id")), {})
            items[place] = _item(entry, size, category.get("name", ""), problems)
        except (KeyError, TypeError, ValueError) as error:
            problems.skip(f"{where}, object {place}", error)
    return items


def _item(entry: Json, size: tuple[int, ...], category: Any, problems: Problems) -> Item:
    def mask(key: str) -> Mask:
        return decoded(entry[key], size, problems.leave_out)

    whole_key = next((k for k in WHOLE if entry.get(k)), None)
    if whole_key is None:
        raise ValueError(f"no mask of the whole object ({', '.join(WHOLE)})")
    whole = mask(whole_key)
    keys = VISIBLE if whole_key == "segmentation" else (*VISIBLE, "segmentation")
    visible_key = next((k for k in keys if entry.get(k) is not None), None)
    if visible_key is not None:
        visible = mask(visible_key)
    elif entry.get("invisible_mask"):
        visible = whole & ~mask("invisible_mask")
    else:
        visible = whole
    if not whole.any():
        raise ValueError(f"{whole_key} covers no pixel of the picture")
    return Item(str(entry.get("name") or category), visible, whole, float(entry.get("order") or 0))


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
