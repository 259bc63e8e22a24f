"""New networks for a running node; docs/faults.md is the table of what may go wrong."""

import threading
import weakref

import pytest

pytest.importorskip("rclpy")
from dummy_model import write_dummy_model
from ros_harness import SECOND, START, TIMEOUT, Gate, image_and_mask, level_and_text, listen
from std_srvs.srv import Trigger

from segan_ros.ros.loader import load_model

pytestmark = pytest.mark.ros


def reload(robot):
    return robot.ask(Trigger, "/segan/reload", Trigger.Request())


class TestModelReplaced:
    """Other files lie in the model's folder while the node runs."""

    @pytest.fixture
    def folder(self, tmp_path):
        return write_dummy_model(tmp_path / "model")

    def area(self, robot, node, objects, stamp):
        """Pixels of the whole mask of the object that is partly hidden."""
        count = len(objects)
        robot.send(*image_and_mask(stamp))
        robot.wait(lambda: len(objects) > count, "objects")
        return objects[-1].objects[0].amodal_area

    def digest(self, node):
        return node.node.report().digest

    def test_reload_brings_the_new_one(self, start_node, robot, folder):
        node = start_node(model=str(folder))
        (objects,) = listen(robot, node, "objects")
        before, digest = self.area(robot, node, objects, START), self.digest(node)
        write_dummy_model(folder, grow=8)
        assert self.area(robot, node, objects, START + SECOND) == before
        answer = reload(robot)
        assert answer.success and answer.message.startswith(f"model dummy {self.digest(node)} (")
        assert self.digest(node) != digest
        assert self.area(robot, node, objects, START + 2 * SECOND) > before
        assert node.tally().lost == 0

    @pytest.mark.parametrize("name", ["model.yaml", "segmentor.onnx", "painter.onnx"])
    @pytest.mark.parametrize("damage", ["missing", "cut", "random"])
    def test_bad_one_is_refused_and_the_old_one_goes_on(
        self, start_node, robot, folder, name, damage
    ):
        node = start_node(model=str(folder))
        (objects,) = listen(robot, node, "objects")
        before, digest = self.area(robot, node, objects, START), self.digest(node)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:40] if damage == "cut" else bytes(range(256)))
        if damage == "missing":
            (folder / name).unlink()
        answer = reload(robot)
        assert not answer.success and name in answer.message
        assert "the model was not replaced, the old one stays" in answer.message
        assert self.area(robot, node, objects, START + SECOND) == before
        assert self.digest(node) == digest and node.node.state == "active"
        robot.send(*image_and_mask(START + 2 * SECOND))
        level, text = level_and_text(node)
        assert level == b"\x01" and text.endswith("correct its files and call ~/reload again")
        (folder / name).write_bytes(content)
        assert reload(robot).success
        assert "~/reload" not in level_and_text(node)[1]

    def test_cycle_brings_the_new_one(self, start_node, robot, folder):
        node = start_node(model=str(folder))
        (objects,) = listen(robot, node, "objects")
        before = self.area(robot, node, objects, START)
        write_dummy_model(folder, grow=8)
        for step in ("deactivate", "cleanup", "configure", "activate"):
            node.do(getattr(node.node, f"trigger_{step}"))
        robot.wait(lambda: node.subscribed, "the listener")
        assert self.area(robot, node, objects, START + SECOND) > before

    def test_frame_in_work_is_finished_with_the_old_one(self, start_node, robot, folder):
        node = start_node(model=str(folder))
        (objects,) = listen(robot, node, "objects")
        before = self.area(robot, node, objects, START)
        write_dummy_model(folder, grow=8)
        segmentor = Gate(node, is_open=False)
        robot.send(*image_and_mask(START + SECOND))
        robot.wait(segmentor.entered.is_set, "the frame in work")
        assert reload(robot).success
        segmentor.open.set()
        robot.wait(lambda: len(objects) == 2, "the frame in work")
        assert objects[1].objects[0].amodal_area == before
        assert self.area(robot, node, objects, START + 2 * SECOND) > before

    def test_old_one_gives_its_memory_back(self, start_node, robot, folder, monkeypatch):
        trimmed = []
        monkeypatch.setattr("segan_ros.ros.loader.trim_memory", lambda: trimmed.append(True))
        node = start_node(model=str(folder))
        (objects,) = listen(robot, node, "objects")
        self.area(robot, node, objects, START)
        model = weakref.ref(node.model)
        node.do(node.node.trigger_deactivate)
        node.do(node.node.trigger_activate)
        assert reload(robot).success
        self.area(robot, node, objects, START + SECOND)
        assert model() is None
        robot.wait(lambda: trimmed, "the memory given back")

    def test_unconfigured_node_has_nothing_to_reload(self, start_node, robot):
        start_node(active=False)
        answer = reload(robot)
        assert not answer.success and "configure loads it" in answer.message

    def test_inactive_node_can_reload(self, start_node, robot, folder):
        node = start_node(active=False, model=str(folder))
        node.do(node.node.trigger_configure)
        digest = self.digest(node)
        write_dummy_model(folder, grow=8)
        assert reload(robot).success and self.digest(node) != digest

    def test_node_that_is_shut_down_meanwhile_answers(self, start_node, robot, folder):
        go_on = threading.Event()
        go_on.set()

        def load(values):
            assert go_on.wait(TIMEOUT)
            return load_model(values)

        node = start_node(load_model=load, model=str(folder))
        go_on.clear()
        client = robot.node.create_client(Trigger, "/segan/reload")
        robot.wait(client.service_is_ready, "the service")
        future = client.call_async(Trigger.Request())
        robot.wait(lambda: node.node.requests[0], "the request")
        # The node is shut down before it can take the model that was loaded.
        node.do(lambda: (go_on.set(), node.node.trigger_shutdown()))
        robot.wait(future.done, "an answer")
        assert not future.result().success
        assert "the node became finalized meanwhile" in future.result().message
