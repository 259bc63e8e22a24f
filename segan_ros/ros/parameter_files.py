"""Parameter files whose names match no node: ROS ignores them without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PARAMETERS = "ros__parameters"


def mismatch(path: str, node: str) -> str:
    """Why a parameter file holds nothing for `node`, with the remedy; empty where it does.

    Args:
        path: of a YAML file that ROS has read already.
        node: full name, as ``/left/segan``.
    """
    document = yaml.safe_load(Path(path).read_text())
    keys = list(_names(document))
    if any(_matches(key, node) for key in keys):
        return ""
    found = f"it has parameters for {', '.join(keys)}" if keys else f"it has no {PARAMETERS}"
    return (
        f"parameter file {path} has no effect: {found}, but this node is {node}; make its top "
        f"key {node}, or /** for every node"
    )


def _names(document: Any, above: str = "") -> Iterator[str]:
    """Full names of the nodes, or the wildcards, that parameters are given for."""
    for key, value in document.items() if isinstance(document, dict) else ():
        if key == PARAMETERS:
            yield above
        else:
            yield from _names(value, f"{above}/{str(key).strip('/')}")


def _matches(pattern: str, node: str) -> bool:
    """`*` stands for one name, `**` for any number of them, as in rcl."""
    expression = pattern.replace("/**", r"(/\w+)@").replace("/*", r"/\w+").replace("@", "*")
    return re.fullmatch(expression, node) is not None
