"""Image messages are decoded whatever their layout, or refused with value, limit and remedy."""

import sys

import numpy as np
import pytest

pytest.importorskip("rclpy")
from ros_harness import image_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from segan_ros.messages import bridge, encodings, images
from segan_ros.messages.images import MessageError, check, check_same_size

pytestmark = pytest.mark.ros

RNG = np.random.default_rng(0)
ENCODINGS = sorted({e for known in encodings.ENCODINGS.values() for e in known})
PLANES = ("nv12", "nv21")
WHOLE = [e for e in ENCODINGS if e not in PLANES]


def pixels_of(encoding, height=6, width=8):
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


@pytest.mark.parametrize("encoding", WHOLE)
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


@pytest.mark.parametrize("encoding", bridge.BRIDGED)
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
    for encoding in bridge.BRIDGED:
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
    [
        ("rgb8", [0, 1, 2]),
        ("bgr8", [2, 1, 0]),
        ("rgba8", [0, 1, 2]),
        ("bgra8", [2, 1, 0]),
        ("8UC3", [2, 1, 0]),
        ("8UC4", [2, 1, 0]),
    ],
)
def test_colour_images_become_rgb(encoding, channels):
    pixels = pixels_of(encoding)
    rgb = images.to_rgb(image_message(pixels, encoding))
    np.testing.assert_array_equal(rgb, pixels[..., channels])


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_image_becomes_rgb(encoding):
    pixels = pixels_of(encoding)
    np.testing.assert_array_equal(
        images.to_rgb(image_message(pixels, encoding)), np.dstack([pixels] * 3)
    )


COLOURS = np.array([[200, 39, 39], [39, 200, 39], [39, 39, 200], [120, 120, 120]], np.uint8)


def patches():
    """Four fields of one colour each, 16x16 pixels, and their inner parts."""
    rgb = np.zeros((32, 32, 3), np.uint8)
    inner = [(slice(y + 4, y + 12), slice(x + 4, x + 12)) for y in (0, 16) for x in (0, 16)]
    for n, colour in enumerate(COLOURS):
        y, x = 16 * (n // 2), 16 * (n % 2)
        rgb[y : y + 16, x : x + 16] = colour
    return rgb, inner


def mosaic(rgb, pattern):
    """What a sensor sees through filters in the order of `pattern`."""
    result = np.zeros(rgb.shape[:2], np.uint8)
    for n, letter in enumerate(pattern):
        y, x = divmod(n, 2)
        result[y::2, x::2] = rgb[y::2, x::2, "rgb".index(letter)]
    return result


def limited_yuv(rgb):
    """BT.601 as video has it: Y 16..235, the others 16..240 around 128; each ``(H, W)``."""
    red, green, blue = np.moveaxis(rgb.astype(float), 2, 0)
    return (
        16 + 0.257 * red + 0.504 * green + 0.098 * blue,
        128 - 0.148 * red - 0.291 * green + 0.439 * blue,
        128 + 0.439 * red - 0.368 * green - 0.071 * blue,
    )


def as_sent(rgb, encoding):
    """Bytes of a picture in `encoding`, a row each; a mosaic, two-in-one bytes or planes."""
    if encoding.startswith("bayer_"):
        return mosaic(rgb, encoding[6:10])
    y, u, v = (np.rint(plane).astype(np.uint8) for plane in limited_yuv(rgb))
    if encoding in PLANES:
        pair = (u, v) if encoding == "nv12" else (v, u)
        below = np.dstack([plane[::2, ::2] for plane in pair]).reshape(len(rgb) // 2, -1)
        return np.vstack([y, below])
    chroma = np.where(np.arange(rgb.shape[1]) % 2, v, u)
    pair = (chroma, y) if encoding in ("yuv422", "uyvy") else (y, chroma)
    return np.dstack(pair).reshape(len(rgb), -1)


@pytest.mark.parametrize(
    "encoding",
    [e for e in encodings.COLOUR if e.startswith(("bayer_", "yu", "uy", "nv"))],
)
def test_cameras_own_encodings_become_rgb(encoding):
    rgb, inner = patches()
    message = image_message(as_sent(rgb, encoding), encoding)
    message.height, message.width = rgb.shape[:2]
    check(message, "image")
    found = images.to_rgb(message, bridge.to_array)
    assert found.shape == rgb.shape
    for where, colour in zip(inner, COLOURS, strict=True):
        assert np.abs(found[where].astype(int) - colour).max() <= 3


@pytest.mark.parametrize(
    "encoding, width, height", [("yuv422_yuy2", 7, 4), ("nv12", 8, 5), ("nv21", 7, 4)]
)
def test_pixels_that_share_their_colour_come_in_pairs(encoding, width, height):
    message = Image(encoding=encoding, width=width, height=height, step=16, data=bytes(999))
    with pytest.raises(
        MessageError, match=f"is {width}x{height}; {encoding} needs an even width and height"
    ) as caught:
        check(message, "image")
    assert caught.value.reason == "bad_size"


@pytest.mark.parametrize("encoding", encodings.LABELS)
def test_labels_become_int32(encoding):
    pixels = pixels_of(encoding)
    labels = images.to_labels(image_message(pixels, encoding))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, pixels)


@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_depth_is_in_metres_and_nan_where_unknown(encoding):
    steps = np.array([[0, 1500, 65535]], np.uint16)
    message = image_message(steps, encoding)
    check(message, "depth")
    np.testing.assert_allclose(images.to_depth(message), [[np.nan, 1.5, np.nan]], rtol=1e-6)
    np.testing.assert_allclose(
        images.to_depth(message, scale=1e-4), [[np.nan, 0.15, np.nan]], rtol=1e-6
    )


@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "16UC1", "rgba8"])
def test_image_survives_the_way_out_and_in(encoding):
    pixels = pixels_of(encoding)
    message = images.image_message(pixels, encoding, Header())
    check(message, {"16UC1": "depth"}.get(encoding, "image"))
    np.testing.assert_array_equal(bridge.decode(message), pixels)


def rgb(**changes):
    message = image_message(np.zeros((4, 6, 3), np.uint8), "rgb8")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    "message, topic, reason, text",
    [
        (rgb(encoding="yuv444"), "image", "bad_encoding", "'yuv444'; publish it as rgb8, bgr8"),
        (rgb(encoding="bayer_rggb16"), "image", "bad_encoding", "run image_proc's DebayerNode"),
        (
            rgb(encoding="mono16"),
            "image",
            "bad_encoding",
            "no fixed grey range: convert it",
        ),
        (rgb(), "instance_mask", "bad_encoding", "one object id per pixel"),
        (
            rgb(),
            "instance_mask",
            "bad_encoding",
            "if every object has a colour of its own, set segmenter to colours",
        ),
        (rgb(), "mask", "bad_encoding", "32SC1, above 0 is inside$"),
        (rgb(), "depth", "bad_encoding", "depth_scale \\(millimetres\\) in 16UC1"),
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
