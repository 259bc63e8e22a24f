"""docs/interface.md names the topics and services that the node has, with their types."""

import re
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ROWS = re.findall(r"^\| `([\w~/]+)` \| `(\w+/\w+)` \|", (DOCS / "interface.md").read_text(), re.M)


def table(*names_and_types):
    """What the page would say: name -> type, of topics or services of the node /segan."""
    return {
        name.replace("/segan/", "~/"): types[0].replace("/msg/", "/").replace("/srv/", "/")
        for name, types in names_and_types
    }


@pytest.mark.ros
def test_page_has_every_topic_and_service_of_a_running_node(start_node):
    parameters, rows = {}, dict(ROWS)
    if _has("tf2_msgs", "TFMessage"):
        parameters |= {"gravity_frame": "world", "use_imu": True}
    else:
        rows = {n: t for n, t in rows.items() if n not in ("/tf", "/tf_static", "imu")}
    if _has("vision_msgs", "Detection3DArray"):
        parameters["publish_detections"] = True
    else:
        rows = {n: t for n, t in rows.items() if not t.startswith("vision_msgs/")}
    node = start_node(**parameters).node
    own = node.get_name(), node.get_namespace()
    inputs = table(*node.get_subscriber_names_and_types_by_node(*own))
    outputs = table(*node.get_publisher_names_and_types_by_node(*own))
    services = table(*node.get_service_names_and_types_by_node(*own))

    def ours(found):
        """Without what every (lifecycle) node of ROS has."""
        of_ros = ("rcl_interfaces/", "lifecycle_msgs/", "type_description_interfaces/", "rosgraph")
        return {n: t for n, t in found.items() if not t.startswith(of_ros)}

    relative = {n if n.startswith("/tf") else n[1:]: t for n, t in ours(inputs).items()}
    assert rows == {**relative, **ours(outputs), **ours(services)}


def _has(package, message):
    with suppress(ImportError):
        return hasattr(import_module(f"{package}.msg"), message)
    return False


@pytest.mark.ros
def test_drawing_says_what_is_published_before_the_painter():
    from segan_ros.ros.interface import OUTPUTS
    from segan_ros.ros.outputs import BEFORE_PAINTING

    names = {each.name.removeprefix("~/") for each in OUTPUTS}
    text = (DOCS / "how_it_works.md").read_text()
    first, then = re.findall(r'class="published"><strong>[\w ]+</strong> ([\w, ]+)</div>', text)
    assert set(first.split(", ")) == BEFORE_PAINTING & names
    assert set(then.split(", ")) == names - BEFORE_PAINTING
