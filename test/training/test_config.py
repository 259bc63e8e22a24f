"""Training configs: what ships is read, what is wrong is named with its remedy."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch")

from segan_ros.masks.noise import CALIBRATED  # noqa: E402
from segan_ros.model.losses import LossWeights  # noqa: E402
from segan_ros.training.config import read_config  # noqa: E402

pytestmark = pytest.mark.torch

SHIPPED = Path(__file__).parents[2] / "config" / "train"
SMALL = {
    "name": "small",
    "out": "runs/small",
    "data": {"train": "a", "val": "b"},
    "augmentation": {"margin": [0.4, 0.8]},
    "stages": [{"trains": "segmentor", "steps": 3, "batch": 2, "rate": 0.001}],
}


def written(folder, text):
    path = folder / "config.yaml"
    path.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    return path


@pytest.mark.parametrize("name", ["tabletop", "paper"])
def test_shipped_configs_are_read_and_name_themselves(name):
    config = read_config(SHIPPED / f"{name}.yaml")
    assert config.name == config.model.size == name
    # The paper's order (section 3.3), a kind of stage taking as many stretches as it likes.
    kinds = [kind for kind, _ in groupby(s.trains for s in config.stages)]
    assert kinds == ["segmentor", "painter", "joint"][: len(kinds)] and len(kinds) >= 2
    assert name != "paper" or kinds[-1] == "joint"


@pytest.mark.parametrize("name", ["pix2pix", "context_encoder"])
def test_baselines_get_the_data_losses_and_painting_steps_of_the_shipped_model(name):
    ours, theirs = (read_config(SHIPPED / f"{n}.yaml") for n in ("tabletop", name))
    assert theirs.name == theirs.model.size == name
    assert theirs.data == ours.data
    assert theirs.losses == replace(ours.losses, adversarial=1.0)
    assert theirs.augmentation == ours.augmentation

    def objects(config, kind):
        return sum(s.steps * s.batch for s in config.stages if s.trains == kind)

    assert objects(theirs, "painter") == objects(ours, "painter")
    if name == "pix2pix":
        assert objects(theirs, "segmentor") == objects(ours, "segmentor")


def test_small_config_goes_on_from_the_shipped_model():
    config = read_config(SHIPPED / "small.yaml")
    assert config.model.weights == "tabletop"
    assert [s.trains for s in config.stages] == ["segmentor"], "400 steps make the painter worse"
    assert read_config(SHIPPED / "small.yaml", weights="mine").model.weights == "mine"


def test_refiner_learns_from_spoilt_masks_alone():
    config = read_config(SHIPPED / "refiner.yaml")
    assert {s.trains for s in config.stages} == {"refiner"}
    assert config.augmentation.noisy_masks == 1


def test_papers_config_has_the_papers_coefficients():
    config = read_config(SHIPPED / "paper.yaml")
    assert config.losses == LossWeights()
    assert config.augmentation.margin == (0.1, 0.3)
    weights = config.losses
    assert (weights.background, weights.visible, weights.invisible) == (1, 5, 3)
    assert (weights.l1, weights.painting) == (100, 0.1)


def test_command_line_replaces_folders(tmp_path):
    config = read_config(written(tmp_path, SMALL), train=["x", "y"], val=None, out="z")
    assert (config.data.train, config.data.val, config.out) == (("x", "y"), "b", "z")


def test_command_line_replaces_the_number_of_workers(tmp_path):
    path = written(tmp_path, changed(workers=3))
    assert read_config(path, workers=None).workers == 3
    assert read_config(path, workers=0).workers == 0


def test_command_line_turns_photographs_off(tmp_path):
    path = written(tmp_path, changed(data={**SMALL["data"], "photographs": "p"}))
    assert read_config(path, photographs=None).data.photographs == "p"
    assert read_config(path, photographs="").data.photographs == ""


def changed(**changes):
    return {**SMALL, **changes}


def stage(**changes):
    return changed(stages=[{**SMALL["stages"][0], **changes}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(speed=3), "speed is unknown; choose from name, out, data"),
        ({k: v for k, v in SMALL.items() if k != "name"}, "name is missing; add it"),
        (changed(data={"train": "a"}), "data.val is missing; add it"),
        (changed(data={"train": [], "val": "a"}), r"data.train is \[\]; name at least one folder"),
        (
            changed(data={"train": ["a", 3], "val": "a"}),
            r"data.train\[1\] is 3; it must be of type",
        ),
        (changed(augmentation={}), r"augmentation.margin is \(0.1, 0.3\); it must include 0.6"),
        (changed(seed=-1), "seed is -1; it must not be negative"),
        (changed(hallucination_penalty=float("nan")), "hallucination_penalty is nan; it must be 0"),
        (
            stage(betas=[0.9, 1.0]),
            r"stages\[0\].betas is \(0.9, 1.0\); both must be at least 0 and below 1",
        ),
        (stage(decay=-1.0), r"stages\[0\].decay is -1.0; it must be 0 or more"),
        (changed(seed="one"), "seed is 'one'; it must be of type int"),
        (changed(data=3), "data is 3; it must be a mapping of keys"),
        (
            changed(model={"size": "tabletop", "sizes": {"segmentor": [8, 8]}}),
            r"model.sizes.segmentor is \(8, 8\); tabletop takes 4 widths",
        ),
        (
            changed(model={"size": "pix2pix", "pretrained": True}),
            "model.pretrained is True; pix2pix has no pretrained weights",
        ),
        (
            changed(model={"size": "tabletop", "pretrained": True, "weights": "tabletop"}),
            "a run starts from model.weights or from ImageNet weights, not both",
        ),
        (
            changed(data={**SMALL["data"], "light": "dim"}),
            "data.light is 'dim'; choose from lone, picture",
        ),
        (changed(model={"size": "huge"}), "model.size is 'huge'; choose from paper, tabletop"),
        (changed(losses={"l1": -1}), "losses.l1 is -1.0; it must not be negative"),
        (changed(augmentation={"flip": 2}), "augmentation.flip is 2.0; it must lie in 0..1"),
        (
            changed(augmentation={"margin": [0.3]}),
            r"augmentation.margin is \[0.3\]; it must be a list of 2",
        ),
        (
            changed(augmentation={"margin": [0.3, 0.1]}),
            r"augmentation.margin is \(0.3, 0.1\); it must be low, high",
        ),
        (changed(stages=[]), r"stages is \[\]; name at least one stage"),
        (
            stage(trains="everything"),
            r"stages\[0\].trains is 'everything'; choose from segmentor, painter, joint, refiner",
        ),
        (stage(steps=0), r"stages\[0\].steps is 0; it must be at least 1"),
        (stage(side=40), r"stages\[0\].side is 40; .* a multiple of 32"),
        (
            stage(trains="painter", side=64),
            r"stages\[0\].side is 64; it must be 0, or a multiple of 32",
        ),
        (stage(batch=1), r"stages\[0\].batch is 1; it must be at least 2, for batch normalisation"),
        (
            stage(rate="1e-3"),
            r"stages\[0\].rate is '1e-3'; it must be of type float; write 1.0e-3 for 1e-3",
        ),
        ("[1, 2]", "not a mapping of keys"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_configs_are_refused_naming_key_value_and_remedy(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=message) as raised:
        read_config(path)
    assert str(path) in str(raised.value)


def test_missing_config_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_config(tmp_path / "none.yaml")


def test_strengths_of_the_mask_noise_can_be_chosen(tmp_path):
    text = {**SMALL, "augmentation": {**SMALL["augmentation"], "mask_noise": {"gaps": 0.05}}}
    noise = read_config(written(tmp_path, text)).augmentation.mask_noise
    assert noise == replace(CALIBRATED, gaps=0.05)
    text["augmentation"] = {"mask_noise": {"split": 1.5}}
    message = r"augmentation\.mask_noise\.split is 1\.5; it must lie in 0\.\.1"
    with pytest.raises(ValueError, match=message):
        read_config(written(tmp_path, text))
