"""camera_info becomes intrinsics of the image, or says why not, or what was changed."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from segan_ros.messages.camera import to_camera

IMAGE = SimpleNamespace(height=4, width=6)


def camera(**changes):
    """A CameraInfo of 6x4 pixels without distortion."""
    roi = SimpleNamespace(x_offset=0, y_offset=0, height=0, width=0)
    fields = {
        "height": 4,
        "width": 6,
        "distortion_model": "plumb_bob",
        "d": np.zeros(5),
        "k": np.array([5.0, 0, 3, 0, 5, 2, 0, 0, 1]),
        "p": np.array([4.0, 0, 3, 0, 0, 4, 2, 0, 0, 0, 1, 0]),
        "binning_x": 0,
        "binning_y": 0,
        "roi": roi,
    }
    return SimpleNamespace(**(fields | changes))


def of_sensor(**changes):
    """A CameraInfo of a whole sensor of 1280x960 pixels."""
    k = np.array([1000.0, 0, 640, 0, 900, 480, 0, 0, 1])
    p = np.array([990.0, 0, 642, 0, 0, 890, 481, 0, 0, 0, 1, 0])
    return camera(**({"width": 1280, "height": 960, "k": k, "p": p} | changes))


def roi(x, y, width, height):
    return SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height)


def image(width, height):
    return SimpleNamespace(width=width, height=height)


def intrinsics(found):
    """fx, fy, cx, cy."""
    return found.matrix[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()


def test_camera_of_the_images_size_is_used_as_it_is():
    found = to_camera(camera(), IMAGE)
    assert intrinsics(found) == [5, 5, 3, 2]
    assert found.distortion is None and found.remark == ""


@pytest.mark.parametrize("message", [None, camera(k=np.zeros(9))])
def test_camera_that_is_not_calibrated_is_unknown_without_a_word(message):
    found = to_camera(message, IMAGE)
    assert found.matrix is None and found.remark == ""


@pytest.mark.parametrize("model, d", [("", []), ("plumb_bob", []), ("none", [0.0] * 5)])
def test_camera_without_distortion_may_call_it_what_it_likes(model, d):
    found = to_camera(camera(distortion_model=model, d=np.array(d)), IMAGE)
    assert intrinsics(found) == [5, 5, 3, 2]
    assert found.distortion is None and found.remark == ""


def test_raw_image_has_k_and_d_and_a_rectified_one_p():
    bent = camera(d=np.array([-0.3, 0.1, 0, 0, 0.01]))
    found = to_camera(bent, IMAGE)
    assert intrinsics(found)[0] == 5 and found.distortion.tolist() == [-0.3, 0.1, 0, 0, 0.01]
    found = to_camera(bent, IMAGE, rectified=True)
    assert found.matrix.tolist() == [[4, 0, 3], [0, 4, 2], [0, 0, 1]] and found.distortion is None


@pytest.mark.parametrize("index, value", [(0, 0), (4, 0), (4, -5), (8, 0), (2, np.nan)])
def test_camera_matrix_that_gives_no_rays_is_not_used(index, value):
    message = camera()
    message.k[index] = value
    found = to_camera(message, None)
    assert found.matrix is None and "calibrate the camera" in found.remark


@pytest.mark.parametrize(
    ("changes", "rectified", "text"),
    [
        (
            {"distortion_model": "equidistant", "d": [0.1] * 4},
            False,
            r"distortion_model 'equidistant' with 4 coefficients and is ignored; supported are "
            r"plumb_bob, rational_polynomial: rectify image, mask and depth",
        ),
        ({"d": [0.1] * 3}, False, "with 3 coefficients and is ignored"),
        ({"distortion_model": "fisheye", "d": [0.0] * 4}, False, "'fisheye' with 4 coefficients"),
        ({"d": [np.nan] * 5}, False, "d with NaN or inf and is ignored; calibrate"),
        ({"p": [0.0] * 12}, True, r"camera_info has p = \[\[0.0, .* and is ignored; fx and fy"),
        ({"width": 9}, True, "camera_info is for 9x4 but the image is 6x4, so it is ignored"),
        ({"width": 0, "height": 0}, False, "camera_info is for 0x0 but the image is 6x4, so it"),
    ],
)
def test_camera_that_cannot_be_used_says_why(changes, rectified, text):
    found = to_camera(camera(**changes), IMAGE, rectified)
    assert re.search(text, found.remark)
    assert found.matrix is None and found.distortion is None


def test_binning_divides_the_matrix():
    found = to_camera(of_sensor(binning_x=2, binning_y=4), image(640, 240))
    assert intrinsics(found) == [500, 225, 320, 120] and found.remark == ""


def test_region_of_interest_moves_the_principal_point():
    found = to_camera(of_sensor(roi=roi(100, 50, 800, 600)), image(800, 600))
    assert intrinsics(found) == [1000, 900, 540, 430] and found.remark == ""


def test_region_is_cut_out_before_it_is_binned():
    message = of_sensor(roi=roi(100, 50, 800, 600), binning_x=2, binning_y=2)
    assert intrinsics(to_camera(message, image(400, 300))) == [500, 450, 270, 215]
    assert intrinsics(to_camera(message, image(400, 300), True)) == [495, 445, 271, 215.5]


def test_driver_that_states_binning_of_an_image_it_has_binned_already_is_believed():
    found = to_camera(of_sensor(binning_x=2, binning_y=2), image(1280, 960))
    assert intrinsics(found) == [1000, 900, 640, 480] and found.remark == ""


@pytest.mark.parametrize("size, ratio", [((640, 480), 0.5), ((960, 720), 0.75), ((2560, 1920), 2)])
def test_image_of_the_same_shape_scales_the_camera_and_says_so(size, ratio):
    found = to_camera(of_sensor(d=np.full(5, 0.1)), image(*size))
    assert intrinsics(found) == [v * ratio for v in (1000, 900, 640, 480)]
    assert found.distortion.tolist() == [0.1] * 5
    assert found.remark == (
        f"camera_info is for 1280x960 but the image is {size[0]}x{size[1]}: it is scaled by "
        f"{ratio:g}, which is wrong if the image is a crop; publish camera_info for this resolution"
    )


def test_region_of_another_resolution_is_scaled_from_what_was_read_out():
    found = to_camera(of_sensor(roi=roi(100, 50, 800, 600)), image(400, 300))
    assert intrinsics(found) == [500, 450, 270, 215]
    assert found.remark.startswith("camera_info is for 800x600 but the image is 400x300: it is")


@pytest.mark.parametrize("size", [(640, 360), (641, 480), (1280, 720)])
def test_image_of_another_shape_has_no_camera(size):
    found = to_camera(of_sensor(), image(*size))
    assert found.matrix is None and "so it is ignored; publish camera_info for this" in found.remark
