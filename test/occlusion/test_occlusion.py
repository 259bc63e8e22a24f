"""Edges, layers and removal order: what a grasp planner relies on, for every graph."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segan_ros.boxes import crop
from segan_ros.frame import AmodalObject, Evidence, OcclusionEdge, OcclusionGraph
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph, reaches, removal_order

IDS = st.lists(st.integers(1, 65535), min_size=1, max_size=12, unique=True)


@st.composite
def ids_and_edges(draw):
    ids = draw(IDS)
    pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), unique=True))
    scores = st.floats(0, 1, allow_nan=False, width=16)
    return ids, [OcclusionEdge(a, b, draw(scores)) for a, b in pairs if a != b]


def digraph(graph: OcclusionGraph) -> nx.DiGraph:
    found = nx.DiGraph()
    found.add_nodes_from(graph.object_ids)
    found.add_edges_from((e.occluder_id, e.occludee_id) for e in graph.edges)
    return found


def test_of_two_objects_that_hide_each_other_as_likely_the_larger_overlap_counts():
    """As in the scores of the order: masks that are sure of themselves have no other difference."""
    edges = [OcclusionEdge(1, 2, 1.0, 30, 0.1), OcclusionEdge(2, 1, 1.0, 90, 0.3)]
    graph = build_graph([1, 2], edges)
    assert graph.removal_order == (2, 1) and len(graph.edges) == 2
    assert removal_order(graph, 1) == (2, 1)


@given(ids_and_edges())
def test_every_id_is_ordered_once(case):
    ids, edges = case
    graph = build_graph(ids, edges)
    assert list(graph.object_ids) == sorted(ids)
    assert sorted(graph.removal_order) == sorted(ids)
    assert len(graph.layers) == len(ids)
    assert len(graph.edges) == len(edges)


@given(ids_and_edges())
def test_edges_outside_a_knot_are_respected(case):
    graph = build_graph(*case)
    place = {i: n for n, i in enumerate(graph.removal_order)}
    layer = dict(zip(graph.object_ids, graph.layers, strict=True))
    knot_of = {}
    for number, knot in enumerate(nx.strongly_connected_components(digraph(graph))):
        knot_of |= dict.fromkeys(knot, number)
    for edge in graph.edges:
        if knot_of[edge.occluder_id] != knot_of[edge.occludee_id]:
            assert place[edge.occluder_id] < place[edge.occludee_id]
            assert layer[edge.occluder_id] < layer[edge.occludee_id]


@given(ids_and_edges())
def test_layers_follow_the_edges(case):
    graph = build_graph(*case)
    assert graph.is_acyclic == nx.is_directed_acyclic_graph(digraph(graph))
    layer = dict(zip(graph.object_ids, graph.layers, strict=True))
    for object_id, its_layer in layer.items():
        above = [layer[e.occluder_id] for e in graph.edges if e.occludee_id == object_id]
        if graph.is_acyclic:
            assert its_layer == max((a + 1 for a in above), default=0)
        if its_layer:
            assert its_layer - 1 in above


@given(ids_and_edges(), st.randoms())
def test_input_order_does_not_matter(case, random):
    ids, edges = case
    graph = build_graph(ids, edges)
    random.shuffle(ids)
    random.shuffle(edges)
    assert build_graph(ids, edges) == graph


@given(ids_and_edges())
def test_only_the_weakest_edge_of_a_pair_is_set_aside(case):
    ids, _ = case
    if len(ids) < 2:
        return
    strong, weak = OcclusionEdge(ids[0], ids[1], 0.9), OcclusionEdge(ids[1], ids[0], 0.3)
    graph = build_graph(ids, [strong, weak])
    assert not graph.is_acyclic
    assert set(graph.edges) == {strong, replace(weak, set_aside=True)}
    assert not graph.free & {ids[0], ids[1]}
    assert graph.removal_order.index(ids[0]) < graph.removal_order.index(ids[1])


@given(ids_and_edges(), st.floats(0, 1))
def test_removal_order_of_a_target_holds_its_ancestors(case, min_score):
    ids, edges = case
    graph = build_graph(ids, edges)
    place = {object_id: n for n, object_id in enumerate(graph.removal_order)}
    kept = digraph(replace(graph, edges=tuple(e for e in graph.edges if reaches(e, min_score))))
    # What was set aside for the order of the scene is no reason to lift anything first.
    kept.remove_edges_from([(q, p) for q, p in list(kept.edges) if place[q] > place[p]])
    for target in ids:
        order = removal_order(graph, target, min_score)
        assert order[-1] == target
        assert set(order) == nx.ancestors(kept, target) | {target}
        assert sorted(order, key=place.get) == list(order)
        assert len(order) == len(set(order))


@given(ids_and_edges(), st.integers(0, 2**32 - 1))
def test_what_blocks_a_lift_goes_first_however_safe_the_lift_is(case, seed):
    ids, edges = case
    rng = np.random.default_rng(seed)
    edges = [replace(e, blocks_lift=bool(rng.random() < 0.5)) for e in edges]
    graph = build_graph(ids, edges, safety=np.log(rng.random((len(ids), len(ids)))))
    assert sorted(graph.removal_order) == sorted(ids)
    assert graph.layers == build_graph(ids, edges).layers, "layers are of occlusion alone"
    blocking = digraph(replace(graph, edges=tuple(e for e in graph.edges if e.blocks_lift)))
    place = {object_id: n for n, object_id in enumerate(graph.removal_order)}
    knots = list(nx.strongly_connected_components(blocking))
    for q, p in blocking.edges:
        if not any({p, q} <= knot for knot in knots):
            assert place[q] < place[p]


def test_the_safest_of_the_free_objects_comes_first_and_frees_others():
    """3 is the safest. 2 is safe as soon as 3 is gone, 1 never is."""
    safety = np.diag(np.log([0.5, 0.99, 0.95]))
    safety[1, 2] = np.log(0.1)
    assert build_graph([1, 2, 3], [], safety=safety).removal_order == (3, 2, 1)


def test_what_lies_on_an_object_blocks_its_lift_and_changes_no_layer():
    rests = OcclusionEdge(2, 1, 0.9, evidence=Evidence.SUPPORT, lift_risk=0.9)
    graph = build_graph([1, 2], [], [rests], np.diag(np.log([0.99, 0.5])))
    assert graph.removal_order == (2, 1) and graph.supports == (rests,)
    assert graph.layers == (0, 0) and graph.is_acyclic and graph.free == {2}
    assert removal_order(graph, 1) == (2, 1) and removal_order(graph, 2) == (2,)


def test_where_objects_block_each_other_the_lower_risk_is_set_aside():
    edges = [
        OcclusionEdge(a, b, evidence=Evidence.SUPPORT, lift_risk=risk)
        for a, b, risk in ((1, 2, 0.6), (2, 1, 0.9))
    ]
    graph = build_graph([1, 2], [], edges)
    assert graph.removal_order == (2, 1)
    assert [(e.occluder_id, e.set_aside) for e in graph.supports] == [(2, False), (1, True)]


def test_what_blocks_no_lift_is_never_set_aside():
    knot = [OcclusionEdge(1, 2, 0.9), OcclusionEdge(2, 1, 0.3, blocks_lift=False)]
    graph = build_graph([1, 2], knot)
    assert not graph.is_acyclic and not any(e.set_aside for e in graph.edges)


def test_occluder_only_objects_hide_but_are_not_lifted_and_block_no_lift():
    screens, other = OcclusionEdge(9, 1, 0.9), OcclusionEdge(2, 1, 0.9)
    safety = np.diag(np.log([0.5, 0.9]))
    graph = build_graph([1, 2, 9], [screens, other], safety=safety, occluder_only={9})
    assert graph.removal_order == (2, 1) and graph.layers == (1, 0, 0)
    assert graph.free == {2}
    assert [(e.occluder_id, e.blocks_lift) for e in graph.edges] == [(2, True), (9, False)]
    assert removal_order(graph, 1) == (2, 1)
    with pytest.raises(KeyError, match="no object 9 to lift; the scene has \\[1, 2\\]"):
        removal_order(graph, 9)


def test_unknown_target_is_refused():
    with pytest.raises(KeyError, match="no object 5 to lift; the scene has \\[1, 2\\]"):
        removal_order(build_graph([1, 2], []), 5)


@pytest.mark.parametrize(
    ("ids", "edges", "message"),
    [
        ([1, 1], [], "must be unique"),
        ([1, 2], [OcclusionEdge(1, 1)], "does not join two"),
        ([1, 2], [OcclusionEdge(1, 3)], "does not join two"),
    ],
)
def test_impossible_graphs_are_refused(ids, edges, message):
    with pytest.raises(ValueError, match=message):
        build_graph(ids, edges)


def pair(hidden_columns: int = 2) -> tuple[np.ndarray, list[AmodalObject]]:
    """Object 1 is 10x10, its `hidden_columns` right columns are under object 2 (10x10)."""
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15] = 1
    labels[5:15, 15 - hidden_columns : 25 - hidden_columns] = 2
    whole = np.zeros(labels.shape, bool)
    whole[5:15, 5:15] = True
    objects = []
    front = (15 - hidden_columns, 5, 25 - hidden_columns, 15)
    for object_id, box, mask in ((1, (5, 5, 15, 15), whole), (2, front, labels == 2)):
        visible, amodal = crop(labels == object_id, box), crop(mask, box)
        probability = np.where(visible, 1, 0.8 * amodal).astype(np.float32)
        objects.append(AmodalObject(object_id, box, visible, amodal, probability))
    return labels, objects


def test_edge_states_its_overlap():
    labels, objects = pair(hidden_columns=2)
    (edge,) = find_edges(labels, objects, EdgeRule("coverage"))
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)
    assert edge.overlap_area == 20
    assert edge.overlap_ratio == pytest.approx(0.2)
    assert edge.score == pytest.approx(0.8)
    assert edge.evidence == Evidence.AMODAL
    assert np.isnan(edge.depth_gap)


def test_small_overlap_makes_no_edge():
    labels, objects = pair(hidden_columns=2)
    assert find_edges(labels, objects, EdgeRule("coverage", min_overlap_ratio=0.21)) == []
    assert find_edges(labels, objects, EdgeRule("coverage", min_overlap_area=21)) == []


def test_paper_rule_is_iou_of_visible_occluder_and_hidden_part():
    # hidden part 10 (2 columns of 5 rows would be 10), visible occluder 100: IoU 10 / 100
    labels, objects = pair(hidden_columns=1)
    assert len(find_edges(labels, objects, EdgeRule("paper", min_overlap_area=5))) == 1
    labels[5:15, 24:40] = 2  # the occluder grows to 260 pixels: 10 / 260 < 0.05
    seen = crop(labels == 2, (14, 5, 40, 15))
    grown = AmodalObject(2, (14, 5, 40, 15), seen, seen, seen.astype(np.float32))
    assert find_edges(labels, [objects[0], grown], EdgeRule("paper", min_overlap_area=5)) == []
    assert (
        len(find_edges(labels, [objects[0], grown], EdgeRule("coverage", min_overlap_area=5))) == 1
    )


def test_network_decides_who_lies_in_front_where_it_tells():
    labels, objects = pair()
    told = [replace(objects[0], in_front={2: 0.3}), replace(objects[1], in_front={1: 0.6})]
    (edge,) = find_edges(labels, told, EdgeRule("learned"))
    assert (edge.occluder_id, edge.occludee_id) == (1, 2)
    assert edge.evidence == Evidence.ORDER
    assert edge.score == 0.6 and edge.overlap_area == 0
    assert find_edges(labels, told, EdgeRule("learned", min_in_front=0.7)) == []
    (edge,) = find_edges(labels, told, EdgeRule("coverage"))
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)


def test_network_and_whole_mask_may_agree():
    labels, objects = pair()
    told = [replace(objects[0], in_front={2: 0.9}), replace(objects[1], in_front={})]
    (edge,) = find_edges(labels, told, EdgeRule("learned"))
    assert edge.evidence == Evidence.ORDER | Evidence.AMODAL
    assert edge.score == 0.9 and edge.overlap_area == 20


def test_depth_judges_what_the_network_claims():
    labels, objects, depth = side_by_side(0.9)
    told = [replace(objects[0], in_front={2: 0.6}), replace(objects[1], in_front={1: 0.8})]
    (edge,) = find_edges(labels, told, EdgeRule("learned"), depth)
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)
    assert edge.evidence == Evidence.ORDER | Evidence.DEPTH and edge.score == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("front", "evidence"), [(0.5, Evidence.AMODAL | Evidence.DEPTH), (0.999, 1)]
)
def test_nearer_occluder_confirms_the_edge(front, evidence):
    labels, objects = pair()
    depth = np.where(labels == 2, front, 1.0).astype(np.float32)
    (edge,) = find_edges(labels, objects, EdgeRule(depth_step=0.01), depth)
    assert edge.evidence == evidence
    assert edge.depth_gap == pytest.approx(1 - front, abs=1e-6)
    assert edge.score == pytest.approx(0.9 if evidence & Evidence.DEPTH else 0.8)


def test_farther_occluder_rejects_the_edge():
    labels, objects = pair()
    depth = np.where(labels == 2, 1.5, 1.0).astype(np.float32)
    assert find_edges(labels, objects, EdgeRule(), depth) == []


def side_by_side(front: float, gap: int = 0) -> tuple[np.ndarray, list[AmodalObject], np.ndarray]:
    """Two 40x30 objects of which nothing is predicted hidden; the right one at depth `front`."""
    labels = np.zeros((50, 90), np.int32)
    labels[5:45, 10:40] = 1
    labels[5:45, 40 + gap : 70] = 2
    boxes = {1: (10, 5, 40, 45), 2: (40 + gap, 5, 70, 45)}
    objects = []
    for object_id, box in boxes.items():
        mask = crop(labels == object_id, box)
        objects.append(AmodalObject(object_id, box, mask, mask, mask.astype(np.float32)))
    depth = np.where(labels == 2, front, 1.0).astype(np.float32)
    return labels, objects, depth


@pytest.mark.parametrize("gap", [0, 1])
def test_depth_alone_makes_an_edge_along_a_long_border(gap):
    labels, objects, depth = side_by_side(0.9, gap)
    (edge,) = find_edges(labels, objects, EdgeRule(), depth)
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)
    assert edge.evidence == Evidence.DEPTH
    assert edge.score == pytest.approx(0.75)
    assert (edge.overlap_area, edge.overlap_ratio) == (0, 0.0)
    assert edge.depth_gap == pytest.approx(0.1, abs=1e-6)


def test_depth_alone_makes_no_edge_where_things_touch_or_hardly_meet():
    labels, objects, depth = side_by_side(0.995)
    assert find_edges(labels, objects, EdgeRule(), depth) == []
    labels, objects, depth = side_by_side(0.9)
    labels[5:35, 40:70] = 0  # ten rows are left
    assert find_edges(labels, objects, EdgeRule(), depth) == []


def test_step_along_a_part_of_the_border_keeps_the_edge():
    labels, objects = pair()
    depth = np.where(labels == 2, 1.02, 1.0).astype(np.float32)
    depth[5:8, 13:] -= 0.1  # two thirds of the border are farther, one third is nearer
    (edge,) = find_edges(labels, objects, EdgeRule(), depth)
    assert edge.evidence == Evidence.AMODAL
    assert edge.depth_gap < 0


def test_stray_and_missing_depth_along_a_border_does_not_decide():
    labels, objects, depth = side_by_side(0.9)
    rng = np.random.default_rng(0)
    rim = np.s_[:, 38:42]
    mixed = rng.uniform(0.9, 1.0, depth[rim].shape)
    depth[rim] = np.where(rng.random(mixed.shape) < 0.5, np.nan, mixed)
    depth += rng.normal(0, 0.004, depth.shape).astype(np.float32)
    (edge,) = find_edges(labels, objects, EdgeRule(), depth)
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)


@pytest.mark.parametrize("wild", [2.5, 65.535, 0.2])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_wild_depth_along_a_border_makes_and_breaks_no_edge(wild, share):
    """Flying pixels, or a value that a driver has for "nothing measured"."""
    rng = np.random.default_rng(0)
    labels, objects, level = side_by_side(1.0)
    rim = np.zeros(labels.shape, bool)
    rim[:, 38:42] = True
    level[rim & (rng.random(labels.shape) < share)] = wild
    assert find_edges(labels, objects, EdgeRule(), level) == []
    labels, objects, stepped = side_by_side(0.9)
    stepped[rim & (rng.random(labels.shape) < share)] = wild
    (edge,) = find_edges(labels, objects, EdgeRule(), stepped)
    assert (edge.occluder_id, edge.occludee_id) == (2, 1)
    assert edge.depth_gap == pytest.approx(0.1, abs=1e-6)


def test_unknown_depth_neither_confirms_nor_rejects():
    labels, objects = pair()
    (edge,) = find_edges(labels, objects, EdgeRule(), np.full(labels.shape, np.nan, np.float32))
    assert edge.evidence == Evidence.AMODAL


@pytest.mark.parametrize("settings", [{"rule": "magic"}, {"min_overlap_ratio": 1.5}])
def test_bad_rule_is_refused(settings):
    with pytest.raises(ValueError, match=r"choose from|must lie in"):
        EdgeRule(**settings)


def test_of_equally_safe_objects_the_largest_comes_first_whatever_their_ids():
    assert build_graph([1, 2, 3], [], areas={1: 5, 2: 9, 3: 7}).removal_order == (2, 3, 1)


def test_what_something_without_a_label_hides_waits_for_all_that_is_free():
    safety = np.diag(np.log([0.99, 0.6, 0.5]))
    graph = build_graph([1, 2, 3], [], safety=safety, last={1})
    assert graph.removal_order == (2, 3, 1) and graph.free == {2, 3}
    rests = OcclusionEdge(1, 2, 0.9, evidence=Evidence.SUPPORT, lift_risk=0.9)
    assert build_graph([1, 2], [], [rests], last={1}).removal_order == (1, 2)
