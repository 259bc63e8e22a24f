"""Scenes, networks and stages so small that a training run takes a second."""

import csv
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import yaml

from segan_ros.boxes import tight_box
from segan_ros.frame import Frame
from segan_ros.model.segan import Sizes
from segan_ros.training.config import Stage
from segan_ros.truth import LabelledScene, TrueObject

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


def config_file(scenes, folder, stages, workers):
    """A config to train on `scenes` with `stages`, written into `folder`."""
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
    """The rows of a run's `curves.csv`, without what differs from run to run."""
    with (Path(config.out) / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def as_lists(value):
    """`value` with lists for tuples, which YAML does not have."""
    if isinstance(value, dict):
        return {k: as_lists(v) for k, v in value.items()}
    return [as_lists(v) for v in value] if isinstance(value, tuple | list) else value
