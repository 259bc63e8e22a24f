"""A parameter file that gives this node nothing is found out, by the rules of ROS itself."""

import pytest

from segan_ros.ros.parameter_files import mismatch

KEYS = ["segan", "/segan", "left/segan", "/left/segan", "/**", "/*", "/**/segan", "/*/segan"]
KEYS += ["/left/*", "/left/**", "/left", "segn", "/left/segn", "/*/*", "/a/**/segan"]


def write(path, key, nested=False):
    words = key.strip("/").split("/") if nested else [key]
    lines = [f"{'  ' * n}{word}:" for n, word in enumerate([*words, "ros__parameters", "seen"])]
    path.write_text("\n".join(lines) + " true\n")
    return str(path)


@pytest.mark.ros
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("namespace", ["", "left", "a/b"])
def test_names_match_as_ros_matches_them(ros, tmp_path, key, namespace):
    path = write(tmp_path / "p.yaml", key)
    node = ros.create_node(
        "segan",
        namespace=namespace,
        cli_args=["--ros-args", "--params-file", path],
        use_global_arguments=False,
        automatically_declare_parameters_from_overrides=True,
    )
    try:
        taken = node.has_parameter("seen")
        assert (mismatch(path, node.get_fully_qualified_name()) == "") == taken
    finally:
        node.destroy_node()


def test_file_of_several_nodes_is_fine_where_one_is_this_node(tmp_path):
    path = write(tmp_path / "p.yaml", "camera")
    both = tmp_path / "both.yaml"
    both.write_text(
        (tmp_path / "p.yaml").read_text() + "left:\n  segan:\n    ros__parameters: {}\n"
    )
    assert mismatch(str(both), "/left/segan") == ""
    assert "it has parameters for /camera, but this node is /segan" in mismatch(path, "/segan")
    assert "for /camera, /left/segan, but" in mismatch(str(both), "/segan")


@pytest.mark.parametrize("content", ["", "max_age: 0.5\n", "- 1\n"])
def test_file_without_parameters_says_so(tmp_path, content):
    path = tmp_path / "p.yaml"
    path.write_text(content)
    assert "has no effect: it has no ros__parameters" in mismatch(str(path), "/segan")
