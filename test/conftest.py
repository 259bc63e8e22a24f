"""What tests share: a ROS domain, a model without weights, nodes that go away, a bag."""

import gc
import os
import pwd
import signal
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no fault of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Its LLVM crashes when that of OSMesa, with which scenes are rendered, is there before it.
with suppress(ImportError):
    import triton  # noqa: F401

# The same tests everywhere: sums on a GPU differ in their last digits from run to run.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# Ctrl-C as a terminal has it, also where the tests run in the background, which ignores it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Tests run beside each other: threads of several would wait for one core.
if processes := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    threads = max(1, (os.cpu_count() or 1) // int(processes))
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def pytest_collection_finish():
    """What was imported stays: `gc.collect()` after each node need not go through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ros():
    """ROS 2 in this process, with room for images, in a domain where no other node is heard."""
    rclpy = pytest.importorskip("rclpy")
    from segan_ros.replay.node_process import live_environment

    with live_environment() as environment:
        os.environ.update(environment)
        rclpy.init()
        yield rclpy
        rclpy.try_shutdown()


@pytest.fixture(scope="session")
def dummy_model(tmp_path_factory):
    """Folder of a model that needs no weights."""
    pytest.importorskip("onnx")
    from dummy_model import write_dummy_model

    return write_dummy_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def start_node(ros, dummy_model):
    """Starts nodes under test, inactive unless `start()` is asked for; they end with the test."""
    from ros_harness import NodeUnderTest

    started = []

    def start(active=True, **parameters):
        parameters = {"model": str(dummy_model), "provider": "cpu", **parameters}
        started.append(NodeUnderTest(**parameters))
        if active:
            started[-1].do(started[-1].node.start)
        return started[-1]

    yield start
    for node in started:
        node.close()


@pytest.fixture
def robot(ros):
    """The other side: publishes inputs, hears outputs, asks services."""
    from ros_harness import Robot

    other = Robot()
    yield other
    other.close()


@pytest.fixture
def homeless(monkeypatch):
    """A user with neither HOME nor an entry in passwd, such as `docker run --user 12345`."""

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.fixture
def hangup():
    """SIGHUP as a terminal has it, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def bag(tmp_path):
    """A small bag with ground truth."""
    pytest.importorskip("rosbags")
    from small_bag import write_bag

    return write_bag(tmp_path / "bag")
