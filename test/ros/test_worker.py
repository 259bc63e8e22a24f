"""The worker takes the newest item, survives errors and leaves nothing behind."""

import threading

import pytest
from stopping import open_when_told_to_stop

from segan_ros.ros.worker import MAX_CALLS, Worker, WorkerStopped

TIMEOUT = 30


class Gate:
    """A handler that waits to be let through, and remembers what it handled."""

    def __init__(self):
        self.entered, self.open = threading.Event(), threading.Event()
        self.handled, self.errors = [], []
        self.worker = Worker(
            self.handle, lambda item, error: self.errors.append((item, error)), "w"
        )

    def handle(self, item):
        self.entered.set()
        assert self.open.wait(TIMEOUT)
        if item == "bad":
            raise ValueError("no good")
        self.handled.append(item)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()
    gate.worker.stop()


def test_newest_item_replaces_the_waiting_one(gate):
    assert gate.worker.offer(1) is None
    assert gate.entered.wait(TIMEOUT)
    assert gate.worker.offer(2) is None
    assert gate.worker.load == 2
    assert gate.worker.offer(3) == 2
    gate.open.set()
    assert gate.worker.call(lambda: "now").result(TIMEOUT) == "now"
    assert gate.worker.stop() in ([], [3])
    assert 2 not in gate.handled


def test_items_get_their_turn_while_calls_keep_coming(gate):
    gate.worker.offer(1)
    assert gate.entered.wait(TIMEOUT)
    order, last = [], threading.Event()

    def call():
        order.append("call")
        if len(order) < 5:
            gate.worker.call(call)
        else:
            last.set()

    gate.worker.call(call)
    gate.worker.call(call)
    gate.worker.offer(2)
    gate.handled = order
    gate.open.set()
    assert last.wait(TIMEOUT)
    assert order[:4] == [1, "call", 2, "call"]


def test_error_is_reported_and_the_thread_lives_on(gate):
    gate.open.set()
    gate.worker.offer("bad")
    assert gate.entered.wait(TIMEOUT)
    gate.worker.call(lambda: None).result(TIMEOUT)
    assert [(item, str(error)) for item, error in gate.errors] == [("bad", "no good")]


def test_error_of_a_call_goes_to_its_caller(gate):
    with pytest.raises(ZeroDivisionError):
        gate.worker.call(lambda: 1 // 0).result(TIMEOUT)
    assert gate.worker.call(lambda: 2).result(TIMEOUT) == 2


def test_too_many_calls_are_refused(gate):
    gate.worker.offer(1)
    assert gate.entered.wait(TIMEOUT)
    for _ in range(MAX_CALLS):
        gate.worker.call(lambda: None)
    with pytest.raises(OverflowError, match="try again later"):
        gate.worker.call(lambda: None)


def test_stop_ends_the_thread_and_hands_back_what_is_left(gate):
    gate.worker.offer(1)
    assert gate.entered.wait(TIMEOUT)
    gate.worker.offer(2)
    waiting = gate.worker.call(lambda: None)
    open_when_told_to_stop(gate.worker.stopping, gate.open)
    assert gate.worker.stop() == [2]
    assert gate.handled == [1]
    assert not any(t.name == "w" for t in threading.enumerate())
    with pytest.raises(WorkerStopped):
        waiting.result(TIMEOUT)
    with pytest.raises(WorkerStopped):
        gate.worker.call(lambda: None)
