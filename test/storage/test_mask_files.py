"""Masks of one photo: a folder of mask images, COCO JSON."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from segan_ros.masks.layering import to_labels
from segan_ros.storage.images import write_image
from segan_ros.storage.mask_files import CROWD, EMPTY, NO_MASK, read_instances

SIZE = 60, 80
PHOTO = Path("shots/photo.jpg")


def rectangle(x0, y0, x1, y1, value=255):
    mask = np.zeros(SIZE, np.uint8)
    mask[y0:y1, x0:x1] = value
    return mask


def test_folder_of_masks_in_the_order_of_their_names(tmp_path):
    write_image(tmp_path / "cup_02.png", rectangle(30, 10, 50, 20))
    write_image(tmp_path / "cup_01.png", rectangle(0, 0, 10, 10))
    write_image(tmp_path / "7.png", rectangle(60, 0, 70, 10, value=1))  # looks black
    write_image(tmp_path / "none.png", rectangle(0, 0, 0, 0))
    (tmp_path / "notes.txt").write_text("no mask")
    found = read_instances(tmp_path, PHOTO, SIZE)
    assert [(i.name, i.box) for i in found.items] == [
        ("", (60, 0, 70, 10)),
        ("cup", (0, 0, 10, 10)),
        ("cup", (30, 10, 50, 20)),
    ]
    assert found.left_out == {EMPTY: 1}


def ids_of(folder, photo=PHOTO):
    """By the left edge of each mask, its id in the label image."""
    found = to_labels(read_instances(folder, photo, SIZE))
    return {item.box[0]: i for i, item in found.instances.items()}


def test_numbers_of_files_are_the_ids(tmp_path):
    for n in range(1, 13):
        write_image(tmp_path / f"{n}.png", rectangle(6 * n, 0, 6 * n + 5, 10))
    assert ids_of(tmp_path) == {6 * n: n for n in range(1, 13)}


@pytest.mark.parametrize("other", ["box.png", "cup_2.png", "0.png", "99999.png"])
def test_files_without_a_number_each_are_counted_in_natural_order(tmp_path, other):
    for name, x in {"mug_10.png": 20, "mug_2.png": 10, other: 40}.items():
        write_image(tmp_path / name, rectangle(x, 0, x + 8, 10))
    found = ids_of(tmp_path)
    assert set(found.values()) == {1, 2, 3} and found[10] < found[20]


def test_ids_of_annotations_are_the_ids(tmp_path):
    pytest.importorskip("pycocotools")
    boxes = [
        {"id": n, "image_id": 2, "segmentation": [[x, 0, x + 9, 0, x + 9, 9, x, 9]]}
        for n, x in ((70, 0), (4, 20))
    ]
    assert ids_of(coco(tmp_path, annotations=boxes)) == {0: 70, 20: 4}
    boxes[1]["id"] = 1_000_000
    assert ids_of(coco(tmp_path, annotations=boxes)) == {0: 1, 20: 2}


@pytest.mark.parametrize(("bright", "dark"), [(100, 0), (200, 90), (1, 0)])
def test_inside_is_brighter_than_half_of_the_brightest(tmp_path, bright, dark):
    write_image(tmp_path / "cup.png", np.maximum(rectangle(10, 10, 20, 20, bright), np.uint8(dark)))
    (cup,) = read_instances(tmp_path, PHOTO, SIZE).items
    assert cup.box == (10, 10, 20, 20)


@pytest.mark.parametrize("grey", [0, 40, 255])
def test_what_is_opaque_in_a_cut_out_is_inside(tmp_path, grey):
    cut_out = np.full((*SIZE, 4), grey, np.uint8)
    cut_out[..., 3] = rectangle(10, 10, 20, 20)
    write_image(tmp_path / "cup.png", cut_out)
    (cup,) = read_instances(tmp_path, PHOTO, SIZE).items
    assert cup.box == (10, 10, 20, 20)
    opaque = np.dstack([rectangle(30, 10, 40, 20)] * 3 + [np.full(SIZE, 255, np.uint8)])
    write_image(tmp_path / "cup.png", opaque)
    (cup,) = read_instances(tmp_path, PHOTO, SIZE).items
    assert cup.box == (30, 10, 40, 20)


@pytest.mark.parametrize("key", ["regions", "a_segm"])
def test_amodal_annotations_are_to_be_imported(tmp_path, key):
    pytest.importorskip("pycocotools")
    amodal = [{"id": 9, "image_id": 2, key: [[0, 0, 5, 0, 5, 5]]}]
    with pytest.raises(ValueError, match=f"annotation 9: it has '{key}'.*segan import coco-amodal"):
        read_instances(coco(tmp_path, annotations=amodal), PHOTO, SIZE)


def test_folder_without_masks_or_with_one_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no mask images"):
        read_instances(tmp_path, PHOTO, SIZE)
    write_image(tmp_path / "a.png", np.zeros((30, 40), np.uint8))
    with pytest.raises(ValueError, match=r"the image is 80x60 but .*a\.png is 40x30; give both"):
        read_instances(tmp_path, PHOTO, SIZE)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_instances(tmp_path / "missing", PHOTO, SIZE)


def coco(folder, **changes):
    content = {
        "images": [
            {"id": 1, "file_name": "other.jpg"},
            {"id": 2, "file_name": "a\\b\\photo.jpg"},
        ],
        "categories": [{"id": 3, "name": "mug"}],
        "annotations": [
            {"id": 1, "image_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]], "category_id": 3},
            {
                **{"id": 2, "image_id": 2, "category_id": 3, "score": 0.5},
                "segmentation": [[10, 10, 30, 10, 30, 20, 10, 20]],
            },
            {"id": 3, "image_id": 2, "iscrowd": 1, "segmentation": {}},
            {
                **{"id": 4, "image_id": 2},
                "segmentation": {"size": [60, 80], "counts": [60 * 40, 60, 60 * 39]},
            },
        ],
        **changes,
    }
    path = folder / "masks.json"
    path.write_text(json.dumps(content))
    return path


def test_coco_annotations_of_the_photo_count(tmp_path):
    pytest.importorskip("pycocotools")
    found = read_instances(coco(tmp_path), PHOTO, SIZE)
    mug, column = found.items
    assert (mug.name, mug.score, mug.box) == ("mug", 0.5, (10, 10, 30, 20))
    assert (column.name, column.box) == ("", (40, 0, 41, 60)) and found.left_out == {CROWD: 1}


def test_coco_file_that_does_not_fit_says_why(tmp_path):
    pytest.importorskip("pycocotools")
    with pytest.raises(ValueError, match=r"0 images are called else\.png; it holds other\.jpg"):
        read_instances(coco(tmp_path), Path("else.png"), SIZE)
    with pytest.raises(ValueError, match="annotation 2: RLE of size"):
        wrong = [{"id": 2, "image_id": 2, "segmentation": {"size": [1, 2], "counts": [2]}}]
        read_instances(coco(tmp_path, annotations=wrong), PHOTO, SIZE)
    for content, text in {
        "{}": "no list 'images'; give COCO-style annotations",
        "[]": "a list, as of COCO results, .* give annotations with images",
        '{"images": ' + "9" * 5000: "not readable as JSON: Exceeds the limit",
    }.items():
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(ValueError, match=text):
            read_instances(tmp_path / "x.json", PHOTO, SIZE)


def test_masks_of_sixteen_bits_are_read(tmp_path):
    for name, value in {"a_1": 255, "b_1": 1, "c_1": 65535}.items():
        write_image(
            tmp_path / f"{name}.png", rectangle(10, 10, 20, 20, 1).astype(np.uint16) * value
        )
    found = read_instances(tmp_path, PHOTO, SIZE)
    assert [(i.name, i.box) for i in found.items] == [(n, (10, 10, 20, 20)) for n in "abc"]


BOX = [[0, 0, 9, 0, 9, 9]]


def turned_photo(folder):
    """A photo of `SIZE` that viewers show upright."""
    path = folder / "photo.jpg"
    jpeg = cv2.imencode(".jpg", np.zeros((*SIZE, 3), np.uint8))[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + tiff
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    return path


def test_masks_of_the_turned_photo_name_exif(tmp_path):
    photo = turned_photo(tmp_path)
    (tmp_path / "masks").mkdir()
    write_image(tmp_path / "masks" / "a.png", np.zeros(SIZE[::-1], np.uint8))
    with pytest.raises(ValueError, match=r"a\.png is 60x80; viewers show .* EXIF orientation 6"):
        read_instances(tmp_path / "masks", photo, SIZE)


def test_coco_sizes_of_the_turned_photo_name_exif(tmp_path):
    pytest.importorskip("pycocotools")
    images = [{"id": 2, "file_name": "photo.jpg", "width": "60", "height": 80}]
    photo = turned_photo(tmp_path)
    with pytest.raises(ValueError, match=r"masks\.json says 60x80; viewers show .* EXIF"):
        read_instances(coco(tmp_path, images=images), photo, SIZE)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"annotations": [7]}, "annotation at place 1: 7 is no object"),
        ({"annotations": [{"image_id": 2, "segmentation": 5}]}, "5 is neither polygons nor RLE"),
        (
            {"annotations": [{"id": 9, "image_id": 2, "segmentation": BOX, "score": "high"}]},
            "annotation 9: could not convert string to float",
        ),
        ({"annotations": [{"image_id": 2, "segmentation": BOX, "score": None}]}, None),
        ({"categories": 5}, None),
        (
            {"annotations": [{"image_id": 2, "segmentation": {"size": 7, "counts": [1]}}]},
            "RLE of size 7 but the picture is",
        ),
        ({"images": [3]}, "0 images are called photo.jpg; it holds none with an id"),
        ({"images": [{"id": 2, "file_name": "photo.jpg", "width": [], "height": 5}]}, None),
        (
            {"images": [{"id": 2, "file_name": "photo.jpg", "width": [1], "height": 5}]},
            "width \\[1\\]; write numbers",
        ),
    ],
)
def test_odd_coco_entries_are_named_or_do_no_harm(tmp_path, changes, text):
    pytest.importorskip("pycocotools")
    path = coco(tmp_path, **changes)
    if text is None:
        assert read_instances(path, PHOTO, SIZE).items
    else:
        with pytest.raises(ValueError, match=text):
            read_instances(path, PHOTO, SIZE)


def test_coco_annotations_without_a_mask_are_counted(tmp_path):
    pytest.importorskip("pycocotools")
    boxes = [
        {"id": n, "image_id": 2, "bbox": [0, 0, 9, 9], **extra}
        for n, extra in enumerate(({}, {"segmentation": []}, {"segmentation": None}))
    ]
    found = read_instances(coco(tmp_path, annotations=boxes), PHOTO, SIZE)
    assert found.items == () and found.left_out == {NO_MASK: 3}
