"""Real meshes: fetched from packages, listed with their licence, prepared, and put into scenes."""

import os
import shutil
import subprocess
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest

from segan_ros.commands.main import main
from segan_ros.synthesis.assets import catalogue, digest, load_objects, load_surfaces
from segan_ros.synthesis.assets.catalogue import FAMILIES, check, meshes, read_manifest
from segan_ros.synthesis.assets.packages import PACKAGES, fetch, reader
from segan_ros.synthesis.assets.store import surfaces_path, thing_path
from segan_ros.synthesis.assets.things import load_thing
from segan_ros.synthesis.assets.wavefront import left_half, read_picture, read_wavefront
from segan_ros.synthesis.families import TEST, TRAIN, VAL
from segan_ros.synthesis.meshes import lathe

FOLDER = "robosuite/models/assets"

BOX = """
mtllib box.mtl
v 0 0 0
v 2 0 0
v 2 1 0
v 0 1 0
v 0 0 1
v 2 0 1
v 2 1 1
v 0 1 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl red
f 4 3 2 1
f 5 6 7 8
f 1 2 6 5
f 2 3 7 6
f 3 4 8 7
usemtl printed
f 4/4 1/1 5/2 8/3
"""

MATERIALS = "newmtl red\nKd 0.8 0.1 0.1\nnewmtl printed\nmap_Kd print.png\n"


def obj_of(mesh):
    """A mesh as OBJ text, y up."""
    rows = [f"v {x} {z} {-y}" for x, y, z in mesh.vertices]
    return "\n".join(rows + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces])


def bowl():
    outside = [[0, 0], [0.03, 0], [0.055, 0.02], [0.07, 0.06]]
    return lathe([*outside, [0.066, 0.06], [0.051, 0.024], [0.028, 0.005], [0, 0.005]], 18)


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.fixture
def package(tmp_path):
    """A cache with a small robosuite package in it, as `fetch` leaves it."""
    cache = tmp_path / "segan_ros" / "assets"
    objects = cache / "packages" / "robosuite" / FOLDER / "objects"
    textures = cache / "packages" / "robosuite" / FOLDER / "textures"
    objects.mkdir(parents=True)
    textures.mkdir()
    printed = np.zeros((600, 300, 3), np.uint8)
    printed[:300] = 255
    (objects / "print.png").write_bytes(png(printed))
    (objects / "box.mtl").write_text(MATERIALS)
    (objects / "box.obj").write_text(BOX)
    (objects / "bowl.obj").write_text(obj_of(bowl()))
    command = pytest.importorskip("segan_ros.synthesis.assets.build")
    for name in command.SURFACES:
        (textures / f"{name}.png").write_bytes(png(np.full((8, 8, 3), 90, np.uint8)))
    return cache


@pytest.fixture
def listed(package, monkeypatch):
    """Writes the list of objects: box and bowl, unless other lines are given."""
    prepare = pytest.importorskip("segan_ros.synthesis.assets.prepare")

    def write(*names, size="0.1 0.1 0.05"):
        objects = package / "packages" / "robosuite" / FOLDER / "objects"
        rows = ["\t".join(catalogue.Entry.__dataclass_fields__)]
        for name in names or ("box", "bowl"):
            try:
                source = read_wavefront(lambda p: (objects / p).read_bytes(), f"{name}.obj")
                mesh = prepare.fingerprint(source)
            except ValueError:
                mesh = "-"
            split = "test" if name == "bowl" else "train"
            item = f"{FOLDER}/objects/{name}.obj"
            rows.append(
                "\t".join((name, name, split, "robosuite", item, size, "", "MIT", "us", mesh))
            )
        path = package / "objects.tsv"
        path.write_text("\n".join(rows) + "\n")
        monkeypatch.setattr(catalogue, "MANIFEST", path)
        return package

    return write


def assets(cache, *options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache.parent.parent))
        return main(["assets", "--workers", "1", *options])


def test_shipped_list_has_250_objects_of_which_no_split_shares_any():
    entries = read_manifest()
    assert len(entries) >= 250
    for split, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        count = sum(entry.split == split for entry in entries)
        assert abs(count / len(entries) - share) < 0.05
    assert all(entry.author and entry.licence for entry in entries)
    assert all(max(entry.size) <= 0.35 and entry.mesh for entry in meshes(entries))


def test_families_are_listed_in_their_split():
    listed = {e.kind: e.split for e in read_manifest() if e.package == FAMILIES}
    expected = {f.__name__: "train" for f in TRAIN}
    expected |= {f.__name__: "val" for f in VAL} | {f.__name__: "test" for f in TEST}
    assert listed == expected


def test_list_that_mixes_splits_is_refused():
    entry = next(e for e in read_manifest() if e.mesh and e.split == "train")
    other = replace(entry, name="other", mesh="0")
    check([entry, other])
    with pytest.raises(ValueError, match="listed twice"):
        check([entry, entry])
    with pytest.raises(ValueError, match="same mesh"):
        check([entry, replace(other, mesh=entry.mesh)])
    with pytest.raises(ValueError, match="is in train and in test"):
        check([entry, replace(other, split="test")])
    with pytest.raises(ValueError, match="licence 'CC-BY-NC-3"):
        check([replace(entry, licence="CC-BY-NC-3.0")])


def test_list_prints_source_and_licence_without_a_download(capsys):
    assert main(["assets", "--list"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(read_manifest())
    assert all(len(line) == 6 and line[4] in catalogue.PERMISSIVE for line in lines)


def test_polygons_become_triangles_inside_the_polygon():
    arrow = "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 1 0.5 0\nf -4 -3 -2 -1\n"
    source = read_wavefront(lambda _: arrow.encode(), "arrow.obj")
    a, b, c = source.vertices[source.faces].transpose(1, 0, 2)
    area = np.cross(b - a, c - a)[:, 2] / 2
    assert len(area) == 2 and (area > 0).all()
    assert area.sum() == pytest.approx(1.5)


def test_material_without_a_name_is_refused():
    texts = {"x.obj": b"mtllib x.mtl\nv 0 0 0\n", "x.mtl": b"Kd 1 0 0\n"}
    with pytest.raises(ValueError, match=r"x\.obj, line 1"):
        read_wavefront(texts.__getitem__, "x.obj")


def test_damaged_file_in_an_archive_is_named(tmp_path):
    path = tmp_path / "Some.sh3f"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
        held.writestr("cup.obj", BOX * 50)
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(content)
    read, inside = reader(tmp_path, "Some.sh3f/cup.obj")
    with pytest.raises(ValueError, match=r"Some\.sh3f: damaged"):
        read(inside)


@pytest.mark.parametrize("text", ["v 0 0\nf 1 1 1", "v 0 0 0\nf 1 2 3", "v a b c", "", "\0\1\2"])
def test_corrupt_mesh_is_refused(text):
    with pytest.raises(ValueError, match=r"x\.obj"):
        read_wavefront(lambda _: text.encode(), "x.obj")


def test_picture_that_a_package_lacks_leaves_the_colour():
    files = {"a/x.obj": BOX.replace("box.mtl", "x.mtl"), "a/x.mtl": MATERIALS}
    source = read_wavefront(lambda path: files[path].encode(), "a/x.obj")
    assert [paint.picture for paint in source.paints] == [None] * 3
    assert source.paints[1].colour == (0.8, 0.1, 0.1)


def test_left_half_of_a_pair_is_one():
    pair = "".join(f"v {x} 0 {z}\n" for x, z in ((0, 0), (1, 0), (0, 1), (5, 0), (6, 0), (5, 1)))
    source = read_wavefront(lambda _: (pair + "f 1 2 3\nf 4 5 6\n").encode(), "pair.obj")
    assert left_half(source).faces.tolist() == [[0, 1, 2]]


def test_wheel_without_a_network(tmp_path):
    (tmp_path / "downloads").mkdir()
    with zipfile.ZipFile(tmp_path / "downloads" / "robosuite-1-py3.whl", "w") as wheel:
        wheel.writestr(f"{FOLDER}/objects/can.obj", BOX)
        wheel.writestr("robosuite/robot.py", "")
    folder = fetch("robosuite", tmp_path)
    assert [p.name for p in folder.rglob("*.*")] == ["can.obj"]


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb")
def test_deb_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr("segan_ros.synthesis.assets.packages.INSTALLED", tmp_path / "none")
    source = tmp_path / "deb"
    (source / "DEBIAN").mkdir(parents=True, mode=0o755)
    about = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y.org>\nDescription: x\n"
    (source / "DEBIAN" / "control").write_text(about)
    (source / "usr/share/sweethome3d/furniture").mkdir(parents=True)
    (source / "usr/share/sweethome3d/furniture/A.sh3f").write_bytes(b"zip")
    (tmp_path / "downloads").mkdir()
    deb = tmp_path / "downloads" / "sweethome3d-furniture_1_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(source), str(deb)], check=True, capture_output=True)
    assert [p.name for p in fetch("sweethome3d-furniture", tmp_path).iterdir()] == ["A.sh3f"]


def test_damaged_download_leaves_nothing_half_made(tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "robosuite-1.whl").write_bytes(b"half of it")
    with pytest.raises(OSError, match=r"robosuite-1\.whl: damaged"):
        fetch("robosuite", tmp_path)
    assert not list((tmp_path / "packages").iterdir())


@pytest.mark.parametrize(
    ("name", "tool"), [("sweethome3d-furniture", "apt-get"), ("robosuite", "pip")]
)
def test_package_that_cannot_be_had_is_said_clearly(name, tool, tmp_path, monkeypatch):
    monkeypatch.setattr("segan_ros.synthesis.assets.packages.INSTALLED", tmp_path / "none")
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setattr("sys.executable", os.fspath(tmp_path / "pip"))
    with pytest.raises(OSError, match=rf"cannot fetch {name}: .*{tool}.*CACHE/downloads"):
        fetch(name, tmp_path)
    assert set(PACKAGES) == {"sweethome3d-furniture", "robosuite"}


def test_objects_that_are_not_prepared_are_said_clearly(tmp_path):
    for ask in (lambda: load_objects("train", tmp_path), lambda: digest(tmp_path)):
        with pytest.raises(FileNotFoundError, match="run `segan assets`"):
            ask()
    with pytest.raises(FileNotFoundError, match="run `segan assets`"):
        load_surfaces(tmp_path)


def test_prepared_thing_has_its_size_and_stands_on_its_base(listed):
    cache = listed(size="0.2 0.1 0.1")
    assert assets(cache) == 0
    thing = load_thing(thing_path(cache, read_manifest()[0]))
    points = np.concatenate([piece.mesh.vertices for piece in thing.pieces])
    assert points.min(0) == pytest.approx([-0.1, -0.05, 0], abs=1e-6)
    assert points.max(0) == pytest.approx([0.1, 0.05, 0.1], abs=1e-6)
    assert thing.standing
    assert len(thing.hulls) == 1
    printed, red = sorted(thing.pieces, key=lambda piece: piece.plain)
    assert printed.picture.shape == (256, 128, 3) and not printed.plain
    assert red.picture[0, 0].tolist() == [204, 26, 26]
    assert printed.mesh.uv[:, 1] == pytest.approx(printed.mesh.vertices[:, 2] / 0.1)
    middle = points.mean(0)
    for piece in thing.pieces:  # all normals look away from the middle of a box
        away = ((piece.mesh.vertices - middle) * piece.mesh.normals).sum(1)
        assert (away > 0).all()


def test_open_sheet_keeps_its_outline_with_few_faces():
    geometry = pytest.importorskip("segan_ros.synthesis.assets.geometry")
    x, y = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40))
    points = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    index = np.arange(1600).reshape(40, 40)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.c_[a, b, c], np.c_[a, c, d]])
    corners, uv, fewer = geometry.simplify(points, points[:, :2], faces, 100)
    area = np.linalg.norm(geometry.face_normals(corners, fewer), axis=1).sum() / 2
    assert len(fewer) < 300
    assert area == pytest.approx(1.0, abs=0.02)
    assert uv == pytest.approx(corners[:, :2], abs=0.05)


def test_corrupt_mesh_is_named_and_left_out_only_when_told(listed, capsys):
    cache = listed()
    objects = cache / "packages" / "robosuite" / FOLDER / "objects"
    (objects / "bowl.obj").write_text("v 1 2 3\nf 1 2 9\n")
    assert assets(cache) == 2
    said = capsys.readouterr()
    assert "bowl: " in said.out and "1 of 2 objects cannot be prepared" in said.err
    with pytest.raises(FileNotFoundError):
        load_objects("train", cache)
    assert assets(cache, "--skip-broken") == 0
    assert len(load_objects("train", cache)) == 1
    with pytest.raises(ValueError, match="no object of the split test is left"):
        load_objects("test", cache)


def test_object_that_the_package_does_not_hold_is_named(listed, capsys):
    cache = listed()
    (cache / "packages" / "robosuite" / FOLDER / "objects" / "bowl.obj").unlink()
    assert assets(cache) == 2
    assert "No such file" in capsys.readouterr().out
    archive = cache / "Some.sh3f"
    with zipfile.ZipFile(archive, "w") as held:
        held.writestr("cup/cup.obj", BOX)
    read, inside = reader(cache, "Some.sh3f/cup/cup.obj")
    assert read(inside) == BOX.encode()
    with pytest.raises(FileNotFoundError, match=r"Some\.sh3f/cup/mug\.obj"):
        read("cup/mug.obj")


def test_mesh_of_another_package_version_is_refused(listed, capsys):
    cache = listed()
    objects = cache / "packages" / "robosuite" / FOLDER / "objects"
    (objects / "bowl.obj").write_text(BOX.replace("v 2 1 1", "v 2 1.5 1"))
    assert assets(cache) == 2
    assert "another package version?" in capsys.readouterr().out


def test_set_has_a_name_that_changes_with_its_objects(listed):
    cache = listed("box")
    assert assets(cache) == 0
    before = digest(cache)
    assert assets(cache) == 0
    assert digest(cache) == before
    listed("box", "bowl")
    with pytest.raises(ValueError, match="another list of objects"):
        load_objects("train", cache)
    assert assets(cache) == 0
    assert digest(cache) != before
    assert len(load_surfaces(cache)) > 10


@pytest.mark.parametrize("of", ["thing", "surfaces"])
def test_damaged_file_of_the_cache_is_said_clearly(listed, of):
    cache = listed("box")
    assert assets(cache) == 0
    path = thing_path(cache, read_manifest()[0]) if of == "thing" else surfaces_path(cache)
    load = (lambda _: load_thing(path)) if of == "thing" else load_surfaces
    whole = path.read_bytes()
    refused = 0
    for place in np.random.default_rng(0).integers(len(whole) - 20, size=60):
        path.write_bytes(whole[:place] + b"\xa5" * 20 + whole[place + 20 :])
        try:
            load(cache)  # a name or a date may be hit
        except ValueError as error:
            assert "damaged" in str(error) and "delete it and run `segan assets`" in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_damaged_note_of_the_cache_is_said_clearly(listed, content):
    cache = listed("box")
    assert assets(cache) == 0
    (cache / "set.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"set\.json: damaged .*; delete it and run `segan assets`"
    ):
        digest(cache)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_texture_that_is_no_picture_is_named(content):
    with pytest.raises(ValueError, match=r"print\.png: cannot be read as a picture"):
        read_picture(content, "print.png")


def test_sheet_must_be_a_picture(listed, capsys):
    assert assets(listed("box"), "--sheet", "sheet") == 2
    assert "--sheet is sheet; its name must end in .png or .jpg" in capsys.readouterr().err


def test_object_lost_from_the_cache_is_said_clearly(listed):
    cache = listed("box")
    assert assets(cache) == 0
    thing_path(cache, read_manifest()[0]).unlink()
    with pytest.raises(FileNotFoundError, match="box"):
        load_objects("train", cache)
    assert assets(cache) == 0
    assert len(load_objects("train", cache)) == 1


def test_family_draws_the_same_from_the_same_seed_and_variations_from_others(listed):
    cache = listed("box")
    assert assets(cache) == 0
    (family,) = load_objects("train", cache)
    first, again, other = (family(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.family == "box"
    assert np.array_equal(first.bounds, again.bounds)
    assert not np.array_equal(first.bounds, other.bounds)
    pictures = [[p.finish.picture for p in shape.parts] for shape in (first, again)]
    assert all(np.array_equal(a, b) for a, b in zip(*pictures, strict=True))
    widths = [np.ptp(family(np.random.default_rng(s)).bounds, axis=0)[0] for s in range(30)]
    assert 0.085 <= min(widths) < 0.09 and 0.11 < max(widths) <= 0.115


@pytest.mark.render
def test_ball_dropped_into_a_bowl_rests_inside_it(listed):
    """A bowl whose hull were filled would carry the ball on its rim."""
    mujoco = pytest.importorskip("segan_ros.synthesis.gl").mujoco
    from segan_ros.synthesis.bodies import add_shape

    cache = listed("bowl", size="0.14 0.14 0.06")
    assert assets(cache) == 0
    (family,) = load_objects("test", cache)
    rng = np.random.default_rng(0)
    shape = family(rng)
    rim = shape.bounds[1][2]
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 1])
    body = spec.worldbody.add_body(name="bowl", pos=[0, 0, 0.002])
    body.add_freejoint()
    add_shape(spec, body, shape, rng)
    ball = spec.worldbody.add_body(name="ball", pos=[0.01, 0, 0.1])
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.015, 0, 0], density=500)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 1000)
    where = data.body("ball").xpos
    assert np.hypot(*where[:2]) < 0.04
    assert 0.015 < where[2] < rim - 0.01


@pytest.mark.render
def test_sheet_shows_every_object(listed, tmp_path):
    pytest.importorskip("segan_ros.synthesis.gl")
    cache = listed()
    assert assets(cache, "--sheet", str(tmp_path / "sheet.png")) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    cells = [sheet[30:130, 30 + x : 130 + x] for x in (0, 160, 320)]
    assert [cell.std() > 5 for cell in cells] == [True, True, False]
