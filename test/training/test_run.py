"""Training runs: how they begin, what they show, and the model folder they end in."""

import subprocess
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")

from tiny_training import STAGES, TINY, as_lists, config_file, discs, train_command  # noqa: E402

from segan_ros.commands import export  # noqa: E402
from segan_ros.commands import train as segan_train  # noqa: E402
from segan_ros.completion import SceneCompleter  # noqa: E402
from segan_ros.model.export import Trained, read_checkpoint  # noqa: E402
from segan_ros.model.export import export as write_model  # noqa: E402
from segan_ros.model.painter import TabletopPainter  # noqa: E402
from segan_ros.model.segan import SPECS, SeGAN  # noqa: E402
from segan_ros.runtime.model import Model  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training.config import ModelChoice, Stage  # noqa: E402
from segan_ros.training.data import Batches  # noqa: E402
from segan_ros.training.library import Library  # noqa: E402
from segan_ros.training.train import train  # noqa: E402

pytestmark = pytest.mark.torch


def test_run_that_cannot_begin_leaves_no_folder(config, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no scene folder here"):
        train(replace(config, data=replace(config.data, val=str(tmp_path / "empty"))))
    assert not Path(config.out).exists()


def test_validation_without_truth_is_refused_before_the_first_step(config, tmp_path):
    write_scene(tmp_path / "bare" / "000", discs(0))
    (tmp_path / "bare" / "000" / "amodal.npz").unlink()
    with pytest.raises(ValueError, match="bare: its scenes have no ground truth"):
        train(replace(config, data=replace(config.data, val=str(tmp_path / "bare"))))
    assert not (Path(config.out) / "curves.csv").exists()


def test_scenes_without_appearances_train_a_segmentor_and_no_painter(tmp_path, config, capsys):
    for i in range(3):
        scene = discs(i)
        bare = tuple(replace(o, appearance=None) for o in scene.objects)
        write_scene(tmp_path / "bare" / f"{i}", replace(scene, objects=bare))
    data = replace(config.data, train=(str(tmp_path / "bare"),))
    train(replace(config, data=data, stages=STAGES[:1]))
    assert "14 of 14 objects have no appearance" in capsys.readouterr().out
    painter = replace(config, out=str(tmp_path / "painter"), data=data, stages=STAGES[1:2])
    with pytest.raises(ValueError, match=r"bare: no object has an appearance, which the painter"):
        train(replace(painter, stages=STAGES))  # before the segmentor's stage
    assert not Path(painter.out).exists()
    both = replace(data, train=(*config.data.train, *data.train))
    library = Library(both.train)
    batches = Batches(library, replace(painter, data=both), 0, SPECS["tabletop"], (96, 96))
    chosen = {i for step in range(20) for i in batches.chosen(np.random.default_rng(step))}
    assert chosen <= set(library.painted) and len(library.painted) < len(library.subjects)


def starts_as(config, weights, out):
    """A run that starts from `weights` answers as those do, and goes on without them."""
    trained = read_checkpoint(Path(config.out) / "last.pt")
    on = replace(
        config,
        out=str(out),
        model=replace(config.model, weights=str(weights)),
        stages=(Stage("segmentor", 2, 2, 1e-4), Stage("painter", 1, 2, 1e-4)),
    )
    begun = read_checkpoint(train(on, until=(0, 0))).model
    planes, canvas = torch.rand(2, 8, 96, 96), torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        for ours, theirs, x in (
            (begun.segmentor, trained.model.segmentor, planes),
            (begun.painter, trained.model.painter, canvas),
        ):
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), atol=1e-4, rtol=1e-3)
    weights.rename(weights.with_name("away"))
    return read_checkpoint(train(on)).training["from"] == weights.name


@pytest.mark.slow
def test_run_starts_from_a_checkpoint(config, tmp_path):
    assert starts_as(config, train(config, until=(0, 1)), tmp_path / "on")


def test_weights_of_other_networks_are_refused(config, tmp_path):
    weights = train(config, until=(0, 1))
    wide = replace(TINY, segmentor=(16, 8, 8, 8))
    model = ModelChoice("tabletop", weights=str(weights), sizes=wide)
    with pytest.raises(ValueError, match="start from a checkpoint of the same networks"):
        train(replace(config, out=str(tmp_path / "other"), model=model))
    with pytest.raises(ValueError, match="not a shipped one"):
        train(replace(config, out=str(tmp_path / "o"), model=replace(model, weights="tabeltop")))
    assert not (tmp_path / "other").exists()


def test_painter_of_0_7_is_not_shortened_unless_a_stage_trains_it(config, tmp_path):
    deep = SeGAN("tabletop", TINY)
    deep.painter = TabletopPainter(TINY.painter, TINY.painter_most, levels=7).eval()
    deep.spec = replace(deep.spec, painter=replace(deep.spec.painter, size=(128, 128)))
    write_model(Trained(deep, deep.spec), tmp_path / "deep")
    model = replace(config.model, weights=str(tmp_path / "deep"))
    begun = replace(config, out=str(tmp_path / "on"), model=model)
    with pytest.raises(ValueError, match=r"a level more .* add a stage that trains the painter"):
        train(replace(begun, stages=STAGES[:1]))
    train(replace(begun, stages=(Stage("painter", 1, 2, 1e-4),)), until=(0, 0))


@pytest.mark.slow
def test_every_epoch_shows_validation_objects(config):
    stages = (replace(STAGES[0], steps=20),)
    train(replace(config, stages=stages, checkpoint_minutes=1e-9))  # no oftener than those
    sheets = sorted((Path(config.out) / "pictures").iterdir())
    assert len(sheets) >= 2 and sheets[-1].name == "0_segmentor_000020.jpg"
    sheet = cv2.imread(str(sheets[-1]))
    assert sheet.shape[1] == 4 * 128 and len(np.unique(sheet)) > 20
    assert list((Path(config.out) / "tensorboard").glob("events.*"))


@pytest.mark.slow
def test_workers_of_a_later_stage_do_not_wait_for_threads_of_the_validation_before(
    scenes, tmp_path
):
    """OpenCV's threads, once started, hung every worker that was forked after them."""
    path = config_file(scenes, tmp_path, [replace(STAGES[0], steps=2)] * 2, workers=1)
    subprocess.run(train_command(path), check=True, timeout=300)


@pytest.mark.slow
def test_command_trains_and_its_checkpoint_exports_to_a_model_that_completes_and_starts_others(
    config, tmp_path, capsys
):
    text = asdict(replace(config, stages=(replace(STAGES[0], steps=2),)))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(as_lists(text)))
    folder = tmp_path / "command"
    arguments = Namespace(
        config=path, data=None, val=None, photographs=None, weights=None, out=str(folder), workers=1
    )
    assert segan_train.run(arguments) == 0
    assert "next: segan export" in capsys.readouterr().out
    model = tmp_path / "model"
    assert export.run(Namespace(checkpoint=folder / "last.pt", out=model)) == 0
    text = yaml.safe_load((model / "model.yaml").read_text())
    assert text["name"] == "tiny"
    assert text["training"]["seed"] == 1
    assert text["scores"]["val"]["threshold"] == text["segmentor"]["threshold"]
    scene = SceneCompleter(Model(model, "cpu")).complete(discs(0).frame)
    assert len(scene.objects) == len(discs(0).frame.object_ids)
    assert starts_as(replace(config, out=str(folder)), model, tmp_path / "on")
