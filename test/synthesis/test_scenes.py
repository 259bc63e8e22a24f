"""Scenes are settled, and their ground truth holds together."""

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from segan_ros.boxes import tight_box
from segan_ros.synthesis import families, physics, piles, views, world
from segan_ros.synthesis.cameras import MOUNTS, Camera, look_at
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.lights import Light, Look
from segan_ros.synthesis.meshes import rounded_box
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.settings import SETTINGS
from segan_ros.synthesis.shapes import Part, Shape, solid
from segan_ros.synthesis.views import Rejected
from segan_ros.truth import true_occlusions

pytestmark = pytest.mark.render

SIZE = 96, 128


def first_good(job, pile):
    for attempt in range(50):
        try:
            return piles.heap(job, pile, attempt)
        except Rejected:
            continue
    raise AssertionError("no attempt served")


@pytest.fixture(scope="module")
def scenes():
    return [s for p in range(3) for s in first_good(piles.Job("test", 5, SIZE, 8), p)]


@pytest.fixture(scope="module")
def blocks():
    """A tall block in front of a low one, as the camera of `front` sees them."""
    shapes = [
        Shape("block", (Part(rounded_box(half, 0.002), "plain"),), (solid("box", half),))
        for half in ([0.03, 0.03, 0.06], [0.03, 0.03, 0.03])
    ]
    made = world.build(shapes, world.Layout(0.2, 1.0, (0.5, 0.5)), np.random.default_rng(0), SIZE)
    for body, x, z in ((0, 0.0, 0.06), (1, 0.1, 0.03)):
        made.data.qpos[7 * body : 7 * body + 7] = [x, 0, z, 1, 0, 0, 0]
    mujoco.mj_forward(made.model, made.data)
    return made


@pytest.fixture
def front():
    position = np.array([-0.6, 0, 0.25])
    return Camera(position, look_at(position, np.array([0.05, 0, 0.03])), 150.0, SIZE)


LIGHT = tuple(
    Light(np.array([0.0, 0, -1]), np.full(3, v), np.full(3, 0.1), 0.1) for v in (0.6, 0.1, 0.1)
)


def test_whole_mask_is_what_is_seen_plus_what_others_hide(scenes):
    for scene in scenes:
        labels = scene.frame.labels
        for item in scene.objects:
            seen = labels == item.id
            assert not (seen & ~item.amodal).any()
            hidden = sum(n for _, hidden_id, n in scene.occlusions if hidden_id == item.id)
            screened = item.about["screened"]
            assert np.count_nonzero(item.amodal) == np.count_nonzero(seen) + hidden + screened
            assert item.about["occlusion"] == pytest.approx(
                1 - np.mean(seen[item.amodal]), abs=1e-4
            )
        assert {int(i) for i in np.unique(labels)} - {0} <= {o.id for o in scene.objects}
        assert scene.occlusions == true_occlusions(labels, scene.objects)


def test_scene_has_depth_camera_names_and_appearances(scenes):
    known = {f.__name__ for f in (*families.TRAIN, *families.TEST)}
    for scene in scenes:
        depth, matrix = scene.frame.depth, scene.frame.camera_matrix
        assert np.isfinite(depth).all() and 0.1 < depth.min() < depth.max() < 25
        assert matrix[0, 2] == (SIZE[1] - 1) / 2 and matrix[1, 2] == (SIZE[0] - 1) / 2
        turn = np.array(scene.extra["camera_rotation"])
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(turn) == pytest.approx(1)
        for item in scene.objects:
            x0, y0, x1, y1 = tight_box(item.amodal)
            assert item.appearance.shape == (y1 - y0, x1 - x0, 3)
            assert item.name in known


def test_camera_matrix_and_pose_project_objects_where_they_are_seen(blocks, front):
    with Renderer(blocks) as renderer:
        labels, _ = renderer.labels(front, [2])
    corners = np.array([[0.1 + x, y, 0.03 + z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = np.array([0.1, 0, 0.03]) + (corners - [0.1, 0, 0.03]) * 0.03
    pixels = (corners - front.position) @ front.turn @ front.matrix.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    box = tight_box(labels == 2)
    np.testing.assert_allclose(pixels.min(0), [box[0], box[1]], atol=1.2)
    np.testing.assert_allclose(pixels.max(0), [box[2] - 1, box[3] - 1], atol=1.2)


def test_depth_is_metres_along_the_optical_axis(blocks, front):
    with Renderer(blocks) as renderer:
        labels, depth = renderer.labels(front, [1])
    rows, columns = np.nonzero(labels == 1)
    rays = np.linalg.inv(front.matrix) @ np.stack([columns, rows, np.ones(len(rows))])
    points = (rays * depth[rows, columns]).T @ front.turn.T + front.position
    assert (np.abs(points[:, :2]) < 0.032).all()
    assert (points[:, 2] > -0.002).all() and (points[:, 2] < 0.122).all()


def test_nearer_block_hides_the_farther_one(blocks, front):
    with Renderer(blocks) as renderer:
        view = views.View(front, LIGHT, Look(np.ones(3, np.float32), 1, 0, 0, 0), 2)
        truth = views.observe(renderer, front, [1, 2])
        scene = views.photograph(renderer, view, truth, np.random.default_rng(0), {})
    ((occluder, occludee, pixels),) = scene.occlusions
    assert (occluder, occludee) == (1, 2) and pixels > 50


def test_cut_out_is_the_same_as_that_part_of_the_whole_picture(blocks, front):
    with Renderer(blocks) as renderer:
        whole = renderer.picture(front, LIGHT, 3)
        part = renderer.picture(front, LIGHT, 3, None, (40, 30, 80, 70))
    assert np.abs(whole[30:70, 40:80] - part).mean() < 0.01


def test_edges_are_smooth(blocks, front):
    with Renderer(blocks) as renderer:
        labels, _ = renderer.labels(front, [1])
        sharp, smooth = (renderer.picture(front, LIGHT, n, [1]).mean(-1) for n in (1, 8))
    assert (labels == 1).any()
    assert np.abs(np.diff(smooth, axis=1)).max() < np.abs(np.diff(sharp, axis=1)).max()


def test_settled_piles_stay_where_they_are():
    settled = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shapes = [family(rng) for family in rng.permutation(np.array(families.TRAIN, object))[:6]]
        made = world.build(shapes, world.Layout(0.12, 0.5, (0.6, 0.6)), rng, SIZE)
        if physics.settle(made):
            settled += 1
            before = made.data.xpos[list(made.bodies)].copy()
            mujoco.mj_step(made.model, made.data, round(3 / made.model.opt.timestep))
            assert np.abs(made.data.xpos[list(made.bodies)] - before).max() < 0.005
    assert settled >= 3


def test_truth_that_contradicts_itself_is_rejected():
    whole = np.zeros((4, 4), bool)
    whole[1:3, 1:3] = True
    near, far = np.ones((4, 4), np.float32), np.full((4, 4), 2, np.float32)
    views.check(1, whole, far, np.where(whole, 2, 0), near)
    with pytest.raises(Rejected, match="outside"):
        views.check(1, whole, near, np.ones((4, 4), int), near)
    with pytest.raises(Rejected, match="neither object nor screen"):
        views.check(1, whole, near, np.zeros((4, 4), int), near)
    with pytest.raises(Rejected, match="farther"):
        views.check(1, whole, near, np.where(whole, 2, 0), far)
    views.check(1, whole, far, np.where(whole, world.SCREEN, 0), near)
    with pytest.raises(Rejected, match="farther"):
        views.check(1, whole, near, np.where(whole, world.SCREEN, 0), far)


def test_splits_and_seeds_give_other_scenes(scenes):
    pictures = [scenes[0].frame.rgb]
    for job in (piles.Job("train", 5, SIZE, 2), piles.Job("test", 6, SIZE, 2)):
        pictures.append(first_good(job, 0)[0].frame.rgb)
    for i, first in enumerate(pictures):
        for second in pictures[i + 1 :]:
            assert np.abs(first.astype(int) - second).mean() > 2


def test_same_seed_gives_the_same_scene_again(scenes):
    again = first_good(piles.Job("test", 5, SIZE, 8), 0)
    for before, after in zip(scenes, again, strict=False):
        np.testing.assert_array_equal(before.frame.rgb, after.frame.rgb)
        np.testing.assert_array_equal(before.frame.depth, after.frame.depth)
        assert before.extra == after.extra
        for one, other in zip(before.objects, after.objects, strict=True):
            np.testing.assert_array_equal(one.appearance, other.appearance)
            assert one.about == other.about


def test_scene_says_where_it_was_taken_and_how(scenes):
    for scene in scenes:
        assert scene.extra["setting"] in SETTINGS
        assert scene.extra["gripper"] in ("none", "fingers", "suction")
        limits = MOUNTS[scene.extra["camera"]["mount"]]
        low, high = limits.field_of_view
        assert low - 0.01 <= scene.extra["camera"]["field_of_view"] <= high + 0.01
        for item in scene.objects:
            x, y, z = item.about["pose"]["position"]
            assert abs(x) < 1 and abs(y) < 1 and -0.01 < z < 0.8
            assert np.linalg.norm(item.about["pose"]["quaternion"]) == pytest.approx(1)


def test_piles_of_a_given_count_have_it():
    for attempt in range(30):
        try:
            made = piles.heap(piles.Job("train", 1, SIZE, 1), 0, attempt, 4)
        except Rejected:
            continue
        assert all(3 <= len(scene.objects) <= 4 for scene in made)
        return
    raise AssertionError("no attempt served")


def test_unknown_objects_are_refused():
    with pytest.raises(ValueError, match="--objects is 'some'; choose from families, all"):
        piles.Job("train", 1, SIZE, 1, "some")
