"""Bags as others record them: compressed storage and images, truth that lies elsewhere."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import small_bag
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer
from small_bag import (
    PERIOD,
    START,
    STORE,
    TYPES,
    Contents,
    header_of,
    image,
    true_objects,
    two_cards,
    write_bag,
)

from segan_ros.frame import Frame
from segan_ros.messages import frames as reading
from segan_ros.replay.truth import open_truth
from segan_ros.storage.bag import BagError
from segan_ros.storage.bag_frame import BagFrame
from segan_ros.storage.bag_topics import Topics
from segan_ros.storage.bags import open_bag
from segan_ros.storage.scene_writer import write_scene
from segan_ros.truth import LabelledScene, TrueObject

HEADER = header_of(START)


def frames_of(path: Path, topics: Topics | None = None) -> list[BagFrame]:
    with open_bag(path, topics) as bag:
        return list(bag.frames())


def write_messages(folder: Path, *messages: tuple[str, object]) -> Path:
    """A bag of one message on each topic."""
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, sent in messages:
            kind = sent.__msgtype__
            connection = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connection, START, STORE.serialize_cdr(sent, kind))
    return folder


@pytest.mark.parametrize(
    ("plugin", "compression"),
    [
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
    ],
)
def test_compressed_storage_is_read(tmp_path, plugin, compression):
    path = write_bag(tmp_path / "bag", Contents(plugin=plugin, compression=compression))
    for i, found in enumerate(frames_of(path)):
        assert found.frame is not None
        assert np.array_equal(found.frame.rgb, two_cards(i).frame.rgb)


@pytest.mark.parametrize("depth", ["32FC1", "16UC1"])
def test_compressed_images_are_found_below_their_topics(tmp_path, depth):
    path = write_bag(tmp_path / "bag", Contents(compressed=True, depth=depth, prefix="/cam"))
    names = {"image": "/cam/image", "instance_mask": "/cam/instance_mask", "depth": "/cam/depth"}
    for i, found in enumerate(frames_of(path, Topics(**names))):
        written = two_cards(i).frame
        assert found.frame is not None and found.truth is not None
        assert np.abs(found.frame.rgb.astype(int) - written.rgb).mean() < 6  # jpeg
        assert np.array_equal(found.frame.labels, written.labels)
        assert np.allclose(found.frame.depth, written.depth, atol=2e-3)
    with open_bag(path, Topics(**{**names, "image": "/cam/image/compressed"})) as bag:
        assert bag.topics["image"] == "/cam/image/compressed"


def test_compressed_inputs_reach_the_node_as_plain_images(tmp_path):
    with open_bag(write_bag(tmp_path / "bag", Contents(compressed=True))) as bag:
        for message in bag.inputs():
            if message.name != "camera_info":
                image = STORE.deserialize_cdr(message.data, "sensor_msgs/msg/Image")
                assert (image.height, image.width) == (60, 80)
                assert image.header.stamp.nanosec == message.stamp % 10**9


def test_jpeg_labels_are_a_problem_of_their_frame(tmp_path):
    labels = two_cards().frame.labels.astype(np.uint8)
    data = cv2.imencode(".jpg", labels)[1].reshape(-1)
    message = TYPES["sensor_msgs/msg/CompressedImage"](HEADER, "mono8; jpeg compressed ", data)
    path = write_messages(
        tmp_path / "bag",
        ("/camera/image", image(two_cards().frame.rgb, "rgb8", HEADER)),
        ("/camera/instance_mask", message),
    )
    (found,) = frames_of(path)
    assert found.frame is None
    assert "instance_mask" in found.problem and "png" in found.problem
    with open_bag(path) as bag:
        assert [m.name for m in bag.inputs()] == ["image"]


@pytest.mark.parametrize("depth", ["small", "colour", "cut"])
def test_depth_that_cannot_be_used_is_left_out_as_at_the_node(tmp_path, caplog, depth):
    scene = two_cards()
    sent = {
        "small": image(scene.frame.depth[::2, ::2].copy(), "32FC1", HEADER),
        "colour": image(scene.frame.rgb, "rgb8", HEADER),
        "cut": TYPES["sensor_msgs/msg/CompressedImage"](
            HEADER, "16UC1; compressedDepth png", np.zeros(30, np.uint8)
        ),
    }
    path = write_messages(
        tmp_path / "bag",
        ("/camera/image", image(scene.frame.rgb, "rgb8", HEADER)),
        ("/camera/instance_mask", image(scene.frame.labels.astype(np.uint16), "16UC1", HEADER)),
        ("/camera/depth", sent[depth]),
    )
    reading.told.clear()
    with caplog.at_level(logging.WARNING):
        (found,) = frames_of(path)
    assert found.frame is not None and found.frame.depth is None
    assert np.array_equal(found.frame.labels, scene.frame.labels)
    assert "frames are completed without depth" in caplog.text


def test_true_visible_masks_are_those_of_the_truth(tmp_path):
    """A segmenter's masks may be worse than the true ones."""
    scene = two_cards()
    worse = np.where(scene.frame.labels == 2, 0, scene.frame.labels).astype(np.uint16)
    path = write_messages(
        tmp_path / "bag",
        ("/camera/image", image(scene.frame.rgb, "rgb8", HEADER)),
        ("/camera/instance_mask", image(worse, "16UC1", HEADER)),
        ("/ground_truth/objects", true_objects(scene, HEADER)),
    )
    (found,) = frames_of(path)
    assert found.frame is not None and found.truth is not None
    assert np.array_equal(found.frame.labels, worse)
    assert np.array_equal(found.truth.frame.labels, scene.frame.labels)


def test_truth_of_another_size_is_a_problem_of_its_frame(tmp_path):
    scene = two_cards()
    half = Frame(scene.frame.rgb[::2, ::2].copy(), scene.frame.labels[::2, ::2].copy())
    bag = write_bag(tmp_path / "bag", Contents(frames=1))
    smaller = LabelledScene(half, tuple(TrueObject(i, half.labels == i) for i in (1, 2)))
    write_scene(tmp_path / "truth" / str(START), smaller)
    with open_bag(bag) as opened, open_truth(tmp_path / "truth", Topics()) as truth:
        (found,) = opened.frames(truth)
    assert found.frame is None
    assert found.problem.endswith(
        "is 40x30 but the image is 80x60; give both at the same resolution"
    )


def test_truth_of_another_clock_needs_no_image_beside_it(tmp_path, monkeypatch):
    bare = write_bag(tmp_path / "bare", Contents(without=("objects", "occlusion_graph")))
    monkeypatch.setattr(small_bag, "START", START + 2_000_000)
    other = write_bag(tmp_path / "other", Contents(without=("image", "instance_mask")))
    with open_bag(bare) as bag, open_truth(other, Topics()) as truth:
        assert all(f.truth is not None for f in bag.frames(truth))


def test_truth_beside_the_bag(tmp_path):
    """As scene folders named by stamp, for two of three frames, and as another bag."""
    bare = write_bag(tmp_path / "bag", Contents(without=("objects", "occlusion_graph")))
    for i in range(2):
        write_scene(tmp_path / "truth" / str(START + i * PERIOD + 1000), two_cards(i))
    with open_bag(bare) as bag, open_truth(tmp_path / "truth", Topics()) as truth:
        found = [f.truth for f in bag.frames(truth)]
    assert found[2] is None
    for i in range(2):
        assert found[i] is not None
        assert np.array_equal(found[i].objects[1].amodal, two_cards(i).objects[1].amodal)

    left_out = ("image", "instance_mask", "depth", "camera_info")
    other = write_bag(tmp_path / "other", Contents(without=left_out))
    with open_bag(bare) as bag, open_truth(other, Topics()) as truth:
        frames = list(bag.frames(truth))
    assert all(f.truth is not None and f.true_graph is not None for f in frames)


def test_truth_that_is_none_is_refused(tmp_path):
    write_scene(tmp_path / "truth" / "scene_000", two_cards())
    with (
        pytest.raises(ValueError, match=r"scene_000: the name of a scene folder .* nanoseconds"),
        open_truth(tmp_path / "truth", Topics()),
    ):
        pass
    bare = write_bag(tmp_path / "bag", Contents(without=("objects", "occlusion_graph")))
    with (
        pytest.raises(BagError, match=r"no topic /ground_truth/objects; .*--true-objects-topic"),
        open_truth(bare, Topics()),
    ):
        pass
