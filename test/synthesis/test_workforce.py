"""Workers: results in order, killed ones replaced, errors passed on."""

import itertools

import pytest
from worker_tasks import die, die_once, double, last_first, refuse

from segan_ros.synthesis.workforce import Workforce


def test_results_come_in_order(tmp_path):
    markers = [str(tmp_path / str(i)) for i in range(4)]
    assert list(Workforce(2).in_order(last_first, markers)) == [(m, m) for m in markers]


def test_what_a_killed_worker_had_in_hand_is_done_again(tmp_path):
    markers = [str(tmp_path / str(i)) for i in range(3)]
    assert list(Workforce(2).in_order(die_once, markers)) == [(m, m) for m in markers]


def test_error_of_a_task_comes_out_as_it_is():
    with pytest.raises(ValueError, match=r"^7 is refused$"):
        list(Workforce(2).in_order(refuse, [7]))


def test_workers_that_always_die_are_given_up():
    with pytest.raises(
        ChildProcessError, match="workers died 3 times in a row, possibly out of memory"
    ):
        list(Workforce(2).in_order(die, [1]))


def test_tasks_are_taken_a_few_at_a_time():
    endless = itertools.count()
    results = Workforce(2).in_order(double, endless)
    assert [next(results)[1] for _ in range(20)] == list(range(0, 40, 2))
    results.close()
    assert next(endless) < 40
