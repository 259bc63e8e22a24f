"""README is short, links lead somewhere, and every page can be found."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

import segan_ros
from tools import docs_site

ROOT = Path(__file__).parents[2]
SOURCE_OF = {ROOT / "docs" / page: ROOT / name for name, page in docs_site.PAGES.items()}
PAGES = [*SOURCE_OF.values(), *sorted((ROOT / "docs").glob("*.md"))]


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as MkDocs and code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t).strip().lower().replace(" ", "-") for t in titles}


def test_readme_can_be_read_in_three_minutes():
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 150 and len(text) <= 9000
    assert max(map(len, text.splitlines())) <= 120


def test_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    rgb, labels = np.full((60, 80, 3), 90, np.uint8), np.zeros((60, 80), np.uint8)
    labels[10:40, 10:50], labels[20:55, 40:70] = 3, 7
    cv2.imwrite(str(tmp_path / "photo.png"), rgb)
    cv2.imwrite(str(tmp_path / "ids.png"), labels)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.+?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    exec(code, {})
    *objects, order = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in objects] == ["3", "7"]
    assert sorted(ast.literal_eval(order)) == [3, 7]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path):
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)]*)\)", page.read_text()):
        path = page.parent / target if target else page
        path = SOURCE_OF.get(path, path)
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), f"{target}#{anchor}"


def test_files_that_how_it_works_names_are_there():
    page = (ROOT / "docs" / "how_it_works.md").read_text()
    files = re.findall(r"`([a-z_/]+(?:\.py|/))`", page.partition("Where to find it")[2])
    assert len(files) > 20
    assert not [name for name in files if not (ROOT / "segan_ros" / name).exists()]


def test_every_page_is_in_the_navigation():
    def pages(part):
        if isinstance(part, str):
            yield part
        else:
            for child in part if isinstance(part, list) else part.values():
                yield from pages(child)

    listed = list(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(listed)
    assert len(listed) == len(set(listed))


def test_reference_has_every_public_name():
    shown = set(re.findall(r"^::: (\S+)$", (ROOT / "docs" / "python.md").read_text(), re.M))
    names = set(segan_ros.__all__) - {"__version__"}
    homes = {n: getattr(segan_ros, n).__module__ for n in names}
    missing = {n for n, home in homes.items() if not {home, f"{home}.{n}"} & shown}
    assert len(names) > 10 and not missing


def test_pages_from_elsewhere_keep_their_links():
    readme = docs_site.relinked("README.md")
    assert "](stream.webp)" in readme and "](model_card.md)" in readme
    assert "](robot.md#shared-memory)" in readme
    card = docs_site.relinked("models/tabletop/MODEL_CARD.md")
    assert "](objects.jpg)" in card and "../" not in card.replace("`", "")


def test_page_that_asks_another_host_is_refused():
    page = SimpleNamespace(file=SimpleNamespace(src_uri="start.md"))
    local = '<script src="assets/a.js"></script><a href="https://example.org">text</a>'
    assert docs_site.on_post_page(local, page=page) == local
    with pytest.raises(ValueError, match=r"start\.md: <script"):
        docs_site.on_post_page('<script src="https://example.org/a.js"></script>', page=page)
