"""Masks of one photo: a folder of mask images, COCO JSON."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

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
