"""Bad input is counted under its reason, explained in the diagnostics, and the next frame works."""

import pytest

pytest.importorskip("rclpy")
import numpy as np
import yaml
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from ros_harness import (
    RELIABLE,
    SECOND,
    START,
    Gate,
    image_and_mask,
    image_message,
    level_and_text,
    listen,
    two_boxes,
)
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from segan_ros.messages import bridge
from segan_ros.messages.images import MessageError

pytestmark = pytest.mark.ros

RGB, LABELS = two_boxes()


def changed(message, **values):
    for name, value in values.items():
        setattr(message, name, value)
    return message


def image(**values):
    return changed(image_message(RGB, "rgb8"), **values)


def mask(labels=LABELS, encoding="16UC1", **values):
    return changed(image_message(labels, encoding), **values)


@pytest.mark.parametrize(
    "sent, reason, text",
    [
        (
            (image(), mask(LABELS[:30])),
            "image.size_mismatch",
            "instance_mask is 80x30 but the image is 80x60; publish both at the same resolution",
        ),
        (
            (image(encoding="yuv444"), None),
            "image.bad_encoding",
            "image has encoding 'yuv444'; publish it as rgb8, bgr8",
        ),
        (
            (None, mask(encoding="32FC1")),
            "instance_mask.bad_encoding",
            "publish it as mono8, 8UC1, 16UC1, mono16, 32SC1, one object id per pixel",
        ),
        (
            (image(data=bytes(100)), None),
            "image.truncated",
            "100 bytes of data but 80x60 rgb8 with step 240 takes 14400",
        ),
        ((None, mask(data=bytes(9))), "instance_mask.truncated", "takes 9600"),
        ((image(width=0, height=0), None), "image.bad_size", "image is 0x0; each side must"),
        (
            (image(header=Header()), None),
            "image.bad_stamp",
            "image has no valid stamp; its publisher must set header.stamp",
        ),
        (
            (None, mask(header=Header(stamp=Time(sec=1, nanosec=4_000_000_000)))),
            "instance_mask.bad_stamp",
            "instance_mask has no valid stamp",
        ),
    ],
)
def test_bad_message_is_counted_and_explained(start_node, robot, sent, reason, text):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    stream, reason = reason.split(".")
    robot.send(*sent)
    robot.wait(lambda: node.tally(stream).dropped.get(reason), f"{stream} dropped: {reason}")
    level, said = level_and_text(node)
    assert level == b"\x01" and text in said
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: graphs, "the next good frame")
    robot.wait(lambda: node.tally().in_flight == 0, "the counters")


def test_images_that_are_refused_are_not_called_lost(start_node, robot):
    node = start_node(input_reliability="reliable")
    camera = robot.camera("image", reliability=RELIABLE)
    for n in range(24):
        message = image_and_mask(START + n * SECOND // 10)[0]
        message.step = 1 if n % 3 == 0 else message.step
        camera.publish(message)
        robot.wait(lambda n=n: node.tally().received > n, "the image")
    assert node.tally().dropped["truncated"] == 8
    assert node.node.report().lost_share == 0


def test_row_padding_and_big_endian_work(start_node, robot):
    node = start_node()
    (labels,) = listen(robot, node, "amodal_labels")
    padded = np.pad(RGB.reshape(60, -1), ((0, 0), (0, 5)), constant_values=9)
    picture = image(data=padded.tobytes(), step=245)
    swapped = mask(data=LABELS.byteswap().tobytes(), is_bigendian=1)
    robot.send(picture, swapped)
    robot.wait(lambda: labels, "labels")
    found = bridge.decode(labels[0])
    np.testing.assert_array_equal(found[LABELS > 0], LABELS[LABELS > 0])


def test_labels_without_objects_give_an_empty_answer(start_node, robot):
    node = start_node()
    objects, graphs = listen(robot, node, "objects", "occlusion_graph")
    robot.send(image(), mask(np.zeros_like(LABELS)))
    robot.wait(lambda: objects and graphs, "answers")
    assert not objects[0].objects and not graphs[0].object_ids
    assert graphs[0].is_acyclic and node.tally().lost == 0


def test_depth_image_taken_for_labels_is_dropped_and_the_next_frame_answered(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    depth = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)
    robot.send(image(), image_message(depth, "16UC1", START))
    robot.wait(lambda: node.tally().dropped.get("too_many_objects"), "the frame to be dropped")
    text = node.node.report().texts["image.too_many_objects"]
    assert "4799 objects, max_objects is 255; is this a depth image" in text
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: graphs, "the graph of the next frame")


def test_a_semantic_mask_is_answered_with_a_warning(start_node, robot):
    node = start_node()
    (heard,) = listen(robot, node, "objects")
    labels = np.zeros((60, 80), np.uint8)
    labels[5:20, 5:20] = labels[40:55, 60:75] = 255
    image, _ = image_and_mask(START)
    robot.send(image, image_message(labels, "mono8", START))
    robot.wait(lambda: heard, "objects")
    level, text = level_and_text(node)
    assert level == DiagnosticStatus.WARN
    assert "all masks have the value 255, in 2 pieces: this looks like" in text


def test_what_masks_look_like_is_said_before_the_networks_have_run(start_node, robot):
    """Of a photograph taken for a label image they run for half a minute."""
    node = start_node()
    listen(robot, node, "objects")
    gate = Gate(node, is_open=False)
    noise = np.random.default_rng(0).integers(0, 200, (60, 80), np.uint8)
    robot.send(image(), image_message(noise, "mono8", START))
    robot.wait(gate.entered.is_set, "the networks")
    level, text = level_and_text(node)
    gate.open.set()
    assert level == DiagnosticStatus.WARN
    assert "this looks like a depth image or a photograph; send a label image" in text


def test_void_is_no_object(start_node, robot):
    node = start_node(ignore_ids=[255, 3])
    (heard,) = listen(robot, node, "objects")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: heard, "objects")
    assert [o.id for o in heard[0].objects] == [7]


def test_bag_that_starts_again_goes_on_being_answered(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    for n, stamp in enumerate((START, START + 5 * SECOND, START, START + 5 * SECOND)):
        robot.send(*image_and_mask(stamp))
        robot.wait(lambda n=n: len(graphs) > n, f"graph {n}")
    assert node.node.report().jumps > 0
    assert "clock_jump" not in node.tally().dropped


def test_stale_frame_is_dropped_before_any_work(start_node, robot):
    node = start_node(max_age=10.0)
    listen(robot, node, "occlusion_graph")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: node.tally().dropped.get("stale"), "the frame to be dropped as stale")
    level, text = level_and_text(node)
    assert level == b"\x01" and "max_age is 10 s" in text


def test_frame_whose_depth_has_another_size_is_dropped_where_depth_is_a_must(start_node, robot):
    node = start_node(use_depth="always", sync_timeout=10.0)
    robot.camera("depth").publish(image_message(np.full((30, 40), 1250, np.uint16), "16UC1", START))
    robot.send(*image_and_mask(START))
    robot.wait(lambda: node.tally("depth").lost, "the frame to be dropped")
    for stream in ("image", "instance_mask", "depth"):
        assert node.tally(stream).dropped == {"size_mismatch": 1}
    assert "depth is 40x30 but the image is 80x60" in level_and_text(node)[1]


def test_depth_of_another_size_is_left_out(start_node, robot):
    node = start_node()
    (heard,) = listen(robot, node, "objects")
    depth = robot.camera("depth")
    depth.publish(image_message(np.full((30, 40), 1250, np.uint16), "16UC1", START))
    robot.wait(lambda: node.tally("depth").received, "the depth")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: heard, "objects")
    assert all(np.isnan(o.depth_median) for o in heard[0].objects)
    assert node.tally("depth").dropped == {"size_mismatch": 1}
    assert "depth is 40x30 but the image is 80x60" in level_and_text(node)[1]


def test_camera_info_that_gives_no_rays_costs_no_frame(start_node, robot):
    node = start_node(use_depth="always")
    markers = robot.hear("/segan/markers", MarkerArray)
    robot.wait(lambda: node.subscribed, "a listener")
    k = [50.0, 0, 40, 0, 0, 30, 0, 0, 1]
    robot.camera("camera_info", CameraInfo).publish(CameraInfo(width=80, height=60, k=k))
    robot.wait(lambda: node.tally("camera_info").received, "camera_info")
    depth = robot.camera("depth")
    depth.publish(image_message(np.full((60, 80), 1250, np.uint16), "16UC1", START))
    robot.send(*image_and_mask(START))
    robot.wait(lambda: markers, "markers")
    assert [m.action for m in markers[0].markers] == [Marker.DELETEALL]
    assert "calibrate the camera" in node.node.counters.throttled.last["bad_camera_info"]
    robot.wait(lambda: node.tally().done == 1, "the frame to be counted")


def test_depth_of_another_camera_is_a_warning(start_node, robot):
    node = start_node(use_depth="always")
    (heard,) = listen(robot, node, "objects")
    depth = robot.camera("depth")
    for n, frame in enumerate(("left", "camera", "")):
        stamp = START + n * SECOND
        depth.publish(image_message(np.full((60, 80), 1.25, np.float32), "32FC1", stamp, frame))
        robot.send(*image_and_mask(stamp))
        robot.wait(lambda n=n: len(heard) == n + 1, "objects")
        said = node.node.report().camera_problem
        assert ("depth has frame_id 'left', but the image has 'camera'" in said) == (n == 0)
    assert all(o.depth_median == 1.25 for o in heard[0].objects)


def test_frame_that_fails_after_its_graph_is_counted_as_failed(start_node, robot, monkeypatch):
    node = start_node()
    monkeypatch.setattr("segan_ros.ros.outputs.objects_message", lambda *_: 1 / 0)
    graphs, objects = listen(robot, node, "occlusion_graph", "objects")
    robot.send(*image_and_mask(START))
    robot.wait(lambda: node.tally().dropped == {"internal_error": 1}, "the error to be counted")
    monkeypatch.undo()
    robot.send(*image_and_mask(START + SECOND))
    robot.wait(lambda: objects and len(graphs) == 2, "the next frame")
    assert objects[0].header.stamp.sec == START // SECOND + 1
    robot.wait(lambda: node.tally().done == 1, "the next frame to be counted")


def test_message_error_while_decoding_is_no_internal_error(start_node, robot):
    node = start_node()
    listen(robot, node, "occlusion_graph")
    Gate(node).error = MessageError("odd", "odd content")
    robot.send(*image_and_mask())
    robot.wait(lambda: node.tally().dropped == {"odd": 1}, "the frame to be dropped as odd")


class TestModel:
    """A model that cannot be used leaves the node unconfigured, alive, and saying why."""

    @pytest.fixture
    def folder(self, tmp_path, dummy_model):
        for path in dummy_model.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        return tmp_path

    def problem(self, start_node, folder, **parameters):
        node = start_node(model=str(folder), **parameters)
        assert node.node.state == "unconfigured"
        level, text = level_and_text(node)
        assert level == b"\x02"
        return text

    def test_missing_folder(self, start_node, tmp_path):
        text = self.problem(start_node, tmp_path / "nowhere")
        assert "nowhere/model.yaml: no such file; a model is a folder with model.yaml" in text

    def test_unknown_shipped_name(self, start_node):
        text = self.problem(start_node, "tablecloth")
        assert "model is 'tablecloth', which is not a shipped one (tabletop); give one" in text

    def test_missing_onnx(self, start_node, folder):
        (folder / "painter.onnx").unlink()
        assert "painter.onnx: no such file" in self.problem(start_node, folder)

    def test_corrupt_onnx(self, start_node, folder):
        (folder / "segmentor.onnx").write_bytes(b"not a network")
        assert "segmentor.onnx: ONNX Runtime cannot read it" in self.problem(start_node, folder)

    def test_network_of_another_shape(self, start_node, folder):
        (folder / "segmentor.onnx").write_bytes((folder / "painter.onnx").read_bytes())
        assert "but model.yaml calls for" in self.problem(start_node, folder)

    def test_model_yaml_without_a_key(self, start_node, folder):
        description = yaml.safe_load((folder / "model.yaml").read_text())
        del description["segmentor"]["threshold"]
        (folder / "model.yaml").write_text(yaml.safe_dump(description))
        assert "key 'segmentor.threshold' is missing" in self.problem(start_node, folder)

    def test_provider_that_cannot_run(self, start_node, dummy_model):
        assert "provider tensorrt" in self.problem(start_node, dummy_model, provider="tensorrt")

    def test_node_starts_once_the_model_is_mended(self, start_node, tmp_path, dummy_model):
        from rclpy.parameter import Parameter

        node = start_node(model=str(tmp_path))
        assert node.node.state == "unconfigured"
        node.do(lambda: node.node.set_parameters([Parameter("model", value=str(dummy_model))]))
        node.do(node.node.start)
        assert node.node.state == "active"
