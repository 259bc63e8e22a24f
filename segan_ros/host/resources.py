"""Where the files that travel with the package lie: launch, config, models, demo, package.xml."""

from functools import cache
from pathlib import Path
from xml.etree import ElementTree


def resource_path(name: str) -> Path:
    """The path of a file or folder such as "models/tabletop".

    The same name holds in a source checkout, under an ament prefix and after `pip install`.

    Raises:
        FileNotFoundError: this installation holds no such file.
    """
    path = _root() / name
    if not path.exists():
        raise FileNotFoundError(f"{name} is not part of this installation ({_root()})")
    return path


@cache
def version() -> str:
    """Of this package, as ``package.xml`` has it."""
    return ElementTree.parse(resource_path("package.xml")).findtext("version", "unknown")


@cache
def _root() -> Path:
    # A checkout holds package.xml itself; ament and pip put it into share/ below their prefix,
    # some floors above the Python package: how many differs between systems.
    for folder in Path(__file__).parents:
        for root in (folder, folder / "share" / "segan_ros"):
            if (root / "package.xml").is_file():
                return root
    raise FileNotFoundError(f"no share/segan_ros above {__file__}: install segan_ros again")
