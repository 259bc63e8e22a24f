"""Image messages are decoded whatever their layout, or refused with value, limit and remedy."""

import re
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy")
from ros_harness import image_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from segan_ros.messages import bridge, images
from segan_ros.messages.camera import camera_problem, to_camera
from segan_ros.messages.images import MessageError, check, check_same_size

pytestmark = pytest.mark.ros

RNG = np.random.default_rng(0)
ENCODINGS = sorted({e for known in images.ENCODINGS.values() for e in known})


def pixels_of(encoding, height=5, width=7):
    dtype, channels = bridge.layout(encoding)
    shape = (height, width) if channels == 1 else (height, width, channels)
    if dtype.kind == "f":
        return RNG.random(shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype)


def padded(message, pad):
    """The same picture with `pad` bytes after each row."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    message.data = np.pad(rows, ((0, 0), (0, pad)), constant_values=170).tobytes()
    message.step += pad
    return message


def big_endian(message):
    dtype, _ = bridge.layout(message.encoding)
    message.data = np.frombuffer(message.data, dtype).byteswap().tobytes()
    message.is_bigendian = 1
    return message


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("pad", [0, 8, 3])
@pytest.mark.parametrize("swap", [False, True])
def test_every_encoding_padding_and_byte_order_gives_the_same_pixels(encoding, pad, swap):
    pixels = pixels_of(encoding)
    message = image_message(pixels, encoding)
    if swap:
        message = big_endian(message)
    decoded = bridge.to_array(padded(message, pad))
    assert decoded.dtype == pixels.dtype and decoded.dtype.isnative
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_decoder_agrees_with_rosbags_image(encoding):
    to_cvimage = pytest.importorskip("rosbags.image").message_to_cvimage
    message = image_message(pixels_of(encoding), encoding)
    expected = to_cvimage(message)
    np.testing.assert_array_equal(
        bridge.decode(message), expected.reshape(bridge.decode(message).shape)
    )


def test_decoder_agrees_with_cv_bridge():
    pytest.importorskip("cv_bridge", exc_type=ImportError)
    if bridge.cv_bridge() is None:
        pytest.skip("the cv_bridge here is not ROS 2's")
    for encoding in ENCODINGS:
        for arrange in (lambda m: m, big_endian):
            message = arrange(padded(image_message(pixels_of(encoding), encoding), 24))
            through = bridge.cv_bridge().imgmsg_to_cv2(message, desired_encoding="passthrough")
            np.testing.assert_array_equal(through, bridge.decode(message))


@pytest.mark.parametrize("fault", ["wrong", "raises"])
def test_cv_bridge_that_does_not_work_is_not_used(monkeypatch, fault):
    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            if fault == "raises":
                raise AttributeError("newbyteorder")
            return bridge.decode(message)[::-1]

    monkeypatch.setitem(sys.modules, "cv_bridge", type(sys)("cv_bridge"))
    monkeypatch.setattr(sys.modules["cv_bridge"], "CvBridge", CvBridge, raising=False)
    bridge.cv_bridge.cache_clear()
    assert bridge.cv_bridge() is None
    bridge.cv_bridge.cache_clear()


def test_cv_bridge_that_works_is_used(monkeypatch):
    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            return bridge.decode(message)

    monkeypatch.setitem(sys.modules, "cv_bridge", type(sys)("cv_bridge"))
    monkeypatch.setattr(sys.modules["cv_bridge"], "CvBridge", CvBridge, raising=False)
    bridge.cv_bridge.cache_clear()
    assert isinstance(bridge.cv_bridge(), CvBridge)
    bridge.cv_bridge.cache_clear()


@pytest.mark.parametrize(
    "encoding, channels",
    [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2]), ("bgra8", [2, 1, 0])],
)
def test_colour_images_become_rgb(encoding, channels):
    pixels = pixels_of(encoding)
    rgb = images.to_rgb(image_message(pixels, encoding))
    np.testing.assert_array_equal(rgb, pixels[..., channels])


def test_grey_image_becomes_rgb():
    pixels = pixels_of("mono8")
    np.testing.assert_array_equal(
        images.to_rgb(image_message(pixels, "mono8")), np.dstack([pixels] * 3)
    )


@pytest.mark.parametrize("encoding", images.LABELS)
def test_labels_become_int32(encoding):
    pixels = pixels_of(encoding)
    labels = images.to_labels(image_message(pixels, encoding))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, pixels)


def test_depth_is_in_metres_and_nan_where_unknown():
    millimetres = np.array([[0, 1500]], np.uint16)
    np.testing.assert_allclose(
        images.to_depth(image_message(millimetres, "16UC1")), [[np.nan, 1.5]], rtol=1e-6
    )
    metres = np.array([[0, 1.5, -1, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(
        images.to_depth(image_message(metres, "32FC1")), [[np.nan, 1.5, np.nan, np.nan, np.nan]]
    )


@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "16UC1", "rgba8"])
def test_image_survives_the_way_out_and_in(encoding):
    pixels = pixels_of(encoding)
    message = images.image_message(pixels, encoding, Header())
    check(message, {"16UC1": "depth"}.get(encoding, "image"))
    np.testing.assert_array_equal(bridge.decode(message), pixels)


def test_camera_of_another_resolution_is_not_used():
    image = image_message(np.zeros((4, 6, 3), np.uint8), "rgb8")
    camera = CameraInfo(height=4, width=6, k=[5.0, 0, 3, 0, 5, 2, 0, 0, 1])
    matrix, distortion = to_camera(camera, image)
    assert matrix is not None and matrix[0, 0] == 5 and distortion is None
    camera.width = 12
    assert to_camera(camera, image) == (None, None)
    assert to_camera(CameraInfo(height=4, width=6), image) == (None, None)
    assert to_camera(None, image) == (None, None)


@pytest.mark.parametrize("index, value", [(0, 0), (4, 0), (4, -5), (8, 0), (2, np.nan)])
def test_camera_matrix_that_gives_no_rays_is_not_used(index, value):
    camera = CameraInfo(height=4, width=6, k=[5.0, 0, 3, 0, 5, 2, 0, 0, 1])
    camera.k[index] = value
    assert to_camera(camera, Image(height=4, width=6)) == (None, None)
    assert "calibrate the camera" in camera_problem(camera, None)


def bent_camera(**changes):
    camera = CameraInfo(height=4, width=6, k=[5.0, 0, 3, 0, 5, 2, 0, 0, 1])
    camera.p = [4.0, 0, 3, 0, 0, 4, 2, 0, 0, 0, 1, 0]
    camera.d, camera.distortion_model = [-0.3, 0.1, 0, 0, 0.01], "plumb_bob"
    for name, value in changes.items():
        setattr(camera, name, value)
    return camera


def test_raw_image_has_k_and_d_and_a_rectified_one_p():
    image = Image(height=4, width=6)
    matrix, distortion = to_camera(bent_camera(), image)
    assert matrix[0, 0] == 5 and distortion.tolist() == [-0.3, 0.1, 0, 0, 0.01]
    matrix, distortion = to_camera(bent_camera(), image, rectified=True)
    assert matrix.tolist() == [[4, 0, 3], [0, 4, 2], [0, 0, 1]] and distortion is None


@pytest.mark.parametrize(
    ("changes", "rectified", "text"),
    [
        (
            {"distortion_model": "equidistant", "d": [0.1] * 4},
            False,
            r"distortion_model 'equidistant' with 4 coefficients and is not used; known are "
            r"plumb_bob, rational_polynomial: rectify image, mask and depth",
        ),
        ({"d": [0.1] * 3}, False, "with 3 coefficients and is not used"),
        ({"d": [np.nan] * 5}, False, "d with NaN or inf and is not used; calibrate"),
        ({"p": [0.0] * 12}, True, r"camera_info has p = \[\[0.0, .* and is not used; fx and fy"),
        ({"width": 9}, True, "camera_info is for 9x4 but the image is 6x4"),
    ],
)
def test_camera_that_cannot_be_used_says_why(changes, rectified, text):
    camera, image = bent_camera(**changes), Image(height=4, width=6)
    assert re.search(text, camera_problem(camera, image, rectified))
    assert to_camera(camera, image, rectified) == (None, None)


def rgb(**changes):
    message = image_message(np.zeros((4, 6, 3), np.uint8), "rgb8")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    "message, topic, reason, text",
    [
        (rgb(encoding="yuv422"), "image", "bad_encoding", "'yuv422'; publish it as rgb8, bgr8"),
        (rgb(), "instance_mask", "bad_encoding", "one object id per pixel"),
        (rgb(), "depth", "bad_encoding", "millimetres in 16UC1"),
        (rgb(data=bytes(71)), "image", "truncated", "71 bytes of data but 6x4 rgb8 .* takes 72"),
        (rgb(step=17), "image", "truncated", "step 17 but a row of 6 rgb8 pixels takes 18"),
        (rgb(width=0), "image", "bad_size", "is 0x4; each side must lie in 1..16384"),
        (rgb(height=2**31), "image", "bad_size", "each side must lie in 1..16384"),
        (Image(), "image", "bad_encoding", "encoding ''"),
    ],
)
def test_bad_image_is_refused_with_its_reason(message, topic, reason, text):
    with pytest.raises(MessageError, match=text) as caught:
        check(message, topic)
    assert caught.value.reason == reason


def test_sizes_that_differ_are_refused_with_both():
    with pytest.raises(
        MessageError,
        match="instance_mask is 3x2 but the image is 6x4; publish both at the same resolution",
    ) as caught:
        check_same_size(rgb(), image_message(np.zeros((2, 3), np.uint8), "mono8"), "instance_mask")
    assert caught.value.reason == "size_mismatch"
