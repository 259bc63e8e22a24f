"""Containers with a part of the machine's cores get as many threads and workers as they may use."""

import os
from threading import Barrier

import pytest

from segan_ros.host import cores
from segan_ros.runtime import model as runtime


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of 16 cores with control groups as they are written."""

    def make(affinity=16, **files):
        monkeypatch.setattr(os, "cpu_count", lambda: 16)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_in_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path, tmp_path / "own"

    return make


def version_2(quota, group=""):
    where = f"{group}__cpu_in_max" if group else "cpu_in_max"
    return {"cgroup_in_controllers": "cpu\n", "own": f"0::/{group}\n", where: f"{quota} 100000\n"}


@pytest.mark.parametrize(
    ("affinity", "files", "expected"),
    [
        (16, {}, 16),
        (4, {}, 4),
        (16, version_2("max"), 16),
        (16, version_2("200000"), 2),
        (16, version_2("50000"), 1),
        (1, version_2("200000"), 1),
        (16, version_2("300000", group="segan"), 3),
        (16, {"cpu__cpu_in_cfs_quota_us": "-1\n", "cpu__cpu_in_cfs_period_us": "100000\n"}, 16),
        (16, {"cpu__cpu_in_cfs_quota_us": "250000\n", "cpu__cpu_in_cfs_period_us": "100000\n"}, 2),
        (16, {"cpu__cpu_in_cfs_quota_us": "damaged"}, 16),
    ],
)
def test_cores_are_those_of_affinity_and_quota(machine, affinity, files, expected):
    assert cores.usable_cores(*machine(affinity, **files)) == expected


def test_whole_machines_leave_the_choice_to_the_library(machine, monkeypatch):
    machine(16)
    monkeypatch.setattr(cores, "usable_cores", lambda: 16)
    assert cores.thread_limit() == 0
    monkeypatch.setattr(cores, "usable_cores", lambda: 4)
    assert cores.thread_limit() == 4


@pytest.mark.parametrize(("asked", "limit", "used"), [(0, 3, 3), (0, 0, 0), (2, 3, 2)])
def test_networks_get_the_threads_that_may_be_used(dummy_model, monkeypatch, asked, limit, used):
    threads, usual = [], runtime.open_session

    def opened(network, provider, options, count):
        threads.append(count)
        return usual(network, provider, options, count)

    monkeypatch.setattr(runtime, "open_session", opened)
    monkeypatch.setattr(runtime, "thread_limit", lambda: limit)
    runtime.Model(dummy_model, "cpu", asked)
    assert set(threads) == {used}


def test_work_is_done_side_by_side_and_handed_over_in_order():
    together = Barrier(2, timeout=10)  # raises where only one thread comes

    def work(item):
        together.wait()
        return -item

    assert list(cores.side_by_side(work, range(6), threads=2)) == [0, -1, -2, -3, -4, -5]


def test_items_are_taken_a_few_ahead_alone():
    taken = []
    items = (taken.append(i) or i for i in range(100))
    results = cores.side_by_side(str, items, threads=1)
    assert next(results) == "0"
    assert len(taken) <= 3
    results.close()


def test_what_an_item_raises_is_raised_in_its_turn():
    def work(item):
        if item == 2:
            raise ValueError("no. 2")
        return item

    results = cores.side_by_side(work, range(100), threads=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match=r"no\. 2"):
        next(results)
