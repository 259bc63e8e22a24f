"""Runs that are stopped, killed or changed go on where they were, or say why they do not."""

import os
import signal
import subprocess
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tiny_training import STAGES, TINY, config_file, curve, train_command  # noqa: E402

from segan_ros.commands import export  # noqa: E402
from segan_ros.model.export import read_checkpoint  # noqa: E402
from segan_ros.training import train as recipe  # noqa: E402
from segan_ros.training.config import ModelChoice  # noqa: E402
from segan_ros.training.stopping import Stopped, stop_request  # noqa: E402
from segan_ros.training.train import TrainingError, train  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        ModelChoice("tabletop", sizes=TINY),
        # Its painter has dropout, which draws random numbers.
        ModelChoice("pix2pix", sizes=replace(TINY, segmentor=(4, 8))),
    ],
)
def test_run_that_was_stopped_takes_the_same_steps_as_one_that_was_not(config, model, tmp_path):
    config = replace(config, model=model)
    whole = replace(config, out=str(tmp_path / "whole"))
    train(whole)
    # In the middle of the first stage, then in the second.
    train(config, until=(0, 4))
    train(config, until=(1, 2))
    train(config)
    assert curve(config) == curve(whole)
    assert len(curve(whole)) == 6 + 3 + 2
    states = [torch.load(Path(c.out) / "last.pt")["model"] for c in (config, whole)]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_that_is_told_to_stop_finishes_and_saves_its_step(config, monkeypatch, number):
    def step(state, stage, batch, usual=recipe.take_step):
        if state.step == 2:
            signal.raise_signal(number)
        return usual(state, stage, batch)

    monkeypatch.setattr(recipe, "take_step", step)
    with pytest.raises(Stopped, match="stopped at segmentor: step 3 of 6"):
        train(config)
    monkeypatch.undo()
    saved = torch.load(Path(config.out) / "last.pt")
    assert (saved["stage"], saved["step"]) == (0, 3) and len(curve(config)) == 3
    train(config, until=(0, 4))
    assert [int(row["step"]) for row in curve(config)] == [0, 1, 2, 3]


def test_second_ctrl_c_ends_a_run_at_once(monkeypatch):
    clock = iter([0.0, 0.5, 5.0])
    monkeypatch.setattr("segan_ros.training.stopping.time.monotonic", lambda: next(clock))
    with stop_request() as request:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # the same one, passed on by torchrun
        assert request.wanted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_says_how_to_go_on(scenes, tmp_path):
    """It reaches the workers too, which leave it to the process that trains."""
    path = config_file(scenes, tmp_path, [replace(STAGES[0], steps=100_000)], workers=2)
    with subprocess.Popen(
        train_command(path), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        curves = tmp_path / "run" / "curves.csv"
        while run.poll() is None and not (curves.exists() and curves.read_text().count("\n") > 3):
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        said = run.communicate(timeout=300)[1]
    assert run.returncode == 130, said
    assert "stopping after this step" in said and "Traceback" not in said
    assert f"{tmp_path}/run/last.pt is saved, and the same command resumes from it" in said
    saved = torch.load(tmp_path / "run" / "last.pt")
    assert saved["step"] == curves.read_text().count("\n") - 1


@pytest.mark.parametrize(
    "left",
    [
        pytest.param("0,", id="a line that a full disk cut off"),
        pytest.param(
            "0,3,9.9,0.1,1.0,1.0,,,\n0,4,9.9,0.1,1.0,1.0,,,\n", id="rows after the last checkpoint"
        ),
    ],
)
def test_what_a_run_left_behind_in_its_curves_is_no_row_of_the_next(config, left):
    train(config, until=(0, 3))
    with (Path(config.out) / "curves.csv").open("a") as file:
        file.write(left)
    train(config, until=(0, 5))
    assert [row["step"] for row in curve(config)] == ["0", "1", "2", "3", "4"]


@pytest.mark.slow
def test_stage_to_come_may_still_be_corrected(config):
    train(config, until=(0, 1))
    painter = replace(STAGES[1], betas=(0.5, 0.999), steps=1)
    other = replace(config, stages=(STAGES[0], painter), checkpoint_minutes=9.0)
    train(other)
    assert len(curve(config)) == 6 + 1
    longer = replace(other, stages=(*other.stages, replace(painter, steps=2)))
    train(longer)  # one more stage
    assert len(curve(config)) == 6 + 1 + 2


def test_run_that_goes_on_does_not_look_for_pretrained_weights(config, monkeypatch):
    train(config, until=(0, 1))
    pretrained = replace(config, model=replace(config.model, pretrained=True))
    checkpoint = Path(config.out) / "last.pt"
    saved = torch.load(checkpoint, weights_only=True)
    saved["config"]["model"]["pretrained"] = True
    torch.save(saved, checkpoint)
    asked = []
    model = recipe.SeGAN
    monkeypatch.setattr(recipe, "SeGAN", lambda *args: (asked.append(args[2]), model(*args))[1])
    train(pretrained, until=(0, 2))
    assert asked == [False]


def test_run_goes_on_with_other_workers(config):
    train(config, until=(0, 1))
    assert train(replace(config, workers=1), until=(0, 2)).exists()


def test_run_goes_on_as_the_message_after_a_loss_that_is_not_finite_says(config):
    train(config, until=(0, 1))
    slower = tuple(replace(stage, rate=stage.rate / 10) for stage in config.stages)
    train(replace(config, stages=slower, bf16=True), until=(1, 1))
    assert [row["step"] for row in curve(config)] == ["0", "1", "2", "3", "4", "5", "0"]
    # What is done is done.
    with pytest.raises(TrainingError, match=r"another config \(stages differ\)"):
        train(replace(config, bf16=True))


def test_folder_of_another_run_is_not_overwritten(config):
    train(config, until=(0, 1))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(seed differ\)"):
        train(replace(config, seed=5))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(data differ\)"):
        train(replace(config, data=replace(config.data, photographs="somewhere")))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(data differ\)"):
        train(replace(config, data=replace(config.data, train=config.data.train * 2)))


@pytest.mark.slow
def test_network_of_a_run_that_is_not_finished_says_so(config, capsys):
    def found(until):
        return read_checkpoint(train(config, until=until))

    half = found((0, 4))
    with pytest.raises(FileExistsError):  # the warning comes before anything is written
        export.run(Namespace(checkpoint=Path(config.out), out=Path(config.out) / "last.pt"))
    assert "unfinished (segmentor: 4 of 6 steps of 4 objects)" in capsys.readouterr().out
    assert half.training["stages"] == ["segmentor: 4 of 6 steps of 4 objects"]
    assert half.scores == {}
    painted = found((1, 2))
    assert painted.training["stages"] == [
        "segmentor: 6 steps of 4 objects",
        "painter: 2 of 3 steps of 2 objects",
    ]
    assert painted.scores["val"]["occluded"] > 0  # a painter leaves masks as they are
    joint = found((2, 1))
    assert joint.spec.painter.roi is None  # it learned from what the segmentor looks at
    assert joint.spec.segmentor.threshold == painted.spec.segmentor.threshold
    assert joint.training["stages"][2] == "joint: 1 of 2 steps of 2 objects"
    assert joint.scores == {}
