"""A user's own meshes become a set of objects that scenes are made of."""

import json

import cv2
import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("coacd")

from PIL import Image as Picture  # noqa: E402
from trimesh.visual import TextureVisuals  # noqa: E402

from segan_ros.commands.main import main  # noqa: E402
from segan_ros.storage.scenes import iterate_scenes, read_scene  # noqa: E402
from segan_ros.synthesis.assets.own import load_set, mesh_files, read_mesh, set_digest  # noqa: E402

SIDES = (0.10, 0.06, 0.04)
"""Of a box, in metres, along x, y and z."""


def box(scale=1.0):
    """Left half red, right half blue, by its texture."""
    mesh = trimesh.creation.box(np.multiply(SIDES, scale))
    uv = np.column_stack([mesh.vertices[:, 0] > 0, np.full(len(mesh.vertices), 0.5)]) * 0.9 + 0.05
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4], pixels[:, 4:] = (220, 20, 20), (20, 20, 220)
    mesh.visual = TextureVisuals(uv, image=Picture.fromarray(pixels))
    return mesh


@pytest.fixture
def meshes(tmp_path):
    """A box as GLB, in millimetres as STL, with vertex colours as PLY, and as textured OBJ."""
    folder = tmp_path / "meshes"
    (folder / "cup").mkdir(parents=True)
    box().export(folder / "bought.glb")
    box(1000).export(folder / "printed.stl")
    coloured = trimesh.creation.box(SIDES)
    coloured.visual.vertex_colors = np.tile((30, 200, 40, 255), (8, 1))
    coloured.export(folder / "scanned.ply")
    box().export(folder / "cup" / "model.obj")
    return folder


def assets(*options):
    return main(["assets", "--workers", "1", *map(str, options)])


def test_meshes_of_four_formats_become_a_set(meshes, tmp_path, capsys):
    assert assets("--meshes", meshes, "--out", tmp_path / "set") == 0
    said = capsys.readouterr().out
    assert "printed: 10.0 x 6.0 x 4.0 cm, as files in mm with z up" in said
    assert "bought: 10.0 x 4.0 x 6.0 cm, as files in m with y up" in said
    note = json.loads((tmp_path / "set" / "set.json").read_text())
    assert [o["name"] for o in note["objects"]] == ["bought", "cup", "printed", "scanned"]
    shapes = [family(np.random.default_rng(0)) for family in load_set(tmp_path / "set")]
    assert [s.family for s in shapes] == ["bought", "cup", "printed", "scanned"]
    for shape in shapes:
        points = np.concatenate([p.mesh.vertices for p in shape.parts])
        assert points[:, 2].min() == pytest.approx(0, abs=1e-3)  # stands on its base
        longest = np.ptp(points, axis=0).max()
        assert 0.84 * SIDES[0] < longest < 1.16 * SIDES[0]


@pytest.mark.parametrize("file", ["bought.glb", "cup/model.obj"])
def test_textures_come_along(meshes, file):
    source = read_mesh(meshes / file)
    (picture,) = (p.picture for p in source.paints if p.picture is not None)
    corners = source.vertices[source.faces]
    u = source.uv[source.uv_faces][..., 0]
    assert np.array_equal(u > 0.5, corners[..., 0] > 0)
    assert np.abs(picture[0, 0].astype(int) - (220, 20, 20)).max() < 40
    assert np.abs(picture[0, -1].astype(int) - (20, 20, 220)).max() < 40


def test_vertex_colours_come_along(meshes):
    pictures = [p.picture for p in read_mesh(meshes / "scanned.ply").paints]
    assert any(p is not None and (p == (30, 200, 40)).all(-1).any() for p in pictures)


def test_unit_and_up_may_be_given(meshes, tmp_path, capsys):
    for name in ("bought.glb", "scanned.ply", "cup/model.obj"):
        (meshes / name).unlink()
    options = ("--units", "cm", "--up", "x", "--out", tmp_path / "set")
    assert assets("--meshes", meshes, *options) == 0
    assert "printed: 60.0 x 40.0 x 100.0 cm, as files in cm with x up" in capsys.readouterr().out


def test_what_cannot_be_prepared_is_named_and_left_out_only_when_told(meshes, tmp_path, capsys):
    (meshes / "torn.glb").write_bytes(b"glTF\x02\x00")
    trimesh.creation.box((1e5, 1, 1)).export(meshes / "huge.stl")
    trimesh.PointCloud(np.random.default_rng(0).random((9, 3))).export(meshes / "cloud.ply")
    out = tmp_path / "set"
    assert assets("--meshes", meshes, "--out", out) != 0
    said = "".join(capsys.readouterr())
    assert "torn.glb: cannot be read as a mesh" in said
    assert "longest side is 100000 of an unknown unit" in said and "give --units" in said
    assert "cloud.ply: " in said and "no triangles" in said
    assert "3 of 7 meshes cannot be prepared; --skip-broken leaves them out" in said
    assert assets("--meshes", meshes, "--out", out, "--skip-broken") == 0
    assert len(load_set(out)) == 4


def test_meshes_of_one_name_are_refused(tmp_path):
    for name in ("a_b.stl", "a/b.stl", "a/c.stl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        trimesh.creation.box(SIDES).export(tmp_path / name)
    with pytest.raises(ValueError, match="has the same name as"):
        mesh_files(tmp_path)


def test_bad_options_are_said_clearly(meshes, tmp_path, capsys):
    assert assets("--meshes", meshes) != 0
    assert "--meshes needs --out SET" in capsys.readouterr().err
    assert assets("--meshes", tmp_path / "set", "--out", tmp_path / "x") != 0
    assert "holds no mesh; known are .obj" in capsys.readouterr().err
    for folder, reason in ((tmp_path, "set.json is missing"), ("nowhere", "choose from families")):
        options = ("--objects", folder, "--scenes", "1", "--out", tmp_path / "scenes")
        assert main(["generate", *map(str, options)]) != 0
        assert reason in capsys.readouterr().err


def test_sheet_shows_every_object(meshes, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert assets("--meshes", meshes, "--out", tmp_path / "set", "--sheet", sheet) == 0
    picture = cv2.imread(str(sheet))
    cells = np.array_split(picture, 4, axis=1)
    assert all(cell.std() > 5 for cell in cells)


@pytest.mark.render
def test_scenes_are_made_of_the_set_alone(meshes, tmp_path):
    pytest.importorskip("mujoco")
    own = tmp_path / "set"
    assert assets("--meshes", meshes, "--out", own) == 0
    scenes = tmp_path / "scenes"
    options = ("--objects", own, "--scenes", 2, "--workers", 1, "--size", "160x120")
    assert main(["generate", "--out", str(scenes), *map(str, options)]) == 0
    names = {o.name for path in iterate_scenes(scenes) for o in read_scene(path).objects}
    assert names and names <= {"bought", "cup", "printed", "scanned"}
    identity = json.loads((scenes / "generate.json").read_text())
    assert set_digest(own) in json.dumps(identity)
