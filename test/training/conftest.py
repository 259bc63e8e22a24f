"""What tests of training share: tiny scenes, and a config to train on them."""

import pytest


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    from tiny_training import discs

    from segan_ros.storage.scene_writer import write_scene

    folder = tmp_path_factory.mktemp("scenes")
    for i in range(6):
        write_scene(folder / f"{i:03d}", discs(i))
    return folder


@pytest.fixture
def config(scenes, tmp_path):
    from tiny_training import STAGES, TINY

    from segan_ros.training.config import Augmentation, Config, Data, ModelChoice

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
