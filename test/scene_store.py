"""A store of small scenes, filled as `segan generate` fills its folder."""

from contextlib import closing

import numpy as np

from segan_ros.synthesis.folder import SceneFolders, Shards, claimed

IDENTITY = {
    **{"version": 4, "split": "train", "seed": 1, "size": [4, 6], "objects": "families"},
    "mujoco": "4.0.0",
}


def files_of(number):
    """Noise, 40 kB, that is `number`'s own."""
    noise = np.random.default_rng(number).bytes
    return {"labels.png": noise(20_000), "rgb.png": noise(20_000)}


def fill(out, scenes, per_shard=0, most=None):
    """Add what is missing, at most so many; returns the numbers."""
    with claimed(out, IDENTITY):
        store = Shards(out, scenes, per_shard, "train") if per_shard else SceneFolders(out, scenes)
        with closing(store):
            missing = store.missing()[:most]
            for number in missing:
                store.add(number, files_of(number))
    return missing


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
