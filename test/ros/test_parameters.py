"""Parameters are declared once, documented the same everywhere, and checked when they are set."""

import math
import re
from pathlib import Path

import pytest
import yaml

from segan_ros.completion import Settings
from segan_ros.ros.parameter import START
from segan_ros.ros.parameters import BY_NAME, PARAMETERS

ROOT = Path(__file__).parents[2]
DEFAULTS = {p.name: p.default for p in PARAMETERS}


def test_config_holds_every_parameter_with_its_default():
    document = yaml.safe_load((ROOT / "config" / "segan.yaml").read_text())
    values = document["/**"]["ros__parameters"]
    assert values == DEFAULTS
    assert {n: type(v) for n, v in values.items()} == {n: type(v) for n, v in DEFAULTS.items()}


def test_config_says_of_each_parameter_what_its_declaration_says():
    text = (ROOT / "config" / "segan.yaml").read_text()
    blocks = re.findall(r"((?:^    #.*\n)+)^    (\w+):", text, re.MULTILINE)
    comments = {name: " ".join(re.findall(r"# (.*)", block)) for block, name in blocks}
    for p in PARAMETERS:
        facts = ", ".join(filter(None, (p.type_name, p.range_text)))
        assert comments[p.name] == f"{p.text} {facts}; changes: {p.changes}"


def test_defaults_are_accepted():
    assert [p.problem(p.default) for p in PARAMETERS] == [None] * len(PARAMETERS)


@pytest.mark.ros
def test_defaults_are_those_of_the_method():
    from segan_ros.ros.settings import to_settings

    assert to_settings(DEFAULTS) == Settings()


@pytest.mark.parametrize(
    "name, value, text",
    [
        ("threshold", 3.0, "threshold is 3; set it to a value in 0 .. 0.99"),
        ("sync_slop", -0.1, "sync_slop is -0.1; set it to a value in 0 .. 1 s"),
        ("max_age", math.nan, "max_age is nan; set it to a value in 0 .. 3600 s"),
        (
            "edge_rule",
            "both",
            "edge_rule is 'both'; choose one of weighed, coverage, learned, paper",
        ),
        ("threads", "all", "threads is 'all'; it must be of type integer"),
        ("autostart", 1, "autostart is 1; it must be of type bool"),
        (
            "ignored_classes",
            ["a", "b"],
            "ignored_classes is ['a', 'b']; it must be of type string, names separated by commas: "
            "'a, b'",
        ),
        ("model", " ", "model is empty; name of a shipped model, or path"),
    ],
)
def test_bad_value_is_refused_with_value_limit_and_remedy(name, value, text):
    assert text in BY_NAME[name].problem(value)


@pytest.mark.ros
class TestOnANode:
    """The same on a running node."""

    @pytest.fixture(autouse=True)
    def types(self, ros):
        from rclpy.parameter import Parameter

        self.parameter = Parameter

    def set(self, node, **values):
        (name, value) = next(iter(values.items()))
        return node.do(lambda: node.node.set_parameters([self.parameter(name, value=value)])[0])

    def test_every_parameter_has_a_descriptor(self, start_node):
        node = start_node(active=False).node
        for p in PARAMETERS:
            descriptor = node.describe_parameter(p.name)
            assert descriptor.description.startswith(p.text)
            assert descriptor.read_only == (p.changes == START)
            assert bool(p.limits) == bool(
                descriptor.floating_point_range or descriptor.integer_range
            )

    def test_one_void_value_is_a_list_of_one(self, start_node):
        from segan_ros.ros.settings import to_settings

        node = start_node(active=False)
        assert self.set(node, ignore_ids=255).successful
        assert node.node.parameters["ignore_ids"] == [255]
        assert self.set(node, ignore_ids=[65537]).successful  # Gazebo's first
        assert self.set(node, ignore_ids=[0, 7]).successful
        assert to_settings(node.node.parameters.values).ignore_ids == (7,)
        refused = self.set(node, ignore_ids=[7, -1])
        assert "ignore_ids is -1; set it to a value in 0 .. 2147483647" in refused.reason

    def test_number_given_for_a_class_is_its_name(self, start_node):
        """Gazebo's classes are numbers, and YAML takes them for such."""
        node = start_node(ignored_classes=5)
        assert node.node.parameters["ignored_classes"] == "5"
        assert self.set(node, occluder_classes=7).successful
        assert node.node.parameters["occluder_classes"] == "7"

    def test_bad_value_at_start_fails_configure_and_can_be_mended(self, start_node):
        node = start_node(threshold=3.0, edge_rule="both")
        assert node.node.state == "unconfigured"
        problem = node.node.report().problem
        assert "threshold is 3; set it to a value in 0 .. 0.99" in problem
        assert "edge_rule is 'both'; choose one of weighed, coverage, learned, paper" in problem
        assert self.set(node, threshold=0.4).successful
        assert self.set(node, edge_rule="paper").successful
        node.do(node.node.start)
        assert node.node.state == "active"
        assert node.node.report().problem == ""

    def test_wrong_type_at_start_fails_configure(self, start_node):
        node = start_node(gap_width="wide")
        assert "gap_width is 'wide'; it must be of type integer" in node.node.report().problem

    def test_whole_numbers_are_numbers(self, start_node):
        node = start_node(max_age=2)
        assert node.node.state == "active" and node.node.parameters["max_age"] == 2.0
        assert self.set(node, sync_timeout=1).successful
        assert node.node.parameters["sync_timeout"] == 1.0

    def test_bad_value_at_run_time_is_refused_with_its_reason(self, start_node):
        node = start_node()
        result = self.set(node, threshold=3.0)
        assert not result.successful
        assert "threshold" in result.reason and "0.99" in result.reason and "3.0" in result.reason
        result = self.set(node, occluders="some")
        assert result.reason == "occluders is 'some'; choose one of model, labelled, any, auto"
        assert node.node.parameters["occluders"] == "model"

    def test_good_value_at_run_time_holds_from_the_next_frame_on(self, start_node, robot):
        from ros_harness import SECOND, START, image_and_mask, listen

        node = start_node()
        (graphs,) = listen(robot, node, "occlusion_graph")
        assert self.set(node, min_overlap_area=100_000).successful
        robot.send(*image_and_mask(START))
        robot.wait(lambda: graphs, "a graph")
        assert not graphs[0].edges
        assert self.set(node, min_overlap_area=15).successful
        assert self.set(node, sync_slop=0.25).successful
        robot.send(image_and_mask(START + SECOND)[0], image_and_mask(START + SECOND * 6 // 5)[1])
        robot.wait(lambda: len(graphs) == 2, "a graph of stamps that differ by 0.2 s")
        assert graphs[1].edges

    def test_all_values_as_they_are_may_be_set_at_any_time(self, start_node):
        """What `ros2 param load` does with the node's own dump."""
        node = start_node()
        as_it_is = [self.parameter(n, value=v) for n, v in node.node.parameters.values.items()]
        as_it_is = [p for p in as_it_is if p.name != "autostart"]  # read-only, whatever the value
        changed = [self.parameter("max_age", value=1.0)]
        for given in (as_it_is, as_it_is + changed):
            result = node.do(lambda given=given: node.node.set_parameters_atomically(given))
            assert result.successful, result.reason
        assert node.node.parameters["max_age"] == 1.0

    def test_bad_value_of_what_cannot_be_set_later_says_so(self, start_node):
        node = start_node(autostart="true")
        node.do(node.node.trigger_configure)
        problem = node.node.report().problem
        assert "autostart is 'true'; it must be of type bool" in problem
        assert "correct it and start the node again" in problem

    @pytest.mark.parametrize(
        "change, remedies",
        [
            ({"model": "other"}, ["deactivate", "cleanup"]),
            ({"provider": "auto"}, ["deactivate", "cleanup"]),
            ({"input_depth": 3}, ["deactivate"]),
        ],
    )
    def test_what_needs_a_restart_is_refused_while_active_with_the_way_to_do_it(
        self, start_node, change, remedies
    ):
        node = start_node()
        result = self.set(node, **change)
        assert not result.successful
        for remedy in remedies:
            assert f"ros2 lifecycle set /segan {remedy}" in result.reason
        node.do(node.node.trigger_deactivate)
        node.do(node.node.trigger_cleanup)
        assert self.set(node, **change).successful

    def test_unknown_parameter_is_reported(self, start_node):
        assert start_node(active=False, treshold=0.4).node.parameters.unknown == ["treshold"]
