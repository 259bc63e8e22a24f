"""The paper's protocol on cases worked by hand, and its tables on small scenes."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from segan_ros.commands import main as cli
from segan_ros.completion import SceneCompleter, Settings
from segan_ros.frame import AmodalObject, CompletedScene, Frame
from segan_ros.occlusion.edges import EdgeRule
from segan_ros.occlusion.graph import build_graph
from segan_ros.paper.album import Album
from segan_ros.paper.ibbe import by_expansion, expanded
from segan_ros.paper.page import tables_page
from segan_ros.paper.protocol import (
    order_as_told,
    order_by_depth,
    order_by_masks,
    overlaps,
    right_orders,
    score_mask,
)
from segan_ros.paper.refinement import refined
from segan_ros.paper.table import Row, Table
from segan_ros.paper.tables import fill_tables
from segan_ros.runtime.model import Model
from segan_ros.scoring.predicted import noisy_masks
from segan_ros.scoring.references import input_masks, true_masks
from segan_ros.scoring.sheet import MISSED, RIGHT, SEEN
from segan_ros.storage.scene_writer import write_scene
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions

pytest.importorskip("onnx")
from dummy_model import write_dummy_model

SIZE = 58, 58


def mask(columns, rows=slice(10, 50)):
    found = np.zeros(SIZE, bool)
    found[rows, columns] = True
    return found


def test_visible_asks_whether_the_whole_mask_covers_what_is_seen():
    seen, whole = mask(slice(10, 30)), mask(slice(10, 40))
    score = score_mask(seen, whole, seen)
    assert score.visible == 1 and score.invisible == 0
    # Four columns of the hidden part lie inside the widened box.
    assert score_mask(seen, whole, whole).visible == pytest.approx(20 / 24, abs=0.03)


def test_invisible_is_a_recall_so_that_too_much_costs_nothing():
    seen, whole = mask(slice(10, 30)), mask(slice(10, 34))
    assert score_mask(seen, whole, np.ones(SIZE, bool)).invisible == 1
    half = score_mask(seen, whole, mask(slice(10, 32))).invisible
    assert half == pytest.approx(0.5, abs=0.1)


def test_nothing_hidden_counts_as_zero_and_an_empty_guess_as_well():
    seen = mask(slice(10, 30))
    assert score_mask(seen, seen, seen).whole == 1
    assert score_mask(seen, seen, seen).invisible == 0
    assert score_mask(seen, seen, np.zeros(SIZE, bool)).whole == 0


def two_cards():
    """Card 1 hides 10 of the 30 columns of card 2."""
    front, behind = mask(slice(5, 30)), mask(slice(20, 50))
    labels = np.where(front, 1, np.where(behind, 2, 0)).astype(np.int32)
    return labels, {1: front, 2: behind}


def test_overlap_is_of_a_visible_and_an_invisible_mask():
    labels, masks = two_cards()
    assert overlaps(labels, masks) == {(1, 2): pytest.approx(10 / 25)}
    assert order_by_masks(labels, masks) == {(1, 2): 1}


def test_small_overlaps_say_nothing_and_equal_ones_no_order():
    labels, masks = two_cards()
    masks[2] = mask(slice(29, 50))
    assert order_by_masks(labels, masks) == {}
    both = {1: mask(slice(5, 40)), 2: mask(slice(20, 55))}
    labels = np.where(mask(slice(5, 30)), 1, np.where(mask(slice(30, 55)), 2, 0)).astype(np.int32)
    assert len(overlaps(labels, both)) == 2 and order_by_masks(labels, both) == {}


def test_depth_orders_every_pair_that_it_knows():
    labels, _ = two_cards()
    labels[55:, :5] = 3
    depth = np.where(labels == 1, 0.5, 0.7).astype(np.float32)
    depth[labels == 3] = np.nan
    depth[12, 8] = np.nan
    assert order_by_depth(labels, depth) == {(1, 2): 1}


def test_order_as_told_is_the_likelier_of_two_words():
    dot = np.ones((1, 1), bool)

    def told(object_id, in_front):
        likely = dot.astype(np.float32)
        return AmodalObject(object_id, (0, 0, 1, 1), dot, dot, likely, in_front=in_front)

    objects = [
        told(1, {2: 0.2, 3: 0.6}),
        told(2, {1: 0.3}),
        told(3, {1: 0.6, 2: 0.1}),
        told(4, None),
    ]
    assert order_as_told(objects) == {(1, 2): 1, (2, 3): 2}


def test_an_order_that_was_not_given_is_wrong():
    assert right_orders({(1, 2): 1, (1, 3): 3, (2, 3): 2}, {(1, 2): 1, (1, 3): 1}) == (1, 3)


def test_windows_grow_only_where_the_mask_reaches_their_end():
    roi = (10, 10, 30, 30)
    assert expanded(roi, (12, 12, 28, 28), SIZE) == roi
    assert expanded(roi, (10, 12, 30, 28), SIZE) == (8, 10, 32, 30)
    assert expanded((0, 0, 58, 58), (0, 0, 58, 58), SIZE) == (0, 0, 58, 58)


class Recorder:
    """A completer that answers as another does and keeps the windows it was given."""

    def __init__(self, completer):
        self.completer, self.windows = completer, []

    def segment(self, frame, rois):
        self.windows.append(rois)
        return self.completer.segment(frame, rois)


def test_expansion_looks_again_until_the_mask_fits(model):
    labels, _ = two_cards()
    frame = Frame(np.full((*SIZE, 3), 128, np.uint8), labels)
    recorder = Recorder(SceneCompleter(Model(model, "cpu"), Settings(occluders="any")))
    scene = by_expansion(recorder, frame)
    assert recorder.windows[0][1] == (3, 6, 32, 54)
    assert len(recorder.windows) > 1
    for item in scene.objects:
        last = recorder.windows[-1][item.id]
        assert expanded(last, item.box, SIZE) == last


class Mender:
    """Answers each object's own mask, grown to its left and less likely by its id."""

    def __init__(self, spec):
        self.spec = spec

    def segment(self, planes, boxes):
        own = planes[:, 3:4]
        grown = np.maximum(own, np.roll(own, -5, axis=-1))
        return grown * np.array([0.9, 0.8, 0.4]).reshape(-1, 1, 1, 1)


def test_mended_masks_give_each_pixel_to_the_likeliest_object(model):
    labels = np.zeros((32, 32), np.int32)
    labels[8:24, 4:10], labels[8:24, 10:16], labels[8:24, 22:28] = 1, 2, 3
    spec = Model(model, "cpu").spec
    found = refined(
        SceneCompleter(Mender(spec)), Frame(np.zeros((32, 32, 3), np.uint8), labels)
    ).labels
    assert set(np.unique(found)) == {0, 1, 2}
    assert (found[labels == 1] == 1).mean() > 0.8  # all but the column that 2 touches
    assert (found[8:24, 3] == 1).any() and (found[:, 20:] == 0).all()


def test_refiner_adds_two_rows(scenes, model, tmp_path):
    out = tmp_path / "out"
    arguments = ["evaluate", "--tables", "--scenes", str(scenes), "--model", str(model)]
    assert cli.main([*arguments, "--refiner", str(model), "--out", str(out)]) == 0
    first = rows(out / "table1.csv")
    plain, mended = (
        first[f"input mask{m}, true SV"] for m in (" as it is", ", learned refinement")
    )
    assert float(plain["V"]) == 1 > float(mended["V"])  # the dummy grows every mask
    assert "SeGAN after it, predicted SV" in first
    assert "Learned refinement" not in (out / "tables.md").read_text()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_dummy_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scenes(tmp_path) -> Path:
    labels, masks = two_cards()
    rgb = np.full((*SIZE, 3), 128, np.uint8)
    depth = np.where(labels == 1, 0.5, 0.7).astype(np.float32)
    objects = tuple(
        TrueObject(i, m, f"card {i}", np.full((40, w, 3), 128, np.uint8))
        for (i, m), w in zip(masks.items(), (25, 30), strict=True)
    )
    scene = LabelledScene(Frame(rgb, labels, depth), objects, true_occlusions(labels, objects))
    for i in range(2):
        write_scene(tmp_path / "scenes" / f"{i:03d}", scene)
    return tmp_path / "scenes"


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def test_tables_are_printed_and_written(scenes, model, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", "--tables", "--scenes", str(scenes), "--model", str(model)]
    code = cli.main(
        [
            *arguments,
            *("--segmentor", f"other={model}", "--painter", f"other={model}"),
            *("--photographs", str(scenes), "--out", str(out)),
        ]
    )
    printed = capsys.readouterr().out
    assert code == 0 and (out / "tables.md").read_text() == printed
    assert printed.count("### Table 1") == 2  # one of them on photographs

    first = rows(out / "table1.csv")
    assert float(first["convex hull, true SV"]["I"]) == 0  # the cards' hulls end at their border
    assert first["other, predicted SV"]["SF"] == first["SeGAN, predicted SV"]["SF"]
    second = rows(out / "table2.csv")
    assert float(second["OpenCV inpainting (Telea), true SV"]["L1"]) == 0
    assert float(second["SeGAN, true SV"]["L1"]) > 0  # the dummy paints red
    assert second["other, predicted SV"]["L1"] == second["SeGAN, predicted SV"]["L1"]
    fifth = rows(out / "table5.csv")
    assert float(fifth["mean visible depth, true depth"]["accuracy, %"]) == 100
    assert float(fifth["convex hull, true SV"]["accuracy, %"]) == 0
    assert (out / "table4-1.csv").exists()
    page = (out / "tables.html").read_text()
    assert page.count("<table>") == 6
    # Three sections of two objects, of scenes and photographs.
    assert page.count("data:image/jpeg;base64,") == 12
    assert "<span>picture</span><span>OpenCV inpainting (Telea)</span><span>other</span>" in page
    assert "http:" not in page and "https:" not in page


def test_album_shows_the_most_hidden_object_of_scenes_far_apart(scenes):
    paths = [scenes / name for name in ("000", "001")] + [scenes / "a", scenes / "b"]
    album = Album(paths, count=2)
    scene = read_scene(paths[0])
    assert album.entry(paths[1], scene) is None
    entry = album.entry(paths[0], scene)
    assert entry.truth.id == 2  # the card behind
    seen = Frame(scene.frame.rgb, scene.frame.labels)
    entry.add_mask("masks", "as it is", input_masks(seen, EdgeRule()))
    entry.add_mask("masks", "true", true_masks(scene, EdgeRule()))
    entry.add_mask("masks", "lost", CompletedScene(SIZE, (), build_graph([], [])))
    row = entry.row("masks")
    assert list(row) == ["picture", "as it is", "true", "lost", "truth"]

    def share(name, colour):
        return np.mean(np.all(np.abs(row[name].astype(int) - colour) < 40, axis=-1))

    missed = share("as it is", MISSED)
    assert missed > 0.1 and share("as it is", RIGHT) == 0
    assert share("true", RIGHT) == pytest.approx(missed, abs=0.02)
    assert share("true", SEEN) == pytest.approx(share("as it is", SEEN), abs=0.02)
    assert share("lost", SEEN) == 0  # nothing was given, all of the object is missed
    assert share("lost", MISSED) == pytest.approx(missed + share("true", SEEN), abs=0.02)


@pytest.mark.parametrize("objects", [True, False])
def test_scene_without_a_hidden_part_is_not_shown(scenes, objects):
    labels, masks = two_cards()
    whole = tuple(TrueObject(i, labels == i) for i in masks if objects)
    scene = LabelledScene(Frame(np.zeros((*SIZE, 3), np.uint8), labels), whole)
    album = Album([scenes / "000"])
    assert album.entry(scenes / "000", scene) is None
    table = Table("table1", "Table <1>", ["SF"], [Row("ours", {"SF": 0.5})], ["a note"])
    page = tables_page("title", "about", [table], {"scenes": album})
    assert "Table &lt;1&gt;" in page and "<td>0.500</td>" in page and "<p>a note</p>" in page
    assert "<img" not in page and page.count("<h2>") == 1


def test_network_that_tells_gets_a_row_of_its_own(scenes, model):
    class Teller(Model):
        """Says of every neighbour that it lies in front, the surer the farther right it looks."""

        def segment(self, planes, boxes):
            own, right = planes[:, 3:4], boxes[:, 2, None, None, None]
            return np.concatenate([own, right - 0.1 + 0 * own], axis=1)

    completer = SceneCompleter(Teller(model, "cpu"))
    tables = fill_tables(completer, list(iterate_scenes(scenes)), noisy_masks(1))
    fifth = {row.method: row.cells for row in tables[-1].rows}
    assert fifth["SeGAN, true SV"]["accuracy, %"] == 0  # nothing is completed
    told = fifth["SeGAN, learned order head, true SV"]
    assert (told["accuracy, %"], told["strict order"]) == (100, 1)
    silent = fill_tables(
        SceneCompleter(Model(model, "cpu")), list(iterate_scenes(scenes)), noisy_masks(1)
    )
    assert not any("learned order head" in row.method for row in silent[-1].rows)


def test_predicted_masks_are_what_the_predicted_rows_see(scenes, model, tmp_path):
    """A segmenter that gives card 1 to card 2's left and loses card 2 loses its score with it."""
    labels, _ = two_cards()
    masks, out = tmp_path / "masks", tmp_path / "out"
    masks.mkdir()
    for i in range(2):
        cv2.imwrite(str(masks / f"{i:03d}.png"), np.where(labels == 1, 9, 0).astype(np.uint8))
    arguments = ["evaluate", "--tables", "--scenes", str(scenes), "--model", str(model)]
    assert cli.main([*arguments, "--masks", str(masks), "--out", str(out)]) == 0
    first, second = rows(out / "table1.csv"), rows(out / "table2.csv")
    assert float(first["input mask as it is, true SV"]["V"]) == 1
    assert float(first["input mask as it is, predicted SV"]["V"]) == 0.5
    assert float(second["SeGAN, true SV"]["objects"]) == 2
    assert float(second["SeGAN, predicted SV"]["objects"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--use-depth"], "--tables excludes --use-depth"),
        (["--masks", ".", "--photographs", "."], "--masks excludes --photographs"),
        (["--segmentor", "IBBE=x"], "must have different names; given twice: IBBE"),
        (["--painter", "SeGAN=x"], "must have different names; given twice: SeGAN"),
        (["--segmentor", "a=x", "--segmentor", "a=y"], "must have different names; given twice: a"),
    ],
)
def test_options_that_do_not_go_with_tables_are_refused(scenes, model, options, message, capsys):
    arguments = ["evaluate", "--tables", "--scenes", str(scenes), "--model", str(model)]
    assert cli.main([*arguments, *options]) == 2
    assert message in capsys.readouterr().err


def test_a_row_must_have_a_name(scenes, model, capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--scenes", str(scenes), "--tables", "--painter", str(model)])
    assert "is not NAME=MODEL" in capsys.readouterr().err


def test_photographs_without_tables_are_refused(scenes, model, capsys):
    arguments = ["evaluate", "--scenes", str(scenes), "--model", str(model)]
    assert cli.main([*arguments, "--photographs", str(scenes)]) == 2
    assert "--photographs needs --tables" in capsys.readouterr().err
