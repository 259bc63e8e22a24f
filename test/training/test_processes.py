"""Several processes train one model."""

import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import yaml

torch = pytest.importorskip("torch")

from tiny_training import STAGES, as_lists, curve  # noqa: E402

from segan_ros.model.segan import SPECS  # noqa: E402
from segan_ros.training.data import Batches  # noqa: E402
from segan_ros.training.library import Library  # noqa: E402
from segan_ros.training.processes import Processes  # noqa: E402
from segan_ros.training.train import train  # noqa: E402

pytestmark = pytest.mark.torch


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
    config = replace(config, stages=tuple(replace(s, steps=1, batch=4) for s in config.stages))
    path.write_text(yaml.safe_dump(as_lists(asdict(config))))
    said = torchrun("-m", "segan_ros.commands.train", "--config", str(path))
    assert said.count("next: segan export") == 1
    assert len(curve(config)) == len(STAGES)


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


def test_batch_that_the_processes_cannot_share_is_refused(config):
    with pytest.raises(
        ValueError, match=r"stages\[0\].batch is 4; it must be a multiple of 3, the number"
    ):
        train(config, processes=Processes(0, 3))
    with pytest.raises(ValueError, match=r"stages\[1\].batch is 2; .* at least 4"):
        train(config, processes=Processes(0, 2))
