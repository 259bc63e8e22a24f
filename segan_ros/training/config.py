"""What ``config/train/*.yaml`` may say, checked at the door."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from math import inf
from pathlib import Path
from typing import Any

import yaml

from segan_ros.masks.noise import CALIBRATED, MaskNoise
from segan_ros.masks.styles import STYLES
from segan_ros.model.losses import LossWeights
from segan_ros.model.segan import SIZES, SPECS, Sizes


@dataclass(frozen=True)
class ModelChoice:
    """Which networks.

    Args:
        size: a key of `SIZES`.
        pretrained: start the segmentor's encoder from ImageNet weights, where they can be had.
        weights: model folder (or ``tabletop``, the shipped one) or checkpoint whose networks the
            run starts from; empty for none.
        sizes: channels, see `Sizes`; those of `size` when left out.
    """

    size: str = "tabletop"
    pretrained: bool = False
    weights: str = ""
    sizes: Sizes | None = None


@dataclass(frozen=True)
class Data:
    """Where the scenes are, and which of their objects are learned.

    Args:
        train: folders of scene folders; one may be named without a list.
        val: a folder of them, to choose the threshold on.
        min_visible: objects with fewer visible pixels are left out.
        max_hidden: so are those hidden by more than this share.
        train_scenes: how many scenes are read of each of `train`, in order of their names, 0 for
            all.
        photographs: folder of photographs (300 at most are used) to put behind and in front of
            objects, with the chance that `Augmentation` says; empty for none.
        occluded: share of objects in a batch of which a part is hidden; the others teach restraint.
        val_scenes: how many validation scenes are scored, 0 for all.
        light: of what painters learn: ``lone``, as the object looks rendered alone (the paper);
            ``picture``, brought to the light of its visible pixels (`segan_ros.crops.relighting`).
    """

    train: tuple[str, ...]
    val: str
    min_visible: int = 40
    max_hidden: float = 0.95
    occluded: float = 0.6
    train_scenes: int = 0
    photographs: str = ""
    val_scenes: int = 0
    light: str = "lone"


LIGHTS = ("lone", "picture")
PLACES = ("train", "val", "photographs")
"""Keys of `Data` that name folders."""


@dataclass(frozen=True)
class Augmentation:
    """How samples vary. Each is a probability, except the ranges.

    Args:
        flip: mirror left and right.
        colour: change brightness, contrast and hue.
        blur: blur, or lose resolution.
        noise: sensor noise.
        noisy_masks: give the visible masks the errors of a segmenter.
        drawn_masks: draw the visible masks as one of `mask_styles` and fit them, instead.
        paste: put an object, of any scene, in front, with its exact truth.
        margin: range that the margin of each side of the ROI is drawn from (section 3.1: 0.1-0.3).
        photographs: take what no object covers from a photograph, and the colours of what is pasted
            from one; each with this chance. Needs `Data.photographs`.
        warp: turn by up to 20 degrees, stretch by up to a quarter, shear.
        mask_noise: those errors, see `MaskNoise`; the calibrated ones where left out.
        mask_styles: keys of `segan_ros.masks.styles.STYLES`; each is as likely. Lengths are in
            pixels of the scenes.
        depth: show depth, where the scene has it: networks with a plane for it learn to do with and
            without.
        depth_noise: give the depth that is shown the noise of a camera (docs/depth.md), up to 0.8 %
            of the distance.
        unlabelled: take the mask of what was pasted away: something without a mask hides the
            object then.
    """

    flip: float = 0.5
    colour: float = 0.8
    blur: float = 0.3
    noise: float = 0.3
    noisy_masks: float = 0.5
    paste: float = 0.3
    margin: tuple[float, float] = (0.1, 0.3)
    photographs: float = 0.3
    warp: float = 0.0
    mask_noise: MaskNoise = CALIBRATED
    drawn_masks: float = 0.0
    mask_styles: tuple[str, ...] = tuple(STYLES)
    depth: float = 0.5
    depth_noise: float = 0.7
    unlabelled: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One stretch of training.

    Args:
        trains: ``segmentor`` (Eq. 2), ``painter`` (Eq. 3-5, true whole masks) or ``joint`` (Eq. 6);
            ``refiner``: the segmentor, to mend a visible mask instead of completing it.
        steps: optimiser steps.
        batch: objects per step.
        rate: peak learning rate; warms up over the first 5 % of the steps, then falls to 0 as a
            cosine.
        decay: weight decay.
        betas: of Adam; pix2pix's are 0.5, 0.999.
        side: pixels of the widened box for the tabletop segmentor, to learn the coarse things
            cheaply first; 0 for those of the model.
    """

    trains: str
    steps: int
    batch: int
    rate: float
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    side: int = 0

    @property
    def paints(self) -> bool:
        """Whether the painter takes part."""
        return self.trains not in ("segmentor", "refiner")


PAPERS_LOSSES = LossWeights()


@dataclass(frozen=True)
class Config:
    """A training run.

    Args:
        name: of the exported model.
        out: folder for checkpoints and curves.
        seed: of everything that is drawn.
        data, model, augmentation, losses, stages: see their classes.
        bf16: compute in bfloat16 where it is safe, on devices that have it: twice as fast.
        workers: processes that prepare batches.
        checkpoint_minutes: how often the run is saved.
        hallucination_penalty: the threshold maximises SI - penalty * hallucination on validation;
            0, the one of highest expected IoU for each object, is among its choices.
    """

    name: str
    out: str
    data: Data
    stages: tuple[Stage, ...]
    seed: int = 1
    model: ModelChoice = ModelChoice()
    augmentation: Augmentation = Augmentation()
    losses: LossWeights = PAPERS_LOSSES
    bf16: bool = True
    workers: int = 1
    checkpoint_minutes: float = 3.0
    hallucination_penalty: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """Plain types, the channels spelled out: for checkpoints."""
        text = asdict(self)
        text["model"]["sizes"] = asdict(self.model.sizes or SIZES[self.model.size])
        return text


def read_config(path: str | Path, **replaced: str | int | None) -> Config:
    """Read a training config.

    Args:
        path: a YAML file.
        replaced: `train`, `val`, `photographs`, `weights`, `out`, `workers`: values that take the
            place of the file's unless None.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: naming file, key, value and remedy.
    """
    try:
        text = yaml.safe_load(Path(path).read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(text, dict):
        raise ValueError(f"{path}: not a mapping of keys; see config/train/tabletop.yaml")
    text |= {k: replaced[k] for k in ("out", "workers") if replaced.get(k) not in (None, "")}
    folders = {k: v for k, v in replaced.items() if k in PLACES and v is not None}
    if folders:
        text["data"] = {**(text.get("data") or {}), **folders}
    if replaced.get("weights") is not None:
        text["model"] = {**(text.get("model") or {}), "weights": str(replaced["weights"])}
    try:
        config = _build(Config, text, "")
        _check(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return config


def _build(cls: Any, text: Any, prefix: str) -> Any:
    """An instance of the dataclass `cls` from a YAML mapping, with errors that name the key."""
    if not isinstance(text, Mapping):
        raise ValueError(f"{prefix[:-1]} is {text!r}; it must be a mapping of keys")
    known = {f.name: f for f in fields(cls)}
    for key in text:
        if key not in known:
            raise ValueError(f"{prefix}{key} is unknown; choose from {', '.join(known)}")
    for key, item in known.items():
        if key not in text and item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"{prefix}{key} is missing; add it")
    hints = typing.get_type_hints(cls)
    values = {k: _value(hints[k], v, prefix + k) for k, v in text.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from None


def _value(kind: Any, value: Any, key: str) -> Any:
    if isinstance(kind, types.UnionType):
        if value is None:
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if is_dataclass(kind):
        return _build(kind, value, key + ".")
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        if inner[-1] is ... and type(value) is inner[0]:
            value = [value]
        if not isinstance(value, list) or (inner[-1] is not ... and len(value) != len(inner)):
            count = "" if inner[-1] is ... else f" of {len(inner)}"
            raise ValueError(f"{key} is {value!r}; it must be a list{count}")
        each = [inner[0]] * len(value) if inner[-1] is ... else inner
        return tuple(
            _value(k, v, f"{key}[{i}]") for i, (k, v) in enumerate(zip(each, value, strict=True))
        )
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        # YAML 1.1 reads 1e-3 as text.
        hint = "; write 1.0e-3 for 1e-3" if kind is float and isinstance(value, str) else ""
        raise ValueError(f"{key} is {value!r}; it must be of type {kind.__name__}{hint}")
    return value


def _check(config: Config) -> None:
    """Ranges that types do not tell."""

    def demand(fine: bool, key: str, value: Any, remedy: str) -> None:
        if not fine:
            raise ValueError(f"{key} is {value!r}; {remedy}")

    size = config.model.size
    demand(size in SIZES, "model.size", size, f"choose from {', '.join(SIZES)}")
    if sizes := config.model.sizes:
        count = len(SIZES[size].segmentor)
        demand(
            count in (0, len(sizes.segmentor)),
            "model.sizes.segmentor",
            sizes.segmentor,
            f"{size} takes {count} widths",
        )
    demand(
        not (config.model.weights and config.model.pretrained),
        "model.pretrained",
        True,
        "a run starts from model.weights or from ImageNet weights, not both",
    )
    demand(
        size in ("paper", "tabletop") or not config.model.pretrained,
        "model.pretrained",
        config.model.pretrained,
        f"{size} has no pretrained weights: set it to false",
    )
    chances = ("flip", "warp", "colour", "blur", "noise", "paste", "photographs")
    masks_and_depth = ("noisy_masks", "drawn_masks", "depth", "depth_noise", "unlabelled")
    for name in (*chances, *masks_and_depth):
        value = getattr(config.augmentation, name)
        demand(0 <= value <= 1, f"augmentation.{name}", value, "it must lie in 0..1")
    styles = config.augmentation.mask_styles
    known = len(styles) > 0 and set(styles) <= STYLES.keys()
    demand(known, "augmentation.mask_styles", list(styles), f"choose from {', '.join(STYLES)}")
    low, high = margin = config.augmentation.margin
    demand(
        0 <= low <= high <= 2, "augmentation.margin", margin, "it must be low, high, both in 0..2"
    )
    looked_at = SPECS[size].segmentor.roi.margin
    demand(
        low <= looked_at <= high,
        "augmentation.margin",
        margin,
        f"it must include {looked_at}, which the exported {size} model uses",
    )
    demand(config.seed >= 0, "seed", config.seed, "it must not be negative")
    penalty = config.hallucination_penalty
    demand(0 <= penalty < inf, "hallucination_penalty", penalty, "it must be 0 or more")
    data = config.data
    demand(data.light in LIGHTS, "data.light", data.light, f"choose from {', '.join(LIGHTS)}")
    demand(len(data.train) > 0, "data.train", [], "name at least one folder")
    demand(0 <= data.occluded <= 1, "data.occluded", data.occluded, "it must lie in 0..1")
    demand(0 < data.max_hidden <= 1, "data.max_hidden", data.max_hidden, "it must lie in 0..1")
    for item in fields(config.losses):
        value = getattr(config.losses, item.name)
        demand(value >= 0, f"losses.{item.name}", value, "it must not be negative")
    demand(len(config.stages) > 0, "stages", [], "name at least one stage")
    for i, stage in enumerate(config.stages):
        kinds = ("segmentor", "painter", "joint", "refiner")
        demand(
            stage.trains in kinds,
            f"stages[{i}].trains",
            stage.trains,
            f"choose from {', '.join(kinds)}",
        )
        demand(stage.steps >= 1, f"stages[{i}].steps", stage.steps, "it must be at least 1")
        demand(
            stage.batch >= 2,
            f"stages[{i}].batch",
            stage.batch,
            "it must be at least 2, for batch normalisation",
        )
        demand(0 < stage.rate < inf, f"stages[{i}].rate", stage.rate, "it must be positive")
        demand(0 <= stage.decay < inf, f"stages[{i}].decay", stage.decay, "it must be 0 or more")
        fine = all(0 <= beta < 1 for beta in stage.betas)
        demand(fine, f"stages[{i}].betas", stage.betas, "both must be at least 0 and below 1")
        resizable = not stage.paints and size == "tabletop"
        demand(
            stage.side == 0 or (resizable and stage.side >= 32 and stage.side % 32 == 0),
            f"stages[{i}].side",
            stage.side,
            "it must be 0, or a multiple of 32 where the tabletop segmentor is trained alone",
        )
    demand(config.workers >= 0, "workers", config.workers, "it must not be negative")
    demand(
        config.checkpoint_minutes > 0,
        "checkpoint_minutes",
        config.checkpoint_minutes,
        "it must be positive",
    )
