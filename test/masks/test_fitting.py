"""Fitted masks: gaps of the segmenter close, real ones stay, and the answer shows what it saw."""

import cv2
import numpy as np
import pytest
from samples import frame_of

from segan_ros.boxes import crop
from segan_ros.completion import SceneCompleter, Settings
from segan_ros.host.resources import resource_path
from segan_ros.masks.fitting import FitSettings, fit
from segan_ros.masks.habits import runs_between
from segan_ros.masks.rims import has_rims
from segan_ros.masks.styles import drawn
from segan_ros.storage.bags import open_bag

SIZE = (240, 320)


def pile():
    """Twelve discs that cover each other, with a colour each, over a grey ground; labels, rgb."""
    rng = np.random.default_rng(4)
    labels = np.zeros(SIZE, np.int32)
    for n in range(12):
        centre = (60 + 62 * (n % 4) + int(rng.integers(8)), 60 + 55 * (n // 4))
        cv2.circle(labels, centre, 36 + int(rng.integers(6)), 10 * (n + 1), -1)
    return labels, picture_of(labels)


def picture_of(labels):
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (labels.max() + 1, 3))
    colours[0] = 128
    rgb = colours[labels] + rng.normal(0, 3, (*labels.shape, 3))
    return cv2.GaussianBlur(rgb.clip(0, 255).astype(np.uint8), (3, 3), 0.5)


def style(name, labels):
    return drawn(labels, name, np.random.default_rng(0))


@pytest.mark.parametrize("name, gap, back", [("gap2", 2, 0), ("gap4", 4, 0), ("erode2", 4, 2)])
def test_what_the_segmenter_left_out_goes_back_to_the_masks(name, gap, back):
    labels, rgb = pile()
    seen = style(name, labels)
    fitted = fit(seen, rgb)
    assert (fitted.habit.gap, fitted.habit.drawn_back) == (gap, back)
    lost = (seen <= 0) & (labels > 0)
    assert np.count_nonzero(fitted.labels[lost] == labels[lost]) > 0.85 * lost.sum()
    assert np.count_nonzero((fitted.labels > 0) & (labels <= 0)) < 0.08 * lost.sum()
    assert np.array_equal(fitted.labels[seen > 0], seen[seen > 0])
    assert fitted.filled == np.count_nonzero(fitted.labels != seen)


@pytest.mark.parametrize(
    "name", ["perfect", "dilate2", "polygon", "proto160", "box28", "merge10", "overlap"]
)
def test_masks_that_touch_are_left_alone(name):
    labels, rgb = pile()
    seen = labels if name == "perfect" else style(name, labels)
    fitted = fit(seen, rgb)
    assert fitted.habit.gap == 0
    # Three masks of `proto160` meet around one unlabelled pixel.
    assert fitted.salt == np.count_nonzero(fitted.labels != seen) == (name == "proto160")


def parcels(gap):
    """Eight boxes side by side, all `gap` pixels from each other, and what lies between them."""
    labels = np.zeros(SIZE, np.int32)
    for n in range(8):
        y, x = divmod(n, 4)
        labels[
            20 + y * (80 + gap) : 100 + y * (80 + gap), 5 + x * (70 + gap) : 75 + x * (70 + gap)
        ] = n + 1
    return labels


@pytest.mark.parametrize("gap", [3, 4, 5])
def test_real_gaps_of_one_width_show_a_third_thing_and_stay(gap):
    labels = parcels(gap)
    fitted = fit(labels, picture_of(labels))
    assert fitted.labels is labels


def test_the_same_gaps_without_anything_in_between_are_the_segmenters():
    labels = parcels(0)
    seen = style("gap4", labels)
    fitted = fit(seen, picture_of(labels))
    assert np.count_nonzero(fitted.labels != labels) < 0.05 * np.count_nonzero(seen != labels)


def test_depth_keeps_what_lies_behind_the_masks_out():
    """Two discs touch; beside the point of contact is background of the same grey as the discs."""
    labels = np.zeros(SIZE, np.int32)
    for n in range(6):
        cv2.circle(labels, (50 + 44 * n, 120 + (n % 2) * 12), 25, n + 1, -1)
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    depth = np.where(labels > 0, np.float32(0.6), np.float32(0.8))
    seen = style("gap4", labels)
    blind, sighted = fit(seen, rgb), fit(seen, rgb, depth)
    wrong = [np.count_nonzero((f.labels > 0) & (labels <= 0)) for f in (blind, sighted)]
    assert wrong[1] < 0.2 * wrong[0]
    unknown = fit(seen, rgb, np.full(SIZE, np.nan, np.float32))
    assert np.array_equal(unknown.labels, blind.labels)


def test_gap_width_is_the_widest_gap_that_is_closed():
    labels, rgb = pile()
    seen = style("gap4", labels)
    assert fit(seen, rgb, settings=FitSettings(gap_width=4)).filled
    assert not fit(seen, rgb, settings=FitSettings(gap_width=3)).filled
    assert not fit(seen, rgb, settings=FitSettings(gap_width=0)).filled
    with pytest.raises(ValueError, match="gap_width is -1 pixels; it must not be negative"):
        FitSettings(gap_width=-1)


def test_a_far_speck_is_no_part_of_its_object_and_a_near_piece_is():
    labels, rgb = pile()
    labels[2:4, 310] = 10  # of the disc at the other end
    whole = labels == 10
    fitted = fit(labels, rgb)
    assert fitted.specks == 2 and not fitted.labels[2:4, 310].any()
    assert np.count_nonzero(fitted.labels == 10) == whole.sum() - 2
    assert fitted.boxes[10][2] < 120
    near, rgb = pile()
    y, x = np.argwhere(near == 10).min(axis=0)
    near[max(y - 4, 0), x + 30 : x + 32] = 10
    fitted = fit(near, rgb)
    assert fitted.specks == fitted.salt == 0 and fitted.labels is near


@pytest.mark.parametrize("share", [0.002, 0.02])
def test_salt_goes_to_what_surrounds_it(share):
    rng = np.random.default_rng(4)
    labels, rgb = pile()
    hit = rng.random(SIZE) < share
    salted = np.where(hit, rng.choice(np.unique(labels), SIZE), labels).astype(np.int32)
    fitted = fit(salted, rgb)
    wrong = np.count_nonzero(salted != labels)
    assert np.count_nonzero(fitted.labels != labels) < 0.2 * wrong
    assert 0.8 * wrong < fitted.salt + fitted.specks <= 1.1 * wrong


def test_salt_of_ids_that_nothing_has_goes_too():
    rng = np.random.default_rng(5)
    labels, rgb = pile()
    hit = rng.random(SIZE) < 0.002
    salted = np.where(hit, rng.integers(0, 256, SIZE), labels).astype(np.int32)
    fitted = fit(salted, rgb)
    assert len(np.unique(salted)) > 60
    assert len(fitted.boxes) < len(np.unique(labels)) + 15


@pytest.mark.parametrize("at", [(0, 100), (239, 100), (100, 0), (100, 319), (1, 100), (100, 318)])
def test_salt_at_the_edge_of_the_picture_spoils_no_box(at):
    labels, rgb = pile()
    assert labels[at] == 0 or at[0] in (0, 239)
    expected = fit(labels, rgb).boxes
    salted = labels.copy()
    salted[at] = 10 if labels[at] != 10 else 20
    fitted = fit(salted, rgb)
    assert fitted.boxes == expected and fitted.salt + fitted.specks == 1


def test_pixels_of_one_mask_that_lie_near_each_other_are_no_salt():
    labels, rgb = pile()
    spot = np.argwhere(cv2.erode((labels == 10).astype(np.uint8), np.ones((15, 15))))[0]
    y, x = int(spot[0]), int(spot[1])
    for apart, grains in ((2, 0), (3, 2)):
        near = labels.copy()
        near[y, x] = near[y, x + apart] = 20
        assert fit(near, rgb).salt == grains, apart


def test_answer_is_without_stray_pixels(model):
    labels, rgb = pile()
    box = fit(labels, rgb).boxes[10]
    salted = labels.copy()
    y = box[1] + 3
    x = box[2] + 4  # beside it
    assert labels[y, x] == 0
    salted[y, x] = 10
    frame = type(frame_of(salted))(rgb, salted)
    found = next(o for o in SceneCompleter(model).segment(frame).objects if o.id == 10)
    assert not (found.visible & ~found.amodal).any()
    full = np.zeros(SIZE, bool)
    crop(full, found.box)[:] = found.visible
    assert not full[y, x] and np.array_equal(full, labels == 10)


def test_thin_and_tiny_things_are_no_salt():
    labels, rgb = thin_things()
    for i in range(40):  # a thread, sampled at every other pixel
        labels[5 + i, 250 + 2 * (i % 2)] = 77
    labels[200, 300] = 78  # an object of one pixel
    fitted = fit(labels, rgb)
    assert fitted.salt == 0 and fitted.labels is labels


def thin_things():
    """The pile with a pen on top of it and a wire beside it, both 2 pixels wide."""
    labels, _ = pile()
    cv2.line(labels, (30, 80), (200, 130), 45, 2)
    cv2.line(labels, (2, 2), (2, 230), 99, 2)
    return labels, picture_of(labels)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_rims_of_interpolated_labels_go_to_the_masks_beside_them(scale):
    labels, _ = pile()
    size = (round(SIZE[1] * scale), round(SIZE[0] * scale))
    small = labels.astype(np.uint8)
    true = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    seen = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).astype(np.int32)
    fitted = fit(seen, picture_of(true))
    assert len(np.unique(seen)) > 40 and set(fitted.boxes) == set(np.unique(labels)[1:].tolist())
    assert np.count_nonzero(fitted.labels != true) < 0.3 * np.count_nonzero(seen != true)
    assert fitted.rims > 0 and fit(true, picture_of(true)).rims == 0


def test_thin_objects_are_no_rims():
    labels, rgb = thin_things()
    fitted = fit(labels, rgb)
    assert fitted.labels is labels and fitted.rims == 0 and {45, 99} <= set(fitted.boxes)


def test_a_depth_image_is_no_rim_of_anything():
    ramp = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1])).astype(np.int32) + 1
    assert fit(ramp, picture_of(ramp)).rims == 0


def test_true_masks_have_no_rims():
    with open_bag(resource_path("demo/tabletop.mcap")) as bag:
        labels = [found.frame.labels for found in bag.frames()]
    assert len(labels) == 14
    assert not any(map(has_rims, labels))


def test_void_is_unlabelled():
    labels, rgb = pile()
    fitted = fit(labels, rgb, settings=FitSettings(ignore_ids=(20, 255)))
    assert fitted.void == np.count_nonzero(labels == 20)
    assert not (fitted.labels == 20).any() and 20 not in fitted.boxes and 30 in fitted.boxes


def test_ids_may_be_large_negative_values_are_unlabelled_and_nothing_may_be_there():
    labels, rgb = pile()
    large = np.where(labels > 0, labels * 10_000_000, -3).astype(np.int32)
    seen = np.where(style("gap2", labels) > 0, large, -3).astype(np.int32)
    fitted = fit(seen, rgb)
    small = fit(style("gap2", labels), rgb)
    assert np.array_equal(fitted.labels > 0, small.labels > 0)
    assert set(np.unique(fitted.labels)) == set(np.unique(large))
    empty = np.zeros(SIZE, np.int32)
    assert fit(empty, rgb).labels is empty and fit(empty, rgb).boxes == {}


@pytest.fixture(scope="module")
def model(dummy_model):
    from segan_ros.runtime.model import load_model

    return load_model(str(dummy_model), "cpu")


def test_the_answer_shows_the_given_mask_and_nothing_filled_counts_as_hidden(model):
    labels, rgb = pile()
    seen = style("gap4", labels)
    frame = frame_of(seen)
    scene = SceneCompleter(model).complete(type(frame)(rgb, seen))
    assert "fit" in scene.timings
    for item in scene.objects:
        given = np.zeros(SIZE, bool)
        x0, y0, x1, y1 = item.box
        given[y0:y1, x0:x1] = item.visible
        assert np.array_equal(given, seen == item.id)
        assert not (item.visible & ~item.amodal).any()
        assert item.filled is not None
        assert not (item.invisible & item.filled).any() and not (item.visible & item.filled).any()
        assert (item.amodal & item.filled).sum() == item.filled.sum()
        # What can be seen keeps its colours, the segmenter's gap too.
        where = item.filled | item.visible
        assert np.array_equal(item.appearance[where], rgb[y0:y1, x0:x1][where])


def test_the_network_sees_masks_that_touch(model):
    """As a model that looks at borders: how often two masks meet in what it is shown."""
    labels, rgb = pile()
    shown = []

    class Watching(SceneCompleter):
        def answers(self, frame, views, timings=None):
            shown.append(frame.labels)
            return super().answers(frame, views, timings)

    frame = type(frame_of(labels))
    for seen in (labels, style("gap4", labels)):
        Watching(model).segment(frame(rgb, seen))
    true, fitted = (runs_between(s.astype(np.uint16)).touching for s in shown)
    assert fitted > 0.85 * true


def test_void_is_no_object_of_the_answer(model):
    labels, rgb = pile()
    completer = SceneCompleter(model, Settings(ignore_ids=(20,)))
    scene = completer.complete(type(frame_of(labels))(rgb, labels), paint=False)
    assert 20 not in [o.id for o in scene.objects] and len(scene.objects) == 11
