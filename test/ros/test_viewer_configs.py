"""The RViz config and the Foxglove layout look at topics that the node has, of the right types."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLASSES = {
    "rviz_default_plugins/Image": "Image",
    "rviz_default_plugins/MarkerArray": "MarkerArray",
    "rviz_default_plugins/PointCloud2": "PointCloud2",
}


def displays() -> list[dict]:
    config = yaml.safe_load((ROOT / "config" / "segan.rviz").read_text())
    return config["Visualization Manager"]["Displays"]


def layout() -> dict:
    return json.loads((ROOT / "config" / "foxglove.json").read_text())


def leaves(part: str | dict) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        yield from leaves(part["first"])
        yield from leaves(part["second"])


def output_types() -> dict[str, type]:
    from ros_harness import KINDS

    return KINDS


def test_every_foxglove_panel_has_its_place():
    assert sorted(leaves(layout()["layout"])) == sorted(layout()["configById"])


@pytest.mark.ros
def test_rviz_displays_fit_the_topics_of_the_node():
    types = output_types()
    for display in displays():
        node, name = display["Topic"]["Value"][1:].split("/")
        assert node == "segan"
        assert types[name].__name__ == CLASSES[display["Class"]]
        assert display["Topic"]["Reliability Policy"] == "Reliable"


@pytest.mark.ros
def test_foxglove_looks_at_fields_that_are_there():
    types = output_types()

    def check(path: str) -> None:
        _, node, rest = path.split("/")
        name, *fields = rest.replace("[:]", "").split(".")
        assert node == "segan"
        kind = types[name]
        assert not fields or fields[0] in kind.get_fields_and_field_types()

    for panel in layout()["configById"].values():
        paths = [panel[k] for k in ("topicPath",) if k in panel]
        paths += [p["value"] for p in panel.get("paths", [])]
        paths += list(panel.get("topics", {}))
        paths += [panel["imageMode"]["imageTopic"]] if "imageMode" in panel else []
        for path in paths:
            check(path)
