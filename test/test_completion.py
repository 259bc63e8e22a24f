"""The one verb on every kind of scene, with networks that need no weights."""

from copy import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest
from dummy_model import write_dummy_model
from samples import frame_of, many_objects, overlapping

from segan_ros.boxes import Roi
from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
from segan_ros.frame import Frame
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.runtime.model import MAX_BATCH, Model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model(write_dummy_model(tmp_path_factory.mktemp("dummy")), "cpu")


def check(frame, scene):
    """What holds for every answer."""
    assert [o.id for o in scene.objects] == frame.object_ids
    assert sorted(scene.graph.removal_order) == frame.object_ids
    for item in scene.objects:
        full = item.full_mask(frame.size)
        assert full[frame.labels == item.id].all(), "a visible pixel left the whole mask"
        assert item.visible_area == np.count_nonzero(frame.labels == item.id)
        assert item.amodal_area == np.count_nonzero(full)
        assert 0 < item.score <= 1
        assert item.probability[item.visible].min() == 1
        if item.appearance is not None:
            x0, y0, x1, y1 = item.box
            seen = frame.rgb[y0:y1, x0:x1][item.visible]
            np.testing.assert_array_equal(item.appearance[item.visible], seen)


def test_nothing_is_painted_where_nothing_is_asked_for(model):
    frame, completer = frame_of(overlapping()), SceneCompleter(model)
    scene = completer.segment(frame)
    assert completer.paint(frame, scene, paint=False) is scene
    assert all(o.appearance is None for o in scene.objects)


def test_hidden_part_lies_under_the_neighbour(model):
    frame = frame_of(overlapping())
    scene = SceneCompleter(model).complete(frame)
    check(frame, scene)
    item = scene.object(1)
    hidden = item.full_mask(frame.size) & (frame.labels != 1)
    assert hidden.any()
    assert set(np.unique(frame.labels[hidden])) == {7}
    assert {(e.occluder_id, e.occludee_id) for e in scene.graph.edges} >= {(7, 1)}


def test_lower_threshold_finds_more(model):
    frame = frame_of(overlapping())
    areas = [
        SceneCompleter(model, Settings(threshold=t)).complete(frame).object(1).amodal_area
        for t in (0.05, None, 0.95)
    ]
    assert areas[0] > areas[1] > areas[2]


def test_threshold_of_zero_in_a_model_means_the_likeliest(model):
    frame = frame_of(overlapping())
    other = copy(model)
    other.spec = replace(model.spec, segmentor=replace(model.spec.segmentor, threshold=0.0))
    fixed = SceneCompleter(model, Settings(threshold=0.05)).complete(frame).object(1)
    free = SceneCompleter(other).complete(frame).object(1)
    assert free.score >= fixed.score and free.amodal_area > free.visible_area


def test_unlabelled_occluders_are_a_setting(model):
    frame = frame_of(overlapping())
    scene = SceneCompleter(model, Settings(occluders="any")).complete(frame)
    hidden = scene.object(1).full_mask(frame.size) & (frame.labels != 1)
    assert 0 in np.unique(frame.labels[hidden])


def test_narrow_gap_between_masks_does_not_end_the_hidden_part(model):
    labels = overlapping()
    labels[:, 45:48] = 0
    closed = SceneCompleter(model, Settings(gap_width=5)).complete(frame_of(labels))
    check(frame_of(labels), closed)
    full = closed.object(1).full_mask(labels.shape)
    assert full[30, 45:48].all()
    opened = SceneCompleter(model, Settings(gap_width=0)).complete(frame_of(labels))
    assert not opened.object(1).full_mask(labels.shape)[30, 45:48].any()


def two_pieces() -> np.ndarray:
    labels = np.zeros((60, 90), np.int32)
    labels[25:35, 10:80] = 4
    labels[10:50, 40:50] = 5
    return labels


def border() -> np.ndarray:
    labels = np.zeros((50, 50), np.int32)
    labels[:20, :20] = 1
    labels[:, 20:30] = 2
    labels[45:, 30:] = 3
    return labels


CASES = {
    "nothing": np.zeros((30, 40), np.int32),
    "negative is background": np.full((30, 40), -1),
    "one object": np.pad(np.ones((5, 5), np.int32), 10),
    "everything is one object": np.ones((30, 40), np.int32),
    "forty objects": many_objects(),
    "at the border": border(),
    "two pieces": two_pieces(),
    "largest ids, with gaps": np.where(overlapping() == 7, 65535, overlapping() * 1000),
    "single pixels": np.pad(np.array([[1, 2], [3, 0]]), 6),
    "slivers": np.repeat(np.arange(40)[None] % 3, 30, axis=0),
}


@pytest.mark.parametrize("labels", CASES.values(), ids=CASES.keys())
def test_every_kind_of_scene_is_answered(model, labels):
    frame = frame_of(np.asarray(labels))
    check(frame, SceneCompleter(model).complete(frame))


def test_networks_never_get_more_than_a_batch(model, monkeypatch):
    seen = []
    for name in ("segment", "paint"):
        original = getattr(Model, name)
        monkeypatch.setattr(
            Model, name, lambda *a, original=original: seen.append(len(a[1])) or original(*a)
        )
    SceneCompleter(model).complete(frame_of(many_objects()))
    assert max(seen) == MAX_BATCH
    assert sum(seen) > 40


def test_labels_with_too_many_objects_are_refused(model):
    frame = frame_of(many_objects())
    with pytest.raises(TooManyObjectsError, match="hold 40 objects, max_objects is 39; is this a"):
        SceneCompleter(model, Settings(max_objects=39)).complete(frame)
    assert len(SceneCompleter(model, Settings(max_objects=40)).complete(frame).objects) == 40


def test_same_frame_same_answer(model):
    frame = frame_of(many_objects())
    completer = SceneCompleter(model)
    first, second = completer.complete(frame), completer.complete(frame)
    assert repr(first.graph.edges) == repr(second.graph.edges)  # nan != nan
    for a, b in zip(first.objects, second.objects, strict=True):
        np.testing.assert_array_equal(a.amodal, b.amodal)
        np.testing.assert_array_equal(a.appearance, b.appearance)


def test_only_wanted_objects_are_painted(model):
    frame = frame_of(overlapping())
    scene = SceneCompleter(model).complete(frame, paint=[7])
    assert scene.object(1).appearance is None
    assert scene.object(7).appearance is not None
    scene = SceneCompleter(model).complete(frame, paint=False)
    assert all(o.appearance is None for o in scene.objects)


def test_object_that_nothing_can_hide_is_left_as_it_is(model):
    frame = frame_of(np.pad(np.ones((5, 5), np.int32), 30))
    item = SceneCompleter(model).complete(frame).object(1)
    np.testing.assert_array_equal(item.amodal, item.visible)
    assert item.score == 1
    assert not item.truncated


def test_occluder_only_objects_hide_others_and_have_no_hidden_part(model):
    frame, hand, thing = frame_of(overlapping()), 7, 1
    scene = SceneCompleter(model).complete(replace(frame, occluder_only={hand}))
    plain = SceneCompleter(model).complete(frame)
    assert plain.object(hand).invisible.any(), "otherwise this shows nothing"
    assert not scene.object(hand).invisible.any() and scene.object(hand).occluder_only
    assert np.array_equal(scene.object(thing).amodal, plain.object(thing).amodal)
    assert [(e.occluder_id, e.occludee_id) for e in scene.graph.edges] == [(hand, thing)]
    assert not scene.graph.edges[0].blocks_lift
    assert scene.graph.removal_order == (thing,) and scene.graph.free == frozenset()
    assert np.isnan(scene.object(hand).lift_probability)
    assert 0 < scene.object(thing).lift_probability <= 1


def test_truncated_objects_are_told(model):
    scene = SceneCompleter(model).complete(frame_of(border()))
    assert [o.truncated for o in scene.objects] == [True, True, True]


def test_depth_confirms_edges_and_gives_the_median(model):
    labels = overlapping()
    depth = np.where(labels == 7, 0.4, 0.6).astype(np.float32)
    depth[20, 20] = np.nan
    scene = SceneCompleter(model).complete(frame_of(labels, depth=depth))
    assert {(e.occluder_id, e.occludee_id) for e in scene.graph.edges} == {(7, 1)}
    assert scene.object(1).depth_median == pytest.approx(0.6)
    assert scene.graph.removal_order == (7, 1)
    assert scene.object(1).layer == 1


def test_tiny_hidden_parts_are_taken_for_border_noise(model):
    generous = SceneCompleter(model, Settings(min_hidden_ratio=5.0))
    scene = generous.complete(frame_of(overlapping()))
    assert not any(o.invisible.any() for o in scene.objects)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"threshold": 1.0}, "threshold is 1.0; it must lie between 0 and 1"),
        ({"occluders": "all"}, "occluders is 'all'; choose one of"),
        ({"gap_width": -1}, "gap_width is -1; it must be at least 0"),
        ({"min_hidden_ratio": -0.1}, "min_hidden_ratio is -0.1; it must be at least 0"),
        ({"max_objects": 0}, "max_objects is 0; it must be at least 1"),
    ],
)
def test_bad_settings_are_refused(bad, said):
    with pytest.raises(ValueError, match=said):
        Settings(**bad)


def test_gap_at_the_border_of_the_picture_is_closed(model):
    labels = np.zeros((40, 60), np.int32)
    labels[10:40, :20], labels[10:40, 23:60] = 1, 2
    scene = SceneCompleter(model, Settings(gap_width=5)).complete(frame_of(labels))
    assert scene.object(1).full_mask(labels.shape)[39, 20:23].all()


class Seer(Model):
    """Answers 0.9 in a square at the lower right end of every view, next to nothing elsewhere."""

    def __init__(self, spec):
        self.spec = spec

    def segment(self, planes, boxes):
        answers = np.full_like(planes[:, :1], 0.001)
        answers[..., -8:-2, -8:-2] = 0.9
        return answers


def test_whole_masks_reach_as_far_as_the_segmentor_says(model):
    labels = np.zeros((200, 200), np.int32)
    labels[90:110, 90:110] = 1
    completer = SceneCompleter(Seer(model.spec), Settings(occluders="any"))
    item = completer.segment(frame_of(labels)).object(1)
    roi = model.spec.segmentor.roi.around((90, 90, 110, 110), labels.shape)
    side = roi[2] - roi[0]
    pixel = side / model.spec.segmentor.size[0]
    assert item.box[2:] == pytest.approx((roi[2] - 2 * pixel,) * 2, abs=1)
    expected = 36 * pixel**2
    assert np.count_nonzero(item.invisible) == pytest.approx(expected, rel=0.4)


class Everywhere(Model):
    """Says that the object fills its view."""

    def __init__(self, spec):
        self.spec = spec

    def segment(self, planes, boxes):
        return np.ones_like(planes[:, :1])


class DepthReader(Model):
    """Says that the whole mask is where the depth planes show something nearer."""

    def __init__(self, spec):
        self.spec = spec

    def segment(self, planes, boxes):
        return (planes[:, :1] > 0.55).astype(np.float32)


UNKNOWN = np.full((60, 80), np.nan, np.float32)
ELSEWHERE = np.where(np.arange(80) == 70, np.float32(0.8), UNKNOWN)
KNOWN = np.where(np.arange(80) == 25, np.float32(0.8), UNKNOWN)
"""Depth of one column, beside the object and on it."""


@pytest.mark.parametrize(
    ("occluders", "planes", "depth", "beyond"),
    [
        ("auto", ("depth",), KNOWN, True),
        ("auto", ("rgb", "depth"), KNOWN, True),
        ("auto", ("depth",), UNKNOWN, False),
        ("auto", ("depth",), ELSEWHERE, False),
        ("auto", ("depth",), None, False),
        ("auto", ("rgb",), KNOWN, False),
        ("labelled", ("depth",), KNOWN, False),
        ("any", ("depth",), None, True),
        ("any", ("rgb",), KNOWN, True),
    ],
)
def test_hidden_parts_are_sought_without_a_mask_in_front_if_depth_is_seen(
    model, occluders, planes, depth, beyond
):
    """The segmentor says that the object goes on everywhere; nothing else has a mask near it."""
    segmentor = replace(model.spec.segmentor, planes=planes, view="roi", occluders=occluders)
    completer = SceneCompleter(Everywhere(replace(model.spec, segmentor=segmentor)))
    labels = np.zeros((60, 80), np.int32)
    labels[20:40, 20:40], labels[:4, 68:72] = 1, 2
    frame = Frame(np.zeros((60, 80, 3), np.uint8), labels, depth)
    first, _ = completer.segment(frame).objects
    assert (first.amodal_area > first.visible_area) == beyond


def test_networks_with_planes_for_depth_are_shown_it(model):
    spec = model.spec
    segmentor = replace(spec.segmentor, planes=("depth",), view="roi", occluders="any")
    labels, depth = np.zeros((60, 80), np.int32), np.full((60, 80), 0.8, np.float32)
    labels[20:40, 20:40], depth[20:40, 40:44] = 1, 0.7
    completer = SceneCompleter(DepthReader(replace(spec, segmentor=segmentor)))
    rgb = np.zeros((60, 80, 3), np.uint8)
    (with_depth,) = completer.segment(Frame(rgb, labels, depth)).objects
    assert with_depth.box == pytest.approx((20, 20, 44, 40), abs=1)
    (without,) = completer.segment(Frame(rgb, labels)).objects
    assert without.box == (20, 20, 40, 40)


class Teller(Model):
    """Answers the visible mask, and in front 0.9 left of the middle of the view, 0.2 right."""

    def __init__(self, spec):
        self.spec = spec

    def segment(self, planes, boxes):
        fronts = np.full_like(planes[:, 3], 0.2)
        fronts[..., : fronts.shape[-1] // 2] = 0.9
        return np.stack([planes[:, 3], fronts], axis=1)


def test_who_lies_in_front_is_the_mean_over_what_is_seen_of_each(model):
    labels = np.zeros((40, 100), np.int32)
    labels[10:30, 40:60], labels[10:30, 34:40], labels[10:30, 60:66] = 1, 2, 3
    completer = SceneCompleter(Teller(model.spec), Settings(edges=EdgeRule("learned")))
    scene = completer.segment(frame_of(labels))
    assert scene.object(1).in_front == pytest.approx({2: 0.9, 3: 0.2})
    assert {(e.occluder_id, e.occludee_id) for e in scene.graph.edges if e.occludee_id == 1} == {
        (2, 1)
    }


def test_who_lies_in_front_is_open_where_the_model_does_not_tell_or_no_rule_asks(model):
    frame = frame_of(overlapping())
    learned = Settings(edges=EdgeRule("learned"))
    for completer in (SceneCompleter(model, learned), SceneCompleter(Teller(model.spec))):
        scene = completer.segment(frame)
        assert scene.objects and all(o.in_front is None for o in scene.objects)
    told = SceneCompleter(Teller(model.spec), learned).complete(frame, paint=False)
    assert any(o.in_front for o in told.objects)


def test_time_is_kept_by_stage(model):
    timings = SceneCompleter(model).complete(frame_of(overlapping())).timings
    assert set(timings) == {"fit", "crop", "segment", "graph", "paint"}
    assert min(timings.values()) > 0


def test_painter_with_a_region_of_its_own_sees_the_whole_object_larger(model, monkeypatch):
    seen = []

    def paint(canvases):
        seen.append(canvases[:, 2] == 1)
        return canvases

    frame, completer = frame_of(overlapping()), SceneCompleter(model)
    scene = completer.segment(frame)
    monkeypatch.setattr(model, "paint", paint)
    before = completer.paint(frame, scene)
    painter = replace(model.spec.painter, roi=Roi(0.1, "longest_side"))
    monkeypatch.setattr(model, "spec", replace(model.spec, painter=painter))
    after = completer.paint(frame, scene)
    around, tight = (1 - blue.mean((1, 2)) for blue in seen)
    assert len(around) == len(tight) >= 1 and (tight > around).all()
    for one, other in zip(before.objects, after.objects, strict=True):
        assert one.box == other.box and one.appearance.shape == other.appearance.shape


def test_paint_continues_what_is_seen(model, monkeypatch):
    """The painter has hidden parts brighter than the light tells."""

    def paint(canvases):
        hidden = (canvases[:, :1] > 0.9) & (canvases[:, 1:2] < 0.1)
        return np.where(hidden, 0.8, np.full_like(canvases, 0.5)).astype(np.float32)

    monkeypatch.setattr(model, "paint", paint)
    frame = frame_of(overlapping())
    rgb = np.full_like(frame.rgb, 100)
    rgb[frame.labels == 1] = (120, 60, 20)
    item = SceneCompleter(model).complete(replace(frame, rgb=rgb)).object(1)
    grown = cv2.dilate(
        item.visible.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    )
    off = np.abs(item.appearance.astype(int) - (120, 60, 20)).max(2)
    assert off[item.invisible & (grown > 0)].max() <= 3
    assert off[item.invisible].max() > 20
