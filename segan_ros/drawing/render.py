"""HTML and SVG from Jinja2 templates: ``templates/`` here, or a folder of the caller's."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")


def render(name: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """The template `name` with `values` filled in; text in them is escaped.

    Args:
        name: file of `folder`, which may include and extend those of `TEMPLATES`.
        folder: where it lies.
        values: what it uses; one that is missing is an error.
    """
    return _environment(folder).get_template(name).render(values)


def data_uri(content: bytes, kind: str) -> str:
    """`content`, a picture of MIME type ``image/<kind>``, to stand in a page itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
