"""Scores over frames: switches, flicker, delays."""

import math

import pytest

from segan_ros.scoring.streams import StreamFrame, score_stream

EDGE = (1, 2)


def frames(answered, true, tracks=None):
    """A frame for every letter: ``#`` where the edge is there."""
    return [
        StreamFrame(
            tracks or {1: "a", 2: "b"},
            frozenset([EDGE] if a == "#" else []),
            frozenset([EDGE] if t == "#" else []),
        )
        for a, t in zip(answered, true, strict=True)
    ]


@pytest.mark.parametrize(
    ("answered", "true", "changes", "flicker"),
    [
        ("######..######", "##############", 2, 1),
        ("#...........##", "##############", 2, 0),  # it took longer to come back
        ("...#..#.#.....", "..............", 6, 5),
        ("....####......", "....####......", 2, 0),  # it truly did
        (".....###......", "....####......", 2, 0),
    ],
)
def test_flicker_is_what_is_taken_back_while_nothing_changed(answered, true, changes, flicker):
    score = score_stream(frames(answered, true))
    assert (score.changes, score.flicker) == (changes, flicker)


@pytest.mark.parametrize(
    ("answered", "delays"),
    [
        (".....#####", (0,)),
        ("........##", (3,)),
        ("..........", (math.nan,)),
        ("...#######", ()),  # it was said before
    ],
)
def test_delay_counts_frames_until_a_lasting_change_is_shown(answered, delays):
    score = score_stream(frames(answered, ".....#####"))
    assert score.delays == pytest.approx(delays, nan_ok=True)
    if delays:
        assert score.prompt == float(delays[0] < 3)


def test_change_that_does_not_last_has_no_delay():
    assert score_stream(frames("." * 12, "....###.....")).delays == ()


def test_switches_are_of_objects_and_of_tracks():
    tracks = [
        {1: "a", 2: "b"},
        {1: "a"},
        {1: "a", 2: "b"},  # out of sight for a frame: no switch
        {1: "c", 2: "b"},  # a switch
        {1: "c", 3: "b"},  # 3 has the track of 2: another
        {1: "", 3: "b"},  # without a track it is not counted
    ]
    score = score_stream([StreamFrame(t) for t in tracks])
    assert (score.tracked, score.switches) == (10, 2)
    assert score.switch_share == pytest.approx(0.2)


def test_nothing_gives_nan():
    score = score_stream([])
    assert math.isnan(score.switch_share) and math.isnan(score.edge_f1) and math.isnan(score.prompt)


def test_f1_is_over_all_frames():
    score = score_stream(frames("##..", "#.#."))
    assert (score.hits, score.false, score.missed, score.edge_f1) == (1, 1, 1, 0.5)
