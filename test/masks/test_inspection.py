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


def test_depth_and_photographs_are_told():
    y, x = np.mgrid[:240, :320]
    depth = 600 + x + 2 * y
    noise = np.random.default_rng(0).integers(0, 256, (240, 320))
    for image in (depth, noise):
        problem = mask_problem(image.astype(np.int32))
        assert "this looks like a depth image or a photograph; send a label image" in problem


def test_a_hundred_objects_are_a_label_image():
    labels = np.kron(np.arange(1, 193).reshape(12, 16), np.ones((20, 20), int)).astype(np.int32)
    assert mask_problem(labels) == ""


def test_a_column_of_objects_says_nothing():
    assert mask_problem(np.arange(1, 31, dtype=np.int32)[:, None]) == ""
