"""The launch files offer what people expect, and agree with the node."""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml

from segan_ros.ros.parameters import BY_NAME

ROOT = Path(__file__).parents[2]
FILE = ROOT / "launch" / "segan.launch.py"
MANY = ROOT / "launch" / "multi_camera.launch.py"
TREE = ast.parse(FILE.read_text())


def arguments():
    """Argument -> (default, text), read without ROS."""
    for node in TREE.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS":
            return ast.literal_eval(node.value)
    raise AssertionError("no ARGUMENTS in the launch file")


def keyword_of_node(name):
    """The value of a keyword of the launch file's Node(...)."""
    for node in ast.walk(TREE):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Node":
            return next(k.value for k in node.keywords if k.arg == name)
    raise AssertionError("no Node in the launch file")


def test_arguments_are_those_people_know():
    known = {"namespace", "params_file", "use_sim_time", "autostart", "respawn", "log_level"}
    ours = {"name", "parameters", "model", "provider", "segmenter", "segmenter_type"}
    ours |= {"fastdds_profile", "ignored_classes", "occluder_classes", "min_score", "latched"}
    ours |= {"ignore_ids", "occluder_ids"}
    topics = {"image_topic", "mask_topic", "depth_topic", "camera_info_topic", "label_names_topic"}
    assert set(arguments()) == known | ours | topics


def test_arguments_that_are_parameters_leave_them_alone_by_default():
    shared = {n: a for n, a in arguments().items() if n in BY_NAME or n == "use_sim_time"}
    ours = {"model", "provider", "segmenter", "segmenter_type", "ignored_classes"}
    ours |= {"occluder_classes", "min_score", "latched", "ignore_ids", "occluder_ids"}
    assert set(shared) == {*ours, "autostart", "use_sim_time"}
    for default, text in shared.values():
        assert default == "" and text.endswith("Empty: params_file, else default.")
    for name in ("provider", "segmenter"):
        for choice in BY_NAME[name].choices:
            assert choice in shared[name][1]


def test_topic_arguments_remap_what_the_node_subscribes_to():
    pytest.importorskip("rclpy")
    from segan_ros.ros.interface import INPUTS

    remapped = [ast.literal_eval(pair.elts[0]) for pair in keyword_of_node("remappings").elts]
    assert remapped == [i.name for i in INPUTS]
    names = ("image", "mask", "depth", "camera_info", "label_names")
    defaults = [arguments()[f"{name}_topic"][0] for name in names]
    assert defaults == remapped


def test_launch_file_names_files_and_the_executable_that_are_there():
    assert (ROOT / "config" / "segan.yaml").is_file()
    assert (ROOT / "config" / "fastdds.xml").is_file()
    installed = (ROOT / "CMakeLists.txt").read_text()
    for name in ("segan_node", "depth_segmenter"):
        assert f"install_executable({name} " in installed and f'"{name}"' in FILE.read_text()
    assert ast.literal_eval(keyword_of_node("package")) == "segan_ros"


def test_container_passes_on_every_topic_that_boxes_and_support_edges_need():
    command = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["robot"]["command"]
    given = dict(word.split(":=") for word in command.split() if ":=" in word)
    assert set(given) == {f"{n}_topic" for n in ("image", "mask", "depth", "camera_info")}
    for name in ("depth_topic", "camera_info_topic"):
        default = arguments()[name][0]
        assert given[name] == f"${{{name.upper()}:-{default}}}"


@pytest.fixture
def without_launch(monkeypatch):
    """Runs a launch file where `launch` is not installed: a Node is the dict of its keywords."""
    for name in ("launch", "launch.actions", "launch.launch_description_sources", "launch_ros"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    monkeypatch.setitem(sys.modules, "launch_ros.actions", SimpleNamespace(Node=dict))
    return lambda path: runpy.run_path(str(path))


@pytest.fixture
def node_of(without_launch):
    """What the launch file tells the Node, given some arguments; the others are the defaults."""
    start = without_launch(FILE)["_start"]
    defaults = {name: default for name, (default, _) in arguments().items()}

    def node(given):
        (action,) = start(SimpleNamespace(launch_configurations=defaults | given))
        return action

    return node


def test_depth_starts_its_segmenter_too_with_the_same_topics(without_launch):
    """One launch from camera to graph."""
    start = without_launch(FILE)["_start"]
    given = {name: default for name, (default, _) in arguments().items()}
    given |= {"segmenter": "depth", "depth_topic": "/d", "namespace": "left"}
    segan, depth = start(SimpleNamespace(launch_configurations=given))
    assert (segan["executable"], depth["executable"]) == ("segan_node", "depth_segmenter")
    assert (segan["name"], depth["name"]) == ("segan", "depth_segmenter")
    assert segan["remappings"] == depth["remappings"] and ("depth", "/d") in depth["remappings"]
    assert segan["namespace"] == depth["namespace"] == "left"
    # The node has no such segmenter: to it these are label images.
    assert segan["parameters"] == [{"segmenter": "label_image"}]


SHIPPED = str(ROOT / "config" / "segan.yaml")


@pytest.mark.parametrize(
    "given, parameters",
    [
        # Not the defaults: they would beat SetParameter of an including launch file.
        ({}, []),
        ({"params_file": SHIPPED}, [SHIPPED]),
        ({"params_file": SHIPPED, "use_sim_time": "true"}, [SHIPPED, {"use_sim_time": True}]),
        (
            {"use_sim_time": "false", "provider": "cpu"},
            [{"use_sim_time": False, "provider": "cpu"}],
        ),
        (
            {"provider": "cpu", "parameters": "{max_age: 0.5, provider: auto, threads: 2}"},
            [{"provider": "auto", "max_age": 0.5, "threads": 2}],
        ),
        (
            {"occluder_classes": "hand, arm", "min_score": "0.5", "latched": "true"},
            [{"latched": True, "occluder_classes": "hand, arm", "min_score": 0.5}],
        ),
        (
            {"ignore_ids": "1, 255", "occluder_ids": "65537"},
            [{"ignore_ids": [1, 255], "occluder_ids": [65537]}],
        ),
    ],
)
def test_parameters_come_from_what_is_given_the_strongest_last(node_of, given, parameters):
    assert node_of(given)["parameters"] == parameters


@pytest.mark.parametrize("given", ["max_age:=0.5", "- 1", "", "{"])
def test_parameters_that_are_no_mapping_are_refused_with_an_example(node_of, given):
    with pytest.raises(ValueError, match=r"parameters is '.*'; it must be a mapping in YAML, such"):
        node_of({"parameters": given})


def test_score_that_is_no_number_is_refused(node_of):
    with pytest.raises(ValueError, match=r"min_score is 'high'; it must be a number in 0 .. 1"):
        node_of({"min_score": "high"})
    with pytest.raises(ValueError, match="ignore_ids is 'void'; it must be whole numbers"):
        node_of({"ignore_ids": "void"})


def test_params_file_that_is_not_there_is_refused(node_of, monkeypatch, tmp_path):
    """launch_ros would warn, and start the node with its defaults."""
    with pytest.raises(ValueError, match=r"params_file is '~/mine.yaml'; there is no such file"):
        node_of({"params_file": "~/mine.yaml"})
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    assert node_of({"params_file": "~/mine.yaml"})["parameters"] == [str(tmp_path / "mine.yaml")]


def test_path_from_a_home_that_is_not_there_says_so(node_of, without_launch, homeless):
    for given in ("params_file", "fastdds_profile"):
        with pytest.raises(ValueError, match=r"~/mine: no home folder for ~ .* without ~, or set"):
            node_of({given: "~/mine"})
    with pytest.raises(ValueError, match="~/mine: no home folder for ~"):
        without_launch(MANY)["read_cameras"]("~/mine")


def test_every_argument_reaches_the_node(node_of, monkeypatch):
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    topics = {"image": "/a", "mask": "/b", "depth": "/c", "camera_info": "/d", "label_names": "/e"}
    given = {"fastdds_profile": "true"} | {f"{k}_topic": v for k, v in topics.items()}
    given |= {"namespace": "left", "name": "pile", "autostart": "false", "log_level": "warn"}
    node = node_of(given)
    assert (node["namespace"], node["name"], node["arguments"][-1]) == ("left", "pile", "warn")
    subscribed = ("image", "instance_mask", "depth", "camera_info", "label_names")
    assert dict(node["remappings"]) == dict(zip(subscribed, topics.values(), strict=True))
    assert node["parameters"] == [{"autostart": False}]
    assert set(node["additional_env"].values()) == {str(ROOT / "config" / "fastdds.xml")}


@pytest.mark.parametrize("respawn", ["true", "false"])
def test_node_is_started_again_when_told_so(node_of, respawn):
    node = node_of({"respawn": respawn})
    assert node["respawn"] == (respawn == "true") and node["respawn_delay"] > 0


class TestCameras:
    """The YAML file of multi_camera.launch.py."""

    @pytest.fixture
    def read(self, without_launch, tmp_path):
        def read(text):
            path = tmp_path / "cameras.yaml"
            path.write_text(text)
            return without_launch(MANY)["read_cameras"](str(path))

        return read

    def test_example_names_parameters_that_the_node_has(self, read):
        text = (ROOT / "config" / "cameras.yaml").read_text()
        cameras = read(text)
        assert set(cameras) == {"left", "right"}
        for name, given in cameras.items():
            set_ = yaml.safe_load(dict(given)["parameters"])
            assert set_ == yaml.safe_load(text)[name]["parameters"]
            assert [BY_NAME[n].problem(value) for n, value in set_.items()] == [None] * len(set_)

    def test_values_become_what_one_writes_on_the_command_line(self, read):
        text = "a: {respawn: true, name: pile, parameters: {threads: 2, model: x, rectified: no}}"
        assert read(text) == {
            "a": [
                ("respawn", "true"),
                ("name", "pile"),
                ("parameters", '{"threads": 2, "model": "x", "rectified": false}'),
            ]
        }

    def test_lists_become_what_an_argument_separates_by_commas(self, read):
        text = "a: {occluder_classes: [hand, arm], parameters: {objects: [1, 2]}}"
        assert read(text)["a"] == [
            ("occluder_classes", "hand,arm"),
            ("parameters", '{"objects": [1, 2]}'),
        ]

    def test_camera_and_argument_without_a_value_have_the_defaults(self, read):
        assert read("left:\nright: {provider: , name: x}") == {
            "left": [],
            "right": [("name", "x")],
        }

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "must map namespaces of cameras to arguments of segan.launch.py"),
            ("[left, right]", "must map namespaces of cameras"),
            ("left: {", "is not valid YAML"),
            ("left: /rgb", "left is '/rgb'; it must be a mapping of arguments"),
            ("left: {image: /rgb}", "left has the argument 'image'; choose from autostart, "),
            ("left: {namespace: x}", "left has the argument 'namespace'; choose from"),
        ],
    )
    def test_bad_file_is_refused_with_the_remedy(self, read, text, problem):
        with pytest.raises(ValueError, match=problem):
            read(text)

    def test_file_that_is_no_text_is_refused(self, without_launch, tmp_path):
        (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\0")
        with pytest.raises(ValueError, match=r"x\.yaml is not valid YAML"):
            without_launch(MANY)["read_cameras"](str(tmp_path / "x.yaml"))

    def test_missing_file_is_refused(self, without_launch):
        with pytest.raises(ValueError, match=r"cameras is '/none.yaml'; there is no such file"):
            without_launch(MANY)["read_cameras"]("/none.yaml")


class TestWithLaunch:
    """The same files, understood by launch itself."""

    @pytest.fixture
    def launch(self):
        launch = pytest.importorskip("launch")
        pytest.importorskip("launch_ros")
        if not hasattr(launch, "LaunchDescription"):
            pytest.skip("this `launch` is another program")
        return launch

    @pytest.fixture
    def launched(self, launch):
        """Visits the description with the given arguments; gives the node's action."""
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

    def test_cameras_get_their_own_arguments_and_the_shared_ones(
        self, launch, monkeypatch, tmp_path
    ):
        from launch.launch_description_sources import PythonLaunchDescriptionSource

        found = []

        class Recorder(launch.Action):
            """Stands for the Node."""

            def __init__(self, **keywords):
                super().__init__()
                found.append(keywords)

        monkeypatch.setattr("launch_ros.actions.Node", Recorder)
        cameras = tmp_path / "cameras.yaml"
        cameras.write_text(
            "left: {image_topic: rgb, provider: openvino, parameters: {threads: 2}}\nright: {}\n"
        )
        service = launch.LaunchService(argv=[f"cameras:={cameras}"])
        given = [("cameras", str(cameras)), ("provider", "cpu")]
        source = PythonLaunchDescriptionSource(str(MANY))
        include = launch.actions.IncludeLaunchDescription(source, launch_arguments=given)
        service.include_launch_description(launch.LaunchDescription([include]))
        assert service.run() == 0
        left, right = found
        assert [n["namespace"] for n in found] == ["left", "right"]
        assert left["parameters"] == [{"provider": "openvino", "threads": 2}]
        assert right["parameters"] == [{"provider": "cpu"}]
        assert dict(left["remappings"])["image"] == "rgb"
        assert dict(right["remappings"])["image"] == "image"
