"""The report: one file that asks nothing of the network, tried out in a headless Chromium."""

import json
import re
from pathlib import Path

import cv2
import headless_browser
import numpy as np
import pytest
from small_bag import Contents, write_bag

from segan_ros.commands import main as cli
from segan_ros.drawing.graph import graph_svg
from segan_ros.frame import Evidence, OcclusionEdge
from segan_ros.occlusion.graph import build_graph
from segan_ros.replay.layers import path_of
from segan_ros.replay.report_page import Gallery, write_page

pytest.importorskip("onnx")
from dummy_model import write_dummy_model

needs_chromium = pytest.mark.skipif(
    headless_browser.EXECUTABLE is None, reason="no Chromium here (Debian: chromium)"
)


def replay(*arguments: object) -> int:
    return cli.main(["replay", *map(str, arguments)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Folder with an earlier run `then`, which saw less behind, and `now`, a run against it.

    The bag's last frame has no mask, so it is unanswered; the second one was better then.
    """
    folder = tmp_path_factory.mktemp("runs")
    bag = write_bag(folder / "bag", Contents(frames=4, skip_masks=(3,)))
    small = write_dummy_model(folder / "small", grow=2)
    large = write_dummy_model(folder / "large", grow=6)
    assert replay(bag, "--model", small, "--out", folder / "then") == 1
    earlier = json.loads((folder / "then" / "replay.json").read_text())
    earlier["frames"][1]["frame_score"] += 0.5
    (folder / "then" / "replay.json").write_text(json.dumps(earlier))
    words = ("--model", large, "--out", folder / "now", "--against", folder / "then")
    assert replay(bag, *words) == 1
    return folder


@pytest.fixture(scope="module")
def chromium():
    with headless_browser.browser() as page:
        yield page


@pytest.fixture
def page(chromium, runs):
    """The run `then` by itself."""
    chromium.open(runs / "then" / "report.html")
    return chromium


@pytest.fixture
def pair(chromium, runs):
    """The run `now` beside the earlier one."""
    chromium.open(runs / "now" / "report.html")
    return chromium


def content_of(report: Path) -> dict:
    """What a report shows."""
    data = re.search(r'id="data">(.*?)</script>', report.read_text(), re.DOTALL)
    assert data
    return json.loads(data[1])


def frames_listed(page) -> list[int]:
    return page.ask("[...document.querySelectorAll('#list button')].map(b => +b.dataset.frame)")


def shown(page) -> str:
    return page.ask("document.getElementById('title').textContent").partition(" ·")[0]


@needs_chromium
def test_page_loads_without_a_word_and_asks_for_nothing(page, runs):
    assert page.console == []
    files = [r for r in page.requests if not r.startswith("data:")]
    assert set(files) <= {(runs / n / "report.html").as_uri() for n in ("then", "now")}
    scores = page.ask("document.getElementById('cards').textContent")
    found = json.loads((runs / "then" / "replay.json").read_text())
    assert f"{found['summary']['scores']['segan']['si']:.3f}" in scores
    assert page.ask("document.querySelectorAll('#plots svg').length") == 3


@needs_chromium
def test_unanswered_frames_and_the_worst_come_first(page, runs):
    assert frames_listed(page)[0] == 3
    page.press("Home")
    assert "no instance mask within 10 ms" in page.ask(
        "document.getElementById('stage').textContent"
    )
    page.press("s")
    assert frames_listed(page) == [0, 1, 2, 3]


@needs_chromium
def test_frames_are_sorted_by_their_score(chromium, runs, tmp_path):
    content = content_of(runs / "then" / "report.html")
    for frame, score in zip(content["run"]["frames"], (0.7, 0.2, 0.5, -1), strict=True):
        frame["frame_score"] = score
    write_page(tmp_path / "report.html", content)
    chromium.open(tmp_path / "report.html")
    assert frames_listed(chromium) == [3, 1, 2, 0]


@needs_chromium
def test_page_opens_on_the_frame_where_most_is_hidden(chromium, runs, tmp_path):
    content = content_of(runs / "then" / "report.html")
    for frame, hidden in zip(content["run"]["frames"], (0, 9, 900, 0), strict=True):
        for item in frame["objects"]:
            item["amodal_area"] = item["visible_area"] + hidden
    write_page(tmp_path / "report.html", content)
    chromium.open(tmp_path / "report.html")
    assert shown(chromium) == "Frame 2"


@needs_chromium
def test_scores_without_depth_stand_beside_those_with_it(page, runs):
    found = json.loads((runs / "then" / "replay.json").read_text())["summary"]["scores"]
    assert found["segan, depth unused"]["si"] == found["segan"]["si"]
    assert "no depth" in page.ask("document.getElementById('cards').textContent")


@needs_chromium
def test_arrows_walk_through_the_list(page):
    listed = frames_listed(page)
    page.press("Home")
    assert shown(page) == f"Frame {listed[0]}"
    page.press("ArrowRight")
    assert shown(page) == f"Frame {listed[1]}"
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert shown(page) == f"Frame {listed[0]}"
    page.press("End")
    assert shown(page) == f"Frame {listed[-1]}"
    page.click(f'#list [data-frame="{listed[1]}"]')
    assert shown(page) == f"Frame {listed[1]}"


@needs_chromium
@pytest.mark.parametrize("way", ["key", "button"])
def test_every_layer_changes_the_picture_and_goes_away_again(page, way):
    page.press("ArrowRight")
    names = page.ask("[...document.querySelectorAll('#layers button')].map(b => b.dataset.layer)")
    assert names == ["visible", "whole", "hidden", "completed", "order", "truth"]

    def switch(name: str) -> None:
        if way == "key":
            page.press(str(names.index(name) + 1))
        else:
            page.click(f'[data-layer="{name}"]')

    for name in ("whole", "hidden", "order"):  # on at first
        switch(name)
    bare = page.screenshot("#stage svg")
    for name in names:
        switch(name)
        if name != "completed":  # the painter of this model changes nothing that can be seen
            assert (page.screenshot("#stage svg") != bare).any(), name
        pressed = page.ask(
            "[...document.querySelectorAll('#layers [aria-pressed=true]')].map(b=>b.dataset.layer)"
        )
        assert pressed == [name]
        switch(name)
        assert (page.screenshot("#stage svg") == bare).all(), name


@needs_chromium
def test_clicked_object_is_shown_alone_until_escape(page):
    page.press("ArrowRight")
    whole = page.screenshot("#stage svg")
    page.click('#stage .object[data-id="2"]')
    alone = page.screenshot("#stage svg")
    height, width = alone.shape[:2]
    corner = slice(0, height // 10), slice(width * 9 // 10, width)  # background
    assert alone[corner].mean() < whole[corner].mean() / 2
    assert page.ask("document.querySelector('#objects tr.hot').dataset.id") == "2"
    page.press("Escape")
    assert (page.screenshot("#stage svg") == whole).all()


@needs_chromium
def test_two_runs_stand_side_by_side_worst_regression_first(pair):
    assert pair.console == []
    assert frames_listed(pair)[0] == 1
    captions = pair.ask("[...document.querySelectorAll('figcaption')].map(c => c.textContent)")
    assert captions == ["this run", "earlier run"]
    now, then = (
        pair.ask(f"document.querySelector('[data-pane=\"{i}\"] .layer-whole').innerHTML")
        for i in (0, 1)
    )
    assert now != then
    assert pair.ask("document.querySelectorAll('#graph svg > rect').length") == 2
    details = pair.ask("document.getElementById('details').textContent")
    assert "Compared with the earlier run" in details and "1 frames are worse" in details


@needs_chromium
@pytest.mark.parametrize(("frames", "mask_delay"), [(1, 0), (3, 0), (2, 20_000_000)])
def test_bag_without_truth_or_answers_has_a_page_too(chromium, tmp_path, frames, mask_delay):
    left_out = ("objects", "occlusion_graph", "depth", "camera_info")
    contents = Contents(frames=frames, without=left_out, mask_delay=mask_delay)
    bag = write_bag(tmp_path / "bag", contents)
    model = write_dummy_model(tmp_path / "model")
    report = tmp_path / "report.html"
    replay(bag, "--model", model, "--report", report)
    chromium.open(report)
    assert chromium.console == []
    assert len(frames_listed(chromium)) == frames
    assert "SI" not in chromium.ask("document.getElementById('cards').textContent")
    for key in ("6", "5", "s", "ArrowRight", "Escape"):
        chromium.press(key)
    assert chromium.console == []


@needs_chromium
def test_points_of_the_plots_lead_to_their_frame(page):
    page.click("#plots .plot:first-child rect.hit:nth-of-type(2)")
    assert shown(page) == "Frame 1"


@needs_chromium
def test_what_the_mouse_is_over_is_explained(page):
    """Also beside a graph, and its arrows keep their heads."""
    page.press("ArrowRight")
    heads = "[...document.querySelectorAll('#graph marker path')].map(p => p.getAttribute('d'))"
    before = page.ask(heads)
    assert before and all(before)
    page.ask("""document.querySelector('#graph [data-tip]').dispatchEvent(
        new MouseEvent('mousemove', {bubbles: true, clientX: 30, clientY: 30}))""")
    tip = page.ask("[...document.querySelectorAll('#tip')].map(t => [t.hidden, t.textContent])")
    assert len(tip) == 1
    hidden, text = tip[0]
    assert not hidden and re.match(r"object \d+, layer \d+", text)
    assert page.ask(heads) == before


@needs_chromium
def test_object_that_left_since_it_was_chosen_fades_nothing(page):
    page.press("ArrowRight")
    page.ask("update({chosen: 99})")
    assert page.ask("document.querySelectorAll('#graph .node').length") == 2
    assert page.ask("document.querySelectorAll('#graph .cold').length") == 0


@needs_chromium
def test_objects_that_hide_each_other_are_nodes_like_all_others(chromium, runs, tmp_path):
    content = content_of(runs / "then" / "report.html")
    frame = next(f for f in content["run"]["frames"] if f["answer"])
    scene = content["pictures"][str(frame["index"])]["scenes"][0]
    one, other = (o["id"] for o in scene["objects"][:2])
    edges = [
        OcclusionEdge(*pair, score, 30, 0.1, float("nan"), Evidence.AMODAL)
        for pair, score in (((one, other), 0.9), ((other, one), 0.5))
    ]
    scene["graph"] = graph_svg(build_graph([o["id"] for o in scene["objects"]], edges))
    write_page(tmp_path / "report.html", content)
    chromium.open(tmp_path / "report.html")
    chromium.click(f'#list [data-frame="{frame["index"]}"]')
    assert "partly occluded" in chromium.ask("document.getElementById('graph').textContent")
    nodes = chromium.ask("document.querySelectorAll('#graph .node').length")
    assert nodes == len(scene["objects"])
    for scheme in ("light", "dark"):
        chromium.emulate(scheme)
        text = "getComputedStyle(document.querySelector('#graph text[stroke]'))"
        assert chromium.ask(f"{text}.fill") != chromium.ask(f"{text}.stroke")


@needs_chromium
def test_buttons_keep_the_focus_that_used_them(page):
    page.press("ArrowRight")
    focused = "document.activeElement.dataset.key"
    used = {"layer order": "false", "sort time": "true", "metric SF": "true", "object 2": "true"}
    for key, pressed in used.items():
        page.ask(f"document.querySelector('[data-key=\"{key}\"]').focus()")
        page.press("Enter")
        assert page.ask(focused) == key
        assert page.ask("document.activeElement.getAttribute('aria-pressed')") == pressed
    assert page.ask("document.querySelector('#objects tr.hot').dataset.id") == "2"


@needs_chromium
def test_focus_explains_as_the_mouse_does(page):
    page.press("Tab")
    while page.ask("document.activeElement.dataset.layer") != "whole":
        page.press("Tab")
    assert "outline of the whole object" in page.ask("document.getElementById('tip').textContent")
    assert not page.ask("document.getElementById('tip').hidden")
    page.press("Tab")
    page.press("Escape")
    assert "behind other objects" in page.ask("document.getElementById('tip').textContent")


@needs_chromium
def test_walking_through_frames_draws_neither_list_nor_plots_anew(page):
    page.ask("kept = [...document.querySelectorAll('#list button, #plots .hit')]")
    page.press("ArrowRight")
    assert page.ask("kept.length") > 0
    assert page.ask("kept.every((e) => e.isConnected)")
    frame = page.ask("document.querySelector('#list [aria-current]').dataset.frame")
    assert shown(page) == f"Frame {frame}"
    assert page.ask("document.querySelectorAll('#list [aria-current]').length") == 1
    places = page.ask("[...document.querySelectorAll('#plots .here')].map(e => e.dataset.place)")
    assert set(places) == {frame}


@needs_chromium
def test_list_shows_the_frame_that_is_chosen(page):
    page.ask("document.getElementById('list').style.maxHeight = '80px'")
    for key in ("End", "Home"):
        page.press(key)
        inside = page.ask("""(() => {
            const list = document.getElementById('list').getBoundingClientRect();
            const now = document.querySelector('#list [aria-current]').getBoundingClientRect();
            return now.top >= list.top - 1 && now.top < list.bottom;
        })()""")
        assert inside, key


@needs_chromium
def test_dark_and_light(page):
    back = "getComputedStyle(document.body).backgroundColor"
    page.emulate("light")
    light = page.ask(back)
    page.emulate("dark")
    dark = page.ask(back)
    assert light != dark
    page.click("#theme")
    assert page.ask(back) == light


@needs_chromium
def test_name_from_outside_is_text_and_nothing_else(chromium, runs, tmp_path):
    content = content_of(runs / "then" / "report.html")
    evil = "</script><img src=x onerror=alert(1)>"
    content["heading"] = evil
    content["run"]["frames"][0]["objects"][0]["name"] = evil
    write_page(tmp_path / "report.html", content)
    chromium.open(tmp_path / "report.html")
    assert chromium.ask("document.getElementById('heading').textContent") == evil
    assert chromium.ask("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.parametrize(
    ("frames", "most", "scores", "kept"),
    [
        (3, 5, [0.1, 0.2, 0.3], {0, 1, 2}),
        (9, 4, [0.9, 0.8, 0.1, 0.9, 0.2, 0.3, 0.9, 0.05, 0.9], {0, 8, 2, 7}),
        (5, 2, [0.5, float("nan"), 0.7, 0.6, 0.9], {0, 3}),
        (5, 1, [0.5] * 5, {0}),
    ],
)
def test_long_bags_keep_the_worst_frames_and_an_even_sample(frames, most, scores, kept):
    made = []
    gallery = Gallery(frames, most)
    for i, score in enumerate(scores):

        def make(index: int = i) -> dict:
            made.append(index)
            return {"index": index}

        gallery.offer(i, score, make)
    assert set(gallery.pictures) == kept
    assert kept <= set(made)
    assert all(picture == {"index": i} for i, picture in gallery.pictures.items())


@needs_chromium
def test_long_bag_says_which_frames_have_no_picture(chromium, tmp_path):
    bag = write_bag(tmp_path / "bag", Contents(frames=6))
    model = write_dummy_model(tmp_path / "model")
    report = tmp_path / "report.html"
    assert replay(bag, "--model", model, "--report", report, "--pictures", 2) == 0
    assert report.read_text().count("data:image/jpeg") == 2
    chromium.open(report)
    bare = "[...document.querySelectorAll('#list .none')].map(e => e.parentNode.dataset.frame)"
    without = chromium.ask(bare)
    assert len(without) == 4
    chromium.click(f'#list [data-frame="{without[0]}"]')
    assert "--pictures" in chromium.ask("document.getElementById('stage').textContent")


def test_paths_enclose_the_pixels_of_their_mask():
    mask = np.zeros((40, 50), bool)
    mask[5:30, 8:40] = True
    mask[12:20, 15:25] = False
    mask[33:36, 2:6] = True
    drawn = np.zeros((100, 130), np.uint8)
    contours = []
    for part in path_of(mask, (10, 5, 60, 45)).split("z")[:-1]:
        start, moves = part[1:].split("l")
        steps = np.array(moves.split(), int).reshape(-1, 2)
        contours.append(np.cumsum([[int(v) for v in start.split()], *steps], axis=0))
    assert len(contours) == 3
    for contour in contours:
        inside = np.zeros_like(drawn)
        cv2.fillPoly(inside, [contour.astype(np.int32)], 1)
        drawn ^= inside  # evenodd
    expected = np.zeros_like(drawn)
    big = cv2.resize(mask.astype(np.uint8), (100, 80), interpolation=cv2.INTER_NEAREST)
    expected[10:90, 20:120] = big
    assert np.mean(drawn != expected) < 0.01


def test_empty_mask_has_no_path():
    assert path_of(np.zeros((4, 4), bool), (0, 0, 4, 4)) == ""
