"""Boxes in space, against scenes whose answer is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from plates import CAMERA, plate
from scipy.spatial.transform import Rotation

from segan_ros.frame import AmodalObject, Frame
from segan_ros.geometry.oriented_boxes import oriented_box, visible_points


@pytest.mark.parametrize("hidden", [0, 50])
def test_flat_plate_has_its_true_size_hidden_or_not(hidden):
    frame, item = plate(np.full((240, 320), 2.0), hidden)
    box = oriented_box(frame, item)
    # 99 and 39 pixel steps of 2 m / 500
    np.testing.assert_allclose(box.size, [0.396, 0.156, 0.0], atol=1e-6)
    np.testing.assert_allclose(box.centre, [-0.002, -0.002, 2.0], atol=1e-6)
    np.testing.assert_allclose(abs(box.rotation[:, 0]), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(box.measured, [(99 - hidden) / 99, 1, 1], atol=1e-6)
    assert not box.truncated


def test_box_of_an_object_cut_off_by_the_border_says_so():
    frame, item = plate(np.full((240, 320), 2.0))
    assert oriented_box(frame, replace(item, truncated=True)).truncated


def test_axes_are_right_handed_and_tilted_with_the_object():
    # a plane that comes 0.5 m nearer per metre to the right: z = 2 - 0.5 x, x = (u - 160) z / 500
    slope = (np.arange(320) - 160) / 500
    depth = np.broadcast_to(2 / (1 + 0.5 * slope), (240, 320))
    box = oriented_box(*plate(depth))
    np.testing.assert_allclose(np.linalg.det(box.rotation), 1, atol=1e-9)
    along = box.rotation[:, 0] * np.sign(box.rotation[0, 0])
    expected = np.array([1, 0, -0.5]) / np.sqrt(1.25)
    np.testing.assert_allclose(along, expected, atol=0.01)


def test_stray_depth_at_the_border_does_not_blow_up_the_box():
    depth = np.full((240, 320), 2.0)
    depth[100, 110:150] = 8.0
    assert oriented_box(*plate(depth)).size[2] < 0.01


def test_without_enough_depth_there_is_no_box():
    depth = np.full((240, 320), np.nan)
    depth[110, 110:120] = 1.0
    assert oriented_box(*plate(depth)) is None
    frame, item = plate(depth)
    assert oriented_box(Frame(frame.rgb, frame.labels), item) is None


@pytest.mark.parametrize(
    "distortion", [[-0.35, 0.12, 0.001, -0.002, 0.0], [0.5, -2.6, 1e-4, -2e-4, 1.5, 0.4, -2.4, 1.4]]
)
def test_points_of_a_lens_that_bends_are_where_the_lens_shows_them(distortion):
    depth = np.full((240, 320), 2.0)
    frame, item = plate(depth)
    bent = Frame(frame.rgb, frame.labels, frame.depth, CAMERA, distortion=np.array(distortion))
    points = visible_points(bent, [item]).places.astype(float)
    assert np.allclose(points[:, 2], 2.0)
    zero = np.zeros(3)
    seen, _ = cv2.projectPoints(points, zero, zero, CAMERA, bent.distortion)
    rows, columns = np.nonzero(bent.labels == 1)
    np.testing.assert_allclose(seen[:, 0], np.stack([columns, rows], 1), atol=0.05)
    straight = visible_points(frame, [item]).places
    assert np.abs(straight - points).max() > 1e-4


@pytest.mark.parametrize(
    ("focal", "distortion", "least"),
    [(350, [-0.35, 0.12, 0, 0, 0], 1.0), (300, [-0.3, 0.09, 0, 0, -0.01], 0.97)],
)
def test_corners_of_a_wide_lens_are_right_or_left_out(focal, distortion, least):
    matrix = np.array([[focal, 0, 320.0], [0, focal, 240], [0, 0, 1]])
    labels = np.ones((480, 640), np.int32)
    whole = np.ones((480, 640), bool)
    frame = Frame(
        np.zeros((480, 640, 3), np.uint8),
        labels,
        np.ones((480, 640), np.float32),
        matrix,
        distortion=np.array(distortion),
    )
    item = AmodalObject(1, (0, 0, 640, 480), whole, whole, whole.astype(np.float32))
    found = visible_points(frame, [item])
    assert least * whole.size <= len(found.places) <= whole.size
    assert len(found.colours) == len(found.ids) == len(found.places)
    zero = np.zeros(3)
    seen, _ = cv2.projectPoints(
        found.places.astype(float), zero, zero, matrix, np.array(distortion)
    )
    # Where the second lens folds the picture over, some pixels are less exact.
    assert np.percentile(np.abs(seen[:, 0] - np.round(seen[:, 0])), 98) < 0.15
    assert np.abs(found.places).max() < 3
    assert (oriented_box(frame, item).size < 6).all()


def test_lens_of_another_number_of_coefficients_is_refused():
    frame, _ = plate(np.ones((240, 320)))
    with pytest.raises(ValueError, match=r"distortion must have 4, 5, 8, 12, 14 coefficients"):
        Frame(frame.rgb, frame.labels, distortion=np.zeros(3))


def cuboid(rng, hidden: float = 0.0):
    """A cuboid at a random pose 0.8 m ahead, seen from outside: frame, object, size, axes, centre.

    The `hidden` share of its pixels on one side lies under something nearer.
    """
    size = np.sort(rng.uniform(0.03, 0.2, 3))[::-1]
    axes = np.zeros((3, 3))
    while np.abs(axes[2]).min() < 0.35:  # three faces must be seen
        axes = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    centre = np.array([*rng.uniform(-0.03, 0.03, 2), 0.8])
    v, u = np.mgrid[:240, :320]
    rays = np.stack([(u - 160) / 500, (v - 120) / 500, np.ones((240, 320))], axis=-1) @ axes
    faces = np.stack([(s * size / 2 - axes.T @ -centre) / rays for s in (-1, 1)])
    enter, leave = faces.min(axis=0).max(axis=-1), faces.max(axis=0).min(axis=-1)
    whole = leave > enter
    depth = np.where(whole, enter, 1.5)
    rows, columns = np.nonzero(whole)
    visible = whole & (u < np.quantile(columns, 1 - hidden)) if hidden else whole
    depth[whole & ~visible] = 0.5
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    inside = np.s_[box[1] : box[3], box[0] : box[2]]
    item = AmodalObject(1, box, visible[inside], whole[inside], whole[inside].astype(np.float32))
    rgb = np.dstack([u % 256, v % 256, np.zeros((240, 320))]).astype(np.uint8)
    frame = Frame(rgb, visible.astype(np.int32), depth.astype(np.float32), CAMERA)
    return frame, item, size, axes, centre


@pytest.mark.parametrize("seed", range(8))
def test_box_of_a_cuboid_is_the_cuboid(seed):
    frame, item, size, _, centre = cuboid(np.random.default_rng(seed))
    box = oriented_box(frame, item)
    np.testing.assert_allclose(np.sort(box.size), np.sort(size), rtol=0.2, atol=0.01)
    np.testing.assert_allclose(box.centre, centre, atol=0.02)
    np.testing.assert_allclose(np.linalg.det(box.rotation), 1, atol=1e-9)


def test_boxes_of_half_hidden_cuboids_are_near():
    errors, distances = [], []
    for seed in range(30):
        frame, item, size, _, centre = cuboid(np.random.default_rng(seed), hidden=0.3)
        box = oriented_box(frame, item)
        errors.append(np.abs(np.sort(box.size) - np.sort(size)) / np.sort(size))
        distances.append(np.linalg.norm(box.centre - centre))
    assert np.median(errors) < 0.15
    assert np.median(distances) < 0.03


def test_points_are_where_the_pixels_see_them():
    frame, item, *_ = cuboid(np.random.default_rng(1), hidden=0.3)
    points = visible_points(frame, [item])
    assert len(points.places) == np.count_nonzero(item.visible)
    assert set(points.ids) == {1}
    u, v, w = CAMERA @ points.places.T
    u, v = (u / w).round().astype(int), (v / w).round().astype(int)
    assert (frame.labels[v, u] == 1).all()
    np.testing.assert_allclose(frame.depth[v, u], points.places[:, 2], rtol=1e-6)
    np.testing.assert_array_equal(frame.rgb[v, u], points.colours)


def test_pixels_without_depth_give_no_point():
    frame, item = plate(np.full((240, 320), np.nan))
    assert len(visible_points(frame, [item]).places) == 0
    assert len(visible_points(Frame(frame.rgb, frame.labels), [item]).places) == 0
