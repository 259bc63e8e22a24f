"""How likely several lifts disturb nothing: from what is known of each."""

import numpy as np
import pytest

from segan_ros.frame import Evidence, OcclusionEdge
from segan_ros.occlusion.graph import build_graph
from segan_ros.occlusion.lifts import Lifts
from segan_ros.occlusion.sequences import cheapest, sequence_probability


def graph(risks, probabilities):
    """Of objects 1, 2, ...: the lift of a row disturbs a column."""
    risks = np.array(risks, float)
    ids = range(1, len(risks) + 1)
    lifts = Lifts((), (), risks, np.array(probabilities))
    return build_graph(ids, [], safety=lifts.safety)


STACK = [[0, 0.8, 0], [0, 0, 0], [0, 0, 0]]
"""2 lies on 1, 3 stands alone."""


def test_one_lift_is_as_likely_as_the_object_says():
    found = graph(STACK, [0.2, 0.95, 0.9])
    for object_id, probability in ((1, 0.2), (2, 0.95), (3, 0.9)):
        assert sequence_probability(found, [object_id]) == pytest.approx(probability)


def test_lifts_that_have_nothing_to_do_with_each_other_multiply():
    found = graph(STACK, [0.2, 0.95, 0.9])
    assert sequence_probability(found, [2, 3]) == pytest.approx(0.95 * 0.9)
    assert sequence_probability(found, [3, 1]) == pytest.approx(0.9 * 0.2)


def test_what_lay_on_an_object_leaves_it_safer_but_not_certain():
    found = graph(STACK, [0.2, 0.95, 0.9])
    in_order, against = (sequence_probability(found, s) for s in ([2, 1], [1, 2]))
    assert against == pytest.approx(0.2 * 0.95)
    assert 0.95 * 0.6 < in_order < 0.95


def test_where_lifts_were_not_judged_it_is_not_known():
    assert np.isnan(sequence_probability(build_graph([1], []), (1,)))


def test_occluder_only_objects_have_no_place_in_it():
    rests = OcclusionEdge(3, 1, evidence=Evidence.SUPPORT)
    lifts = Lifts((), (), np.array([[0, 0.5], [0, 0]]), np.array([0.5, 0.9]))
    found = build_graph([1, 2, 3], [], [rests], lifts.safety, occluder_only={2})
    assert sequence_probability(found, [3, 1]) > 0.9 * 0.5


def test_what_lies_in_the_way_stays_where_lifting_it_is_the_larger_risk():
    risky = graph(STACK, [0.2, 0.1, 0.9])
    assert cheapest(risky, (3, 2, 1)) == (1,)
    safe = graph(STACK, [0.2, 0.95, 0.9])
    assert cheapest(safe, (3, 2, 1)) == (2, 1), "3 has nothing to do with 1"
    assert cheapest(safe, (2,)) == (2,)
    assert cheapest(build_graph([1, 2], []), (2, 1)) == (2, 1), "risks are not known"
