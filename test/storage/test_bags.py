"""Bags in, frames and ground truth out; bad bags are refused with a reason."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import small_bag
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from small_bag import (
    PERIOD,
    START,
    STORE,
    TIME,
    TYPES,
    Contents,
    camera_info,
    crop,
    header_of,
    image,
    two_cards,
    write_bag,
)

from segan_ros.host.resources import resource_path
from segan_ros.messages.answers import to_scene, to_true_labels, to_truth
from segan_ros.messages.frames import to_frame
from segan_ros.messages.stamps import serialised_stamp
from segan_ros.storage.bag import BagError
from segan_ros.storage.bag_frame import BagFrame
from segan_ros.storage.bag_topics import Topics
from segan_ros.storage.bags import open_bag
from segan_ros.storage.recordings import Salvaged

HEADER = header_of(START)


def frames_of(path: Path, topics: Topics | None = None) -> list[BagFrame]:
    with open_bag(path, topics) as bag:
        return list(bag.frames())


@pytest.mark.parametrize("plugin", StoragePlugin)
def test_frames_and_truth_come_back_as_written(tmp_path, plugin):
    path = write_bag(tmp_path / "bag", Contents(plugin=plugin))
    frames = frames_of(path)
    assert [f.index for f in frames] == [0, 1, 2]
    assert [f.stamp for f in frames] == [START + i * PERIOD for i in range(3)]
    for i, found in enumerate(frames):
        written = two_cards(i)
        assert found.frame is not None and found.truth is not None
        assert found.frame.stamp == found.stamp
        for field in ("rgb", "labels", "depth", "camera_matrix"):
            assert np.array_equal(getattr(found.frame, field), getattr(written.frame, field)), field
        for got, put in zip(found.truth.objects, written.objects, strict=True):
            assert (got.id, got.name) == (put.id, put.name)
            assert np.array_equal(got.amodal, put.amodal)
            assert np.array_equal(got.appearance, put.appearance)
        assert found.true_graph is not None
        assert [(e.occluder_id, e.occludee_id) for e in found.true_graph.edges] == [(1, 2)]


def test_single_file_is_a_bag_too(tmp_path):
    path = write_bag(tmp_path / "bag")
    assert len(frames_of(path / "bag.mcap")) == 3


def test_inputs_come_in_recorded_order_as_they_were_sent(tmp_path):
    with open_bag(write_bag(tmp_path / "bag")) as bag:
        inputs = list(bag.inputs())
        assert bag.topics["image"] == "/camera/image"
    assert [m.time for m in inputs] == sorted(m.time for m in inputs)
    assert {m.name for m in inputs} == {"image", "instance_mask", "depth", "camera_info"}
    assert all(m.stamp in (START, START + PERIOD, START + 2 * PERIOD) for m in inputs)
    masks = [m for m in inputs if m.name == "instance_mask"]
    message = STORE.deserialize_cdr(masks[0].data, "sensor_msgs/msg/Image")
    assert message.encoding == "16UC1" and masks[0].time == START + 5_000_000


def test_late_mask_counts_for_the_image_that_it_belongs_to(tmp_path):
    """Latency is measured from the last message of a frame."""
    with open_bag(write_bag(tmp_path / "bag", Contents(mask_delay=9_000_000))) as bag:
        assert {m.stamp for m in bag.inputs()} == set(bag.stamps)


def test_one_message_is_read_without_a_look_at_those_after_it(tmp_path, monkeypatch):
    asked = []
    messages = Reader.messages

    def spy(self, connections=(), start=None, stop=None):
        asked.append((start, stop))
        return messages(self, connections, start, stop)

    with open_bag(write_bag(tmp_path / "bag")) as bag:
        monkeypatch.setattr(Reader, "messages", spy)
        assert len(list(bag.frames())) == 3
    assert asked and all(stop == start + 1 for start, stop in asked)


def test_true_id_that_no_label_image_can_have_is_named():
    message = SimpleNamespace(
        image_width=4, image_height=3, objects=[SimpleNamespace(id=2**31 + 5)]
    )
    with pytest.raises(ValueError, match="has the id 2147483653; ids must be below"):
        to_true_labels(message)


def test_bag_of_images_and_masks_alone_has_neither_depth_nor_truth(tmp_path):
    left_out = ("depth", "camera_info", "objects", "occlusion_graph")
    for found in frames_of(write_bag(tmp_path / "bag", Contents(without=left_out))):
        assert found.frame is not None
        assert found.frame.depth is None and found.frame.camera_matrix is None
        assert found.truth is None and found.true_graph is None


@pytest.mark.parametrize(("delay", "usable"), [(9_000_000, True), (11_000_000, False)])
def test_mask_belongs_to_the_nearest_image_within_ten_ms(tmp_path, delay, usable):
    frames = frames_of(write_bag(tmp_path / "bag", Contents(mask_delay=delay)))
    assert all((f.frame is not None) is usable for f in frames)
    if not usable:
        assert frames[0].problem == "no instance mask within 10 ms of the image's stamp"


def test_mask_that_another_image_owns_is_not_taken(tmp_path, monkeypatch):
    """A camera of 125 Hz with one mask for four images."""
    monkeypatch.setattr(small_bag, "PERIOD", 8_000_000)
    frames = frames_of(write_bag(tmp_path / "bag", Contents(frames=4, skip_masks=(0, 1, 2))))
    assert [f.frame is not None for f in frames] == [False, False, False, True]


def test_depth_of_an_image_without_mask_is_free(tmp_path, monkeypatch):
    """Depth comes with every other image of a fast camera, masks with the ones between."""
    monkeypatch.setattr(small_bag, "PERIOD", 8_000_000)
    frames = frames_of(
        write_bag(tmp_path / "bag", Contents(frames=4, skip_masks=(0, 2), skip_depth=(1, 3)))
    )
    assert [f.frame and f.frame.depth is not None for f in frames] == [None, True, None, True]


def test_topics_can_be_renamed_and_missing_ones_are_named(tmp_path):
    path = write_bag(tmp_path / "bag", Contents(without=("instance_mask",)))
    with pytest.raises(BagError, match="no topic /camera/instance_mask; it has") as error:
        frames_of(path)
    assert "/camera/image (sensor_msgs/msg/Image)" in str(error.value)
    assert str(error.value).endswith("choose one with --instance-mask-topic")
    with pytest.raises(BagError, match=r"/camera/camera_info carries sensor_msgs/msg/CameraInfo"):
        frames_of(path, Topics(instance_mask="/camera/camera_info"))
    with pytest.raises(BagError, match=r"no topic /lidar; .*--depth-topic"):
        frames_of(write_bag(tmp_path / "whole"), Topics(depth="/lidar"))
    with pytest.raises(BagError, match=r"image and instance_mask are both /camera/image"):
        frames_of(path, Topics(instance_mask="/camera/image"))


def empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


def text_file(path: Path) -> Path:
    path = path.with_suffix(".txt")
    path.write_text("not a bag")
    return path


def garbage(path: Path) -> Path:
    path = path.with_suffix(".mcap")
    path.write_bytes(bytes(range(256)) * 40)
    return path


def empty_file(path: Path) -> Path:
    path = path.with_suffix(".mcap")
    path.touch()
    return path


def truncated(path: Path) -> Path:
    write_bag(path)
    file = path / f"{path.name}.mcap"
    file.write_bytes(file.read_bytes()[:60])
    return path


def damaged_inside(path: Path) -> Path:
    write_bag(path)
    file = path / f"{path.name}.mcap"
    content = file.read_bytes()
    start, end = len(content) // 8, len(content) // 2
    file.write_bytes(content[:start] + b"\xff" * (end - start) + content[end:])
    return path


def without_files(path: Path) -> Path:
    write_bag(path)
    (path / f"{path.name}.mcap").unlink()
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "no such bag"),
        (empty_folder, r"contains no .mcap or .db3 file; give a bag folder, an .mcap or a .db3"),
        (text_file, "not a readable rosbag2: bag.txt: no ending .mcap or .db3"),
        (garbage, "not a readable rosbag2: bag.mcap: it does not begin like an MCAP file"),
        (empty_file, "not a readable rosbag2: bag.mcap: it is empty"),
        (truncated, "not a readable rosbag2: bag.mcap: truncated at byte 43 of 60"),
        (damaged_inside, "no topic /camera/.*; bag.mcap: damaged at byte 43: a record is longer"),
        (without_files, "not a readable rosbag2: Some database files are missing"),
        (lambda path: write_bag(path, Contents(frames=0)), "no topic /camera/image; it has no"),
    ],
)
def test_bad_bag_is_refused_by_name(tmp_path, make, message):
    path = make(tmp_path / "bag")
    with pytest.raises(BagError, match=message) as error:
        frames_of(path)
    assert str(error.value).startswith(str(path))


def test_topic_without_messages_is_an_error(tmp_path):
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic in ("/camera/image", "/camera/instance_mask"):
            writer.add_connection(topic, "sensor_msgs/msg/Image", typestore=STORE)
    with pytest.raises(BagError, match="no message on /camera/image"):
        frames_of(tmp_path / "bag")


def test_padding_and_byte_order_are_honoured():
    frame = two_cards().frame
    assert frame.depth is not None
    millimetres = (frame.depth * 1000).astype(">u2")
    millimetres[0, 0] = 0
    found = to_frame(
        image(frame.rgb[..., ::-1], "bgr8", HEADER, padding=5),
        image(frame.labels.astype(">u2"), "16UC1", HEADER, padding=6),
        image(millimetres, "16UC1", HEADER, padding=2),
    )
    assert np.array_equal(found.rgb, frame.rgb)
    assert np.array_equal(found.labels, frame.labels)
    assert np.isnan(found.depth[0, 0])
    assert np.allclose(found.depth[1:], frame.depth[1:], atol=1e-3)


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("mono8", np.uint8), ("8UC1", np.uint8), ("mono16", np.uint16), ("32SC1", np.int32)],
)
def test_label_encodings(encoding, kind):
    frame = two_cards().frame
    labels = image(frame.labels.astype(kind), encoding, HEADER)
    assert np.array_equal(to_frame(image(frame.rgb, "rgb8", HEADER), labels).labels, frame.labels)


def test_unknown_encodings_and_short_messages_are_refused():
    frame = two_cards().frame
    rgb, labels = image(frame.rgb, "rgb8", HEADER), image(frame.labels, "32SC1", HEADER)
    with pytest.raises(ValueError, match="image has encoding '32SC1'; publish it as rgb8"):
        to_frame(labels, labels)
    with pytest.raises(ValueError, match="instance_mask has encoding 'rgb8'; publish it as mono8"):
        to_frame(rgb, rgb)
    labels.data = labels.data[:-1]
    with pytest.raises(
        ValueError,
        match="instance_mask has 19199 bytes of data but 80x60",
    ):
        to_frame(rgb, labels)
    with pytest.raises(ValueError, match="a message of 5 bytes has no header"):
        serialised_stamp(b"12345")


@pytest.mark.parametrize("stamp", [(-1, 0), (5, 1_000_000_000)])
def test_stamp_that_is_no_time_is_refused_with_its_bag(tmp_path, stamp):
    message = image(two_cards().frame.rgb, "rgb8", type(HEADER)(TIME(*stamp), "camera"))
    data = STORE.serialize_cdr(message, message.__msgtype__)
    with pytest.raises(ValueError, match=r"stamp .* is not a valid time"):
        serialised_stamp(data)
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic in ("/camera/image", "/camera/instance_mask"):
            connection = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            writer.write(connection, START, data)
    text = rf"bag: no message on /camera/image; .* without a valid stamp .* stamp {stamp[0]} s"
    with pytest.raises(BagError, match=text):
        frames_of(tmp_path / "bag")


@pytest.mark.parametrize(
    "unknown",
    [
        {"k": np.zeros(9)},
        {"k": np.array([80.0, 0, 40, 0, 0, 30, 0, 0, 1])},
        {"k": np.array([80.0, 0, np.nan, 0, 80, 30, 0, 0, 1])},
        {"width": 40, "height": 20},
    ],
    ids=["zeros", "no fy", "NaN", "other resolution"],
)
def test_camera_that_does_not_fit_is_unknown(unknown):
    frame = two_cards().frame
    pictures = image(frame.rgb, "rgb8", HEADER), image(frame.labels, "32SC1", HEADER)
    camera = camera_info(frame, HEADER)
    assert np.array_equal(to_frame(*pictures, None, camera).camera_matrix, frame.camera_matrix)
    vars(camera).update(unknown)
    assert to_frame(*pictures, None, camera).camera_matrix is None


def test_bag_with_older_definitions_of_our_messages_is_read():
    """The demo's was recorded before lifts were judged, and holds the definitions of then."""
    bag_file = resource_path("demo/tabletop.mcap")
    recorded = {c.msgtype: c.msgdef.data for c in Salvaged([bag_file]).connections}
    assert "set_aside" not in recorded["segan_ros/msg/OcclusionGraph"]
    with open_bag(bag_file) as bag:
        first = next(iter(bag.frames()))
    graph = first.true_graph
    assert len(graph.edges) > 5 and not any(e.set_aside for e in graph.edges)
    assert graph.free == frozenset(graph.object_ids) - {e.occludee_id for e in graph.edges}
    assert len(first.truth.objects) == len(graph.object_ids)


def test_unusable_frame_is_a_problem_of_that_frame_alone(tmp_path):
    path = write_bag(tmp_path / "bag", Contents(skip_masks=(1,)))
    frames = frames_of(path)
    assert [f.frame is None for f in frames] == [False, True, False]


def answer(visible: object, amodal: object, appearance: object) -> object:
    """An AmodalObjectArray of one object in a picture of 10x12."""
    item = TYPES["segan_ros/msg/AmodalObject"](
        4, "", "", 0.75, visible, amodal, appearance, 0, 0, 0.0, 2, True, 0.5, 0.75, True, False
    )
    return TYPES["segan_ros/msg/AmodalObjectArray"](HEADER, 10, 12, [item])


def graph() -> object:
    nan = float("nan")
    edge = TYPES["segan_ros/msg/OcclusionEdge"](9, 4, 0.5, 3, 0.25, nan, 3, 0.5, True, False)
    return TYPES["segan_ros/msg/OcclusionGraph"](
        HEADER,
        np.array([4, 9], np.uint32),
        np.array([1, 0], np.uint16),
        [edge],
        True,
        np.array([9, 4], np.uint32),
        [],
        np.array([9], np.uint32),
        TYPES["geometry_msgs/msg/Vector3"](0.0, -1.0, 0.0),
        0.5,
    )


def test_crops_of_one_object_are_brought_to_one_box():
    seen = np.full((2, 2), 255, np.uint8)
    whole = np.full((3, 4), 255, np.uint8)
    colours = np.full((3, 4, 4), 90, np.uint8)
    scene = to_scene(
        answer(
            crop(seen, 5, 4, "mono8", HEADER),
            crop(whole, 3, 3, "mono8", HEADER),
            crop(colours, 3, 3, "rgba8", HEADER),
        ),
        graph(),
    )
    item = scene.object(4)
    assert scene.size == (10, 12) and item.box == (3, 3, 7, 6)
    assert item.amodal.all() and item.visible_area == 4
    assert item.visible[1:3, 2:4].all()
    assert item.appearance is not None and np.all(item.appearance == 90)
    assert (item.score, item.layer, item.truncated, item.depth_median) == (0.75, 2, True, 0.5)
    assert scene.graph.removal_order == (9, 4)
    assert scene.graph.edges[0].evidence == 3 and np.isnan(scene.graph.edges[0].depth_gap)


def test_crops_that_reach_past_the_image_are_cut():
    whole = np.full((6, 6), 255, np.uint8)
    nothing = SimpleNamespace(x=0, y=0, image=SimpleNamespace(width=0))
    message = answer(
        crop(whole[:2, :2], 0, 0, "mono8", HEADER), crop(whole, -3, -2, "mono8", HEADER), nothing
    )
    item = to_scene(message, graph()).object(4)
    assert item.box == (0, 0, 3, 4)
    assert item.amodal.all() and item.appearance is None


def test_truth_without_a_visible_pixel_is_kept():
    nothing = SimpleNamespace(x=0, y=0, image=SimpleNamespace(width=0))
    whole = crop(np.full((3, 4), 255, np.uint8), 8, 2, "mono8", HEADER)
    (item,) = to_truth(answer(nothing, whole, nothing))
    assert item.amodal[2:5, 8:12].all() and item.amodal.sum() == 12
    assert item.appearance is None
