"""The same tasks on a Ray cluster: two workers on this machine, reached by its address."""

import os
from pathlib import Path

import pytest
from worker_tasks import alone, die_once, double, refuse

from segan_ros.commands import main as cli
from segan_ros.synthesis.workforce import Workforce

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

TEST = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster():
    """Its address."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TEST), str(TEST.parent)]))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_worker_niceness", "0")  # else they wait while other tests run
        head = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 80_000_000}
        running = Cluster(initialize_head=True, head_node_args=head)
        yield running.address
        running.shutdown()


def test_results_come_in_order_and_killed_workers_are_replaced(cluster, tmp_path):
    numbers = [5, 3, 8, 1]
    workforce = Workforce(0, cluster)
    assert list(workforce.in_order(double, numbers)) == [(n, 2 * n) for n in numbers]
    markers = [str(tmp_path / str(i)) for i in range(3)]
    assert list(workforce.in_order(die_once, markers)) == [(m, m) for m in markers]


def test_no_more_tasks_run_at_a_time_than_asked_for(cluster, tmp_path):
    places = [str(tmp_path / "place")] * 6
    assert all(free for _, free in Workforce(1, cluster).in_order(alone, places))


def test_error_of_a_task_comes_out_as_it_is(cluster):
    with pytest.raises(ValueError, match=r"^7 is refused$"):
        list(Workforce(2, cluster).in_order(refuse, [7]))


@pytest.mark.render
def test_scenes_have_the_same_bytes_as_from_processes(cluster, tmp_path):
    pytest.importorskip("segan_ros.synthesis.gl")
    made = []
    for name, options in (("cluster", ["--ray", cluster]), ("here", ["--workers", "2"])):
        out = tmp_path / name / "scenes"
        arguments = ["--scenes", "2", "--seed", "3", "--size", "96x72", "--shards", "1"]
        assert cli.main(["generate", "--out", str(out), *arguments, *options]) == 0
        made.append({p.name: p.read_bytes() for p in out.iterdir()})
    assert made[0] == made[1]
    assert "train-000001.tar" in made[0]


def test_missing_cluster_is_one_clear_error():
    with pytest.raises(ConnectionError, match=r"--ray is '127\.0\.0\.1:1': no Ray cluster answers"):
        list(Workforce(1, "127.0.0.1:1").in_order(double, [1]))
