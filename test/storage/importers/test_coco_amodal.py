"""COCO-amodal annotations become scene folders; bad entries are named."""

import json
import shutil

import cv2
import numpy as np
import pytest
from annotated_photo import BEHIND, BURIED, FRONT, PHOTO, SIZE
from samples import turned_jpeg

from segan_ros.commands import main as cli
from segan_ros.storage.importers.coco_amodal import coco_amodal_scenes
from segan_ros.storage.importers.collect import Problems, free_name
from segan_ros.storage.scenes import iterate_scenes, read_scene


def corners(mask):
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def rle(mask, packed):
    coco = pytest.importorskip("pycocotools.mask")
    if packed:
        encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": list(SIZE), "counts": encoded["counts"].decode()}
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, len(flat)]).tolist()
    return {"size": list(SIZE), "counts": runs if not flat[0] else [0, *runs]}


def cocoa(packed):
    """As COCOA has it: regions front to back, a wall among them."""
    return [
        {
            "id": 5,
            "image_id": 77,
            "depth_constraint": "1-2,1-4,2-4",
            "size": 4,
            "regions": [
                {"name": "cup", "order": 1, "isStuff": 0, "segmentation": corners(FRONT)},
                {
                    "name": "book",
                    "order": 2,
                    "isStuff": 0,
                    "segmentation": corners(BEHIND),
                    "visible_mask": rle(BEHIND & ~FRONT, packed),
                    "invisible_mask": rle(BEHIND & FRONT, packed),
                    "occlude_rate": 0.33,
                },
                {
                    "name": "egg",
                    "order": 3,
                    "isStuff": 0,
                    "segmentation": [corners(BURIED)],
                    "invisible_mask": rle(BURIED, packed),
                },
                {"name": "wall", "order": 4, "isStuff": 1, "segmentation": corners(FRONT | BEHIND)},
            ],
        }
    ]


def by_object(whole_key, visible_key, packed):
    """As COCOA-cls and KINS have it: an annotation per object."""
    rows = [(FRONT, FRONT), (BEHIND, BEHIND & ~FRONT), (BURIED, BURIED & ~FRONT)]
    return [
        {
            "image_id": 77,
            "category_id": 3,
            whole_key: rle(whole, packed) if packed else [corners(whole)],
            visible_key: rle(seen, packed),
        }
        for whole, seen in rows
    ]


@pytest.fixture
def coco(tmp_path):
    pytest.importorskip("pycocotools")
    (tmp_path / "photos" / "val").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "photos" / "val" / "p.jpg"), PHOTO)

    def write(annotations, **more):
        content = {
            "images": [{"id": 77, "file_name": "val/p.jpg", "height": SIZE[0], "width": SIZE[1]}],
            "categories": [{"id": 3, "name": "thing"}],
            "annotations": annotations,
        }
        path = tmp_path / "annotations.json"
        path.write_text(json.dumps({**content, **more}))
        return path

    return write


def run_coco(path, *more):
    folder = path.parent
    where = ["--images", str(folder / "photos"), "--out", str(folder / "out")]
    return cli.main(["import", "coco-amodal", str(path), *where, *more])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "keys",
    [
        None,
        ("segmentation", "visible_mask"),
        ("segmentation", "inmodal_seg"),
        ("a_segm", "i_segm"),
        ("amodal_segm", "segmentation"),
    ],
)
def test_every_dialect_gives_the_same_masks(coco, keys, packed):
    path = coco(by_object(*keys, packed) if keys else cocoa(packed))
    assert run_coco(path) == 0
    scene = read_scene(path.parent / "out" / "val_p")
    assert [o.name for o in scene.objects] == (["thing"] * 3 if keys else ["cup", "book", "egg"])
    for item, whole in zip(scene.objects, (FRONT, BEHIND, BURIED), strict=True):
        assert np.array_equal(item.amodal, whole)
    assert np.array_equal(scene.frame.labels, np.where(FRONT, 1, np.where(BEHIND, 2, 0)))
    assert scene.occlusions == ((1, 2, 200), (1, 3, 100))
    assert scene.extra.get("stated_order") == (None if keys else [[1, 2]])


def test_stuff_is_kept_on_demand_with_its_stated_order(coco):
    path = coco(cocoa(True))
    run_coco(path, "--stuff")
    scene = read_scene(path.parent / "out" / "val_p")
    assert scene.objects[3].name == "wall"
    assert scene.extra["stated_order"] == [[1, 2], [1, 4], [2, 4]]


def test_pixels_claimed_twice_belong_to_the_region_in_front(coco):
    regions = [
        {"name": n, "order": o, "isStuff": 0, "segmentation": corners(m)}
        for n, o, m in (("behind", 2, BURIED), ("front", 1, FRONT))
    ]
    path = coco([{"image_id": 77, "regions": regions, "depth_constraint": ""}])
    run_coco(path)
    assert read_scene(path.parent / "out" / "val_p").frame.object_ids == [2]


def test_two_annotators_of_one_picture_are_two_scenes(coco):
    path = coco(cocoa(True) + cocoa(True))
    run_coco(path)
    names = [f.name for f in iterate_scenes(path.parent / "out")]
    assert names == ["val_p", "val_p+2"]


def test_names_that_look_like_those_of_other_annotators_replace_nothing(coco):
    entries = []
    for number, stem in enumerate(("a+b", "x", "x+2")):
        size = {"height": SIZE[0], "width": SIZE[1]}
        entries.append({"id": number, "file_name": f"{stem}.jpg", **size})
    path = coco([{**cocoa(True)[0], "image_id": n} for n in (0, 0, 1, 1, 2)], images=entries)
    for entry in entries:
        cv2.imwrite(str(path.parent / "photos" / entry["file_name"]), PHOTO)
    run_coco(path)
    names = [f.name for f in iterate_scenes(path.parent / "out")]
    assert sorted(names) == ["a+b", "a+b+2", "x", "x+2", "x+2+2"]


def test_bad_coco_entries_are_skipped_counted_and_named(coco, capsys):
    good, *bad = cocoa(True)[0]["regions"]
    bad[0]["visible_mask"]["size"] = [9, 9]
    bad[1] = {"name": "line", "segmentation": [1, 2, 3, 4]}
    odd = {"name": "odd", "segmentation": [1, 2, 3, 4, 5, 6, 7]}
    broken = {"name": "broken", "segmentation": {"size": list(SIZE), "counts": "5z9"}}
    backwards = {"size": list(SIZE), "counts": [-5, SIZE[0] * SIZE[1] + 5]}
    backwards = {"name": "backwards", "segmentation": backwards}
    texts = {"name": "texts", "segmentation": {"size": list(SIZE), "counts": ["4800"]}}
    words = {"name": "words", "segmentation": [["a", "b", "c", "d", "e", "f"]]}
    bad[2] = {"name": "nothing"}
    missing = {"id": 6, "image_id": 12345, "regions": []}
    regions = [good, *bad, broken, words, backwards, odd, texts]
    path = coco([{"id": 5, "image_id": 77, "regions": regions}, missing])
    assert run_coco(path) == 1
    said = capsys.readouterr()
    for needle in (
        "annotation 5, object 2: RLE of size [9, 9]",
        "object 3: segmentation covers no pixel of the picture",
        "object 4: no mask of the whole object",
        "object 5: RLE of",
        "object 6: a polygon holds something other than numbers",
        "object 7: RLE of",
        "object 8: a polygon of 7 numbers; each x needs its y",
        "object 9: RLE whose counts hold something other than numbers",
        "annotation 6: image_id 12345 is not among the images",
    ):
        assert needle in said.err
    assert "1 scenes with 1 objects" in said.out and "9 entries skipped" in said.out
    shutil.rmtree(path.parent / "out")
    assert run_coco(path, "--strict") == 2
    assert "annotation 5, object 2: RLE of size [9, 9]" in capsys.readouterr().err


def test_folder_that_is_not_empty_is_left_alone(coco, capsys):
    path = coco(cocoa(True))
    assert run_coco(path) == 0
    before = {p: p.read_bytes() for p in (path.parent / "out").rglob("*") if p.is_file()}
    assert run_coco(path) == 2
    assert "out: not empty" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (path.parent / "out").rglob("*") if p.is_file()} == before


def test_folder_of_pictures_that_is_not_there_is_one_line(coco, capsys):
    path = coco(cocoa(True))
    (path.parent / "photos").rename(path.parent / "pictures")
    assert run_coco(path) == 2
    said = capsys.readouterr().err
    assert (
        "photos: no such folder; --images is the folder of the pictures" in said
        and "skipped" not in said
    )


def test_picture_is_not_turned_under_its_masks(coco, caplog):
    """EXIF says: turn by 180 degrees."""
    picture = PHOTO.copy()
    picture[:30] = 255
    path = coco(cocoa(True))
    (path.parent / "photos" / "val" / "p.jpg").write_bytes(turned_jpeg(picture, 3))
    assert run_coco(path) == 0
    rgb = read_scene(path.parent / "out" / "val_p").frame.rgb
    assert rgb[:25].mean() > 240 and rgb[35:].mean() < 100
    assert "p.jpg: viewers show it turned by 180 degrees" in caplog.text


@pytest.mark.parametrize("picture", ["..jpg", "...jpg", ".jpg"])
def test_every_picture_has_a_name_for_its_scene(picture):
    assert free_name(picture, set()).strip(".")


def test_ids_that_are_none_are_bad_entries(coco, capsys):
    good = {"id": 5, "image_id": 77, "regions": cocoa(True)[0]["regions"]}
    whole = {"segmentation": [corners(FRONT)]}
    bad = [{"id": 6, "image_id": [1], "regions": []}, {"image_id": {"a": 1}, **whole}]
    photo = {"id": 77, "file_name": "val/p.jpg"}
    path = coco([good, *bad], images=[photo, {"id": [1]}, 3], categories=[3, {"id": []}, None])
    assert run_coco(path) == 1
    said = capsys.readouterr()
    assert "annotation 6: image_id [1] is not among the images" in said.err
    assert "image_id {'a': 1} is not among the images" in said.err
    assert "1 scenes with 3 objects" in said.out


@pytest.mark.parametrize("bad", [1e10, -1e10, float("inf"), float("nan")])
def test_coordinates_far_outside_are_bad_entries(coco, capsys, bad):
    regions = cocoa(True)[0]["regions"]
    regions[1]["segmentation"][0] = bad
    path = coco([{"id": 5, "image_id": 77, "regions": regions}])
    assert run_coco(path) == 1
    assert "object 2: a polygon beyond -" in capsys.readouterr().err
    assert len(read_scene(path.parent / "out" / "val_p").objects) == 2


@pytest.mark.parametrize("key", ["i_segm", "inmodal_seg", "visible_mask"])
def test_empty_visible_mask_means_that_nothing_is_seen(coco, key):
    objects = [
        {"image_id": 77, "category_id": 3, "a_segm": [corners(mask)], key: seen}
        for mask, seen in ((FRONT, [corners(FRONT)]), (BURIED, []))
    ]
    path = coco(objects)
    assert run_coco(path) == 0
    scene = read_scene(path.parent / "out" / "val_p")
    assert scene.frame.object_ids == [1]
    assert [o.id for o in scene.objects] == [1, 2]
    assert scene.occlusions == ((1, 2, int(BURIED.sum())),)


def test_picture_of_stuff_alone_is_no_bad_entry(coco, capsys):
    wall = {"name": "wall", "order": 1, "isStuff": 1, "segmentation": corners(FRONT)}
    path = coco([*cocoa(True), {"id": 6, "image_id": 77, "regions": [wall]}])
    assert run_coco(path, "--strict") == 0
    assert "1 scenes with 3 objects" in capsys.readouterr().out


def lone(mask, **more):
    """An object that is all visible."""
    whole = [corners(mask)]
    return {"image_id": 77, "category_id": 3, "a_segm": whole, "i_segm": whole, **more}


@pytest.mark.parametrize("crowd", [1, "1", True])
def test_crowd_regions_are_left_out_and_counted(coco, capsys, crowd):
    path = coco([lone(FRONT), lone(BEHIND, iscrowd=crowd), lone(BURIED, iscrowd=0)])
    assert run_coco(path, "--strict") == 0
    assert len(read_scene(path.parent / "out" / "val_p").objects) == 2
    assert "skipped 1 crowd regions (iscrowd)" in capsys.readouterr().out


@pytest.mark.parametrize("degenerate", [[], [5, 5], [5, 5, 9, 9]])
@pytest.mark.parametrize("first", [True, False])
def test_degenerate_polygon_beside_a_good_one_costs_no_object(coco, capsys, degenerate, first):
    good = corners(BEHIND)
    polygons = [degenerate, good] if first else [good, degenerate]
    path = coco([lone(FRONT), {**lone(BEHIND), "a_segm": polygons}])
    assert run_coco(path, "--strict") == 0
    scene = read_scene(path.parent / "out" / "val_p")
    assert np.array_equal(scene.objects[1].amodal, BEHIND)
    assert "skipped 1 polygons of fewer than 3 corners" in capsys.readouterr().out


def test_object_of_degenerate_polygons_alone_is_a_bad_entry(coco, capsys):
    path = coco([lone(FRONT), {**lone(BEHIND), "a_segm": [[5, 5, 9, 9]]}])
    assert run_coco(path) == 1
    assert "object 2: a_segm covers no pixel of the picture" in capsys.readouterr().err


def test_stuff_and_pictures_without_annotations_are_counted(coco, capsys):
    pictures = [{"id": i, "file_name": "val/p.jpg"} for i in (77, 78, 79)]
    path = coco(cocoa(True), images=pictures)
    assert run_coco(path, "--strict") == 0
    said = capsys.readouterr().out
    assert "skipped 1 regions of stuff (isStuff)" in said
    assert "skipped 2 pictures without annotations" in said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_annotations_with_a_byte_order_mark_are_read(coco, encoding):
    path = coco(cocoa(True))
    path.write_text(path.read_text(), encoding=encoding)
    assert run_coco(path) == 0


@pytest.mark.parametrize(
    "named",
    [
        {"file_name": "val\\p.jpg"},
        {"coco_url": "http://images.cocodataset.org/val/p.jpg"},
        {"coco_url": "http://images.cocodataset.org/val2017/p.jpg", "inside": "val"},
    ],
)
def test_pictures_are_found_however_they_are_named(coco, named):
    path = coco(cocoa(True), images=[{"id": 77, **named}])
    images = path.parent / "photos" / named.get("inside", "")
    out = path.parent / "out"
    arguments = [str(path), "--images", str(images), "--out", str(out), "--strict"]
    assert cli.main(["import", "coco-amodal", *arguments]) == 0
    assert [f.name for f in iterate_scenes(out)] == ["p" if "inside" in named else "val_p"]


def test_picture_without_a_name_is_a_bad_entry(coco, capsys):
    assert run_coco(coco(cocoa(True), images=[{"id": 77}])) == 1
    assert "image 77 has neither file_name nor coco_url" in capsys.readouterr().err


@pytest.mark.parametrize(("image", "stated"), [("77", 77), (77, "77")])
def test_ids_match_whether_written_as_numbers_or_text(coco, image, stated):
    path = coco([lone(FRONT, image_id=stated)], images=[{"id": image, "file_name": "val/p.jpg"}])
    assert run_coco(path, "--strict") == 0


def test_annotations_of_visible_masks_alone_are_warned_of(coco, caplog):
    plain = {"image_id": 77, "category_id": 3, "segmentation": [corners(FRONT)]}
    path = coco([plain])
    assert run_coco(path) == 0
    assert "no object has a visible mask beside that of the whole object" in caplog.text
    caplog.clear()
    shutil.rmtree(path.parent / "out")
    assert run_coco(coco([plain, lone(BEHIND)])) == 0
    assert not caplog.text


def test_picture_of_another_size_is_refused(coco, capsys):
    path = coco(cocoa(True))
    cv2.imwrite(str(path.parent / "photos" / "val" / "p.jpg"), PHOTO[:, :50])
    assert run_coco(path) == 1
    assert "the image is 50x60 but the annotations say 80x60; give both" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}'])
def test_file_that_holds_no_annotations_is_refused(coco, text):
    path = coco([])
    path.write_text(text)
    with pytest.raises(ValueError, match="annotations"):
        list(coco_amodal_scenes(path, path.parent, Problems()))


@pytest.mark.parametrize("order", ["1", "a-b", "1-2;3-4"])
def test_unreadable_order_is_named(coco, capsys, order):
    annotation = {**cocoa(True)[0], "depth_constraint": order}
    assert run_coco(coco([annotation])) == 1
    assert "pairs are written 1-2,3-4" in capsys.readouterr().err
