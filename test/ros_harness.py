"""The other side of the node in tests: a node that plays camera, segmenter and planner."""

from __future__ import annotations

import gc
import weakref
from array import array
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.utilities import get_default_context
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from segan_ros.ros.diagnostics import Diagnostics
from segan_ros.ros.interface import OUTPUTS
from segan_ros.ros.loader import LoadModel, load_model
from segan_ros.ros.node import SeganNode
from segan_ros.ros.peer import Peer
from segan_ros.ros.synchronizer import IMAGE

BEST_EFFORT, RELIABLE = QoSReliabilityPolicy.BEST_EFFORT, QoSReliabilityPolicy.RELIABLE
TIMEOUT = 30.0
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

KINDS = {output.name.removeprefix("~/"): output.kind for output in OUTPUTS}
"""Message type of each output."""


def image_message(
    pixels: np.ndarray, encoding: str, stamp: int = START, frame: str = "camera"
) -> Image:
    """An image as a driver sends it; `stamp` in nanoseconds."""
    pixels = np.ascontiguousarray(pixels)
    return Image(
        header=Header(stamp=Time(sec=stamp // SECOND, nanosec=stamp % SECOND), frame_id=frame),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels.strides[0],
        data=array("B", pixels.tobytes()),
    )


def two_boxes(size: tuple[int, int] = (60, 80)) -> tuple[np.ndarray, np.ndarray]:
    """Picture and labels of object 7 lying on object 3."""
    labels = np.zeros(size, np.uint16)
    labels[20:45, 10:40] = 3
    labels[30:55, 30:70] = 7
    rgb = np.zeros((*size, 3), np.uint8)
    rgb[labels == 3] = (200, 40, 40)
    rgb[labels == 7] = (40, 40, 200)
    return rgb, labels


def image_and_mask(stamp: int = START) -> tuple[Image, Image]:
    """Two messages of one moment."""
    rgb, labels = two_boxes()
    return image_message(rgb, "rgb8", stamp), image_message(labels, "16UC1", stamp)


class NodeUnderTest:
    """A `SeganNode` in its own executor thread."""

    def __init__(self, load_model: LoadModel = load_model, **parameters: Any) -> None:
        self._load_model = load_model
        self._model: Callable[[], Any] = lambda: None
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = SeganNode(load_model=self._load, parameter_overrides=overrides)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._ended = Event()
        self._thread = Thread(target=self._spin, daemon=True)
        self._thread.start()

    @property
    def model(self) -> Any:
        """The model that was loaded last; None once the node has let go of it."""
        return self._model()

    @property
    def subscribed(self) -> Any:
        """Outputs that the node knows a subscriber of."""
        return self.node.report().subscribed

    def do(self, function: Callable[[], Any]) -> Any:
        """Run `function` between two callbacks of the node."""
        done = Event()
        task = self._executor.create_task(function)
        task.add_done_callback(lambda _: done.set())
        assert done.wait(TIMEOUT), "the node's executor does not come round"
        return task.result()

    def tally(self, stream: str = "image") -> Any:
        """Its account of one input."""
        return self.node.counters.tally(stream)

    def close(self) -> None:
        """Shut down and destroy the node."""
        if self.node.state != "finalized":
            self.do(self.node.trigger_shutdown)
        self._ended.set()
        self._thread.join(TIMEOUT)
        self._executor.shutdown()
        self.node.destroy_node()
        # A lifecycle node is part of a reference cycle and stays on the network until collected.
        del self.node
        gc.collect()

    def _load(self, values: Mapping[str, Any]) -> Any:
        model = self._load_model(values)
        self._model = weakref.ref(model)
        return model

    def _spin(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=0.05)


class Robot:
    """Publishes inputs, hears outputs, asks services; fails the test that waits in vain."""

    def __init__(self) -> None:
        # In one context, and so one DDS participant, with the node under test.
        self.peer = Peer("robot", context=get_default_context())
        self.node = self.peer.node
        self._cameras: dict[str, Any] = {}

    def camera(self, topic: str, kind: Any = Image, reliability: Any = BEST_EFFORT) -> Any:
        """A publisher, once somebody listens to it."""
        qos = QoSProfile(depth=5, reliability=reliability)
        publisher = self._cameras[topic] = self.peer.advertise(kind, topic, qos)
        self.wait(lambda: publisher.get_subscription_count() > 0, f"a subscriber of {topic}")
        return publisher

    def hear(self, topic: str, kind: Any, reliability: Any = RELIABLE) -> list[Any]:
        """A list that grows with every message on `topic`."""
        heard: list[Any] = []
        self.peer.listen(kind, topic, heard.append, QoSProfile(depth=20, reliability=reliability))
        return heard

    def send(self, image: Image | None, mask: Image | None) -> None:
        """Publish a picture and a mask, through best-effort cameras unless made otherwise."""
        for topic, message in (("image", image), ("instance_mask", mask)):
            if message is not None:
                self.publish(topic, message)

    def publish(self, topic: str, message: Any) -> None:
        """Publish through the camera of `topic`, which is made if there is none."""
        (self._cameras.get(topic) or self.camera(topic, type(message))).publish(message)

    def unplug(self) -> None:
        """Take all cameras away."""
        for publisher in self._cameras.values():
            self.node.destroy_publisher(publisher)
        self._cameras.clear()

    def ask(self, kind: Any, name: str, request: Any, every: float = TIMEOUT) -> Any:
        """The answer of a service; see `Peer.ask`."""
        answer = self.peer.ask(kind, name, request, TIMEOUT, every)
        assert answer is not None, f"waited in vain for an answer of {name}"
        return answer

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Let messages come until `condition`; return what it gives."""
        result = self.peer.wait(TIMEOUT, condition, pause=0.02)
        assert result, f"waited in vain for {what}"
        return result

    def close(self) -> None:
        """Destroy the node."""
        self.peer.close()


def listen(
    robot: Robot, node: NodeUnderTest, *names: str, reliability: Any = RELIABLE
) -> list[list[Any]]:
    """Lists of what comes out under `names`, once the node knows of the listener."""
    heard = [robot.hear(f"/segan/{n}", KINDS[n], reliability) for n in names]
    problem = node.node.report().problem or node.node.state
    robot.wait(lambda: set(names) <= set(node.subscribed), f"listeners of {names}: {problem}")
    return heard


def settled(node: NodeUnderTest) -> bool:
    """Whether no frame is on its way, counted from both ends."""
    report = node.node.report()
    return report.tallies[IMAGE].in_flight == 0 == report.waiting[IMAGE] + report.in_work


def level_and_text(node: NodeUnderTest) -> tuple[bytes, str]:
    """What the node would say of itself on /diagnostics, of all that happened since its start."""
    verdict, _ = Diagnostics().assess("segan", node.node.report())
    return verdict.level, verdict.text


class Gate:
    """Stands before a network of the node's model: counts its runs, holds them up, breaks them."""

    def __init__(self, node: NodeUnderTest, network: str = "segment", is_open: bool = True) -> None:
        self.entered, self.open, self.runs = Event(), Event(), 0
        self.error: Exception | None = None
        if is_open:
            self.open.set()
        model = node.model
        self._network = getattr(model, network)
        setattr(model, network, self._run)

    def _run(self, *inputs: Any) -> Any:
        self.runs += 1
        self.entered.set()
        assert self.open.wait(TIMEOUT)
        if self.error is not None:
            raise self.error
        return self._network(*inputs)
