"""What goes wrong around a running node, and how it goes on; docs/faults.md is its table."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from ros_harness import (
    RELIABLE,
    SECOND,
    START,
    image_and_mask,
    image_message,
    level_and_text,
    listen,
    settled,
    two_boxes,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from segan_ros.messages.encodings import layout
from segan_ros.ros import throttled_log

pytestmark = pytest.mark.ros

FRAME = SECOND // 30


class TestCameraThatComesBack:
    """The publisher is gone, and another one comes with other pictures."""

    @pytest.mark.parametrize(
        "size, form, ids",
        [
            ((60, 80), ("rgb8", "16UC1"), (3, 7)),
            ((120, 160), ("rgb8", "16UC1"), (3, 7)),
            ((45, 33), ("mono8", "8UC1"), (3, 7)),
            ((60, 80), ("bgra8", "32SC1"), (3, 7)),
            ((60, 80), ("rgb8", "32SC1"), (1_000_003, 2_000_000_007)),
            ((60, 80), ("rgb8", "16UC1"), (65535, 1)),
        ],
    )
    def test_other_resolution_encoding_or_ids(self, start_node, robot, size, form, ids):
        node = start_node()
        objects, pictures = listen(robot, node, "objects", "amodal_labels")
        robot.send(*image_and_mask(START))
        robot.wait(lambda: objects and pictures, "the first camera's answer")
        robot.unplug()
        robot.wait(lambda: not any(node.node.report().publishers.values()), "the camera to go")
        rgb, mask = (
            cv2.resize(p, size[::-1], interpolation=cv2.INTER_NEAREST) for p in two_boxes()
        )
        mask = np.select([mask == 3, mask == 7], ids).astype(layout(form[1])[0])
        rgb = {"rgb8": rgb, "mono8": rgb[:, :, 0], "bgra8": np.dstack([rgb, rgb[:, :, :1]])}[
            form[0]
        ]
        stamp = START + 60 * SECOND
        robot.send(image_message(rgb, form[0], stamp), image_message(mask, form[1], stamp))
        robot.wait(lambda: len(objects) == 2 and len(pictures) == 2, "the second camera's answer")
        assert sorted(o.id for o in objects[1].objects) == sorted(ids)
        assert (pictures[1].height, pictures[1].width) == size
        assert node.tally().lost == 0

    def test_camera_info_of_the_old_resolution_is_named(self, start_node, robot):
        node = start_node(use_depth="always")
        markers = robot.hear("/segan/markers", MarkerArray)
        robot.wait(lambda: node.subscribed, "a listener")
        k = [50.0, 0, 40, 0, 50, 30, 0, 0, 1]
        info = robot.camera("camera_info", CameraInfo)
        info.publish(CameraInfo(width=640, height=360, k=k))
        robot.wait(lambda: node.tally("camera_info").received, "camera_info")
        robot.camera("depth").publish(image_message(np.full((60, 80), 900, np.uint16), "16UC1"))
        robot.send(*image_and_mask(START))
        robot.wait(lambda: markers, "markers")
        text = "camera_info is for 640x360 but the image is 80x60, so it is ignored; publish"
        assert text in node.node.report().camera_problem
        info.publish(CameraInfo(width=640, height=360, k=k))
        robot.wait(lambda: node.tally("camera_info").received == 2, "the same camera_info again")
        assert text in node.node.report().camera_problem
        info.publish(CameraInfo(width=80, height=60, k=k))
        robot.wait(lambda: not node.node.report().camera_problem, "the right camera_info")

    def test_camera_info_that_was_published_once_before_the_node_is_heard(self, start_node, robot):
        latched = QoSProfile(
            depth=1,
            reliability=QoSReliabilityPolicy.RELIABLE,
            durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
        )
        once = robot.node.create_publisher(CameraInfo, "camera_info", latched)
        k = [50.0, 0, 40, 0, 50, 30, 0, 0, 1]
        once.publish(CameraInfo(width=80, height=60, k=k))
        node = start_node(use_depth="always")
        robot.wait(lambda: node.node.report().calibrated, "the calibration")
        (boxes,) = listen(robot, node, "boxes")
        depth = np.full((60, 80), 900, np.uint16)
        robot.camera("depth").publish(image_message(depth, "16UC1"))
        robot.send(*image_and_mask(START))
        robot.wait(lambda: boxes, "boxes")
        assert {box.id for box in boxes[0].boxes} == {3, 7}
        assert node.tally("camera_info").received == 1

    def test_camera_info_of_a_larger_picture_is_scaled_with_one_warning(self, start_node, robot):
        node = start_node(use_depth="always")
        (boxes,) = listen(robot, node, "boxes")
        k = [100.0, 0, 80, 0, 100, 60, 0, 0, 1]
        robot.camera("camera_info", CameraInfo).publish(CameraInfo(width=160, height=120, k=k))
        robot.wait(lambda: node.tally("camera_info").received, "camera_info")
        depth = robot.camera("depth")
        warned = node.node.counters.throttled
        for n in range(3):
            stamp = START + n * SECOND
            depth.publish(image_message(np.full((60, 80), 1000, np.uint16), "16UC1", stamp))
            robot.send(*image_and_mask(stamp))
            robot.wait(lambda n=n: len(boxes) == n + 1, "boxes")
        # Object 7 has 40x25 pixels: 0.94 m across at 1 m and a focal length of 50 pixels.
        (wide,) = [b for b in boxes[0].boxes if b.id == 7]
        assert 0.8 < max(wide.size.x, wide.size.y) < 1
        text = "camera_info is for 160x120 but the image is 80x60: it is scaled by 0.5, which is"
        assert text in node.node.report().camera_problem
        assert text in warned.last["bad_camera_info"]
        assert warned.held_back("bad_camera_info") == 0

    def test_camera_that_changes_to_the_resolution_of_its_camera_info_is_fine(
        self, start_node, robot
    ):
        node = start_node()
        info = robot.camera("camera_info", CameraInfo)
        info.publish(CameraInfo(width=160, height=120, k=[50.0, 0, 80, 0, 50, 60, 0, 0, 1]))
        robot.wait(lambda: node.tally("camera_info").received, "camera_info")
        robot.send(*image_and_mask(START))
        robot.wait(lambda: node.node.report().camera_problem, "the problem")
        rgb, mask = two_boxes((120, 160))
        stamp = START + SECOND
        robot.send(image_message(rgb, "rgb8", stamp), image_message(mask, "16UC1", stamp))
        robot.wait(lambda: not node.node.report().camera_problem, "the problem to end")


class TestDepth:
    @pytest.mark.parametrize(
        "pixels, encoding, scale",
        [
            (np.full((60, 80), 7500, np.uint16), "16UC1", 1e-4),
            (np.full((60, 80), 750, np.uint16), "mono16", 1e-3),
        ],
    )
    def test_steps_are_of_depth_scale(self, start_node, robot, pixels, encoding, scale):
        node = start_node(use_depth="always", depth_scale=scale)
        (objects,) = listen(robot, node, "objects")
        pixels[30:50, 50:60] = 65535  # nothing measured
        robot.camera("depth").publish(image_message(pixels, encoding))
        robot.send(*image_and_mask(START))
        robot.wait(lambda: objects, "objects")
        assert all(o.depth_median == pytest.approx(0.75) for o in objects[0].objects)
        assert node.node.report().camera_problem == ""

    def test_range_that_cannot_be_is_a_warning_while_it_lasts(self, start_node, robot):
        node = start_node(use_depth="always")
        (objects,) = listen(robot, node, "objects")
        depth = robot.camera("depth")
        for n, metres in enumerate((150.0, 0.15)):
            stamp = START + n * SECOND
            picture = np.full((60, 80), metres, np.float32)
            depth.publish(image_message(picture, "32FC1", stamp))
            robot.send(*image_and_mask(stamp))
            robot.wait(lambda n=n: len(objects) == n + 1, "objects")
            said = level_and_text(node)[1]
            assert ("the median depth of the objects is 150 m" in said) == (n == 0)
        assert "publish 32FC1 in metres" in node.node.counters.throttled.last["bad_depth"]

    def test_problem_that_follows_another_is_logged_as_well(
        self, start_node, robot, monkeypatch, capfd
    ):
        """Though it comes while the log still holds back lines of its kind."""
        now = 0
        monkeypatch.setattr(throttled_log, "time", SimpleNamespace(monotonic=lambda: now))
        node = start_node(use_depth="always")
        (objects,) = listen(robot, node, "objects")
        depth = robot.camera("depth")
        for n, metres in enumerate((150.0, 700.0, 700.0)):
            now = 6 * n
            stamp = START + n * SECOND
            depth.publish(image_message(np.full((60, 80), metres, np.float32), "32FC1", stamp))
            robot.send(*image_and_mask(stamp))
            robot.wait(lambda n=n: len(objects) == n + 1, "objects")
        said = capfd.readouterr().err
        assert said.count("objects is 150 m") == said.count("objects is 700 m") == 1


class TestMasks:
    """Masks come late, early, twice, in another order, or not at all."""

    @pytest.fixture
    def node(self, start_node):
        """It waits for masks until the test says otherwise, however busy the machine is."""
        return start_node(sync_timeout=60.0, input_reliability="reliable", input_depth=20)

    def end_the_wait(self, node):
        """For the messages that wait now."""
        parameters = [Parameter("sync_timeout", value=0.3)]
        assert all(r.successful for r in node.do(lambda: node.node.set_parameters(parameters)))

    def play(self, robot, node, events):
        """Publish (topic, number of the frame); return the numbers of the answered frames."""
        (graphs,) = listen(robot, node, "occlusion_graph")
        cameras = {t: robot.camera(t, reliability=RELIABLE) for t in ("image", "instance_mask")}
        for topic, n in events:
            message = image_and_mask(START + n * FRAME)[topic == "instance_mask"]
            before = node.tally(topic).received
            cameras[topic].publish(message)
            robot.wait(lambda t=topic, b=before: node.tally(t).received > b, "the message")
            robot.wait(lambda: not node.node.report().in_work, "the frame in work")
        self.end_the_wait(node)
        robot.wait(lambda: settled(node), "the queue to empty")
        robot.wait(lambda: len(graphs) == node.tally().done, "all graphs")
        return [
            round((g.header.stamp.sec * SECOND + g.header.stamp.nanosec - START) / FRAME)
            for g in graphs
        ]

    @pytest.mark.parametrize(
        "order, answered, dropped",
        [
            ("i0 m0 i1 m1", [0, 1], {}),
            ("m0 i0 m1 i1", [0, 1], {}),
            ("i0 i1 i2 m0 m1 m2", [0, 1, 2], {}),
            ("i0 i1 m1 i2 m2", [1, 2], {"image.no_partner": 1}),
            ("i0 m0 m0 i1 m1", [0, 1], {"instance_mask.duplicate_stamp": 1}),
            ("i0 i0 m0 i1 m1", [0, 1], {"image.duplicate_stamp": 1}),
            (
                "i0 i1 i2 m1 m0 m2",
                [1, 2],
                {"image.no_partner": 1, "instance_mask.late": 1},
            ),
            ("i1 i0 m0 m1", [0, 1], {}),
            ("i0 m0 m1 m2 i2", [0, 2], {"instance_mask.no_partner": 1}),
        ],
    )
    def test_every_image_finds_its_mask_or_is_counted(self, node, robot, order, answered, dropped):
        topics = {"i": "image", "m": "instance_mask"}
        events = [(topics[word[0]], int(word[1:])) for word in order.split()]
        assert self.play(robot, node, events) == answered
        found = {
            f"{s}.{reason}": n
            for s in topics.values()
            for reason, n in node.tally(s).dropped.items()
        }
        assert found == dropped

    def test_masks_that_come_after_the_wait_are_named_with_the_remedy(self, node, robot):
        assert self.play(robot, node, [("image", 0)]) == []
        assert node.tally().dropped == {"no_partner": 1}
        assert self.play(robot, node, [("instance_mask", 0), ("image", 90)]) == []
        robot.wait(lambda: node.tally("instance_mask").lost, "the mask to be dropped")
        level, text = level_and_text(node)
        assert (
            level == b"\x01" and "later than sync_timeout (0.3 s), raise it and sync_queue" in text
        )

    def test_masks_that_come_after_the_queue_is_full_are_named_with_the_remedy(
        self, start_node, robot
    ):
        node = start_node(sync_queue=2, sync_timeout=10.0, input_reliability="reliable")
        camera = robot.camera("image", reliability=RELIABLE)
        for n in range(3):
            camera.publish(image_and_mask(START + n * FRAME)[0])
            robot.wait(lambda n=n: node.tally().received > n, "the message")
        robot.wait(lambda: node.tally().dropped == {"queue_full": 1}, "the oldest to be dropped")
        text = node.node.counters.throttled.last["image.queue_full"]
        assert "more messages of image are waiting than sync_queue holds" in text


class TestClock:
    """Simulated time starts again, stands still, or is two clocks at once."""

    def clock(self, robot):
        publisher = robot.node.create_publisher(Clock, "/clock", 10)
        robot.wait(publisher.get_subscription_count, "a listener of /clock")

        def tell(node, nanoseconds):
            time = Time(sec=nanoseconds // SECOND, nanosec=nanoseconds % SECOND)

            def told():
                publisher.publish(Clock(clock=time))
                return node.node.get_clock().now().nanoseconds == nanoseconds

            robot.wait(told, "the node's clock")

        return tell

    def test_bag_in_a_loop_under_simulated_time(self, start_node, robot):
        node = start_node(use_sim_time=True, max_age=0.5)
        (graphs,) = listen(robot, node, "occlusion_graph")
        tell = self.clock(robot)
        stamps = [START + n * SECOND // 4 for n in range(8)] * 3
        for n, stamp in enumerate(stamps):
            tell(node, stamp + 1000)
            robot.send(*image_and_mask(stamp))
            robot.wait(lambda n=n: len(graphs) == n + 1, f"graph {n}")
        assert node.tally().dropped == {} and node.node.report().jumps == 2

    def test_clock_that_stands_still_stops_nothing(self, start_node, robot):
        node = start_node(use_sim_time=True, sync_timeout=0.2, diagnostics_period=0.1)
        (graphs,) = listen(robot, node, "occlusion_graph")
        self.clock(robot)(node, START)
        robot.send(image_and_mask(START)[0], None)
        robot.wait(lambda: node.tally().dropped.get("no_partner"), "the wait for a mask to end")
        robot.send(*image_and_mask(START + SECOND))
        robot.wait(lambda: graphs, "a graph")

    def test_clock_that_starts_again_at_zero(self, start_node, robot):
        node = start_node(use_sim_time=True, max_age=5.0)
        (graphs,) = listen(robot, node, "occlusion_graph")
        tell = self.clock(robot)
        for n, begin in enumerate((START, SECOND)):
            tell(node, begin)
            robot.send(*image_and_mask(begin))
            robot.wait(lambda n=n: len(graphs) == n + 1, f"graph {n}")
        assert graphs[1].header.stamp.sec == 1

    def test_two_cameras_on_one_topic_are_named(self, start_node, robot):
        node = start_node()
        (graphs,) = listen(robot, node, "occlusion_graph")
        for n in range(10):
            stamp = START + (n % 2) * 3600 * SECOND + n * FRAME
            robot.send(*image_and_mask(stamp))
            robot.wait(lambda n=n: node.tally().received == n + 1, "the image")
            robot.wait(lambda: settled(node), "the frame")
        level, text = level_and_text(node)
        assert level == b"\x01" and "stamps jumped back" in text and "has two publishers" in text
        assert graphs


def test_parameters_set_in_the_middle_of_frames_hold_from_the_next_one(start_node, robot):
    node = start_node()
    (graphs,) = listen(robot, node, "occlusion_graph")
    edges = []
    for n, area in enumerate((10, 100_000, 10)):
        change = [Parameter("min_overlap_area", value=area)]
        assert node.do(lambda c=change: node.node.set_parameters(c))[0].successful
        robot.send(*image_and_mask(START + n * SECOND))
        robot.wait(lambda n=n: len(graphs) == n + 1, "a graph")
        edges.append(len(graphs[-1].edges))
    assert edges[0] == edges[2] > 0 == edges[1]
