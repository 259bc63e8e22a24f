"""Completions compared blind: the page, its votes, and what they amount to."""

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from headless_browser import EXECUTABLE, browser

from segan_ros.commands.main import main
from segan_ros.frame import AmodalObject, CompletedScene, Frame, OcclusionGraph
from segan_ros.paper.study import Preference, questions, read_votes, study_page, subjects, tally
from segan_ros.storage.scene_writer import write_scene
from segan_ros.storage.scenes import iterate_scenes
from segan_ros.truth import LabelledScene, TrueObject

RED, GREEN = (250, 10, 10), (10, 250, 10)


def scene_of(seed):
    """A disc (1) of which a bar (2) hides a third."""
    labels = np.zeros((90, 120), np.int32)
    whole = cv2.circle(np.zeros(labels.shape, np.uint8), (50 + seed, 45), 30, 1, -1) > 0
    bar = np.zeros_like(whole)
    bar[:, 60:75] = True
    labels[whole], labels[bar] = 1, 2
    rgb = np.full((*labels.shape, 3), 120, np.uint8)
    box = (20 + seed, 15, 81 + seed, 76)
    disc = TrueObject(1, whole, "disc", np.full((61, 61, 3), 200, np.uint8))
    tall = TrueObject(2, bar, "bar", np.full((90, 15, 3), 90, np.uint8))
    assert disc.box == box
    return LabelledScene(Frame(rgb, labels), (disc, tall))


def painted(scene, colour):
    truth = scene.objects[0]
    inside = truth.amodal[truth.box[1] : truth.box[3], truth.box[0] : truth.box[2]]
    item = AmodalObject(1, truth.box, inside, inside, inside.astype(np.float32))
    item = replace(item, appearance=np.full((61, 61, 3), colour, np.uint8))
    return CompletedScene(scene.frame.size, (item,), OcclusionGraph((1,), (0,)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("scenes")
    for seed in range(6):
        write_scene(place / f"{seed:06d}", scene_of(seed))
    return list(iterate_scenes(place))


@pytest.fixture(scope="module")
def asked(folders):
    rng = np.random.default_rng(4)
    return [
        question
        for folder, scene, truth in subjects(folders, 6, rng)
        for question in questions(
            folder,
            scene,
            truth,
            {"ours": painted(scene, RED), "theirs": painted(scene, GREEN)},
            rng,
        )
    ]


def test_only_partly_hidden_objects_are_asked_about(asked):
    assert len(asked) == 6
    assert all("object 1 (disc)" in q.id for q in asked)
    assert len({q.id for q in asked}) == 6


def test_sides_are_drawn_and_the_pictures_go_with_them(asked):
    assert {q.methods for q in asked} == {("ours", "theirs"), ("theirs", "ours")}
    for question in asked:
        for method, uri in zip(question.methods, question.shown, strict=True):
            middle = _decoded(uri)[144, 144]
            assert np.abs(middle.astype(int) - (RED if method == "ours" else GREEN)).max() < 30
    first = asked[0]
    assert len({q.picture for q in asked}) == 6 and first.picture not in first.shown


def test_same_seed_asks_the_same(folders):
    again = [t.id for _, _, t in subjects(folders, 2, np.random.default_rng(4))]
    assert again == [1, 1]
    scenes = [
        [f.name for f, _, _ in subjects(folders, 6, np.random.default_rng(s))] for s in (4, 4)
    ]
    assert scenes[0] == scenes[1]


def test_votes_are_counted_pair_by_pair_with_an_interval():
    def vote(choice, methods=("a", "b")):
        return {"methods": methods, "choice": choice}

    votes = [vote("a")] * 20 + [vote("b", ("b", "a"))] * 10 + [vote("tie")] * 4
    (found,) = tally([*votes])
    assert found == Preference("a", "b", 20, 10, 4)
    assert found.share == pytest.approx(2 / 3)
    assert found.interval == pytest.approx((0.4878, 0.8077), abs=1e-3)  # Wilson's, by the book
    assert math.isnan(Preference("a", "b", 0, 0, 3).share)
    assert len(tally([*votes, vote("c", ("a", "c"))])) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1, 2]", "no votes of `segan study`"),
        ('{"votes": []}', "no vote was cast"),
        (
            json.dumps({"votes": [{"id": "x", "methods": ["a", "b"], "choice": "c"}]}),
            "the choice 'c' was not shown",
        ),
    ],
)
def test_files_that_hold_no_votes_are_refused(tmp_path, text, reason):
    (tmp_path / "votes.json").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_votes(tmp_path / "votes.json")


def test_votes_of_different_studies_are_not_counted_together(tmp_path, capsys):
    for study in "ab":
        vote = {"id": "x", "methods": ["ours", "theirs"], "choice": "ours"}
        text = json.dumps({"study": study, "votes": [vote]})
        (tmp_path / f"{study}.json").write_text(text)
    assert main(["study", "--tally", *(str(tmp_path / f"{s}.json") for s in "ab")]) != 0
    assert "votes of different studies: a, b" in capsys.readouterr().err
    assert main(["study", "--tally", str(tmp_path / "a.json")]) == 0
    assert "| all" in capsys.readouterr().out


def test_command_makes_a_page_of_the_models_paint_and_teleas(
    folders, dummy_model, tmp_path, capsys
):
    page = tmp_path / "study.html"
    options = ("--scenes", folders[0].parent, "--model", dummy_model, "--objects", 3, "--out", page)
    assert main(["study", *map(str, options)]) == 0
    assert "3 pairs" in capsys.readouterr().out
    text = page.read_text()
    assert "Telea" in text and 'src="http' not in text


@pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium here")
def test_a_judge_votes_by_mouse_and_key(asked, tmp_path):
    path = tmp_path / "study.html"
    path.write_text(study_page(asked))
    with browser() as page:
        page.open(path, 1100, 800)
        # Nothing that can be seen says which method is which.
        seen = page.ask("document.body.innerText")
        assert "ours" not in seen and "theirs" not in seen
        assert page.ask("find('first').src") == asked[0].shown[0]
        page.click("#left")
        page.press("2")
        page.press("0")
        page.press("1")
        page.press("Backspace")
        page.press("2")
        assert "5 of 6" in page.ask("find('said').textContent")
        page.click("#tie")
        page.click("#right")
        page.press("1")  # one too many
        assert "That was all" in page.ask("find('said').textContent")
        votes = json.loads(page.ask("answers()"))
        assert not page.console
    (tmp_path / "votes.json").write_text(json.dumps(votes))
    cast = read_votes(tmp_path / "votes.json")
    chosen = [asked[0].methods[0], asked[1].methods[1], "tie", asked[3].methods[1], "tie"]
    assert [v["choice"] for v in cast] == [*chosen, asked[5].methods[1]]


def _decoded(uri):
    import base64

    content = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]
