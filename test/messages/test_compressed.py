"""Compressed images hold what raw ones do, and damage in them is named."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rvl_stream
from png_files import chunk, label_files

from segan_ros.codecs.complete import is_whole
from segan_ros.messages.compressed import decode_compressed
from segan_ros.messages.images import (
    MessageError,
    check,
    check_same_size,
    decode,
    to_depth,
    to_labels,
    to_rgb,
)

RGB = cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8), (80, 60))
LABELS = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)


def message(pixels, kind="png", format=None, front=b""):
    encoded = cv2.imencode(f".{kind}", pixels)[1].tobytes()
    return SimpleNamespace(header="header", format=format or kind, data=front + encoded)


def damaged(change, kind="png"):
    sent = message(RGB, kind)
    sent.data = change(sent.data)
    return sent


def with_size(data, width, height):
    return data[:16] + struct.pack(">II", width, height) + data[24:]


def test_png_is_the_image_to_the_bit():
    picture = decode_compressed(message(RGB[:, :, ::-1], format="rgb8; png compressed bgr8"))
    check(picture, "image")
    assert (picture.width, picture.height, picture.header) == (80, 60, "header")
    np.testing.assert_array_equal(to_rgb(picture), RGB)


def test_jpeg_is_nearly_the_image():
    picture = decode_compressed(message(RGB[:, :, ::-1], "jpg", "rgb8; jpeg compressed bgr8"))
    check(picture, "image")
    assert (picture.width, picture.height) == (80, 60)
    assert np.abs(to_rgb(picture).astype(int) - RGB).mean() < 6


def test_jpeg_that_its_camera_fills_up_with_zeros_is_whole():
    sent = damaged(lambda data: data + bytes(9000), "jpg")
    assert to_rgb(decode_compressed(sent)).shape == (60, 80, 3) and is_whole(sent.data)
    sent.data = sent.data[:500] + bytes(9000)
    with pytest.raises(MessageError, match="damaged or truncated"):
        decode_compressed(sent)


@pytest.mark.parametrize("pixels", [RGB[:, :, 0], np.dstack([RGB, RGB[:, :, :1]])])
def test_grey_and_transparent_pictures_become_rgb(pixels):
    picture = decode_compressed(message(pixels))
    check(picture, "image")
    assert to_rgb(picture).shape == (60, 80, 3)


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.uint8)])
def test_labels_keep_their_ids(labels):
    picture = decode_compressed(message(labels), "instance_mask")
    check(picture, "instance_mask")
    np.testing.assert_array_equal(to_labels(picture), labels)


def test_label_images_of_every_png_form_keep_their_ids():
    for content, values in label_files():
        sent = SimpleNamespace(header="header", format="png", data=content)
        picture = decode_compressed(sent, "instance_mask")
        check(picture, "instance_mask")
        np.testing.assert_array_equal(to_labels(picture), values)


@pytest.mark.parametrize("front", [b"", bytes(12), struct.pack("<iff", 0, 1e4, -100)])
def test_depth_in_millimetres(front):
    form = "16UC1; compressedDepth png" if front else "16UC1; png compressed "
    picture = decode_compressed(message(LABELS, format=form, front=front), "depth")
    check(picture, "depth")
    np.testing.assert_allclose(to_depth(picture), np.where(LABELS, LABELS, np.nan) * 1e-3, 1e-6)


def test_depth_in_metres_is_inverse_in_compressed_depth():
    scale, offset = 100.0 * 101.0, 1.0 - 101.0
    metres = np.full((60, 80), 1.5, np.float32)
    metres[0] = np.nan
    inverse = np.where(np.isnan(metres), 0, scale / metres + offset).astype(np.uint16)
    front = struct.pack("<iff", 0, scale, offset)
    sent = message(inverse, format="32FC1; compressedDepth png", front=front)
    found = to_depth(decode_compressed(sent, "depth"))
    np.testing.assert_allclose(found, metres, rtol=1e-3)


def rvl_message(pixels, encoding, scale=0.0, offset=0.0):
    """As compressed_depth_image_transport writes it: its header, the size, the stream."""
    front = struct.pack("<iffII", 0, scale, offset, pixels.shape[1], pixels.shape[0])
    data = front + rvl_stream.encode(pixels)
    return SimpleNamespace(header="header", format=f"{encoding}; compressedDepth rvl", data=data)


def test_depth_as_rvl_is_the_image_to_the_bit():
    picture = decode_compressed(rvl_message(LABELS, "16UC1"), "depth")
    check(picture, "depth")
    assert (picture.width, picture.height) == (80, 60)
    np.testing.assert_array_equal(decode(picture), LABELS)


def test_depth_in_metres_may_be_rvl_too():
    inverse = np.array([[0, 200, 1000]], np.uint16)
    picture = decode_compressed(rvl_message(inverse, "32FC1", 100.0, 0.0), "depth")
    np.testing.assert_allclose(to_depth(picture), [[np.nan, 0.5, 0.1]], rtol=1e-6)


def test_damaged_rvl_is_found_when_the_pixels_are_asked_for():
    sent = rvl_message(LABELS, "16UC1")
    sent.data = sent.data[:200]
    picture = decode_compressed(sent, "depth")
    with pytest.raises(MessageError, match="its 188 compressed bytes are damaged") as caught:
        to_depth(picture)
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_mosaic_in_a_grey_file_gets_its_colours_back(kind):
    mosaic = np.full((60, 80), 39, np.uint8)
    mosaic[::2, ::2] = 200
    picture = decode_compressed(message(mosaic, kind, "bayer_rggb8; jpeg compressed "))
    check(picture, "image")
    found = to_rgb(picture)[8:-8, 8:-8].astype(int)
    assert np.abs(found - [200, 39, 39]).max() <= (0 if kind == "png" else 12)


def test_mosaic_that_its_publisher_has_made_colours_of_is_an_ordinary_picture():
    sent = message(RGB[:, :, ::-1], format="bayer_rggb8; png compressed bgr8")
    np.testing.assert_array_equal(to_rgb(decode_compressed(sent)), RGB)


@pytest.mark.parametrize(
    "format, pixels, text",
    [
        (
            "yuv422_yuy2; jpeg compressed mono8",
            RGB[:, :, 0],
            "image has format 'yuv422_yuy2; jpeg compressed mono8' and contains a grey image made "
            "from encoding 'yuv422_yuy2', whose colours are lost; publish it as rgb8 or bgr8",
        ),
        ("nv12; png compressed mono8", RGB[:, :, 0], "'nv12', whose colours are lost"),
        ("bayer_rggb16; png compressed ", RGB[:, :, 0], "run image_proc's DebayerNode"),
        ("mono16; png compressed mono16", LABELS, "no fixed grey range: convert it to mono8"),
        ("16UC1; png compressed ", LABELS, "if it is a depth image, check the remapping"),
    ],
)
def test_grey_that_is_no_grey_photo_is_refused(format, pixels, text):
    with pytest.raises(MessageError) as caught:
        decode_compressed(message(pixels, format=format))
    assert caught.value.reason == "bad_encoding" and text in str(caught.value)


@pytest.mark.parametrize(
    "sent, topic, reason, text",
    [
        (message(RGB, "jpg"), "instance_mask", "bad_encoding", "other formats change the values"),
        (
            message(RGB, "jpg"),
            "depth",
            "bad_encoding",
            "the publisher's parameter depth.compressed.format",
        ),
        (
            message(RGB, "bmp", format="16UC1; compressedDepth jp2"),
            "depth",
            "bad_encoding",
            "the publisher's parameter depth.compressedDepth.format",
        ),
        (
            message(RGB),
            "instance_mask",
            "bad_encoding",
            "a colour png of 8 bits; publish it as grey or palette png, one object id per pixel",
        ),
        (
            message(LABELS.astype(np.uint8)),
            "depth",
            "bad_encoding",
            "a grey png of 8 bits; publish it as 16-bit grey png: steps of depth_scale",
        ),
        (message(RGB, "bmp"), "image", "bad_encoding", "'bmp' and contains neither jpeg nor png"),
        (
            message(LABELS, format="16UC1; compressedDepth png", front=bytes(12)),
            "instance_mask",
            "bad_encoding",
            "which is for depth only",
        ),
        (damaged(lambda d: b""), "image", "bad_encoding", "neither jpeg nor png; publish it as"),
        (damaged(lambda d: d[:-40]), "image", "truncated", "damaged or truncated; look for losses"),
        (damaged(lambda d: d[:-40], "jpg"), "image", "truncated", "compressed bytes are damaged"),
        (damaged(lambda d: d[:20]), "image", "bad_size", "image is 0x0; each side must lie in"),
        (damaged(lambda d: d[:5], "jpg"), "image", "bad_size", "image is 0x0"),
        (
            damaged(lambda d: with_size(d, 16000, 16000)),
            "image",
            "bad_size",
            "16000x16000; each side must lie in 1..16384 pixels, and a compressed image may have",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_before_it_is_decoded(sent, topic, reason, text):
    with pytest.raises(MessageError) as caught:
        decode_compressed(sent, topic)
    assert caught.value.reason == reason and text in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[:60] + bytes(100) + d[160:],
        lambda d: with_size(d, 90, 60),
        lambda d: d[:33] + b"\x7f" + d[34:],
        lambda d: d[:33] + chunk(b"acTL", bytes(8)) + d[33:],
    ],
    ids=["middle", "size", "chunk", "animated"],
)
def test_damage_inside_is_found_when_the_pixels_are_asked_for(change):
    picture = decode_compressed(damaged(change))
    with pytest.raises(MessageError, match="damaged or truncated") as caught:
        to_rgb(picture)
    assert caught.value.reason == "truncated"


def test_size_is_known_without_decoding():
    picture = decode_compressed(message(LABELS), "instance_mask")
    with pytest.raises(MessageError, match="instance_mask is 80x60 but the image is 40x30"):
        check_same_size(decode_compressed(message(RGB[:30, :40])), picture, "instance_mask")
    assert "data" not in vars(picture)


def test_random_bytes_never_cause_another_error():
    rng = np.random.default_rng(0)
    originals = [message(RGB).data, message(RGB, "jpg").data, message(LABELS).data]
    originals.append(rvl_message(LABELS, "16UC1").data)
    for n in range(2000):
        data = bytearray(originals[n % 4])
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(256)
        sent = SimpleNamespace(
            header=None,
            format="16UC1; compressedDepth rvl" if n % 4 == 3 else "png",
            data=bytes(data[: rng.integers(len(data))]),
        )
        for topic in ("image", "instance_mask", "depth"):
            try:
                assert len(decode_compressed(sent, topic).data)
            except MessageError as error:
                assert error.reason in ("bad_encoding", "bad_size", "truncated")
