"""What is no label image is told by what it looks like, with the remedy."""

import cv2
import numpy as np
import pytest
from samples import many_objects, overlapping

from segan_ros.masks.inspection import mask_problem


def scattered(*values):
    """Discs of these values, far from each other."""
    labels = np.zeros((240, 320), np.int32)
    for n, value in enumerate(values):
        cv2.circle(labels, (40 + 120 * (n % 3), 50 + 130 * (n // 3)), 25, value, -1)
    return labels


@pytest.mark.parametrize(
    "labels", [overlapping(), many_objects(), scattered(1, 2, 3, 4), np.zeros((9, 9), np.int32)]
)
def test_instances_are_no_problem(labels):
    assert mask_problem(labels) == ""


@pytest.mark.parametrize("value", [1, 255])
def test_a_semantic_mask_is_told(value):
    problem = mask_problem(scattered(value, value, value))
    assert f"all masks have the value {value}, in 3 pieces" in problem
    assert "semantic mask; give each object an id of its own" in problem


def pile():
    """Twelve discs in front of each other, of the ids 10, 20, ...: one piece without a gap."""
    labels = np.zeros((240, 320), np.int32)
    for n in range(12):
        cv2.circle(labels, (60 + 62 * (n % 4), 60 + 55 * (n // 4)), 40, 10 * (n + 1), -1)
    return labels


def test_a_pile_drawn_in_white_is_told_though_it_is_one_piece():
    labels = pile()
    assert mask_problem(labels) == ""
    problem = mask_problem(np.where(labels > 0, 255, 0).astype(np.int32))
    assert problem.startswith("all masks have the value 255: this looks like a semantic mask")


def test_pieces_of_the_only_id_may_lie_near_each_other():
    labels = np.zeros((240, 320), np.int32)
    labels[100:160, 100:160] = labels[100:160, 163:223] = 1
    assert "all masks have the value 1, in 2 pieces" in mask_problem(labels)
    labels[100:160, 163:223] = 2
    assert mask_problem(labels) == ""


def test_one_object_alone_is_no_semantic_mask():
    assert mask_problem(scattered(1)) == "" and mask_problem(scattered(7)) == ""


def test_one_id_on_two_objects_is_told():
    problem = mask_problem(scattered(7, 3, 3, 7))
    assert "id 3 has 2 pieces" not in problem or "id 7 has 2 pieces" not in problem
    assert "one id on several objects" in mask_problem(scattered(5, 0, 5, 2))
    assert "the mask of id 5 has 2 pieces" in mask_problem(scattered(5, 0, 5, 2))


def test_an_object_seen_on_both_sides_of_another_is_one():
    labels = np.zeros((240, 320), np.int32)
    labels[100:130, 10:310] = 4
    labels[60:180, 40:280] = 9
    assert mask_problem(labels) == ""


def test_specks_are_no_objects():
    labels = scattered(5)
    labels[200:203, 300:303] = 5
    assert mask_problem(labels) == ""


def ground(near, far, rows=240):
    """Depth of a plane that is tilted away from the camera: constant along each row."""
    return np.repeat(np.linspace(far, near, rows)[:, None], 320, axis=1)


@pytest.mark.parametrize(
    "image",
    [
        600 + np.add.outer(2 * np.arange(240), np.arange(320)),
        ground(700, 900),  # millimetres
        ground(70, 90),  # centimetres
        ground(0, 255),  # for a screen
        np.random.default_rng(0).integers(0, 256, (240, 320)),
    ],
    ids=["slanted", "mm", "cm", "grey levels", "noise"],
)
def test_depth_and_photographs_are_told(image):
    problem = mask_problem(image.astype(np.int32))
    assert "this looks like a depth image or a photograph; send a label image" in problem


@pytest.mark.parametrize("unit", [1, 10], ids=["mm", "cm"])
def test_depth_of_objects_on_a_table_is_told(unit):
    depth = ground(700, 900)
    rng = np.random.default_rng(0)
    for x, y in rng.integers(40, 200, (8, 2)).tolist():
        depth[y : y + 40, x : x + 40] = depth[y : y + 40, x : x + 40] - 50
    depth = (depth + rng.normal(0, 1, depth.shape)) // unit
    assert "this looks like a depth image" in mask_problem(depth.astype(np.int32))


def test_interpolated_labels_are_told():
    labels = cv2.resize(pile().astype(np.uint8), (640, 480), interpolation=cv2.INTER_LINEAR)
    problem = mask_problem(labels.astype(np.int32))
    assert "the labels look interpolated; resize them with INTER_NEAREST" in problem


def test_a_hundred_objects_are_a_label_image():
    labels = np.kron(np.arange(1, 193).reshape(12, 16), np.ones((20, 20), int)).astype(np.int32)
    assert mask_problem(labels) == ""


@pytest.mark.parametrize("shape", [(1, 300), (300, 1)])
def test_a_line_of_pixels_may_be_a_label_image(shape):
    ids = np.repeat(np.random.default_rng(0).permutation(30) + 1, 10)
    assert mask_problem(ids.reshape(shape).astype(np.int32)) == ""
