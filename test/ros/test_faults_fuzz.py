"""Ten thousand random and mutated messages on every input and service of a real node.

``SEGAN_FUZZ=200000 SEGAN_FUZZ_SEED=7 pytest test/ros/test_faults_fuzz.py`` looks further.
"""

import copy
import os
import random
from array import array
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
import cv2
import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.qos import QoSProfile
from ros_harness import RELIABLE, SECOND, START, image_and_mask, image_message, listen, settled
from ros_harness import two_boxes as picture_and_labels
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool

from segan_ros.messages.encodings import ENCODINGS
from segan_ros.srv import CompleteObjects, GetRemovalOrder

pytestmark = pytest.mark.ros

COUNT = int(os.environ.get("SEGAN_FUZZ", "10000"))
SEED = int(os.environ.get("SEGAN_FUZZ_SEED", "0"))
STREAMS = ("image", "instance_mask", "depth")
COMPRESSED = ("image/compressed", "instance_mask/compressed", "depth/compressedDepth")
UINT32 = (0, 1, 2, 59, 60, 61, 80, 240, 16384, 16385, 65535, 2**31 - 1, 2**32 - 1)
FLOATS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"), 50.0)
WORDS = ("", "rgb8", "RGB8", "bgr16", "32FC3", "jpeg", "\x01", "ü" * 300, "mono8; png", "../x")
RGB, LABELS = picture_and_labels()


class Mutator:
    """Makes messages that are right, nearly right, and wrong."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.now = START

    def stamp(self, header):
        """Mostly the next moment; sometimes one that no camera gives."""
        kind = self.chance.random()
        if kind < 0.5:
            self.now += SECOND // 60
        elif kind < 0.55:
            self.now = START + self.chance.randrange(100 * SECOND)
        header.stamp.sec, header.stamp.nanosec = divmod(self.now, SECOND)
        if kind > 0.95:
            header.stamp.sec = self.chance.choice((0, -1, -(2**31), 2**31 - 1))
            header.stamp.nanosec = self.chance.choice(UINT32)

    def pixels(self, stream):
        """Contents and encoding for an input."""
        if stream == "image":
            return (
                RGB if self.chance.random() < 0.5 else self.noise.integers(0, 256, RGB.shape)
            ), "rgb8"
        if stream == "depth":
            return self.noise.integers(0, 3000, LABELS.shape), "16UC1"
        if self.chance.random() < 0.5:
            return LABELS, "16UC1"
        return self.noise.integers(0, self.chance.choice((2, 9, 70000)), LABELS.shape), "32SC1"

    def image(self, stream):
        """A raw image, of which up to three fields are wrong."""
        pixels, encoding = self.pixels(stream)
        types = {"rgb8": np.uint8, "16UC1": np.uint16, "32SC1": np.int32}
        message = image_message(pixels.astype(types[encoding]), encoding)
        self.stamp(message.header)
        for _ in range(self.chance.choice((0, 0, 1, 3))):
            field = self.chance.choice(("height", "width", "step", "encoding", "endian", "data"))
            if field == "encoding":
                message.encoding = self.chance.choice((*WORDS, *sum(ENCODINGS.values(), ())))
            elif field == "endian":
                message.is_bigendian = self.chance.randrange(256)
            elif field == "data":
                message.data = self.damaged(message.data)
            else:
                setattr(message, field, self.chance.choice(UINT32))
        return message

    def compressed(self, stream):
        """A compressed image, of which bytes may be wrong."""
        pixels, _ = self.pixels(stream)
        kind = self.chance.choice((".png", ".png", ".jpg"))
        pixels = pixels.astype(np.uint8 if stream == "image" or kind == ".jpg" else np.uint16)
        message = CompressedImage(
            format=self.chance.choice((kind[1:], "16UC1; compressedDepth", *WORDS))
        )
        message.data = array("B", cv2.imencode(kind, pixels)[1].tobytes())
        if self.chance.random() < 0.5:
            message.data = self.damaged(message.data)
        self.stamp(message.header)
        return message

    def damaged(self, data):
        """Bytes cut off, added, or changed."""
        data = bytearray(data)
        kind = self.chance.randrange(3)
        if kind == 0:
            del data[self.chance.randrange(len(data)) :]
        elif kind == 1:
            data += self.chance.randbytes(self.chance.choice((1, 1000)))
        else:
            for _ in range(self.chance.randrange(1, 20)):
                data[self.chance.randrange(len(data))] = self.chance.randrange(256)
        return array("B", data)

    def camera(self):
        """A camera_info with numbers that no lens has."""
        message = CameraInfo(width=self.chance.choice(UINT32), height=self.chance.choice(UINT32))
        if self.chance.random() < 0.7:
            message.width, message.height = 80, 60
        message.k = [self.chance.choice(FLOATS) for _ in range(9)]
        if self.chance.random() < 0.5:
            message.k = [50.0, 0.0, 40.0, 0.0, 50.0, 30.0, 0.0, 0.0, 1.0]
        return message

    def request(self):
        """Service, its name and a request."""
        age = Duration(sec=self.chance.choice((0, 0, 1, -1, 2**31 - 1)))
        kind = self.chance.randrange(8)
        if kind == 0:
            return SetBool, "enable", SetBool.Request(data=self.chance.random() < 0.7)
        if kind < 4:
            score = self.chance.choice((0.0, 0.0, 0.5, -1.0, 3e38, float("nan")))
            target = self.chance.choice((3, 7, *UINT32))
            order = GetRemovalOrder.Request(target_id=target, max_age=age)
            order.min_score = score
            return GetRemovalOrder, "removal_order", order
        request = CompleteObjects.Request(use_latest=kind == 4, max_age=age)
        request.image, request.labels = self.image("image"), self.image("instance_mask")
        if self.chance.random() < 0.3:
            request.depth = self.image("depth")
        if self.chance.random() < 0.3:
            request.camera_info = self.camera()
        ids = self.chance.choice(((), (), (3,), (3, 7), (0, 2**32 - 1)))
        request.object_ids, request.with_appearance = array("I", ids), self.chance.random() < 0.3
        return CompleteObjects, "complete", request


def resident():
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Sender:
    """Sends to every input and service, and keeps count."""

    def __init__(self, robot, mutator, transport):
        self.robot, self.mutator = robot, mutator
        self.sent, self.answers = Counter(), []
        compressed = transport == "compressed"
        self.make = mutator.compressed if compressed else mutator.image
        kinds = dict.fromkeys(STREAMS, CompressedImage if compressed else Image)
        topics = dict(zip(STREAMS, COMPRESSED if compressed else STREAMS, strict=True))
        qos = QoSProfile(depth=1000, reliability=RELIABLE)
        self.publishers = {
            s: robot.node.create_publisher(kinds.get(s, CameraInfo), topics.get(s, s), qos)
            for s in (*STREAMS, "camera_info")
        }
        robot.wait(
            lambda: all(p.get_subscription_count() for p in self.publishers.values()), "the node"
        )

    def send_any(self):
        """One message or request, or an image and its mask."""
        chance = self.mutator.chance
        kind = chance.random()
        if kind < 0.15:
            kind, name, request = self.mutator.request()
            self.answers.append(self.robot.ask(kind, f"/segan/{name}", request))
        elif kind < 0.2:
            self.publish("camera_info", self.mutator.camera())
        else:
            stream = chance.choices(STREAMS, (4, 4, 1))[0]
            message = self.make(stream)
            for _ in range(1 + (chance.random() < 0.05)):
                self.publish(stream, message)
            if stream == "image" and chance.random() < 0.7:
                mask = self.make("instance_mask")
                mask.header = copy.deepcopy(message.header)
                self.publish("instance_mask", mask)

    def publish(self, stream, message):
        """To an input."""
        self.publishers[stream].publish(message)
        self.sent[stream] += 1


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_no_message_stops_the_node_or_gets_lost(start_node, robot, transport):
    node = start_node(image_transport=transport, input_reliability="reliable", input_depth=100)
    (graphs,) = listen(robot, node, "occlusion_graph")
    mutator = Mutator(SEED)
    sender = Sender(robot, mutator, transport)

    def arrived():
        return all(node.tally(s).received == sender.sent[s] for s in STREAMS)

    memory = 0
    while (count := sender.sent.total() + len(sender.answers)) < COUNT // 2:
        for _ in range(30):
            sender.send_any()
        robot.wait(arrived, "the messages")
        if count < COUNT // 4:
            memory = resident()
    assert robot.ask(SetBool, "/segan/enable", SetBool.Request(data=True)).success
    for n in range(3):
        for stream, message in zip(
            STREAMS, image_and_mask(START + (1000 + n) * SECOND), strict=False
        ):
            sender.publish(stream, packed(message) if transport == "compressed" else message)
        robot.wait(lambda m=message: graphs and graphs[-1].header == m.header, "a graph")
    robot.wait(lambda: arrived() and settled(node), "the queue to empty")
    assert node.node.state == "active"
    for stream in STREAMS:
        tally = node.tally(stream)
        assert tally.in_flight == node.node.report().waiting[stream]
        assert "internal_error" not in tally.dropped, node.node.report().texts["internal_error"]
        assert len(tally.dropped) > 3 and tally.done
    assert all(a.message or a.success for a in sender.answers)
    assert not [a.message for a in sender.answers if "internal error" in a.message]
    assert {a.success for a in sender.answers} == {True, False}
    assert resident() - memory < 60e6


def packed(message):
    """The message as png."""
    pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, -1)
    pixels = pixels.view(np.uint16) if message.encoding == "16UC1" else pixels.reshape(60, 80, 3)
    data = cv2.imencode(".png", pixels)[1].tobytes()
    return CompressedImage(header=message.header, format="png", data=array("B", data))
