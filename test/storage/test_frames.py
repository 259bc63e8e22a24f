"""Depth files are read in their unit, and neither 0 nor 65535 is a measurement."""

import cv2
import numpy as np
import pytest

from segan_ros.storage.frames import read_depth, read_frame

STEPS = np.full((48, 64), 7000, np.uint16)
STEPS[:2] = 65535
STEPS[2] = 0


@pytest.fixture
def files(tmp_path):
    """A photo, its labels and its depth in tenths of a millimetre."""
    labels = np.zeros(STEPS.shape, np.uint8)
    labels[10:30, 10:40] = 3
    pictures = {"rgb": np.dstack([labels] * 3), "labels": labels, "depth": STEPS}
    for name, pixels in pictures.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    return [tmp_path / f"{name}.png" for name in pictures]


def test_depth_file_has_a_unit_and_no_sentinels(files):
    metres = read_depth(files[2], 1e-4)
    assert metres.dtype == np.float32 and np.isnan(metres[:3]).all()
    np.testing.assert_allclose(metres[3:], 0.7, rtol=1e-6)
    np.testing.assert_allclose(read_depth(files[2])[3:], 7, rtol=1e-6)


def test_frame_takes_the_unit_along_and_tells_of_a_range_that_cannot_be(files, caplog):
    frame = read_frame(*files, depth_scale=1e-4)
    assert np.nanmax(frame.depth) == pytest.approx(0.7) and not caplog.text
    read_frame(*files, depth_scale=1e-2)
    assert f"{files[2]}: the median depth of the objects is 70 m" in caplog.text


def test_depth_of_another_kind_is_refused(files):
    text = r"labels.png: depth is a 16-bit one-channel image, got uint8 with 1 channels; save it as"
    with pytest.raises(ValueError, match=text):
        read_depth(files[1])
