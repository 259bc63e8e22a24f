"""An event that is set when something is told to stop."""

from threading import Event, Thread

TIMEOUT = 15.0


def open_when_told_to_stop(stopping: Event, event: Event) -> None:
    """Set `event` once `stopping`, of a pipeline or a worker, is set, not before."""

    def wait() -> None:
        stopping.wait(TIMEOUT)
        event.set()

    Thread(target=wait).start()
