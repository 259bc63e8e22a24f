"""The Python package without ROS: `pip install .` on evaluation and training machines.

On a robot `colcon build` uses CMakeLists.txt instead. Both install the same files, and both put
models, config, ... under share/segan_ros, where segan_ros.host.resources finds them.
"""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import setup

ROOT = Path(__file__).parent


def shared_files(*folders: str) -> list[tuple[str, list[str]]]:
    """[(folder under the install prefix, its files)], as setuptools wants data_files."""
    by_folder: dict[str, list[str]] = {"share/segan_ros": ["package.xml"]}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file():
                name = path.relative_to(ROOT)
                by_folder.setdefault(f"share/segan_ros/{name.parent}", []).append(str(name))
    return list(by_folder.items())


setup(
    version=ElementTree.parse(ROOT / "package.xml").findtext("version"),
    package_data={
        "segan_ros": ["py.typed"],
        "segan_ros.drawing": ["templates/*"],
        "segan_ros.messages": ["interfaces/*/msg/*"],
        "segan_ros.occlusion": ["*.npz"],
        "segan_ros.replay": ["web/*"],
        "segan_ros.synthesis.assets": ["objects.tsv"],
    },
    data_files=shared_files("config", "demo", "launch", "models", "msg", "srv"),
)
