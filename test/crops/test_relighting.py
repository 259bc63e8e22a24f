"""Colours brought to the light of a picture."""

import numpy as np
import pytest

from segan_ros.crops.relighting import SEAM, joined, relit

SIZE = 60, 80


def lit_box(gain, seen_rows=30):
    """A grey box in plain light, in the light `gain`, and where it is seen: its upper rows."""
    rng = np.random.default_rng(0)
    lone = rng.integers(90, 110, (*SIZE, 3)).astype(np.uint8)
    picture = (lone * np.asarray(gain)).round().clip(0, 255).astype(np.uint8)
    seen = np.zeros(SIZE, bool)
    seen[:seen_rows] = True
    return lone, picture, seen


@pytest.mark.parametrize("gain", [0.4, 1.0, 2.2, (0.5, 1.0, 1.6)])
def test_what_is_hidden_gets_the_light_of_what_is_seen(gain):
    lone, picture, seen = lit_box(gain)
    hidden_truth = picture.copy()
    picture[~seen] = (255, 0, 255)  # what lies in front
    found = relit(lone, picture, seen)
    assert found.dtype == np.uint8 and found.shape == lone.shape
    error = np.abs(found.astype(int) - hidden_truth)
    assert error[30:].mean() < 4 and error[30].max() < 12


def test_light_that_changes_slowly_goes_on_from_the_nearest_pixels():
    gain = np.linspace(0.5, 1.5, SIZE[1])[:, None]  # from left to right
    lone, picture, seen = lit_box(gain)
    expected = picture[30].astype(int)
    picture[~seen] = 0
    assert np.abs(relit(lone, picture, seen)[30].astype(int) - expected).mean() < 8


def test_detail_of_the_paint_stays():
    lone, picture, seen = lit_box(0.5)
    found = relit(lone, picture, seen)[31:].astype(float)
    assert np.corrcoef(found.ravel(), lone[31:].astype(float).ravel())[0, 1] > 0.98


def test_colours_stay_where_nothing_is_seen():
    lone, picture, _ = lit_box(0.5)
    assert np.array_equal(relit(lone, picture, np.zeros(SIZE, bool)), lone)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 1), (300, 20), (700, 500)])
def test_pictures_of_any_size(size):
    colours = np.full((*size, 3), 100, np.uint8)
    seen = np.zeros(size, bool)
    seen[0, 0] = True
    assert np.abs(relit(colours, np.full_like(colours, 50), seen).astype(int) - 50).max() <= 1


def test_black_and_white_need_no_ratio():
    colours = np.zeros((8, 8, 3), np.uint8)
    colours[:, 4:] = 255
    seen = np.ones((8, 8), bool)
    assert relit(colours, colours[:, ::-1].copy(), seen).dtype == np.uint8
    assert np.array_equal(relit(colours, colours, seen), colours)


def halves(left, right):
    """A picture of two colours, and which half is seen: the left one."""
    picture = np.full((*SIZE, 3), left, np.uint8)
    picture[:, SIZE[1] // 2 :] = right
    seen = np.zeros(SIZE, bool)
    seen[:, : SIZE[1] // 2] = True
    return picture, seen


def test_paint_goes_over_into_what_is_seen():
    picture, seen = halves((200, 100, 50), (0, 255, 0))  # what lies in front is green
    paint = np.full_like(picture, 100)
    found = joined(paint, picture, seen, ~seen)
    middle = SIZE[1] // 2
    row = found[30].astype(int)
    assert np.abs(row[middle] - (200, 100, 50)).max() <= 3
    reds = row[middle : middle + SEAM + 3, 0]
    assert (np.diff(reds) <= 0).all() and reds[-1] == 100
    assert np.array_equal(found[:, :middle], paint[:, :middle])
    assert np.array_equal(found[:, middle + SEAM :], paint[:, middle + SEAM :])


def test_what_is_neither_seen_nor_hidden_stays():
    picture, seen = halves((200, 100, 50), (0, 255, 0))
    paint, hidden = np.full_like(picture, 100), ~seen
    hidden[:30] = False
    found = joined(paint, picture, seen, hidden)
    assert np.array_equal(found[:30], paint[:30]) and (found[30:] != paint[30:]).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 1), (300, 20)])
def test_paint_of_any_size_is_joined(size):
    paint, seen = np.full((*size, 3), 100, np.uint8), np.zeros(size, bool)
    assert np.array_equal(joined(paint, paint, seen, ~seen), paint)
    seen[0, 0] = True
    assert np.abs(joined(paint, np.full_like(paint, 98), seen, ~seen).astype(int) - 100).max() <= 2
