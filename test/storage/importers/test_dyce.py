"""DYCE lists become scene folders; bad entries are named."""

import numpy as np
import pytest
from annotated_photo import BEHIND, BURIED, FRONT, PHOTO, SIZE

from segan_ros.commands import main as cli
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.scoring.metrics import score_scene
from segan_ros.scoring.references import convex_hulls, input_masks
from segan_ros.storage.images import write_image
from segan_ros.storage.importers.dyce import parse
from segan_ros.storage.scenes import iterate_scenes, read_scene


@pytest.fixture
def dyce(tmp_path):
    """Two images; in the first a cup hides a part of a book and all of an egg."""
    root = tmp_path / "dyce_data"
    for name in ("Images", "modal", "amodal", "FullObj", "annotations"):
        (root / name).mkdir(parents=True)
    lines = []
    for image in ("a", "b"):
        write_image(root / "Images" / f"{image}.png", PHOTO)
        for index, (tag, visible, whole) in enumerate(
            [
                ("cup", FRONT, FRONT),
                ("book 4", BEHIND & ~FRONT, BEHIND),
                ("egg", BURIED & ~FRONT, BURIED),
            ]
        ):
            name = f"{image}_{index}.png"
            write_image(root / "modal" / name, visible.astype(np.uint8) * 255)
            write_image(root / "amodal" / name, whole.astype(np.uint8) * 255)
            if tag != "egg":
                alone = np.zeros((*SIZE, 3), np.uint8)
                alone[whole] = (200, 30, 10 * index)
                write_image(root / "FullObj" / f"full_{name}", alone)
            lines.append(f"{image}.png {name} {name} 125 333 500 667 {tag} full_{name}")
    (root / "annotations" / "test.txt").write_text("\n".join(lines) + "\n")
    return root


def run_dyce(root, out, *more):
    source = str(root / "annotations" / "test.txt")
    return cli.main(["import", "dyce", source, "--root", str(root), "--out", str(out), *more])


def test_lines_of_one_image_make_one_scene(dyce, tmp_path, capsys):
    assert run_dyce(dyce, tmp_path / "out") == 0
    folders = list(iterate_scenes(tmp_path / "out"))
    assert [f.name for f in folders] == ["a", "b"]
    scene = read_scene(folders[0])
    assert [o.name for o in scene.objects] == ["cup", "book 4", "egg"]
    cup, book, egg = scene.objects
    assert np.array_equal(book.amodal, BEHIND) and np.array_equal(egg.amodal, BURIED)
    assert scene.frame.object_ids == [1, 2]
    assert scene.occlusions == ((1, 2, 200), (1, 3, 100))
    assert cup.appearance.shape == (40, 20, 3) and tuple(book.appearance[0, 0]) == (200, 30, 10)
    assert egg.appearance is None
    assert scene.extra["stated_boxes"][0] == [10.0, 20.0, 40.0, 40.0]
    said = capsys.readouterr().out
    assert "2 scenes with 6 objects" in said and "2 without a visible pixel" in said
    assert "2 without appearance" in said and "0 entries skipped" in said


def test_imported_scene_can_be_scored(dyce, tmp_path):
    run_dyce(dyce, tmp_path / "out")
    scene = read_scene(tmp_path / "out" / "a")
    rule = EdgeRule()
    score = score_scene(scene, convex_hulls(scene.frame, rule))
    assert [o.name for o in score.objects] == ["cup", "book 4"]
    assert score.edges.pairs == 1
    plain = score_scene(scene, input_masks(scene.frame, rule)).objects[1]
    assert plain.sf == pytest.approx(400 / 600) and plain.si == 0


@pytest.mark.parametrize(
    "text, remedy",
    [
        ("a.png m.png s.png 1 2 3", "6 columns; a line has 9"),
        ("a.png m.png s.png 1 2 x 4 cup f.png", "numbers"),
        ("a.png m.png s.png 1 2 1001 4 cup f.png", "0..1000"),
        ("a.png m.png s.png 9 2 3 4 cup f.png", "x1 <= x2"),
    ],
)
def test_bad_dyce_line_says_what_a_line_holds(text, remedy):
    with pytest.raises(ValueError, match=remedy):
        parse(text, 1)


def test_bad_dyce_entries_are_skipped_counted_and_named(dyce, tmp_path, capsys):
    (dyce / "modal" / "a_1.png").unlink()
    (dyce / "amodal" / "b_0.png").write_bytes(b"no picture")
    listed = dyce / "annotations" / "test.txt"
    listed.write_text(listed.read_text() + "lost\nc.png x.png x.png 0 0 9 9 cup x.png\n")
    assert run_dyce(dyce, tmp_path / "out") == 1
    said = capsys.readouterr()
    for needle in (
        "test.txt:2: ",
        "a_1.png: no such file",
        "test.txt:4: ",
        "b_0.png: not a readable image",
        "test.txt:7: 1 columns",
        "lines of c.png (8 and on)",
    ):
        assert needle in said.err
    assert "2 scenes with 4 objects" in said.out and "4 entries skipped" in said.out


def test_strict_stops_at_the_first_bad_entry(dyce, tmp_path, capsys):
    (dyce / "modal" / "a_1.png").unlink()
    assert run_dyce(dyce, tmp_path / "out", "--strict") == 2
    assert "test.txt:2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tags_can_be_left_out(dyce, tmp_path):
    run_dyce(dyce, tmp_path / "out", "--without", "cup", "--without", "egg")
    assert [o.name for o in read_scene(tmp_path / "out" / "a").objects] == ["book 4"]


def test_list_with_a_byte_order_mark_is_read(dyce, tmp_path):
    names = dyce / "annotations" / "test.txt"
    names.write_text(names.read_text(), encoding="utf-8-sig")
    assert run_dyce(dyce, tmp_path / "out", "--strict") == 0


def test_nothing_left_to_import_is_a_failure(dyce, tmp_path, capsys):
    without = [word for tag in ("cup", "book 4", "egg") for word in ("--without", tag)]
    assert run_dyce(dyce, tmp_path / "out", *without) == 1
    assert "0 scenes" in capsys.readouterr().out


def test_dyce_images_of_one_name_are_scenes_of_their_own(dyce, tmp_path):
    names = dyce / "annotations" / "test.txt"
    write_image(dyce / "Images" / "b.jpg", PHOTO)
    names.write_text(names.read_text() + names.read_text().replace("b.png", "b.jpg"))
    run_dyce(dyce, tmp_path / "out")
    found = sorted(path.name for path in iterate_scenes(tmp_path / "out"))
    assert found == ["a", "b", "b+2"]
