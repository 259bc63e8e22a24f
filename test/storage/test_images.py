"""Label images are read as the ids they store; what is cut short is never read as a picture."""

import struct

import cv2
import numpy as np
import pytest
from png_files import chunk, label_files, png_file

from segan_ros.storage.images import encoded, read_image, read_labels


def test_label_images_of_every_png_form_are_the_ids_they_store(tmp_path):
    path = tmp_path / "labels.png"
    for content, values in label_files():
        path.write_bytes(content)
        np.testing.assert_array_equal(read_labels(path), values)


@pytest.mark.parametrize("kind", [".jpg", ".webp", ".tiff", ".bmp"])
def test_label_images_of_other_kinds_are_refused(tmp_path, kind):
    path = tmp_path / "labels.png"
    path.write_bytes(encoded(np.zeros((8, 8), np.uint8), kind))
    with pytest.raises(ValueError, match=r"labels\.png: a label image is a png, other formats"):
        read_labels(path)


@pytest.mark.parametrize(("channels", "kind"), [(3, "colour"), (4, "colour-alpha")])
def test_label_images_of_several_channels_are_refused(tmp_path, channels, kind):
    path = tmp_path / "labels.png"
    path.write_bytes(encoded(np.zeros((8, 8, channels), np.uint8)))
    with pytest.raises(ValueError, match=f"labels.png: a {kind} png of 8 bits; ids are one number"):
        read_labels(path)


def test_animated_png_is_called_so(tmp_path):
    path = tmp_path / "labels.png"
    animation = chunk(b"acTL", struct.pack(">II", 1, 0))
    path.write_bytes(png_file(np.ones((8, 8), int), 8, extra=animation))
    for read in (read_labels, lambda p: read_image(p, cv2.IMREAD_COLOR)):
        with pytest.raises(ValueError, match=r"labels\.png: an animated png; save one picture"):
            read(path)


@pytest.mark.parametrize("kept", [0.4, 0.9])
@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_pictures_cut_short_are_refused(tmp_path, kind, kept):
    """OpenCV leaves the rest black or grey, with a line on stderr at most."""
    content = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), kind)
    path = tmp_path / f"rgb{kind}"
    path.write_bytes(content)
    assert read_image(path, cv2.IMREAD_COLOR).shape == (64, 64, 3)
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=r"rgb\....: damaged or truncated; copy or save it again"):
        read_image(path, cv2.IMREAD_COLOR)


def test_label_images_cut_short_are_refused(tmp_path):
    path = tmp_path / "labels.png"
    path.write_bytes(png_file(np.arange(256).reshape(16, 16), 8)[:-30])
    with pytest.raises(ValueError, match="damaged or truncated"):
        read_labels(path)
