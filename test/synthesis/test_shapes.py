"""What objects are made of: closed meshes, convex pieces, honest splits."""

import numpy as np
import pytest

pytest.importorskip("segan_ros.synthesis.gl")
from hypothesis import given, settings
from hypothesis import strategies as st

from segan_ros.synthesis import families
from segan_ros.synthesis.grounds import GROUNDS
from segan_ros.synthesis.meshes import extrude, lathe, rounded_box
from segan_ros.synthesis.polygons import convex_parts, triangulate
from segan_ros.synthesis.textures import FINISHES, paint, paint_ground

pytestmark = pytest.mark.render

ALL = sorted({*families.TRAIN, *families.VAL, *families.TEST}, key=lambda family: family.__name__)


def volume(mesh):
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def area(points):
    x, y = points.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.__name__)
def test_family_makes_graspable_things_with_outward_normals(family):
    for seed in range(8):
        shape = family(np.random.default_rng(seed))
        low, high = shape.bounds
        assert shape.family == family.__name__
        assert 0.015 < (high - low).max() < 0.4
        for part in shape.parts:
            mesh = part.mesh
            assert np.isfinite(mesh.vertices).all()
            np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-6)
            a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
            facing = (np.cross(b - a, c - a) * mesh.normals[mesh.faces].mean(1)).sum(1)
            assert (facing > 0).mean() > 0.97


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.__name__)
def test_collision_pieces_stay_inside_what_is_seen(family):
    shape = family(np.random.default_rng(3))
    low, high = shape.bounds
    for piece in shape.solids:
        assert ((piece.position > low - 0.01) & (piece.position < high + 0.01)).all()


def test_held_out_families_are_in_no_other_split():
    own = [set(families.TRAIN), set(families.VAL), set(families.TEST)]
    assert len(own[1]) >= 3 and len(own[2]) >= 3
    assert not (own[0] & own[1]) and not (own[0] & own[2]) and not (own[1] & own[2])


def test_volumes_are_those_of_the_solids():
    assert volume(rounded_box([0.03, 0.04, 0.05], 0.001)) == pytest.approx(8 * 6e-5, rel=0.01)
    can = lathe([[0, 0], [0.03, 0], [0.03, 0.1], [0, 0.1]], 200)
    assert volume(can) == pytest.approx(np.pi * 9e-5, rel=0.01)
    ell = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 3], [0, 3]]
    assert volume(extrude(ell, 0.5)) == pytest.approx(2.0)


@settings(max_examples=40)
@given(st.lists(st.floats(0.2, 1.0), min_size=3, max_size=14))
def test_star_shaped_polygons_fall_into_convex_parts_of_the_same_area(radii):
    angle = 2 * np.pi * np.arange(len(radii)) / len(radii)
    points = np.array(radii)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    assert sum(area(points[list(t)]) for t in triangulate(points)) == pytest.approx(area(points))
    parts = convex_parts(points)
    assert sum(area(points[p]) for p in parts) == pytest.approx(area(points))
    for part in parts:
        ring = points[part]
        before, after = np.roll(ring, 1, 0) - ring, np.roll(ring, -1, 0) - ring
        assert (after[:, 0] * before[:, 1] - after[:, 1] * before[:, 0] > -1e-9).all()


def test_clockwise_outline_is_refused():
    with pytest.raises(ValueError, match="clockwise"):
        triangulate(np.array([[0, 0], [0, 1], [1, 1], [1, 0.0]]))


@pytest.mark.parametrize("finish", FINISHES)
def test_finish_is_the_same_from_the_same_seed(finish):
    first, second = (paint(finish, np.random.default_rng(5)) for _ in range(2))
    assert first.picture.dtype == np.uint8 and first.picture.shape[2] == 3
    np.testing.assert_array_equal(first.picture, second.picture)
    assert 0 <= first.specular <= 1 and 0 <= first.shininess <= 1


@pytest.mark.parametrize("kind", GROUNDS)
def test_ground_is_a_square_with_some_structure(kind):
    surface = paint_ground(np.random.default_rng(1), 96, kind)
    assert surface.picture.shape == (96, 96, 3)
    assert surface.picture.std() > 0.5
