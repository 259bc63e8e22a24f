"""Photos are read as their pixels lie in the file; those that viewers turn are named."""

import struct

import cv2
import numpy as np
import pytest
from png_files import chunk
from samples import turned_jpeg

from segan_ros.storage.frames import read_frame
from segan_ros.storage.images import encoded
from segan_ros.storage.photo import orientation, read_photo

LYING = np.zeros((8, 16, 3), np.uint8)


@pytest.fixture
def labels(tmp_path):
    def write(height, width):
        path = tmp_path / "ids.png"
        path.write_bytes(encoded(np.ones((height, width), np.uint8)))
        return path

    return write


def exif(order: str, value: int) -> bytes:
    """Another tag, then the orientation."""
    mark = b"II" if order == "<" else b"MM"
    tags = struct.pack(f"{order}HHIHxx", 0x0101, 3, 1, 99)
    tags += struct.pack(f"{order}HHIHxx", 0x0112, 3, 1, value)
    return mark + struct.pack(f"{order}HIH", 42, 8, 2) + tags


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_found_in_jpeg_and_png(order):
    jpeg, png = encoded(LYING, ".jpg"), encoded(LYING)
    inside = b"Exif\0\0" + exif(order, 6)
    tag = b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside
    assert orientation(jpeg[:2] + tag + jpeg[2:]) == 6
    assert orientation(png[:33] + chunk(b"eXIf", exif(order, 8)) + png[33:]) == 8
    assert orientation(jpeg) == orientation(png) == 1


def test_damaged_exif_is_none():
    whole = b"Exif\0\0" + exif(">", 6)
    assert {orientation(whole[:end]) for end in range(len(whole) - 4)} == {1}


def test_photo_is_read_as_its_pixels_lie_and_turning_it_is_warned_of(tmp_path, labels, caplog):
    """The node does not turn pictures either."""
    photo = tmp_path / "rgb.jpg"
    photo.write_bytes(turned_jpeg(LYING, 6))
    assert cv2.imread(str(photo)).shape == (16, 8, 3)
    assert read_frame(photo, labels(8, 16)).size == (8, 16)
    assert "rgb.jpg: viewers show it turned clockwise by 90 degrees" in caplog.text
    caplog.clear()
    photo.write_bytes(turned_jpeg(LYING, 3))
    read_photo(photo)
    assert "turned by 180 degrees because of its EXIF orientation 3" in caplog.text


def test_photo_with_orientation_1_is_read_without_a_word(tmp_path, labels, caplog):
    (tmp_path / "rgb.jpg").write_bytes(turned_jpeg(LYING, 1))
    read_frame(tmp_path / "rgb.jpg", labels(8, 16))
    assert not caplog.text


def test_size_error_names_exif_where_it_is_the_reason(tmp_path, labels):
    photo = tmp_path / "rgb.jpg"
    photo.write_bytes(turned_jpeg(LYING, 6))
    upright = "image is 16x8 but .*ids.png is 8x16; viewers show the image turned clockwise by 90"
    with pytest.raises(ValueError, match=upright):
        read_frame(photo, labels(16, 8))
    with pytest.raises(ValueError, match=r"ids\.png is 9x16; give both at the same resolution"):
        read_frame(photo, labels(16, 9))
    photo.write_bytes(turned_jpeg(LYING, 1))
    with pytest.raises(ValueError, match=r"ids\.png is 8x16; give both at the same resolution"):
        read_frame(photo, labels(16, 8))
