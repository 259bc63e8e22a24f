"""The launch file offers what people expect, and agrees with the node."""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from segan_ros.ros.parameters import BY_NAME

ROOT = Path(__file__).parents[2]
FILE = ROOT / "launch" / "segan.launch.py"
TREE = ast.parse(FILE.read_text())


def arguments():
    """Argument -> (default, text), read without ROS."""
    for node in TREE.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS":
            return {
                ast.literal_eval(k): [ast.unparse(e).strip("'") for e in v.elts]
                for k, v in zip(node.value.keys, node.value.values, strict=True)
            }
    raise AssertionError("no ARGUMENTS in the launch file")


def keyword_of_node(name):
    """The value of a keyword of the launch file's Node(...)."""
    for node in ast.walk(TREE):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Node":
            return next(k.value for k in node.keywords if k.arg == name)
    raise AssertionError("no Node in the launch file")


def test_arguments_are_those_people_know():
    known = {"namespace", "params_file", "use_sim_time", "autostart", "respawn", "log_level"}
    ours = {"name", "model", "provider", "segmenter", "segmenter_type", "fastdds_profile"}
    topics = {"image_topic", "mask_topic", "depth_topic", "camera_info_topic"}
    assert set(arguments()) == known | ours | topics


def test_arguments_that_are_parameters_leave_them_as_in_the_file():
    shared = {n: a for n, a in arguments().items() if n in BY_NAME or n == "use_sim_time"}
    ours = {"model", "provider", "segmenter", "segmenter_type"}
    assert set(shared) == {*ours, "autostart", "use_sim_time"}
    for default, text in shared.values():
        assert default == "" and text.endswith("Empty: as in params_file.")
    for name in ("provider", "segmenter"):
        for choice in BY_NAME[name].choices:
            assert choice in shared[name][1]


def test_topic_arguments_remap_what_the_node_subscribes_to():
    source = (ROOT / "segan_ros" / "ros" / "inputs.py").read_text()
    remapped = [ast.literal_eval(pair.elts[0]) for pair in keyword_of_node("remappings").elts]
    assert remapped == ["image", "instance_mask", "depth", "camera_info"]
    assert '"camera_info"' in source
    defaults = [arguments()[f"{t}_topic"][0] for t in ("image", "mask", "depth", "camera_info")]
    assert defaults == remapped


def test_launch_file_names_files_and_the_executable_that_are_there():
    assert "config" in arguments()["params_file"][0]
    assert (ROOT / "config" / "segan.yaml").is_file()
    assert (ROOT / "config" / "fastdds.xml").is_file()
    assert ast.literal_eval(keyword_of_node("executable")) == "segan_node"
    assert ast.literal_eval(keyword_of_node("package")) == "segan_ros"


@pytest.fixture
def node_of(monkeypatch):
    """What the launch file tells the Node, given some arguments; the others are the defaults."""
    for name in ("launch", "launch.actions", "launch_ros"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    monkeypatch.setitem(sys.modules, "launch_ros.actions", SimpleNamespace(Node=dict))
    start = runpy.run_path(str(FILE))["_start"]
    defaults = {name: default for name, (default, _) in arguments().items()}
    defaults["params_file"] = str(ROOT / "config" / "segan.yaml")

    def node(given):
        (action,) = start(SimpleNamespace(launch_configurations=defaults | given))
        return action

    return node


@pytest.mark.parametrize(
    "given, overrides",
    [
        ({}, []),
        ({"use_sim_time": "true"}, [{"use_sim_time": True}]),
        (
            {"use_sim_time": "false", "provider": "cpu"},
            [{"use_sim_time": False, "provider": "cpu"}],
        ),
    ],
)
def test_only_what_is_given_overrides_the_params_file(node_of, given, overrides):
    assert node_of(given)["parameters"] == [str(ROOT / "config" / "segan.yaml"), *overrides]


def test_params_file_that_is_not_there_is_refused(node_of, monkeypatch, tmp_path):
    """launch_ros would warn, and start the node with its defaults."""
    with pytest.raises(ValueError, match=r"params_file is '~/mine.yaml'; there is no such file"):
        node_of({"params_file": "~/mine.yaml"})
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    assert node_of({"params_file": "~/mine.yaml"})["parameters"] == [str(tmp_path / "mine.yaml")]


def test_every_argument_reaches_the_node(node_of, monkeypatch):
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    topics = {"image": "/a", "mask": "/b", "depth": "/c", "camera_info": "/d"}
    given = {"fastdds_profile": "true"} | {f"{k}_topic": v for k, v in topics.items()}
    given |= {"namespace": "left", "name": "pile", "autostart": "false", "log_level": "warn"}
    node = node_of(given)
    assert (node["namespace"], node["name"], node["arguments"][-1]) == ("left", "pile", "warn")
    subscribed = ("image", "instance_mask", "depth", "camera_info")
    assert dict(node["remappings"]) == dict(zip(subscribed, topics.values(), strict=True))
    assert node["parameters"][1:] == [{"autostart": False}]
    assert set(node["additional_env"].values()) == {str(ROOT / "config" / "fastdds.xml")}


class TestWithLaunch:
    """The same file, understood by launch itself."""

    @pytest.fixture
    def launched(self):
        """Visits the description with the given arguments; gives the node's action."""
        launch = pytest.importorskip("launch")
        pytest.importorskip("launch_ros")
        if not hasattr(launch, "LaunchDescription"):
            pytest.skip("this `launch` is another program")
        spec = importlib.util.spec_from_file_location("segan_launch", FILE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def visit(**given):
            context = launch.LaunchContext()
            context.launch_configurations.update(given)
            *declared, function = module.generate_launch_description().entities
            for argument in declared:
                argument.visit(context)
            return function.visit(context)[0], context

        return visit

    def test_description_loads_and_names_every_argument(self, launched):
        _, context = launched()
        assert set(context.launch_configurations) == set(arguments())

    @pytest.mark.parametrize(
        "given, text",
        [
            ({"respawn": "maybe"}, "respawn is 'maybe'; it must be true or false"),
            ({"use_sim_time": "1"}, "use_sim_time is '1'; it must be true or false"),
            ({"fastdds_profile": "/nowhere.xml"}, "'/nowhere.xml'; it must be true, false or"),
        ],
    )
    def test_bad_argument_is_refused(self, launched, given, text):
        with pytest.raises(ValueError, match=text):
            launched(**given)

    def test_profile_is_given_to_fast_dds_unless_the_user_has_one(self, launched, monkeypatch):
        for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("ROS_DISTRO", raising=False)

        def variables(node):
            return [k[0].text for k, _ in node.additional_env or ()]

        assert variables(launched()[0]) == ["FASTDDS_DEFAULT_PROFILES_FILE"]
        assert variables(launched(fastdds_profile="false")[0]) == []
        monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "mine.xml")
        assert variables(launched()[0]) == []
