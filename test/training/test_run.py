"""Training runs: they learn, stop with a reason, resume, and end in a model folder."""

import csv
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")

from segan_ros.boxes import tight_box  # noqa: E402
from segan_ros.commands import export  # noqa: E402
from segan_ros.commands import train as segan_train  # noqa: E402
from segan_ros.completion import SceneCompleter  # noqa: E402
from segan_ros.frame import Frame  # noqa: E402
from segan_ros.model.export import export as write_model  # noqa: E402
from segan_ros.model.export import read_checkpoint  # noqa: E402
from segan_ros.model.losses import LossWeights  # noqa: E402
from segan_ros.model.segan import SPECS, Sizes  # noqa: E402
from segan_ros.runtime.model import Model  # noqa: E402
from segan_ros.storage.scene_writer import write_scene  # noqa: E402
from segan_ros.training import step as step_module  # noqa: E402
from segan_ros.training import train as recipe  # noqa: E402
from segan_ros.training.config import Augmentation, Config, Data, ModelChoice, Stage  # noqa: E402
from segan_ros.training.data import Batches  # noqa: E402
from segan_ros.training.library import Library  # noqa: E402
from segan_ros.training.processes import Processes  # noqa: E402
from segan_ros.training.step import rate_at  # noqa: E402
from segan_ros.training.stopping import Stopped, stop_request  # noqa: E402
from segan_ros.training.train import TrainingError, train  # noqa: E402
from segan_ros.training.validation import Scores, best, strict_scores  # noqa: E402
from segan_ros.truth import LabelledScene, TrueObject  # noqa: E402

pytestmark = pytest.mark.torch

TINY = Sizes((8, 8, 8, 8), 4, 8, 4)
STAGES = (
    Stage("segmentor", 6, 4, 3e-3),
    Stage("painter", 3, 2, 1e-3),
    Stage("joint", 2, 2, 1e-4),
)


def discs(seed, size=(96, 128), count=5):
    """Discs thrown on each other, the last one in front."""
    rng = np.random.default_rng(seed)
    rgb, labels = np.full((*size, 3), 90, np.uint8), np.zeros(size, np.int32)
    objects = []
    for i in range(1, count + 1):
        centre = (int(rng.integers(30, size[1] - 30)), int(rng.integers(30, size[0] - 30)))
        mask = cv2.circle(np.zeros(size, np.uint8), centre, int(rng.integers(12, 25)), 1, -1) > 0
        colour = rng.integers(0, 255, 3).astype(np.uint8)
        rgb[mask], labels[mask] = colour, i
        x0, y0, x1, y1 = tight_box(mask)
        objects.append(TrueObject(i, mask, "disc", np.tile(colour, (y1 - y0, x1 - x0, 1))))
    return LabelledScene(Frame(rgb, labels), tuple(objects))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for i in range(6):
        write_scene(folder / f"{i:03d}", discs(i))
    return folder


@pytest.fixture
def config(scenes, tmp_path):
    return Config(
        "tiny",
        str(tmp_path / "run"),
        Data((str(scenes),), str(scenes), val_scenes=2),
        STAGES,
        model=ModelChoice("tabletop", sizes=TINY),
        augmentation=Augmentation(margin=(0.4, 0.8)),
        bf16=False,
        workers=0,
    )


def config_file(scenes, folder, stages, workers):
    text = {
        "name": "tiny",
        "out": str(folder / "run"),
        "data": {"train": str(scenes), "val": str(scenes), "val_scenes": 2},
        "model": {"size": "tabletop", "sizes": asdict(TINY)},
        "augmentation": {"margin": [0.4, 0.8]},
        "stages": [asdict(stage) for stage in stages],
        "workers": workers,
    }
    text["model"]["sizes"]["segmentor"] = list(TINY.segmentor)
    for stage in text["stages"]:
        stage["betas"] = list(stage["betas"])
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(text))
    return path


def train_command(path):
    code = "import sys; from segan_ros.commands.main import main; sys.exit(main())"
    return [sys.executable, "-c", code, "train", "--config", str(path)]


def curve(config):
    with (Path(config.out) / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


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


def test_run_that_cannot_begin_leaves_no_folder(config, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no scene folder here"):
        train(replace(config, data=replace(config.data, val=str(tmp_path / "empty"))))
    assert not Path(config.out).exists()


def test_painter_is_judged_by_the_discriminator_of_its_own_step(config, monkeypatch):
    """Not by one that autocast kept from before the discriminator's step."""
    monkeypatch.setattr(step_module, "has_bf16", lambda: True)
    judged = []

    def step(state, stage, batch, usual=recipe.take_step):
        if not judged:
            state.model.discriminator.register_forward_hook(
                lambda _, given, verdict: judged.append((given, verdict.detach()))
            )
        losses = usual(state, stage, batch)
        given, verdict = judged[-1]  # the last of three: what the painter learns from
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(verdict, state.model.discriminator(*given))
        return losses

    monkeypatch.setattr(recipe, "take_step", step)
    train(replace(config, bf16=True, stages=(Stage("painter", 1, 2, 1e-2),)))
    assert len(judged) == 4


def test_line_that_a_full_disk_cut_off_does_not_stop_the_run(config):
    train(config, until=(0, 3))
    with (Path(config.out) / "curves.csv").open("a") as file:
        file.write("0,")
    train(config, until=(0, 5))
    assert [row["step"] for row in curve(config)] == ["0", "1", "2", "3", "4"]


def test_joint_stage_teaches_who_lies_in_front_too(config):
    heads = []
    for order in (0.0, 0.5):
        run = replace(config, out=f"{config.out}{order}", losses=LossWeights(order=order))
        train(replace(run, stages=(Stage("joint", 1, 4, 1e-2),)))
        (row,) = curve(run)
        assert (float(row["order"]) > 0) == (order > 0)
        state = torch.load(Path(run.out) / "last.pt")["model"]
        (head,) = (v for k, v in state.items() if "head" in k and v.ndim == 4 and len(v) == 2)
        heads.append(head[1])
    assert not torch.equal(*heads)


def test_kill_between_checkpoints_leaves_no_double_rows(config):
    train(config, until=(0, 3))
    with (Path(config.out) / "curves.csv").open("a") as file:
        file.write("0,3,9.9,0.1,1.0,1.0,,,\n0,4,9.9,0.1,1.0,1.0,,,\n")
    train(config, until=(0, 5))
    assert [row["step"] for row in curve(config)] == ["0", "1", "2", "3", "4"]


PLAIN = Augmentation(0, 0, 0, 0, 0, 0, (0.3, 0.3))


def losses_of(config, stage, column):
    return [float(row[column]) for row in curve(config) if row["stage"] == str(stage)]


@pytest.mark.slow
def test_training_lowers_the_loss_of_a_tiny_set(config):
    train(replace(config, stages=(Stage("segmentor", 30, 8, 3e-3),), augmentation=PLAIN))
    losses = losses_of(config, 0, "mask")
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4]), losses


@pytest.mark.slow
def test_papers_networks_learn_a_few_crops_with_the_papers_losses(config, tmp_path):
    stages = (Stage("segmentor", 4, 2, 1e-4), Stage("painter", 10, 4, 2e-3, betas=(0.5, 0.999)))
    choice = ModelChoice("paper", sizes=TINY)
    write_scene(tmp_path / "val" / "000", discs(0))
    data = replace(config.data, val=str(tmp_path / "val"))
    train(replace(config, model=choice, stages=stages, augmentation=PLAIN, data=data))
    masks, colours = losses_of(config, 0, "mask"), losses_of(config, 1, "l1")
    assert masks[-1] < 0.9 * masks[0], masks
    assert np.mean(colours[-3:]) < 0.9 * np.mean(colours[:3]), colours


@pytest.mark.slow
def test_workers_of_a_later_stage_do_not_wait_for_threads_of_the_validation_before(
    scenes, tmp_path
):
    """OpenCV's threads, once started, hung every worker that was forked after them."""
    path = config_file(scenes, tmp_path, [replace(STAGES[0], steps=2)] * 2, workers=1)
    subprocess.run(train_command(path), check=True, timeout=300)


def test_without_the_adversarial_loss_no_discriminator_is_trained(config):
    stages = (Stage("painter", 3, 2, 1e-3),)
    train(replace(config, stages=stages, losses=LossWeights(adversarial=0)))
    assert losses_of(config, 0, "adversarial") == losses_of(config, 0, "discriminator") == [0] * 3
    assert losses_of(config, 0, "loss") == pytest.approx(
        [100 * l1 for l1 in losses_of(config, 0, "l1")], rel=1e-4
    )


def test_loss_that_is_not_finite_stops_with_the_remedy_and_the_batch(config):
    wild = replace(config, stages=(replace(STAGES[0], steps=30, rate=1e30),))
    with pytest.raises(TrainingError, match=r"Lower stages\[0\].rate \(now 1e\+30\)"):
        train(wild)
    batch = torch.load(Path(config.out) / "bad_batch_0.pt")
    assert batch[0].shape[1:] == (8, 96, 96)


def test_update_that_is_not_finite_is_not_made(config, monkeypatch):
    """Where the loss is, but not its gradient: the next run would go on from ruined weights."""
    checkpoint = train(config, until=(0, 2))
    before = torch.load(checkpoint, weights_only=True)["model"]
    loss = step_module.mask_loss

    def steep(logits, regions, weights):
        return loss(logits, regions, weights) + (logits.sum() * 0).sqrt()

    monkeypatch.setattr(step_module, "mask_loss", steep)
    patient = replace(config, checkpoint_minutes=1e-9)  # a checkpoint after each step
    with pytest.raises(TrainingError, match=r"norm of its gradient nan, at step 2 of stage segm"):
        train(patient)
    after = torch.load(checkpoint, weights_only=True)["model"]
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_batch_that_the_processes_cannot_share_is_refused(config):
    with pytest.raises(
        ValueError, match=r"stages\[0\].batch is 4; it must be a multiple of 3, the number"
    ):
        train(config, processes=Processes(0, 3))
    with pytest.raises(ValueError, match=r"stages\[1\].batch is 2; .* at least 4"):
        train(config, processes=Processes(0, 2))


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


@pytest.mark.slow
@pytest.mark.parametrize("exported", [True, False])
def test_run_starts_from_the_weights_of_a_trained_model(config, tmp_path, exported):
    """From a model folder as from a checkpoint; it goes on without either."""
    weights = train(config, until=(0, 1))
    trained = read_checkpoint(weights)
    if exported:
        write_model(trained, tmp_path / "model")
        weights = tmp_path / "model"
    on = replace(
        config,
        out=str(tmp_path / "on"),
        model=replace(config.model, weights=str(weights)),
        stages=(Stage("segmentor", 2, 2, 1e-4), Stage("painter", 1, 2, 1e-4)),
    )
    begun = read_checkpoint(train(on, until=(0, 0))).model
    planes, canvas = torch.rand(2, 8, 96, 96), torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        for ours, theirs, x in (
            (begun.segmentor, trained.model.segmentor, planes),
            (begun.painter, trained.model.painter, canvas),
        ):
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), atol=1e-4, rtol=1e-3)
    weights.rename(tmp_path / "away")
    checkpoint = train(on)
    assert read_checkpoint(checkpoint).training["from"] == weights.name


def test_weights_of_other_networks_are_refused(config, tmp_path):
    weights = train(config, until=(0, 1))
    wide = replace(TINY, segmentor=(16, 8, 8, 8))
    model = ModelChoice("tabletop", weights=str(weights), sizes=wide)
    with pytest.raises(ValueError, match="start from a checkpoint of the same networks"):
        train(replace(config, out=str(tmp_path / "other"), model=model))
    with pytest.raises(ValueError, match="not a shipped one"):
        train(replace(config, out=str(tmp_path / "o"), model=replace(model, weights="tabeltop")))
    assert not (tmp_path / "other").exists()


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


def torchrun(*command):
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launch, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_share_a_run_and_leave_one_model(config, tmp_path):
    path = tmp_path / "config.yaml"
    config = replace(config, stages=tuple(replace(s, batch=4) for s in config.stages))
    path.write_text(yaml.safe_dump(_lists(asdict(config))))
    said = torchrun("-m", "segan_ros.commands.train", "--config", str(path))
    assert said.count("next: segan export") == 1
    assert len(curve(config)) == 6 + 3 + 2


AVERAGING = """
import sys
from pathlib import Path
import torch
from segan_ros.training.config import Stage
from segan_ros.training.processes import joined
from segan_ros.training.state import Optimiser
with joined() as processes:
    rank = float(processes.rank)
    tensors = [torch.full((2, 3), rank), torch.tensor([10 * rank])]
    processes.average(tensors)
    network = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(network.weight, rank)
    processes.share(network)
    found = [*tensors[0].flatten().tolist(), *tensors[1].tolist(), *network.weight[0].tolist()]
    Path(sys.argv[1], f"rank{processes.rank}").write_text(str(found))
    optimiser = Optimiser([network], Stage("segmentor", 1, 2, 1e-2), processes)
    optimiser.step(network(torch.full((1, 2), rank)).sum())
    weights = [p.tolist() for p in network.parameters()]
    Path(sys.argv[1], f"weights{processes.rank}").write_text(str(weights))
"""


@pytest.mark.slow
def test_processes_average_gradients_and_take_over_the_weights_of_the_first(tmp_path):
    (tmp_path / "script.py").write_text(AVERAGING)
    torchrun(str(tmp_path / "script.py"), str(tmp_path))
    for rank in (0, 1):
        assert (tmp_path / f"rank{rank}").read_text() == str([0.5] * 6 + [5.0] + [0.0, 0.0])
    # Alone, the first would have no gradient of its weights.
    first, second = ((tmp_path / f"weights{rank}").read_text() for rank in (0, 1))
    assert first == second and "-0.0099" in first


def test_processes_split_each_batch_between_them(config, scenes):
    library = Library([str(scenes)])
    spec, size = SPECS["tabletop"], (96, 96)
    whole = Batches(library, config, 0, spec, size)[3]
    parts = [Batches(library, config, 0, spec, size, processes=Processes(i, 2))[3] for i in (0, 1)]
    for i, part in enumerate(parts):
        assert torch.equal(part.planes, whole.planes[i::2])


@pytest.mark.slow
def test_every_epoch_shows_validation_objects(config):
    stages = (replace(STAGES[0], steps=20),)
    train(replace(config, stages=stages, checkpoint_minutes=1e-9))  # no oftener than those
    sheets = sorted((Path(config.out) / "pictures").iterdir())
    assert len(sheets) >= 2 and sheets[-1].name == "0_segmentor_000020.jpg"
    sheet = cv2.imread(str(sheets[-1]))
    assert sheet.shape[1] == 4 * 128 and len(np.unique(sheet)) > 20
    assert list((Path(config.out) / "tensorboard").glob("events.*"))


def test_folder_of_another_run_is_not_overwritten(config):
    train(config, until=(0, 1))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(seed differ\)"):
        train(replace(config, seed=5))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(data differ\)"):
        train(replace(config, data=replace(config.data, photographs="somewhere")))
    with pytest.raises(TrainingError, match=r"last.pt belongs to another config \(data differ\)"):
        train(replace(config, data=replace(config.data, train=config.data.train * 2)))


def test_validation_without_truth_is_refused_before_the_first_step(config, tmp_path):
    write_scene(tmp_path / "bare" / "000", discs(0))
    (tmp_path / "bare" / "000" / "amodal.npz").unlink()
    with pytest.raises(ValueError, match="bare: its scenes have no ground truth"):
        train(replace(config, data=replace(config.data, val=str(tmp_path / "bare"))))
    assert not (Path(config.out) / "curves.csv").exists()


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
    assert joint.spec.segmentor.threshold == painted.spec.segmentor.threshold
    assert joint.training["stages"][2] == "joint: 1 of 2 steps of 2 objects"
    assert joint.scores == {}


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


def test_learning_rate_rises_in_a_line_and_falls_to_nothing():
    stage = Stage("segmentor", 100, 4, 1.0)
    rates = [rate_at(stage, step) for step in range(100)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5] == 1.0 and rates[-1] < 1e-3
    assert all(a >= b for a, b in pairwise(rates[5:]))


@pytest.mark.slow
def test_command_trains_and_its_checkpoint_exports_to_a_model_that_completes(
    config, tmp_path, capsys
):
    text = asdict(replace(config, stages=(replace(STAGES[0], steps=2),)))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(_lists(text)))
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


def _lists(value):
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items()}
    return [_lists(v) for v in value] if isinstance(value, tuple | list) else value


class Oracle(Model):
    """Answers `high` in the true whole mask and `low` elsewhere."""

    def __init__(self, truth, low=0.4, high=0.6):
        self.spec = SPECS["tabletop"]
        self.truth, self.low, self.high = truth, low, high

    def segment(self, planes, boxes):
        frame = self.truth.frame
        extent = np.array([frame.size[1], frame.size[0]] * 2)
        answers = []
        for box, item in zip(
            (boxes * extent).round().astype(int), self._asked(planes), strict=True
        ):
            x0, y0, x1, y1 = box
            mask = item.amodal[y0:y1, x0:x1].astype(np.float32)
            inside = cv2.resize(mask, (256, 256), interpolation=cv2.INTER_NEAREST)
            answers.append(self.low + (self.high - self.low) * inside)
        return np.stack(answers)[:, None]

    def _asked(self, planes):
        seen = [o for o in self.truth.objects if np.any(self.truth.frame.labels == o.id)]
        assert len(seen) == len(planes)
        return seen


def test_strict_scores_of_a_perfect_segmentor_are_perfect_at_its_threshold_only(tmp_path):
    truth = discs(3, count=4)
    write_scene(tmp_path / "000", truth)
    loose, tight, none = strict_scores(Oracle(truth), [tmp_path / "000"], (0.3, 0.5, 0.7))
    assert tight.si > 0.95 and tight.sf > 0.98
    assert tight.hallucination < 0.01
    assert loose.hallucination > 0.05 and loose.si < tight.si
    assert none.si == 0 and none.hallucination == 0
    assert tight.occluded >= 1


def test_highest_expected_iou_is_a_choice_of_threshold(tmp_path):
    truth = discs(3, count=4)
    write_scene(tmp_path / "000", truth)
    sure = Oracle(truth, low=0.02, high=0.98)
    (scores,) = strict_scores(sure, [tmp_path / "000"], (0.0,))
    assert scores.threshold == 0 and scores.si > 0.95 and scores.hallucination < 0.01


def test_best_threshold_weighs_hallucination_against_si():
    eager, careful = Scores(0.3, 0.60, 0.9, 0.10, 5), Scores(0.6, 0.58, 0.9, 0.02, 5)
    assert best([eager, careful], penalty=0) is eager
    assert best([eager, careful], penalty=1) is careful
