"""Pictures show what the scene says, and `segan complete` writes them."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import cv2
import headless_browser
import numpy as np
import pytest
from dummy_model import write_dummy_model
from samples import frame_of, many_objects, overlapping

from segan_ros.completion import SceneCompleter
from segan_ros.drawing.completed import completed_sheet
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import FREE, enlarged, label, overlay
from segan_ros.drawing.paint import DARK, WHITE
from segan_ros.frame import AmodalObject, CompletedScene, Evidence, Frame, OcclusionEdge
from segan_ros.occlusion.graph import build_graph
from segan_ros.runtime.model import Model

MANY = np.arange(24 * 37, dtype=np.uint16).reshape(24, 37) % 301


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dummy_model(tmp_path_factory.mktemp("dummy"))


@pytest.fixture(scope="module")
def completer(folder):
    return SceneCompleter(Model(folder, "cpu"))


def large_overlapping():
    return np.kron(overlapping(), np.ones((5, 5), int))


def test_overlay_marks_hidden_parts_and_leaves_the_frame_alone(completer):
    frame = frame_of(large_overlapping())
    frame.rgb[:] = 90
    before = frame.rgb.copy()
    scene = completer.complete(frame)
    picture = overlay(frame, scene)
    np.testing.assert_array_equal(frame.rgb, before)
    assert picture.shape == frame.rgb.shape
    assert picture.dtype == np.uint8
    # What is no object steps back; objects keep their colours.
    far = np.s_[240:, 330:]
    assert picture[far].max() < frame.rgb[far].min()
    item = scene.object(7)
    kept = (picture == frame.rgb).all(axis=2)[frame.labels == item.id]
    assert kept.mean() > 0.3
    x0, y0, x1, y1 = scene.object(1).box
    hidden = scene.object(1).invisible
    assert (picture[y0:y1, x0:x1] != frame.rgb[y0:y1, x0:x1])[hidden].mean() > 0.9


def test_overlay_tells_what_to_lift_next(completer):
    frame = frame_of(large_overlapping())
    frame.rgb[:] = 90
    scene = completer.complete(frame)
    first, second = scene.graph.removal_order

    def share(object_id, colour, graph):
        drawn = (overlay(frame, replace(scene, graph=graph)) == colour).all(axis=2)
        mask = scene.object(object_id).full_mask(frame.size).astype(np.uint8)
        return drawn[cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0].mean()

    edges = [e for e in scene.graph.edges if e.occluder_id == first]
    clear = build_graph(scene.graph.object_ids, edges)
    assert share(first, FREE, clear) > 0.7
    assert share(second, FREE, clear) < 0.3
    # The boxes hide each other: the first one is the first, but not free.
    assert scene.graph.free == set()
    assert share(first, FREE, scene.graph) < 0.1
    assert share(first, WHITE, scene.graph) > 0.7


def test_labels_give_way_to_each_other():
    image = np.zeros((120, 200, 3), np.uint8)
    taken = []
    for n in range(5):
        label(image, (100, 60), f"{n} L0", DARK, taken)
    for n, (ax0, ay0, ax1, ay1) in enumerate(taken):
        assert min(ax0, ay0) >= 0 and ax1 <= 200 and ay1 <= 120
        for bx0, by0, bx1, by1 in taken[:n]:
            assert ax1 <= bx0 or bx1 <= ax0 or ay1 <= by0 or by1 <= ay0


@pytest.mark.parametrize("labels", [np.zeros((40, 50)), many_objects()], ids=["empty", "forty"])
def test_all_pictures_of_any_scene(completer, labels):
    frame = frame_of(labels)
    scene = completer.complete(frame)
    assert overlay(frame, scene).shape == frame.rgb.shape
    assert completed_sheet(frame, scene).shape[1:] == (480, 3)
    ElementTree.fromstring(graph_svg(scene.graph, scene))


def test_sheet_has_a_row_per_hidden_object(completer):
    frame = frame_of(overlapping())
    scene = completer.complete(frame)
    hidden = sum(bool(o.invisible.any()) for o in scene.objects)
    assert completed_sheet(frame, scene, side=100).shape == (28 + 120 * hidden, 300, 3)


def test_drawing_has_every_node_and_edge(completer):
    frame = frame_of(overlapping())
    scene = completer.complete(frame)
    root = ElementTree.fromstring(graph_svg(scene.graph))
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1", "7", "layer 0", "partly occluded"} <= set(texts)
    titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == len(scene.graph.edges)


def test_object_that_a_knot_covers_is_not_shown_as_free():
    pairs = [(1, 2, 0.9), (2, 1, 0.2), (1, 3, 0.9)]
    edges = [OcclusionEdge(q, p, score=s, overlap_area=9, overlap_ratio=0.1) for q, p, s in pairs]
    graph = build_graph([1, 2, 3, 4], edges)
    assert graph.layers == (0, 1, 1, 0)
    assert graph.free == {4}
    svg = graph_svg(graph)
    assert svg.count("partly occluded") == 1 and "free to lift" in svg
    knot = build_graph([1, 2], edges[:2])
    starts = re.findall(r'd="M(\d+) \d+ C', graph_svg(knot))
    assert len(set(starts)) == 2, "one arrow lies upon the other"
    assert knot.free == set() and "free to lift" not in graph_svg(knot)


def test_drawing_says_why_an_object_in_front_is_not_free():
    rests = OcclusionEdge(1, 2, evidence=Evidence.SUPPORT)
    graph = build_graph([1, 2, 3, 9], [], [rests], occluder_only={9})
    graph = replace(graph, free=graph.free - {3})
    root = ElementTree.fromstring(graph_svg(graph))
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"carries others", "occluder only", "under something unlabelled"} <= set(texts)
    assert "partly occluded" not in texts and "free to lift" in texts


def test_small_pictures_are_enlarged_to_be_drawn_into(completer):
    frame = frame_of(overlapping())
    scene = completer.complete(frame)
    large, grown = enlarged(frame, scene)
    zoom = large.size[0] // frame.size[0]
    assert 640 <= max(large.size) == zoom * max(frame.size) and zoom > 1
    for small, item in zip(scene.objects, grown.objects, strict=True):
        whole = small.full_mask(frame.size).repeat(zoom, 0).repeat(zoom, 1)
        assert np.array_equal(item.full_mask(large.size), whole)
    assert overlay(large, grown).shape == large.rgb.shape
    assert enlarged(large, grown) == (large, grown)


def test_sheet_says_how_many_objects_it_leaves_out():
    rgb, labels = np.zeros((60, 200, 3), np.uint8), np.zeros((60, 200), np.int32)
    for n in range(5):
        labels[10:40, 40 * n : 40 * n + 20] = 2 * n + 1
        labels[10:50, 40 * n + 20 : 40 * n + 30] = 2 * n + 2
    frame = Frame(rgb, labels)
    objects = []
    for n in range(5):
        x = 40 * n
        whole = np.ones((30, 30), bool)
        seen = labels[10:40, x : x + 30] == 2 * n + 1
        objects.append(
            AmodalObject(2 * n + 1, (x, 10, x + 30, 40), seen, whole, whole.astype(np.float32))
        )
    scene = CompletedScene((60, 200), tuple(objects), build_graph([1, 3, 5, 7, 9], []))
    whole = completed_sheet(frame, scene, most=5, side=80)
    cut_short = completed_sheet(frame, scene, most=2, side=80)
    assert whole.shape[0] == 28 + 5 * 100 and cut_short.shape[0] == 28 + 2 * 100 + 20
    # A caption never lies on a picture.
    assert (whole[28 + 80 : 28 + 98, 200:] == 255).all()


@pytest.mark.skipif(
    headless_browser.EXECUTABLE is None, reason="no Chromium here (Debian: chromium)"
)
@pytest.mark.parametrize("edges", [[(i, i + 1) for i in range(100, 120)], [(101, 102), (102, 101)]])
def test_heading_of_the_graph_fits_into_it(tmp_path, edges):
    ids = {i for edge in edges for i in edge}
    graph = build_graph(ids, [OcclusionEdge(a, b, 0.5, 20) for a, b in edges])
    path = tmp_path / "graph.html"
    path.write_text(f"<meta charset='utf-8'>{graph_svg(graph)}", encoding="utf-8")
    with headless_browser.browser() as page:
        page.open(path)
        width, *ends = page.ask(
            "[document.querySelector('svg').width.baseVal.value, "
            "...[...document.querySelectorAll('text')].map(t => t.getBBox().x + t.getBBox().width)]"
        )
    lines = 1 if graph.is_acyclic else 2
    lines += graph.layers.count(0) - len(graph.free)
    assert len(ends) == lines + len(set(graph.layers)) + len(graph.object_ids)
    assert 0 < max(ends) <= width


def test_names_stand_on_labels_and_under_nodes(completer):
    labels = overlapping()
    plain, named = (Frame(frame_of(labels).rgb, labels, names=n) for n in (None, {7: "mug <1>"}))
    scene = completer.complete(named)
    assert scene.object(7).name == "mug <1>" and scene.object(1).name == ""
    assert "mug &lt;1&gt;" in graph_svg(scene.graph, scene)
    without = completer.complete(plain)
    assert "mug" not in graph_svg(without.graph, without)
    assert (overlay(named, scene) != overlay(plain, without)).any()
