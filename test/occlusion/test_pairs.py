"""What is measured of pairs: known places in, known numbers out; and the trees that judge them."""

import numpy as np
import pytest

from segan_ros.frame import AmodalObject, OcclusionEdge
from segan_ros.geometry.upright import Upright
from segan_ros.occlusion import pairs as module
from segan_ros.occlusion.pairs import CHAIN, SPATIAL, chain_features, spatial_pairs
from segan_ros.occlusion.support import LIFT, SPATIAL_LIFT, lift_trees, spatial_lift_features
from segan_ros.occlusion.trees import Trees

PIXELS = 320 * 240


def objects(count):
    mask = np.ones((10, 10), bool)
    box = (0, 0, 10, 10)
    return [AmodalObject(i + 1, box, mask, mask, mask * np.float32(1)) for i in range(count)]


def plate(x, height, half):
    """25 points of a square plate, and its corners."""
    grid = np.linspace(-half, half, 5)
    points = np.array([[x + a, b, height] for a in grid for b in grid])
    return points, np.array(
        [[x - half, -half], [x + half, -half], [x + half, half], [x - half, half]]
    )


def space(*plates):
    points, feet = zip(*plates, strict=True)
    return Upright(dict(enumerate(points, 1)), dict(enumerate(feet, 1)), ground=-1.0)


def features(*plates, edges=()):
    found = spatial_pairs(objects(len(plates)), edges, space(*plates), PIXELS)
    rows = zip(found.lifted.tolist(), found.other.tolist(), found.features, strict=True)
    return {(p, q): dict(zip(SPATIAL, row, strict=True)) for p, q, row in rows}


def test_a_small_plate_on_a_large_one():
    found = features(plate(0, -1, 0.03), plate(0, -0.98, 0.01))
    below, above = found[0, 1], found[1, 0]
    assert below["other over"] == 1 and below["lifted under"] == pytest.approx(9 / 25)
    assert below["other above"] == 1 and below["lifted above"] == 0
    assert below["other inside"] == 1 == below["other inside, above"]
    assert below["lifted inside"] == pytest.approx(1 / 25)
    assert below["rise"] == pytest.approx(0.02) and below["gap"] == pytest.approx(0.02)
    assert below["low, lifted"] == pytest.approx(0, abs=1e-6)
    assert below["clearance"] == pytest.approx(0.02)
    assert above["rise"] == pytest.approx(-0.02) and above["lifted above"] == 1
    assert above["other above"] == 0 and above["low, difference"] == pytest.approx(-0.02)


def test_far_objects_are_no_pair_unless_one_occludes_the_other():
    plates = plate(0, -1, 0.02), plate(0.3, -1, 0.02)
    assert features(*plates) == {}
    found = features(*plates, edges=[OcclusionEdge(2, 1, 0.9, 30, 0.25)])
    assert set(found) == {(0, 1), (1, 0)}
    assert found[0, 1]["score"] == 0.9 and found[0, 1]["covers"] == 0.25
    assert found[1, 0]["reverse score"] == 0.9 and found[1, 0]["is covered"] == 0.25


def test_both_ways_are_measured_as_if_the_objects_had_changed_places():
    one, two = plate(0, -1, 0.05), plate(0.03, -0.97, 0.03)
    there, back = features(one, two), features(two, one)
    for name in SPATIAL:
        assert there[0, 1][name] == pytest.approx(back[1, 0][name], abs=1e-6), name


def test_memory_is_bounded_by_chunks(monkeypatch):
    plates = [plate(0.01 * i, -1 + 0.01 * i, 0.03) for i in range(7)]
    whole = features(*plates)
    monkeypatch.setattr(module, "CHUNK", 4)
    parts = features(*plates)
    assert whole.keys() == parts.keys() and len(whole) == 42
    for pair, row in whole.items():
        assert parts[pair] == pytest.approx(row)


def test_chain_of_a_tower():
    """3 lies on 2, which lies on 1: lifting 1 disturbs 3 too."""
    tower = space(*[plate(0, -1 + 0.03 * i, 0.03) for i in range(3)])
    found = spatial_pairs(objects(3), [], tower, PIXELS)
    risks = np.array([[0, 0.9, 0], [0, 0, 0.8], [0, 0, 0]])
    pairs = zip(found.lifted.tolist(), found.other.tolist(), strict=True)
    at = {pair: n for n, pair in enumerate(pairs)}
    rows = chain_features(risks, found)
    bottom_top = dict(zip(CHAIN, rows[at[0, 2]], strict=True))
    assert bottom_top["chain"] == pytest.approx(0.72) and bottom_top["first"] == 0
    assert bottom_top["rival"] == pytest.approx(0.8), "2 would disturb it as well"
    assert dict(zip(CHAIN, rows[at[2, 0]], strict=True))["chain"] == 0


def test_trees_ask_their_way_down():
    asked = np.array([[0, 1, 1, 0, 0, 0, 0]], np.int16)
    limits = np.array([[0.5, 0.2, 0.8, 0.1, 0.3, 0.6, 0.9]], np.float32)
    trees = Trees(0.0, asked, limits, np.arange(8, dtype=np.float32)[None])
    said = trees(np.array([[0.05, 0.1], [0.2, 0.1], [0.4, 0.5], [0.7, 0.5], [1.0, 0.9]]))
    np.testing.assert_allclose(said, 1 / (1 + np.exp(-np.array([0, 1, 3, 5, 7.0]))))


def test_shipped_trees_know_the_features():
    first, second, lift = lift_trees()
    assert first.features.max() < len(SPATIAL) <= second.features.max() < len(SPATIAL + CHAIN)
    assert len(LIFT) <= lift.features.max() < len(SPATIAL_LIFT)
    assert first(np.zeros((0, len(SPATIAL)))).shape == (0,)


def test_lifts_are_judged_by_all_risks_of_an_object_and_by_itself():
    tower = space(*[plate(0, -1 + 0.03 * i, 0.03 - 0.005 * i) for i in range(4)])
    found = spatial_pairs(objects(4), [], tower, PIXELS)
    risks = np.array([[0, 0.9, 0.5, 0.2], [0, 0, 0.8, 0], [0, 0, 0, 0.7], [0, 0, 0, 0]])
    rows = spatial_lift_features(risks, found, objects(4), PIXELS)
    bottom, top = (dict(zip(SPATIAL_LIFT, rows[i], strict=True)) for i in (0, 3))
    assert [bottom[f"{n} risk"] for n in ("most", "second", "third")] == [0.9, 0.5, 0.2]
    assert bottom["hits"] == pytest.approx(1.6) and bottom["falls"] == 0
    assert top["hits"] == top["most risk"] == 0 and top["falls"] == pytest.approx(0.9)
    assert bottom["below the highest"] == pytest.approx(-0.09) and top["below the highest"] == 0
    assert bottom["clean"] < 0 < top["clean"] and bottom["objects"] == 4


@pytest.mark.parametrize("count", [1, 2])
def test_few_objects_without_pairs_are_judged_too(count):
    apart = space(*[plate(i, -1, 0.02) for i in range(count)])
    found = spatial_pairs(objects(count), [], apart, PIXELS)
    assert not len(found.lifted)
    rows = spatial_lift_features(np.zeros((count, count)), found, objects(count), PIXELS)
    assert (
        rows.shape == (count, len(SPATIAL_LIFT))
        and (rows[:, SPATIAL_LIFT.index("whole")] < 0).all()
    )
