"""Training: the recipe from scene folders to a checkpoint, top to bottom.

Stages follow the paper: the segmentor (Eq. 2) and the painter on true masks (Eq. 3-5) on their own,
then both end to end (Eq. 6). A run that was stopped goes on where it was, and on a CPU takes the
same steps as one that was not. `torchrun` shares it between processes:
``torchrun --nproc-per-node 2 -m segan_ros.commands.train --config FILE``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from segan_ros.frame import Image
from segan_ros.host.progress import Progress, say
from segan_ros.model.segan import SeGAN
from segan_ros.storage.output import check_output, no_empty_folder
from segan_ros.storage.scenes import iterate_scenes, read_scene
from segan_ros.training.calibration import decided, platt
from segan_ros.training.config import Config
from segan_ros.training.data import Batch, Batches
from segan_ros.training.library import Library
from segan_ros.training.packed import PackedBatches, check_stage
from segan_ros.training.packs import Pack, is_pack, read_pack
from segan_ros.training.pictures import validation_sheet
from segan_ros.training.processes import ALONE, Processes
from segan_ros.training.start import read_weights, settle
from segan_ros.training.state import Curves, Optimisers, Run, TrainingError, device, resume, save
from segan_ros.training.step import averaged, rate_at, seed_step, take_step
from segan_ros.training.stopping import (
    Stopped,
    StopRequest,
    leave_it_to_the_main_process,
    stop_request,
)
from segan_ros.training.validation import Scores, TorchModel, best, strict_scores


def train(
    config: Config,
    until: tuple[int, int] | None = None,
    processes: Processes = ALONE,
) -> Path:
    """Do all stages of `config`, or what is left of them.

    Args:
        config: the run; one of the same config found in its folder is continued.
        until: stop before this (stage, step), as if killed right after a checkpoint.
        processes: that train together, all called with the same config.

    Returns:
        The checkpoint.

    Raises:
        Stopped: by a signal; the run is saved.
        TrainingError: the loss is not finite, or the folder holds a run of another config.
        ValueError: the scenes do not serve, or a batch cannot be shared by the processes.
    """
    # Workers are forked: one that inherits OpenCV's threads waits for them for ever.
    cv2.setNumThreads(1)
    for i, stage in enumerate(config.stages):
        if stage.batch % processes.count or stage.batch < 2 * processes.count:
            raise ValueError(
                f"stages[{i}].batch is {stage.batch}; it must be a multiple of "
                f"{processes.count}, the number of processes, and at least {2 * processes.count}"
            )
    torch.manual_seed(config.seed)
    checkpoint = Path(config.out) / "last.pt"
    goes_on = checkpoint.exists()
    model = SeGAN(config.model.size, config.model.sizes, config.model.pretrained and not goes_on)
    model = model.to(device()).to(memory_format=torch.channels_last)
    state = Run(config, model, processes)
    if processes.leads:
        check_output(state.folder)
    if goes_on:
        resume(state, checkpoint)
    elif config.model.weights:
        read_weights(config, model)
    _check_validation(config)
    with no_empty_folder(state.folder):
        state.folder.mkdir(parents=True, exist_ok=True)
        source = _source(state)
    state.folder.mkdir(parents=True, exist_ok=True)
    if config.model.weights and not goes_on:
        settle(config, model, partial(_batches, state, source))
    with _curves(state) as curves:
        while state.stage < len(config.stages):
            stage = config.stages[state.stage]
            with stop_request(tells=processes.leads) as request:
                _train_stage(state, source, curves, until, request)
            save(state, checkpoint)
            if until and (state.stage, state.step) == until:
                return checkpoint
            if stage.trains in ("segmentor", "joint") and processes.leads:
                state.scores, state.outdated = asdict(_validate(state)), False
                say(f"{stage.trains}: {state.scores}")
            state.stage, state.step, state.optimisers = state.stage + 1, 0, None
            save(state, checkpoint)
    return checkpoint


def _check_validation(config: Config) -> None:
    """Raise ValueError where there is no truth to validate on: now, not hours later."""
    folder, count = config.data.val, config.data.val_scenes
    scenes = islice(iterate_scenes(folder), count or None)
    if not any(read_scene(scene).trusted for scene in scenes):
        raise ValueError(
            f"data.val is {folder}: its scenes have no ground truth (scene.json, amodal.npz); make "
            "some with `segan generate --split val`"
        )


def _source(state: Run) -> Library | Pack:
    """What is learned from."""
    data = state.config.data
    if is_pack(data.train):
        if state.processes.count > 1:
            raise ValueError(
                f"data.train is {data.train[0]}, a pack of scenes, which one process learns from; "
                "start it without torchrun"
            )
        for number, stage in enumerate(state.config.stages):
            check_stage(number, stage, state.model.spec)
        return read_pack(data.train[0])
    library = Library(
        data.train,
        data.min_visible,
        data.max_hidden,
        data.train_scenes,
        photographs=data.photographs,
        light=data.light,
        with_depth=state.model.spec.segmentor.sees_depth,
        scratch=state.folder,
    )
    if state.processes.leads and (bare := len(library.subjects) - len(library.painted)):
        say(
            f"{bare} of {len(library.subjects)} objects have no appearance: the painter "
            "is not trained on them"
        )
    to_come = state.config.stages[state.stage :]
    if any(stage.paints for stage in to_come) and not library.painted:
        raise ValueError(
            f"{', '.join(data.train)}: no object has an appearance, which the painter needs: "
            "make scenes with `segan generate`, or train the segmentor alone"
        )
    return library


def _batches(state: Run, source: Library | Pack, number: int) -> Dataset[Batch]:
    """Those of the stage of that number."""
    if isinstance(source, Pack):
        return PackedBatches(source, state.config, number, state.model.spec, device())
    return Batches(
        source,
        state.config,
        number,
        state.model.spec,
        state.model.mask_size,
        processes=state.processes,
        half=device().type == "cuda",
    )


def _in_turn(state: Run, source: Library | Pack, last: int) -> Iterable[Sequence[Tensor]]:
    """The batches of the current stage from the current step on."""
    batches, steps = _batches(state, source, state.stage), range(state.step, last)
    if isinstance(batches, PackedBatches):
        return (batches[step] for step in steps)
    return DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=state.config.workers,
        pin_memory=device().type == "cuda",
        worker_init_fn=leave_it_to_the_main_process,
        # They share the file of the pictures.
        multiprocessing_context="fork" if state.config.workers else None,
    )


def _train_stage(
    state: Run,
    source: Library | Pack,
    curves: Curves | None,
    until: tuple[int, int] | None,
    request: StopRequest,
) -> None:
    config, model, stage = state.config, state.model, state.config.stages[state.stage]
    last = until[1] if until and until[0] == state.stage else stage.steps
    loader = _in_turn(state, source, last)
    state.optimisers = state.optimisers or Optimisers(model, stage, state.processes)
    state.processes.share(model)
    objects = len(source.subjects) if isinstance(source, Library) else len(source.number)
    epoch = math.ceil(objects / stage.batch)
    model.train()
    if stage.trains == "joint":
        # Statistics of small batches would unsettle what the first stage has settled.
        model.segmentor.eval()
    saved = started = shown = time.monotonic()
    before = state.seconds
    bar = Progress(
        loader,
        stage.trains,
        total=stage.steps,
        initial=state.step,
        unit="step",
        disable=None if state.processes.leads else True,
    )
    for arrays in bar:
        batch = Batch(*(t.to(device(), non_blocking=True).float() for t in arrays))
        rate = rate_at(stage, state.step)
        state.optimisers.set_rate(rate)
        seed_step(state)
        try:
            met = {**take_step(state, stage, batch), "stop": float(request.wanted)}
            losses = averaged(met, state.processes)
        except FloatingPointError as error:
            path = state.folder / f"bad_batch_{state.processes.rank}.pt"
            torch.save(tuple(batch), path)
            raise TrainingError(
                f"{error}, at step {state.step} of stage {stage.trains}; this process's batch is "
                f"in {path}. Lower stages[{state.stage}].rate (now {stage.rate}) or set bf16: "
                "false, and start again"
            ) from None
        state.step += 1
        state.outdated |= stage.trains != "painter"
        now = time.monotonic()
        state.seconds = before + now - started
        stopping = losses.pop("stop") > 0  # the same for all processes
        bar.set_postfix_str(_in_words(losses), refresh=False)
        if curves is not None:
            curves.add(state, rate, losses)
            due = state.step % epoch == 0 and now - shown > 60 * config.checkpoint_minutes
            if (due or state.step == stage.steps) and not stopping:
                curves.show(state, _sheet(state))
                shown = now
        if stopping or now - saved > 60 * config.checkpoint_minutes:
            save(state, state.folder / "last.pt")
            saved = now
            where = f"{stage.trains}: step {state.step} of {stage.steps}"
            if stopping:
                raise Stopped(f"stopped at {where}")
            if bar.disable and state.processes.leads:  # a line in the log instead
                say(f"{where}, {_in_words(losses)}")


def _in_words(losses: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in losses.items())


def _curves(state: Run) -> AbstractContextManager[Curves | None]:
    """Where the curves go; None but in the process that leads."""
    if not state.processes.leads:
        return nullcontext()
    before = sum(s.steps for s in state.config.stages[: state.stage]) + state.step
    return Curves(state.folder, (state.stage, state.step), before)


def _validate(state: Run) -> Scores:
    """Calibrate the segmentor and choose its threshold, both on validation scenes."""
    folders = list(iterate_scenes(state.config.data.val))[: state.config.data.val_scenes or None]
    state.model.eval()
    model = TorchModel(state.model)
    state.model.segmentor.rescale(*platt(decided(model, folders)))
    return best(strict_scores(model, folders), state.config.hallucination_penalty)


def _sheet(state: Run) -> Image:
    folders = list(iterate_scenes(state.config.data.val))[:24]
    modes = {network: network.training for network in state.model.children()}
    state.model.eval()
    sheet = validation_sheet(TorchModel(state.model), folders)
    for network, training in modes.items():
        network.train(training)
    return sheet
