"""What MkDocs calls to build the site: pages that live elsewhere in the checkout, made tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import reference  # noqa: E402

HOST = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]+"')

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "models/tabletop/MODEL_CARD.md": "model_card.md",
}
"""Files of the checkout that are pages too; their links are turned into the site's."""

PLAIN = {"LICENSE", "CITATION.cff"}
"""Files that a page may link to, and the site copies."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that do not lie in docs/."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=relinked(source)))
    for name in PLAIN:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    return files


def relinked(source: str) -> str:
    """The text of a file of the checkout, as if it lay in docs/."""
    folder = (ROOT / source).parent

    def link(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        path = (folder / target).resolve().relative_to(ROOT).as_posix()
        return f"]({PAGES.get(path, path.removeprefix('docs/'))}{anchor})"

    return re.sub(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)", link, (ROOT / source).read_text())


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the made tables in their places."""
    for name, make in reference.MADE.items():
        if f"<!-- {name} -->" in markdown:
            markdown = markdown.replace(f"<!-- {name} -->", make())
    return markdown


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that would ask another host for a part of itself: the site works offline."""
    if found := HOST.search(output):
        raise ValueError(f"{page.file.src_uri}: {found[0]} is not part of the site")
    return output
