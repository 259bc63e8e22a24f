"""`segan inspect`: what is counted is what is there, and the page shows it."""

import json
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from samples import labelled_scene

from segan_ros.commands import main as cli
from segan_ros.frame import Frame
from segan_ros.storage.scene_writer import scene_files, write_scene
from segan_ros.storage.shards import ShardWriter
from segan_ros.synthesis.inspection import row
from segan_ros.synthesis.page import chart
from segan_ros.synthesis.statistics import Histogram, histograms, measure, report
from segan_ros.truth import LabelledScene, TrueObject, true_occlusions


def interlocked():
    """Two crossed bars, each on top of the other at one end; a third object alone."""
    first, second, third = (np.zeros((40, 60), bool) for _ in range(3))
    first[5:35, 5:10] = first[5:10, 5:30] = True
    second[5:35, 20:25] = second[28:33, 5:25] = True
    third[10:20, 40:50] = True
    labels = first * 1 + third * 3
    labels[second] = 2
    labels[5:10, 20:25] = 1
    objects = tuple(
        TrueObject(
            i, mask, name, np.full((*np.ptp(np.argwhere(mask), axis=0) + 1, 3), 90, np.uint8)
        )
        for i, mask, name in ((1, first, "bar"), (2, second, "bar"), (3, third, "box"))
    )
    down = np.radians(60)
    turn = [[1, 0, 0], [0, -np.sin(down), np.cos(down)], [0, -np.cos(down), -np.sin(down)]]
    extra = {"camera_rotation": turn, "setting": "tray", "gripper": "none"}
    labels = labels.astype(np.int32)
    rgb = np.full((40, 60, 3), 128, np.uint8)
    return LabelledScene(Frame(rgb, labels), objects, true_occlusions(labels, objects), extra)


@pytest.fixture
def folder(tmp_path):
    """One loose and one packed scene."""
    write_scene(tmp_path / "scenes" / "000000", interlocked())
    writer = ShardWriter(tmp_path / "scenes" / "train-000000.tar")
    writer.add("000001", scene_files(labelled_scene()))
    writer.close()
    return tmp_path / "scenes"


def test_statistics_count_what_is_there(folder):
    found = measure(folder)
    assert (found.scenes, found.per_scene) == (2, [3, 2])
    assert found.kinds == {"bar": 2, "box": 2, "can": 1}
    assert (found.pairs, found.mutual, found.mutual_scenes) == (2, 1, 1)
    assert found.occluders == [1, 1, 0, 1, 0]
    assert found.hidden == pytest.approx([25 / 250, 25 / 225, 0, 8 / 64, 0])
    assert found.sides == [30, 30, 10, 8, 4]
    assert found.elevations == pytest.approx([60])
    assert (found.places, found.grippers) == ({"tray": 1}, {"none": 1})


def test_bins_of_hidden_shares_hold_their_lower_bound(folder):
    found = measure(folder)
    found.hidden = [0, 0.01, 0.05, 0.3, 0.5, 0.75, 0.94, 0.95, 1]
    drawn = histograms(found)[0]
    assert drawn.labels == ("0", "0–5", "5–25", "25–50", "50–75", "75–95", "95–100")
    assert drawn.counts == (1, 1, 1, 1, 1, 2, 2)
    assert found.partly_hidden == 6


def test_report_draws_the_longest_bar_for_the_most(folder):
    lines = report(measure(folder), width=10).splitlines()
    assert "scenes: 2" in lines
    start = lines.index("hidden share of objects, %")
    assert lines[start + 1].split() == ["0", "40.0%", "2", "█" * 7]
    assert lines[start + 3].split() == ["5–25", "60.0%", "3", "█" * 10]


def test_page_and_contact_sheet_are_made_beside_the_folder(folder, capsys):
    assert cli.main(["inspect", str(folder)]) == 0
    assert "hidden share of objects" in capsys.readouterr().out
    out = folder.with_name("scenes-inspection")
    page = (out / "index.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    sheet = cv2.imread(str(out / "contact_sheet.jpg"))
    assert sheet.shape[1] > 5 * 400 and sheet.shape[0] > 2 * 200


def test_first_picture_of_a_row_has_the_name_of_its_scene():
    one, other = (row(labelled_scene(), name) for name in ("000012", "000013"))
    assert [np.array_equal(a, b) for a, b in zip(one, other, strict=True)] == [False] + 4 * [True]


def test_fewer_rows_are_spread_over_the_folder(folder, tmp_path):
    for i in range(2, 6):
        write_scene(folder / f"{i:06d}", labelled_scene())
    assert cli.main(["inspect", str(folder), "--rows", "2", "--out", str(tmp_path / "o")]) == 0
    page = (tmp_path / "o" / "index.html").read_text()
    assert page.count("<img") == 2
    assert "scene 000000" in page and "scene 000001" in page


def test_chart_is_well_formed_with_bars_in_proportion():
    svg = ElementTree.fromstring(chart(Histogram("a <b>", ("x", "y & z"), (1, 4))))
    bars = [r for r in svg.iter() if r.tag.endswith("rect") and "class" not in r.attrib]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)


def test_scene_that_tells_too_little_is_named(folder):
    (folder / "000000" / "scene.json").write_text(json.dumps({"objects": [{}]}))
    with pytest.raises(ValueError, match=r"000000/scene\.json: lacks what is counted"):
        measure(folder)


def test_empty_folder_and_bad_rows_are_refused(tmp_path, folder, capsys):
    assert cli.main(["inspect", str(tmp_path / "nothing")]) == 2
    assert "no scene folder here" in capsys.readouterr().err
    assert cli.main(["inspect", str(folder), "--rows", "0"]) == 2
    assert "--rows is 0" in capsys.readouterr().err


def test_sheet_that_no_jpeg_can_hold_is_refused(tmp_path, capsys):
    labels = np.zeros((160, 40), np.int32)
    labels[20:140, 10:30] = 1
    scene = LabelledScene(Frame(np.zeros((160, 40, 3), np.uint8), labels), ())
    for n in range(60):
        write_scene(tmp_path / "tall" / f"{n:03d}", scene)
    assert cli.main(["inspect", str(tmp_path / "tall"), "--rows", "60"]) == 2
    assert (
        "--rows is 60; the sheet would be 96514 pixels tall, a jpeg holds 65500"
        in capsys.readouterr().err
    )
