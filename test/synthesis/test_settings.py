"""Bins, trays, boards, hands: they hold and hide objects, and never cut a whole mask."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from segan_ros.storage.scene_writer import write_scene
from segan_ros.storage.scenes import read_scene
from segan_ros.synthesis import physics, settings, views, world
from segan_ros.synthesis.cameras import MOUNTS, Camera, draw_camera, look_at
from segan_ros.synthesis.fixtures import boxed, moulded
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.grippers import approach, draw_gripper, pose
from segan_ros.synthesis.lights import Look, draw_lights
from segan_ros.synthesis.meshes import rounded_box
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.settings import SETTINGS, Setting, draw_setting
from segan_ros.synthesis.shapes import Part, Shape, solid
from segan_ros.synthesis.textures import paint

pytestmark = pytest.mark.render

SIZE = 96, 128
BLOCK = [0.02, 0.025, 0.03]
LOOK = Look(np.ones(3, np.float32), 1, 0, 0, 0)


def block():
    return Shape("block", (Part(rounded_box(BLOCK, 0.002), "plain"),), (solid("box", BLOCK),))


def camera_over(height):
    position = np.array([-0.5, 0, height])
    return Camera(position, look_at(position, np.array([0, 0, 0.03])), 140.0, SIZE)


def settled(setting, gripper=None, objects=3):
    layout = world.Layout(0.12, 0.0, (0.6, 0.6), setting=setting, gripper=gripper)
    shapes = [block() for _ in range(objects)]
    made = world.build(shapes, layout, np.random.default_rng(1), SIZE)
    return made if physics.settle(made) else None


def whole_without(renderer, camera, label):
    """The whole mask by another way: every screen and every other object out of the world."""
    labels, _ = renderer.labels(camera, [label])
    return labels == label


@pytest.fixture(scope="module", params=["bin", "box", "crate"])
def contained(request):
    rng = np.random.default_rng(3)
    made = {
        "bin": lambda: moulded(rng, (0.11, 0.13), 0.1, paint("plastic", rng)),
        "box": lambda: boxed(rng, (0.11, 0.13), 0.1, paint("cardboard", rng), 0),
        "crate": lambda: boxed(rng, (0.11, 0.13), 0.1, paint("wood", rng), 3),
    }[request.param]()
    return made, settled(Setting("bin", made.fixtures, made.inside, made.rim))


def test_things_dropped_into_a_container_lie_inside_it(contained):
    container, made = contained
    for label in (1, 2, 3):
        points = made.vertices(label)
        assert points[:, 2].min() > -0.003
        low = points[points[:, 2] < container.rim]
        assert (np.abs(low[:, :2]) < np.array(container.inside) + 0.006).all()


def test_bin_wall_hides_but_never_cuts_the_whole_mask(contained):
    _, made = contained
    camera = camera_over(0.2)
    with Renderer(made) as renderer:
        truth = views.observe(renderer, camera, [1, 2, 3])
        view = views.View(camera, draw_lights(np.random.default_rng(0)), LOOK, 1)
        scene = views.photograph(renderer, view, truth, np.random.default_rng(0), {})
        for label in (1, 2, 3):
            np.testing.assert_array_equal(
                truth.whole[label], whole_without(renderer, camera, label)
            )
    behind_wall = truth.labels == world.SCREEN
    assert sum(np.count_nonzero(m & behind_wall) for m in truth.whole.values()) > 50
    assert scene.frame.labels.min() == 0
    assert not (scene.frame.labels[behind_wall] > 0).any()
    for item in scene.objects:
        assert item.about["screened"] == np.count_nonzero(item.amodal & behind_wall)


def test_pose_and_camera_project_the_object_into_its_whole_mask(contained, tmp_path):
    _, made = contained
    camera = camera_over(0.3)
    with Renderer(made) as renderer:
        view = views.View(camera, draw_lights(np.random.default_rng(0)), LOOK, 1)
        truth = views.observe(renderer, camera, [1, 2, 3])
        scene = views.photograph(renderer, view, truth, np.random.default_rng(0), {})
    write_scene(tmp_path / "scene", scene)
    scene = read_scene(tmp_path / "scene")
    for item in scene.objects:
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, np.array(item.about["pose"]["quaternion"]))
        corners = np.array(
            [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
        ) * np.array(BLOCK)
        corners = corners @ turn.reshape(3, 3).T + item.about["pose"]["position"]
        seen = (corners - scene.extra["camera_position"]) @ scene.extra["camera_rotation"]
        pixels = seen @ scene.frame.camera_matrix.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        x0, y0, x1, y1 = item.box
        np.testing.assert_allclose(pixels.min(0), [x0, y0], atol=1.5)
        np.testing.assert_allclose(pixels.max(0), [x1 - 1, y1 - 1], atol=1.5)


def test_hand_hides_but_never_cuts_the_whole_mask_and_is_gone_when_not_shown():
    hand = draw_gripper(np.random.default_rng(2))
    made = settled(Setting("table"), hand)
    camera = camera_over(0.5)
    with Renderer(made) as renderer:
        without = views.observe(renderer, camera, [1, 2, 3])
        assert (without.labels != world.SCREEN).all()
        made.hold(made.data.xpos[made.bodies[0]] + [0, 0, 0.05], pose(np.array([0, 0, 1.0]), 0.3))
        assert physics.hand_is_free(made)
        renderer.hand_shown = True
        held = views.observe(renderer, camera, [1, 2, 3])
    assert np.count_nonzero(held.labels == world.SCREEN) > 50
    for label, mask in without.whole.items():
        np.testing.assert_array_equal(mask, held.whole[label])
    same = held.labels != world.SCREEN
    np.testing.assert_array_equal(held.labels[same], without.labels[same])


def test_hand_inside_an_object_is_noticed():
    made = settled(Setting("table"), draw_gripper(np.random.default_rng(2)))
    made.hold(made.data.xpos[made.bodies[0]], pose(np.array([0, 0, 1.0]), 0.0))
    assert not physics.hand_is_free(made)


def test_hand_comes_from_above_or_from_the_camera():
    rng, camera = np.random.default_rng(0), np.array([0.4, 0.3, 0.6])
    for _ in range(50):
        away, tip = approach(camera, np.zeros(3), rng)
        assert np.linalg.norm(away) == pytest.approx(1)
        assert away[2] > 0.3 and 0 < np.linalg.norm(tip) < 0.08
        turn = pose(away, rng.uniform(0, 6))
        np.testing.assert_allclose(turn[:, 2], away, atol=1e-12)
        np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)


def test_every_setting_is_drawn_about_as_often_as_it_should():
    drawn = Counter(draw_setting(np.random.default_rng(s), 0.15).name for s in range(120))
    for name, share in SETTINGS.items():
        assert abs(drawn[name] / 120 - share) < 0.13


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_lets_things_come_to_rest_soundly(name, monkeypatch):
    monkeypatch.setattr(settings, "SETTINGS", {name: 1.0})
    tried = [settled(draw_setting(np.random.default_rng(seed), 0.13)) for seed in range(4)]
    at_rest = [made for made in tried if made is not None]
    assert len(at_rest) >= 2
    assert all(physics.is_sound(made, np.arange(3)) for made in at_rest)


def test_an_object_in_mid_air_is_not_sound():
    made = settled(Setting("table"))
    made.data.qpos[:3] += [0, 0, 0.5]
    mujoco.mj_forward(made.model, made.data)
    assert not physics.is_sound(made, np.arange(3))


def test_cameras_keep_to_their_mounts():
    rng, points = np.random.default_rng(0), np.random.default_rng(1).normal(0, 0.08, (8, 3))
    points[:, 2] = np.abs(points[:, 2])
    drawn = [draw_camera(points, (240, 320), rng) for _ in range(200)]
    assert {c.mount for c in drawn} == set(MOUNTS)
    for camera in drawn:
        limits = MOUNTS[camera.mount]
        low, high = limits.field_of_view
        assert low - 1e-6 <= camera.field_of_view <= high + 1e-6
        assert limits.elevation[0] - 1 < camera.elevation < limits.elevation[1] + 1
        away = np.linalg.norm(camera.position - np.median(points, 0))
        assert limits.distance[0] - 0.15 < away < limits.distance[1] + 0.15
    assert all(draw_camera(points, SIZE, rng, 60).elevation > 59 for _ in range(40))
