"""The paper's tables as a page: the numbers, and what every method makes of a few objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segan_ros.drawing.render import render
from segan_ros.paper.album import Album
from segan_ros.paper.table import Table

LEGEND = (
    "Masks: grey is the input mask; of the rest of the object, green was found and blue was "
    "missed; red was predicted but is not there. Each row is the object with the most hidden "
    "pixels of its scene; the scenes are picked at even intervals."
)


def tables_page(
    title: str, about: str, tables: Sequence[Table], albums: Mapping[str, Album]
) -> str:
    """The page: `tables`, then the albums by what their scenes are."""
    sections = [s for scenes, album in albums.items() for s in album.sections(scenes)]
    return render(
        "tables.html", title=title, about=about, tables=tables, sections=sections, legend=LEGEND
    )
