"""Lifts in the simulator: what lies on an object goes with it, what stands beside it stays."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from segan_ros.storage.scenes import read_scene
from segan_ros.synthesis import lifting, physics, world
from segan_ros.synthesis.generate import generate
from segan_ros.synthesis.gl import mujoco
from segan_ros.synthesis.meshes import rounded_box
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.shapes import Part, Shape, solid
from segan_ros.synthesis.tasks import identity_of
from segan_ros.synthesis.workforce import Workforce

pytestmark = pytest.mark.render

SIZE = 72, 96
LAYOUT = world.Layout(0.2, 1.0, (0.5, 0.5))
JOB = Job("val", 6, SIZE, 2, lifts=True)


def boxes(*placed):
    """Boxes at rest on the table: ``(half sizes, position)`` of each."""
    shapes = [
        Shape("block", (Part(rounded_box(half, 0.002), "plain"),), (solid("box", half),))
        for half, _ in placed
    ]
    made = world.build(shapes, LAYOUT, np.random.default_rng(0), SIZE)
    walls = [g for g in range(made.model.ngeom) if made.model.geom(g).name.startswith("funnel")]
    made.model.geom_contype[walls] = made.model.geom_conaffinity[walls] = 0
    for body, (_, position) in enumerate(placed):
        made.data.qpos[7 * body : 7 * body + 7] = [*position, 1, 0, 0, 0]
    mujoco.mj_forward(made.model, made.data)
    assert physics.rest(made)
    return made


def test_a_lift_disturbs_what_lies_on_the_object_and_not_what_stands_beside_it():
    half = [0.03, 0.03, 0.03]
    made = boxes((half, [0, 0, 0.03]), (half, [0.01, 0, 0.09]), (half, [0.1, 0, 0.03]))
    before = made.data.qpos.copy()
    assert lifting.find_harm(made, LAYOUT, [1, 2, 3]) == {1: [2], 2: [], 3: []}
    assert np.array_equal(made.data.qpos, before), "the pile is as it was"
    assert np.all(made.model.dof_armature == 0), "and so is the inertia of what was lifted"


def test_what_leans_on_an_object_falls_when_it_goes():
    """A board on two blocks: each of them carries it, and it carries none."""
    block, board = [0.02, 0.04, 0.03], [0.12, 0.03, 0.005]
    made = boxes((block, [-0.1, 0, 0.03]), (block, [0.1, 0, 0.03]), (board, [0, 0, 0.065]))
    assert lifting.find_harm(made, LAYOUT, [1, 2, 3]) == {1: [3], 2: [3], 3: []}


def test_what_is_lifted_off_is_gone_and_the_others_stay_where_they_fell():
    half = [0.03, 0.03, 0.03]
    tray = [0.06, 0.06, 0.01]
    made = boxes((tray, [0, 0, 0.01]), (half, [0, 0, 0.05]), (half, [0.2, 0, 0.03]))
    assert lifting.lift_off(made, LAYOUT, 1, [1, 2, 3]) == [2]
    assert made.gone == {0}
    assert made.pose(2)[0][2] < 0.06, "what came along fell to the table"
    assert lifting.lift_off(made, LAYOUT, 2, [2, 3]) == [], "which is no fault of the next lift"
    assert lifting.lift_off(made, LAYOUT, 3, [3]) == [], "nothing is left that could be disturbed"


def test_the_end_of_a_lift_that_is_over_early_changes_no_answer(monkeypatch):
    half = [0.03, 0.03, 0.03]
    made = boxes((half, [0, 0, 0.03]), (half, [0.01, 0, 0.09]), (half, [0.1, 0, 0.03]))
    early = lifting.find_harm(made, LAYOUT, [1, 2, 3])
    monkeypatch.setattr(lifting, "LOOKS", 10**6)
    assert lifting.find_harm(made, LAYOUT, [1, 2, 3]) == early


def test_a_pile_that_creeps_is_not_at_rest():
    made = boxes(([0.03, 0.03, 0.03], [0, 0, 0.03]))
    assert physics.rest(made)
    made.model.opt.gravity[:] = 9.81 * np.array([np.sin(0.8), 0, -np.cos(0.8)])
    assert not physics.rest(made)


@pytest.mark.slow
def test_scenes_with_lifts_say_up_and_harm_the_same_with_any_number_of_workers(tmp_path):
    folders = [tmp_path / "one" / "scenes", tmp_path / "two" / "scenes"]
    for workers, folder in enumerate(folders, 1):
        generate(JOB, folder, Workforce(workers))
    for name in ("000000", "000001"):
        one, two = ((f / name / "scene.json").read_bytes() for f in folders)
        assert one == two
        scene = read_scene(folders[0] / name)
        assert scene.frame.up is not None and scene.extra["pile"] == int(name)
        np.testing.assert_allclose(
            np.array(scene.extra["camera_rotation"]) @ scene.frame.up, [0, 0, 1], atol=1e-9
        )
        shown = {o.id for o in scene.objects}
        assert scene.harm is not None and set(scene.harm) == shown
        assert all(i not in others and shown.issuperset(others) for i, others in scene.harm.items())


def test_lifts_are_part_of_what_a_folder_is_for():
    assert identity_of(JOB) != identity_of(replace(JOB, lifts=False))
    assert "lifts" not in identity_of(replace(JOB, lifts=False)), "older folders go on"
